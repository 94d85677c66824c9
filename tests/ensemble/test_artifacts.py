"""Artifacts are named by their contents, and refuse to be other than their manifest says."""

import json

import pytest
import tiny_artifact

from ensemble.artifacts import Manifest, all_artifacts, current_artifact, find_artifact, is_pinned, seal, use
from ensemble.errors import ArtifactError, InputError
from ensemble.home import artifacts_dir
from ensemble.members.hashing import file_sha256

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


def test_an_edited_manifest_is_refused():
    """Its hashes are those that the folder's name was made from."""
    artifact = _sealed("a")
    (artifact.path / "encoder" / "weights").write_text("A")
    manifest = json.loads((artifact.path / "manifest.json").read_text())
    manifest["files"] = {"encoder/weights": file_sha256(artifact.path / "encoder" / "weights")}
    (artifact.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"manifest\.json was changed"):
        current_artifact("injury").verify("encoder/")


def test_going_back_pins_and_is_undone_by_the_next_seal():
    """An artifact chosen by hand stays in use until something new is made."""
    first, second = _sealed("a"), _sealed("b")
    assert (first.is_current, second.is_current, is_pinned("injury")) == (False, True, False)
    use(first)
    assert (first.is_current, second.is_current, is_pinned("injury")) == (True, False, True)
    _sealed("c")
    assert not is_pinned("injury")


def test_artifacts_are_listed_oldest_first_and_found_by_their_beginning():
    """A beginning that could be several is refused, and so is a name that is none."""
    made = [_sealed(content) for content in "abc"]
    assert {one.path for one in all_artifacts("injury")} == {one.path for one in made}
    assert all_artifacts() == sorted(all_artifacts(), key=lambda one: one.made_at)
    assert all_artifacts("other") == []
    assert find_artifact(made[1].path.name[:8]).path == made[1].path
    with pytest.raises(InputError, match="no artifact 'zz'"):
        find_artifact("zz")
    (artifacts_dir("injury") / "another").mkdir()
    assert len(all_artifacts()) == 3


def test_sealing_again_replaces_a_damaged_artifact():
    """The same contents have the same name, and a broken folder must not stand in their way."""
    first = _sealed("a")
    (first.path / "encoder" / "weights").write_text("broken")
    assert _sealed("a").path == first.path
    first.verify()


def test_a_damaged_artifact_cannot_be_put_into_use():
    """The one in use stays."""
    first, second = _sealed("a"), _sealed("b")
    (first.path / "encoder" / "weights").unlink()
    with pytest.raises(ArtifactError, match="missing"):
        use(first)
    assert second.is_current


def test_members_in_another_number_format_have_another_version():
    """On a GPU that takes float16, the artifact says beforehand which version will serve there."""
    artifact = tiny_artifact.make()
    (listed,) = artifact.members("encoder")
    assert artifact.members("encoder", device="cuda") == (listed,)
    parity = {"rows": 10, "difference": 0.0, "usual": 0.0, "tolerance": 0.01, "auc": 0.9, "auc_torch": 0.9}
    half = {"format": "float16", "sha256": "0", "parity": parity}
    (artifact.path / "encoder" / "formats.json").write_text(json.dumps({"variants": [half]}))
    (there,) = artifact.members("encoder", device="cuda")
    assert (there.name, there.kind) == (listed.name, listed.kind)
    assert there.version != listed.version
    assert artifact.members("encoder") == (listed,)
