"""A webhook's sender as a program of its own, so that it can be killed: `lone_sender.py REDIS_URL WEBHOOK_URL`."""

from __future__ import annotations

import asyncio
import sys

from miners.queue.connect import Store
from service.config import WebhookConfig
from service.metrics import Recorder
from service.webhooks import Hook, Sender


async def main(redis_url: str, url: str) -> None:
    """Sends until it is killed."""
    with Store(redis_url) as store:
        config = WebhookConfig.model_validate({"url": url, "secret_env": "UNUSED", "private": True})
        hook = Hook(config, b"secret")
        sender = Sender(hook, "injury", store.queue("injury"), store.hooks("injury"), Recorder())
        print("sending", flush=True)
        await sender.keep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
