"""Starting, joining and ending Ray and Serve; the only place of the service's shell that knows how."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.config import Config
from service.errors import StartError
from service.profile import apply_profile
from service.runtime_state import RayState, run_dir, write_private

NAMESPACE = "hungjury"
"""Ray namespace of named actors."""

APPLICATION = "hungjury"
"""Name of the Serve application."""

DEFAULT_DASHBOARD_PORT = 8265


def make_session_root() -> Path:
    """A new private folder for one run of Ray; its name is short, because socket paths end at 107 characters."""
    return Path(tempfile.mkdtemp(prefix="hj-", dir="/tmp"))


def token_file(home: Path) -> Path:
    """The file with Ray's token, made on first use."""
    path = run_dir(home) / "ray_token"
    if not path.is_file():
        write_private(path, secrets.token_hex(32))
    return path


def environment(home: Path) -> dict[str, str]:
    """What must be set before Ray is imported, for the service and for every program that joins its own Ray.

    A switch that Ray made for macOS keeps all of a local Ray on the loopback address, so that its ports are closed to
    the network and a change of network does not break it.
    """
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file(home)),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_GRAFANA_HOST": os.environ.get("RAY_GRAFANA_HOST", "DISABLED"),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }


def free_port(host: str = "127.0.0.1", preferred: int | None = None) -> int:
    """A port that nobody listens on now: `preferred` if it is free, else any."""
    for wanted in (preferred, 0):
        if wanted is not None:
            with contextlib.suppress(OSError), _bound(host, wanted) as port:
                return port
    raise StartError(f"no free port on {host}")


def check_port(host: str, port: int, *, patience: float = 0.0) -> None:
    """Makes sure that HTTP can be served here.

    Args:
        host: address to listen on.
        port: TCP port.
        patience: seconds to wait for whoever holds it now.

    Raises:
        StartError: somebody listens there, or the address is not this machine's.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            with _bound(host, port):
                return
        except OSError as error:
            if time.monotonic() >= deadline:
                raise StartError(
                    f"cannot listen on {host}:{port} ({error.strerror or error}); set HUNGJURY_PORT to a free port"
                ) from None
        time.sleep(0.2)


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[int]:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        probe.bind((host, port))
        yield probe.getsockname()[1]


def start_ray(config: Config, home: Path, session_root: Path, worker_env: Mapping[str, str]) -> RayState:
    """A Ray of our own, or the cluster that `RAY_ADDRESS` names. Call from the main thread.

    Args:
        config: settings; its `ray` section is for a Ray of our own.
        home: the state directory.
        session_root: folder for a Ray of our own.
        worker_env: variables that processes on a foreign cluster get; those of our own inherit the environment.

    Raises:
        StartError: Ray does not start or does not answer.
    """
    address = os.environ.get("RAY_ADDRESS")
    try:
        return _join(address, worker_env) if address else _own(config, home, session_root)
    except (RuntimeError, OSError, ValueError) as error:  # what ray.init raises, from ports to memory
        where = f"join the Ray cluster {address}" if address else "start Ray"
        raise StartError(f"cannot {where}: {_line(error)}; see {home / 'logs'}") from error


def _own(config: Config, home: Path, session_root: Path) -> RayState:
    os.environ.update(environment(home))
    apply_profile()
    import ray

    settings, token = config.ray, token_file(home)
    with _any_agent_port():
        context = ray.init(
            address="local",
            namespace=NAMESPACE,
            num_cpus=settings.num_cpus,
            object_store_memory=settings.object_store_memory_bytes,
            include_dashboard=settings.dashboard,
            dashboard_host=settings.dashboard_host,
            dashboard_port=settings.dashboard_port or free_port(settings.dashboard_host, DEFAULT_DASHBOARD_PORT),
            log_to_driver=False,
            logging_level=logging.WARNING,
            _temp_dir=str(session_root),
        )
    return _described(context.address_info, own=True, token=token)


def _join(address: str, worker_env: Mapping[str, str]) -> RayState:
    apply_profile()
    import ray

    runtime_env = {"env_vars": dict(worker_env)}
    context = ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, runtime_env=runtime_env)
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return _described(context.address_info, own=False, token=Path(given) if given else None)


def _described(info: Mapping[str, Any], *, own: bool, token: Path | None) -> RayState:
    dashboard, metrics = info.get("webui_url"), info.get("metrics_export_port")
    return RayState(
        address=info["address"],
        own=own,
        dashboard_url=f"http://{dashboard}" if dashboard else None,
        token_path=token,
        metrics_url=f"http://{info['node_ip_address']}:{metrics}/metrics" if metrics else None,
    )


@contextlib.contextmanager
def _any_agent_port() -> Iterator[None]:
    """Lets the node's agent take any free port; `ray.init` has no setting for it and always asks for 52365."""
    from ray._private.parameter import RayParams

    original = RayParams.__init__
    RayParams.__init__ = functools.partialmethod(original, dashboard_agent_listen_port=0)
    try:
        yield
    finally:
        RayParams.__init__ = original


def serve_application(config: Config) -> None:
    """Starts Serve's HTTP side and the application; returns once every deployment is up.

    Raises:
        StartError: a deployment does not come up.
    """
    from ray import serve

    from service.app import build_app

    timeout = config.server.request_timeout_seconds + 10  # our own 503 comes first
    serve.start(
        http_options={"host": config.server.host, "port": config.server.port, "request_timeout_s": timeout},
        logging_config={"enable_access_log": False},
    )
    try:
        serve.run(build_app(config.model_dump(mode="json", exclude={"redis"})), name=APPLICATION, route_prefix="/")
    except RuntimeError as error:  # what Serve raises when a deployment failed for good
        raise StartError(f"the application does not start: {_line(error)}") from error


def stop_serve() -> None:
    """Ends the application and Serve."""
    from ray import serve

    serve.shutdown()


def stop_ray() -> None:
    """Leaves Ray; a Ray of our own ends with it."""
    import ray

    ray.shutdown()


@contextlib.contextmanager
def joined(state: RayState, home: Path) -> Iterator[None]:
    """Joins the Ray of a running service for a while."""
    if state.own:
        os.environ.update(environment(home))
    import ray

    ray.init(address=state.address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
