"""Runs the real Serve application over small scorers, for `test_application.py`: commands on stdin, replies on stdout.

A process of its own, because Ray and Serve read their environment once, when they are imported.
"""

import json
import math
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from service.profile import apply_profile

apply_profile()

import numpy as np  # noqa: E402 - the environment comes first
import psutil  # noqa: E402 - the environment comes first
import ray  # noqa: E402 - the environment comes first
from ray import serve  # noqa: E402 - the environment comes first

from ensemble.panel import fit_joint  # noqa: E402 - the environment comes first
from ensemble.scorer import Member  # noqa: E402 - the environment comes first
from miners.queue.connect import Store  # noqa: E402 - the environment comes first
from miners.queue.embedded import EmbeddedServer  # noqa: E402 - the environment comes first
from service.config import validate_config  # noqa: E402 - the environment comes first
from service.deployments.ingress import bind_ingress  # noqa: E402 - the environment comes first
from service.deployments.scorer import bind_scorer  # noqa: E402 - the environment comes first

MEMBERS = {
    "encoder": (Member("encoder", "encoder", "1" * 12),),
    "language_model": (Member("judge", "judge", "2" * 12), Member("probe", "probe", "3" * 12)),
}


class Writer:
    """Writes what it was told to, and finds long texts unlikely."""

    def generate(self, prompts, *, max_new_tokens, seed, temperature=1.0, top_p=0.95, **_):
        return [f"{prompt} {seed} {max_new_tokens} {temperature} {top_p}" for prompt in prompts]

    def likelihoods(self, _prefix, texts):
        return [np.array([-float(len(text))]) for text in texts]

    def tokens(self, text):
        return text.split()

    def answer_rows(self, answers):
        return np.array([[float(len(word)), 1.0] for word in answers], dtype=np.float32)


class WordScorer:
    """Counts a word; a text that says "slow" takes a second and a half on the language model."""

    def __init__(self, members):
        self.members = members
        self.language_model = Writer() if len(members) > 1 else None

    def score(self, texts):
        if len(self.members) > 1 and any("slow" in text.text for text in texts):
            time.sleep(1.5)
        rows = [[1 / (1 + math.exp(2 - 4 * text.text.count("hurt")))] * len(self.members) for text in texts]
        return np.array(rows)

    def close(self):
        pass


def joint():
    """A rule over three members that are all somewhat right."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300).astype(float)
    noisy = 1 / (1 + np.exp(-(labels[:, None] * 4 - 2 + rng.normal(0, 1.5, (300, 3)))))
    return fit_joint(noisy, labels, members=("encoder", "judge", "probe"), deployed="encoder")


def start(port, url, folder):
    """Ray, Serve and the application."""
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 1024 * 1024,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=folder,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config={"enable_access_log": False})
    settings = {
        "redis": {"url": url},
        "members": {"language_model": {"deadline_seconds": 1.0}},
        "mining": {"live_traffic": {"enabled": True}},
    }
    config = validate_config(settings)
    scorers = {
        name: bind_scorer(name, partial(WordScorer, members), config.group(name), members)
        for name, members in MEMBERS.items()
    }
    return serve.run(bind_ingress(config, joint(), MEMBERS, scorers), name="hungjury", route_prefix="/")


def kept(url):
    """The sample of live traffic."""
    with Store(url) as store:
        traffic = store.traffic("injury")
        return [one.model_dump() for window in traffic.windows() for one in traffic.read(window.window, count=10_000)]


def main():
    """Starts everything, says so, and calls the ingress by handle as told, until stdin ends."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    server = EmbeddedServer(folder)
    server.start()
    ray_folder = tempfile.mkdtemp(prefix="hjt-", dir="/tmp")  # short, for Ray's sockets
    handle = start(port, server.url, ray_folder)
    with Store(server.url) as store:
        keys = {role: store.keys.create(role, role)[0] for role in ("score", "label", "admin")}
    node = ray.nodes()[0]
    metrics = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    print(json.dumps({"keys": keys, "metrics": metrics, "redis_pid": server.pid}), flush=True)
    for line in sys.stdin:
        method, arguments = json.loads(line)
        if method == "restart_redis":
            server.start()
            result = server.pid
        elif method == "traffic":
            result = kept(server.url)
        else:
            result = getattr(handle, method).remote(**arguments).result(timeout_s=60)
        print(json.dumps(result, default=np.ndarray.tolist), flush=True)
    serve.shutdown()
    server.stop()
    daemons = psutil.Process().children(recursive=True)
    ray.shutdown()
    psutil.wait_procs(daemons, timeout=30)  # they write to the folder until they end
    shutil.rmtree(ray_folder, ignore_errors=True)


if __name__ == "__main__":
    main()
