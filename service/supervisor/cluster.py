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
from service.front import front_environment, haproxy_binary
from service.profile import FAST, PLAIN, ProfileName, apply_profile, choose_profile
from service.runtime_state import RayState, run_dir, write_private

logger = logging.getLogger("hungjury.cluster")

NAMESPACE = "hungjury"
"""Ray namespace of named actors."""

APPLICATION = "hungjury"
"""Name of the Serve application."""

DEFAULT_DASHBOARD_PORT = 8265

LOOPBACK = "127.0.0.1"


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
    profile = _tune(config, session_root)
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
            _temp_dir=str(session_root / "r"),  # which Ray opens to everybody; the folder around it stays closed
        )
    return _described(context.address_info, own=True, token=token, profile=profile)


def _tune(config: Config, session_root: Path) -> ProfileName:
    """Sets the variables of the profile for all processes of a Ray of our own, before Ray is imported."""
    profile, server = choose_profile(config.server.profile), config.server
    binary = haproxy_binary() if profile == "fast" else None
    if binary is None:
        os.environ["RAY_SERVE_ENABLE_HA_PROXY"] = "0"  # unguarded, it would listen on all addresses
        apply_profile(PLAIN)
        return "plain"
    timeout = serve_timeout_seconds(config)
    bind = f"{server.host}:{server.port}"
    os.environ.update(front_environment(session_root / "h", binary, bind=bind, timeout_seconds=timeout))
    apply_profile(FAST)
    return profile


def _join(address: str, worker_env: Mapping[str, str]) -> RayState:
    apply_profile()
    import ray

    runtime_env = {"env_vars": dict(worker_env)}
    context = ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, runtime_env=runtime_env)
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    token = Path(given) if given else None
    return _described(context.address_info, own=False, token=token, profile=None)


def _described(info: Mapping[str, Any], *, own: bool, token: Path | None, profile: ProfileName | None) -> RayState:
    dashboard, metrics = info.get("webui_url"), info.get("metrics_export_port")
    return RayState(
        address=info["address"],
        own=own,
        dashboard_url=f"http://{dashboard}" if dashboard else None,
        token_path=token,
        profile=profile,
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


def serve_timeout_seconds(config: Config) -> float:
    """After this long Serve itself gives a request up; our own 503 comes first."""
    return config.server.request_timeout_seconds + 10


def serve_application(config: Config, profile: ProfileName | None) -> None:
    """Starts Serve's HTTP side and the application; returns once every deployment is up.

    Args:
        config: all settings.
        profile: of our own Ray; None on somebody else's.

    Raises:
        StartError: a deployment does not come up.
    """
    from ray import serve
    from ray.exceptions import RayError

    from service.app import build_app

    # Behind HAProxy the processes that Serve itself lets listen stay on the loopback, whatever HAProxy listens on.
    host = LOOPBACK if profile == "fast" else config.server.host
    options = {"host": host, "port": config.server.port, "request_timeout_s": serve_timeout_seconds(config)}
    try:
        _start_serve(options)
        serve.run(build_app(config.model_dump(mode="json", exclude={"redis"})), name=APPLICATION, route_prefix="/")
    except (RuntimeError, RayError) as error:  # what Serve raises when a proxy or a deployment failed for good
        raise StartError(f"the application does not start: {_line(error)}") from error


def _start_serve(options: Mapping[str, Any]) -> None:
    """Starts Serve. It gives its proxies 60 s; on a busy machine they take longer, and whoever waits on has them."""
    from ray import serve

    try:
        serve.start(http_options=dict(options), logging_config={"enable_access_log": False})
    except TimeoutError:
        logger.warning("Serve's proxies are slow to start; waiting on")


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
