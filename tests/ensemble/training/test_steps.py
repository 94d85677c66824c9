"""What is done stays done when a run is killed."""

from ensemble.training.steps import Steps


def test_a_group_is_there_only_when_it_is_complete(tmp_path):
    """What lies in a step's folder counts for nothing until it is finished."""
    steps = Steps(tmp_path)
    folder = steps.begin("keyword")
    folder.mkdir()
    (folder / "half").write_text("x")
    assert not Steps(tmp_path).is_done("keyword")
    steps.finish("keyword")
    assert Steps(tmp_path).is_done("keyword")
    assert (tmp_path / "keyword" / "half").read_text() == "x"


def test_beginning_again_removes_what_a_killed_run_left(tmp_path):
    """A step starts on clean ground."""
    folder = Steps(tmp_path).begin("keyword")
    folder.mkdir()
    (folder / "half").write_text("x")
    assert not Steps(tmp_path).begin("keyword").exists()


def test_records_are_recalled_until_all_is_cleared(tmp_path):
    """A step's numbers are kept beside its files."""
    steps = Steps(tmp_path)
    assert steps.recall("judges") is None
    steps.record("judges", {"scores": [0.25]})
    assert Steps(tmp_path).recall("judges") == {"scores": [0.25]}
    steps.clear()
    assert steps.recall("judges") is None
    assert list(tmp_path.iterdir()) == []
