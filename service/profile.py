"""How Ray Serve and the members' threads are tuned: environment variables set before the libraries load, in one place.

The plain profile keeps Serve's own Python proxy, which runs wherever Ray does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

PLAIN: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing leaves the machine
    "RAY_SERVE_LOG_TO_STDERR": "0",
    # Calls between deployments over gRPC take about 1 ms instead of 5 on two cores.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_PROXY_USE_GRPC": "1",
    # Room for a request at its limits (256 texts of 20,000 characters, four bytes each), pickled.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 1024 * 1024),
}


THREADS: Mapping[str, str] = {
    # OpenMP's threads spin while they wait. On cores shared with Ray and the other members that starves the very
    # thread they wait for: seen once, under a varying load, training went about ten times faster without.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""For every process that runs a model."""


def apply_threads() -> None:
    """Sets what is not set yet; call before anything imports torch."""
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)


def apply_profile(profile: Mapping[str, str] = PLAIN) -> None:
    """Sets what is not set yet; call before anything imports Ray."""
    for name, value in profile.items():
        os.environ.setdefault(name, value)
    apply_threads()
