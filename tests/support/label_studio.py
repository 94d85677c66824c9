"""A real Label Studio on the loopback address, with a data directory of its own, and its users."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 300.0
ADMIN = "ann@example.org"


class LabelStudio:
    """A server that runs.

    Attributes:
        url: its address.
        version: of the package.
        admin: client of its first user, by legacy token.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.admin = httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=300)
        self.version = ""

    def up(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(httpx.TransportError):
            response = self.admin.get("/api/version")
            if response.status_code == httpx.codes.OK:
                self.version = response.json()["release"]
                return self.admin.get("/api/projects/").status_code == httpx.codes.OK
        return False

    def user(self, email: str) -> httpx.Client:
        """A new user's client, by a personal access token (JWT); signs up as people do, through the form."""
        page = self.admin.get("/api/invite").raise_for_status().json()["invite_url"]
        with httpx.Client(
            base_url=self.url, headers={"Referer": self.url}, follow_redirects=True, timeout=60
        ) as browser:
            hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(page).text)
            form = {"email": email, "password": secrets.token_hex(16), "csrfmiddlewaretoken": hidden and hidden[1]}
            browser.post(page, data=form).raise_for_status()
            made = browser.post("/api/token/", headers={"X-CSRFToken": browser.cookies["csrftoken"]})
            refresh = made.raise_for_status().json()["token"]
        access = httpx.post(f"{self.url}/api/token/refresh", json={"refresh": refresh}).raise_for_status()
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {access.json()['access']}"}, timeout=300
        )

    def project(self, config: str) -> int:
        """A new project with a labeling configuration."""
        settings = {"title": "round trip", "label_config": config, "maximum_annotations": 3}
        made = self.admin.post("/api/projects/", json={**settings, "show_collab_predictions": False})
        return int(made.raise_for_status().json()["id"])

    def add(self, project: int, tasks: bytes) -> dict[str, Any]:
        """Imports a file of tasks; what it says that it took."""
        sent = self.admin.post(
            f"/api/projects/{project}/import",
            params={"return_task_ids": "true"},
            content=tasks,
            headers={"Content-Type": "application/json"},
        )
        found: dict[str, Any] = sent.raise_for_status().json()
        return found

    def export(self, project: int) -> bytes:
        """The JSON export that the button makes: all tasks, annotators by number."""
        given = {"exportType": "JSON", "download_all_tasks": "true"}
        return self.admin.get(f"/api/projects/{project}/export", params=given).raise_for_status().content

    def snapshot(self, project: int) -> bytes:
        """A snapshot with predictions written out and annotators by address."""
        options = {"predictions": {"only_id": False}, "annotations__completed_by": {"only_id": False}}
        made = self.admin.post(f"/api/projects/{project}/exports/", json={"serialization_options": options})
        number = made.raise_for_status().json()["id"]
        found = self.admin.get(f"/api/projects/{project}/exports/{number}/download", params={"exportType": "JSON"})
        return found.raise_for_status().content


@contextlib.contextmanager
def running_label_studio(program: Path, data: Path, port: int) -> Iterator[LabelStudio]:
    """The server, while the block runs; its process group is ended with it."""
    token, log = secrets.token_hex(20), data.with_suffix(".log")
    settings = {"COLLECT_ANALYTICS": "0", "LATEST_VERSION_CHECK": "0", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    command += ["--data-dir", str(data), "--username", ADMIN, "--password", secrets.token_hex(16)]
    command += ["--user-token", token, "--enable-legacy-api-token"]
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            env={**kept, **settings},
            start_new_session=True,
        )
    server = LabelStudio(f"http://127.0.0.1:{port}", token)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Label Studio does not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.5)
        yield server
    finally:
        server.admin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
