"""Building the application, and the environment that Ray starts in."""

import json
import shutil

import pytest
import tiny_artifact

from ensemble.artifacts import JOINT, seal
from ensemble.errors import ArtifactError, InputError
from service.app import build_app, load_guide, without_gradients
from service.config import AttackConfig
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


@pytest.fixture
def older_artifact(tmp_path, monkeypatch):
    """The tiny artifact as it was made before there was a cascade."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    artifact = tiny_artifact.make()
    older = artifact.joint.model_dump(exclude={"sample"})
    copy = artifact.path.with_name(".older")
    shutil.copytree(artifact.path, copy)
    (copy / JOINT).write_text(json.dumps(older))
    return seal(copy, artifact.manifest)


def test_a_cascade_over_an_older_artifact_is_refused(older_artifact):
    """An artifact from before the cascade loads and serves; with the cascade on it is refused with what to run."""
    assert older_artifact.joint.sample == ()
    build_app({})
    with pytest.raises(ArtifactError, match=r"hungjury prepare --force.*cascade\.enabled"):
        build_app({"cascade": {"enabled": True, "expensive": ["keyword"]}})


def test_a_cascade_without_an_expensive_group_is_refused(tmp_path, monkeypatch):
    """A panel that has none of the groups called expensive cannot have a cascade."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    tiny_artifact.make()
    with pytest.raises(InputError, match="none of these groups") as caught:
        build_app({"cascade": {"enabled": True}})
    assert caught.value.field == "cascade.expensive"


def test_profile_sets_what_is_not_set(monkeypatch):
    """The environment's own settings win over the profile's."""
    environment = {"RAY_SERVE_PROXY_USE_GRPC": "0"}
    monkeypatch.setattr("service.profile.os.environ", environment)
    apply_profile()
    assert environment == {**PLAIN, **THREADS, "RAY_SERVE_PROXY_USE_GRPC": "0"}


def test_gradients_are_those_of_the_encoder_that_serves(tmp_path, monkeypatch):
    """An artifact whose encoder is no export of the packaged one serves, and says so when its gradients are wanted."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    artifact = tiny_artifact.make()
    assert without_gradients(artifact) == ""
    with pytest.raises(ArtifactError, match="no export of the packaged MiniLM"):
        load_guide(artifact.path, AttackConfig())
    build_app({})
    build_app({"attack": {"enabled": False}})


def test_a_deployed_member_without_gradients_is_named(tmp_path, monkeypatch):
    """The bench works without colours, and its answers say why."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    artifact = tiny_artifact.make()
    joint = json.loads((artifact.path / JOINT).read_text())
    copy = artifact.path.with_name(".other")
    shutil.copytree(artifact.path, copy)
    (copy / JOINT).write_text(json.dumps({**joint, "deployed": "keyword"}))
    other = seal(copy, artifact.manifest)
    assert "only an encoder has gradients" in without_gradients(other)
