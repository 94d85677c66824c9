"""Artifacts are named by their contents, and refuse to be other than their manifest says."""

import pytest

from ensemble.artifacts import Manifest, current_artifact, seal
from ensemble.errors import ArtifactError
from ensemble.home import artifacts_dir

MANIFEST = Manifest(
    task="injury", fingerprint="f", seed=0, files={}, groups={"encoder": (("encoder", "encoder", "0" * 12),)}
)


def _sealed(content):
    folder = artifacts_dir("injury") / "new"
    (folder / "encoder").mkdir(parents=True)
    (folder / "encoder" / "weights").write_text(content)
    return seal(folder, MANIFEST)


def test_nothing_prepared_says_what_to_do():
    """The remedy is in the message."""
    with pytest.raises(ArtifactError, match="hungjury prepare"):
        current_artifact("injury")


def test_sealing_makes_it_current_and_names_it_by_content():
    """Equal contents give one name, other contents another; the newest is in use."""
    first = _sealed("a")
    assert current_artifact("injury").path == first.path
    second = _sealed("b")
    assert second.path.name != first.path.name
    assert current_artifact("injury").path == second.path
    assert first.path.is_dir()
    assert second.members("encoder")[0].name == "encoder"


def test_an_edited_or_missing_file_is_refused():
    """Loading compares every file of the group with its hash."""
    artifact = _sealed("a")
    artifact.verify("encoder/")
    (artifact.path / "encoder" / "weights").write_text("A")
    with pytest.raises(ArtifactError, match="manifest"):
        artifact.load_scorer("encoder")
    (artifact.path / "encoder" / "weights").unlink()
    with pytest.raises(ArtifactError, match="manifest"):
        artifact.verify()


def test_a_broken_manifest_is_an_error_and_not_a_traceback():
    """The message names the folder."""
    artifact = _sealed("a")
    (artifact.path / "manifest.json").write_text("{")
    with pytest.raises(ArtifactError, match="no readable artifact"):
        current_artifact("injury")
