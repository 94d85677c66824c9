"""A configuration that asks for other members than the trained ones that stay in use is refused, not passed over."""

import json

import pytest
import tiny_artifact

from ensemble.artifacts import Manifest, seal, use
from ensemble.members.specs import MemberSpecs
from service.config import validate_config
from service.supervisor.prepare import check_panel

TINY = "panel: {judge: null, probe: null}\n"
"""The members of the tiny artifact."""


@pytest.fixture(name="artifact")
def pinned_artifact():
    """The tiny artifact, pinned, as `hungjury train` leaves it."""
    made = tiny_artifact.make()
    use(made)
    return made


def recorded(artifact, panel):
    """The same as newer versions make it, with what it was fitted by on record."""
    manifest = Manifest.model_validate({**json.loads(artifact.manifest.model_dump_json()), "panel": panel})
    return seal(artifact.path, manifest, pinned=True)


def test_another_panel_than_the_pinned_one_is_refused(hungjury, artifact, tmp_path):
    """`up` starts nothing, names artifact and difference, says what to do, and exits with 2."""
    (tmp_path / "other.yaml").write_text("panel: {judge: null, probe: null, keyword: null}\n")
    told = hungjury("up", "--config", tmp_path / "other.yaml")
    assert told.code == 2
    last = told.err.splitlines()[-1]
    assert f"artifact {artifact.path.name}" in last
    assert "it has encoder, keyword, not encoder" in last
    for remedy in ("hungjury train", "hungjury artifacts use", "leave panel out"):
        assert remedy in last


@pytest.mark.usefixtures("artifact")
def test_preparing_another_panel_than_the_pinned_one_is_refused_too(hungjury, tmp_path):
    """`prepare` does not say that it prepared what it did not."""
    (tmp_path / "other.yaml").write_text("panel: {judge: null, probe: null, keyword: null}\n")
    told = hungjury("prepare", "--config", tmp_path / "other.yaml")
    assert told.code == 2
    assert "leave panel out" in told.err


@pytest.mark.usefixtures("artifact")
def test_the_pinned_panel_itself_and_none_at_all_are_taken():
    """A file that names the same members, or says nothing of them, goes with the pinned artifact."""
    check_panel(validate_config({}))
    check_panel(validate_config({"panel": {"judge": None, "probe": None}}))


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"judge": {"model": "somewhere"}}, "judge.model: none there, somewhere here"),
        ({"judge": None}, "judge: judge there, none here"),
        ({"deployed": "keyword"}, "deployed: encoder there, keyword here"),
        ({"judge": {"endpoint": "http://h/v1", "endpoint_model": "m"}}, "judge.endpoint: none there, http://h/v1 here"),
    ],
)
def test_what_differs_is_told(artifact, panel, said):
    """Where the artifact's record says what it was fitted by, each difference is named."""
    from ensemble.errors import InputError

    recorded(artifact, MemberSpecs().fitted_by())
    with pytest.raises(InputError, match="panel asks for other members") as caught:
        check_panel(validate_config({"panel": panel}))
    assert said in str(caught.value)


def test_limits_may_differ(artifact):
    """Other time-outs, prices or budgets are no other panel."""
    remote = {"endpoint": "http://h/v1", "endpoint_model": "m"}
    recorded(artifact, MemberSpecs(judge=remote).fitted_by())
    prices = {"price_per_million_input": 1.0, "price_per_million_output": 2.0, "budget": 5.0, "retries": 0}
    check_panel(validate_config({"panel": {"judge": {**remote, **prices}}}))


def test_what_is_not_pinned_is_prepared_anew_instead():
    """Without a choice by hand or training, another panel is no error: it is prepared."""
    tiny_artifact.make()
    check_panel(validate_config({"panel": {"judge": None}}))
