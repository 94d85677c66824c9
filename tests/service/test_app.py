"""Building the application, and the environment that Ray starts in."""

import pytest

from ensemble.errors import ArtifactError, InputError
from service.app import build_app
from service.profile import PLAIN, THREADS, apply_profile


def test_unprepared_task_says_what_to_run(tmp_path, monkeypatch):
    """Without prepared models the application is not built, and the error names the command."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    with pytest.raises(ArtifactError, match="hungjury prepare"):
        build_app({})


@pytest.mark.parametrize(
    ("args", "field"),
    [({"server": {"port": "x"}}, "server.port"), ({"tsak": "injury"}, "tsak"), ({"task": "no"}, "task")],
)
def test_wrong_setting_is_named(args, field):
    """The builder checks its arguments itself and names the wrong one."""
    with pytest.raises(InputError) as caught:
        build_app(args)
    assert caught.value.field == field


def test_profile_sets_what_is_not_set(monkeypatch):
    """The environment's own settings win over the profile's."""
    environment = {"RAY_SERVE_PROXY_USE_GRPC": "0"}
    monkeypatch.setattr("service.profile.os.environ", environment)
    apply_profile()
    assert environment == {**PLAIN, **THREADS, "RAY_SERVE_PROXY_USE_GRPC": "0"}
