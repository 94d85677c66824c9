"""What each format does by itself: cells, arrays, and files of other programs."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.errors import InputError
from ensemble.rows import BadRow
from miners.exchange.argilla import user_id
from miners.exchange.cells import guarded, unguarded
from miners.exchange.incoming import Raters
from miners.exchange.json_array import read_values
from miners.exchange.label_studio import to_task
from miners.exchange.reading import form_of, read
from miners.exchange.spans import from_regions, to_regions
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer


@given(st.text(alphabet=st.sampled_from(list("'=+-@ \t\r\nab|%\u00a0\u200b\uff1d")), max_size=8))
def test_a_guarded_cell_comes_back(cell):
    """To the last character, and no cell that is guarded begins like a formula."""
    assert unguarded(guarded(cell)) == cell
    assert guarded(cell).lstrip(" \u00a0\u200b\ufeff")[:1] not in set("=+-@\t\r\n|%\uff1d") or not cell.strip()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(json_values, max_size=6), st.sampled_from([None, 2]), st.booleans())
def test_the_elements_of_an_array_are_read_one_by_one(values, indent, as_array):
    """As `json` reads them, each with its number; or values that follow each other, with the line of each."""
    text = json.dumps(values, indent=indent) if as_array else "\n".join(map(json.dumps, values))
    if not as_array and text.startswith("["):
        text = f"{{}}\n{text}"
        values = [{}, *values]
    found = list(read_values(io.BytesIO(text.encode())))
    assert [one.record for one in found] == values
    assert not any(one.problem for one in found)
    if values:
        assert [one.line for one in found] == list(range(1, len(values) + 1))


@pytest.mark.parametrize(
    ("text", "good", "said"),
    [
        (b'[{"a": 1}, {"b": 2', 1, "is not valid JSON"),
        (b'[{"a": 1}, nonsense, {"c": 3}]', 1, "what follows is not read"),
        (b'[{"a": 1}, {"b": NaN}]', 1, "NaN is no JSON number"),
        (b'[{"a": 1},', 1, "is the file whole?"),
        (b'[{"a": 1}, "\xff"]', 0, "not valid UTF-8"),
        (b'[{"a": 1}, ' + b"[" * 200_000, 1, "nested too deeply"),
    ],
)
def test_a_broken_array_is_read_as_far_as_it_goes(text, good, said):
    """What was whole is handed out, and the end says why it ended."""
    found = list(read_values(io.BytesIO(text)))
    assert [one.problem is None for one in found] == [True] * good + [False]
    assert said in found[-1].problem


def write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def choice(value, control="answer"):
    return {"from_name": control, "to_name": "text", "type": "choices", "value": {"choices": [value]}}


@pytest.fixture
def foreign(tmp_path):
    """Tasks of a project in Label Studio that never heard of us."""
    note = {"from_name": "why", "to_name": "text", "type": "textarea", "value": {"text": ["his rib"]}}
    tasks = [
        {
            "id": 7,
            "data": {"text": "He fell.", "doc": "d1"},
            "predictions": [{"model_version": "m", "score": 0.9, "result": [choice("No")]}],
            "annotations": [
                {"id": 1, "completed_by": 5, "result": [choice("Yes", "injury")], "updated_at": "2026-01-01T00:00:00Z"},
                {"id": 2, "completed_by": 5, "result": [choice("No", "injury")], "updated_at": "2026-01-02T00:00:00Z"},
                {
                    "id": 3,
                    "completed_by": {"id": 6, "email": "bob@example.org"},
                    "result": [choice("unsure"), choice("3", "severity"), note],
                    "lead_time": 4.5,
                },
                {"id": 4, "completed_by": 8, "was_cancelled": True, "result": []},
                {"id": 5, "completed_by": 9, "result": [choice("perhaps")]},
                {"id": 6, "completed_by": 10, "result": [choice("yes"), choice("9", "severity")]},
            ],
        },
        {"id": 8, "data": {"image": "x.png"}},
    ]
    return write(tmp_path / "project.json", tasks)


def test_foreign_tasks_are_rows_with_answers(foreign):
    """The newest annotation of each rater counts; skips and what says nothing are told; predictions are no answers."""
    assert form_of(foreign) == "label-studio"
    one, bad = list(read(foreign, "label-studio", Raters({"5": "ann"})))
    assert one.row["answers"] == {
        "ann": {**NewAnswer(answer="no").model_dump(mode="json")},
        "bob@example.org": NewAnswer(answer="unsure", severity=3, note="his rib", seconds=4.5).model_dump(mode="json"),
    }
    assert one.row["meta"]["doc"] == "d1"
    assert one.row["meta"]["label-studio"]["predictions"][0]["model_version"] == "m"
    assert (one.item, one.skipped, len(one.problems)) == (None, 2, 2)
    assert "label-studio:9: says none of yes, no, unsure" in one.problems[0]
    assert "label-studio:10: severity" in one.problems[1]
    assert isinstance(bad, BadRow)
    assert "data.text" in bad.message


def test_an_edited_annotation_contradicts_the_answer_that_it_was(filled, tmp_path):
    """Another annotator's annotation of the task is that annotator's; ours, edited there, keeps its answer's id."""
    item = next(item for item in filled.items() if item.answers)
    task = to_task(item)
    task["annotations"][0]["result"][0]["value"]["choices"] = ["no"]
    task["annotations"].append({"id": 9, "completed_by": 3, "result": [choice("unsure")]})
    (one,) = read(write(tmp_path / "t.json", [task]), "label-studio")
    first = item.answers[0]
    back = one.answers[0]
    assert (back.answer_id, back.rater, back.body.answer) == (first.answer_id, first.rater, "no")
    assert (one.answers[-1].rater, one.answers[-1].body.answer) == ("label-studio:3", "unsure")


def test_a_task_without_its_meta_is_known_by_its_item(new_item_of, tmp_path):
    """As Label Studio's smaller exports have it; the text goes along, so that it can be compared."""
    queue = MemoryQueue("injury")
    queue.enqueue([new_item_of("He fell.")])
    task = to_task(next(queue.items()))
    del task["meta"]
    task["annotations"] = [{"id": 1, "completed_by": 2, "result": [choice("yes")]}]
    (one,) = read(write(tmp_path / "t.json", [task]), "label-studio")
    assert (one.item, one.row, one.text) == (None, None, "He fell.")
    assert one.answers[0].item_id == new_item_of("He fell.").id


def test_foreign_records_of_argilla_are_rows_with_answers(tmp_path):
    """A response of each user; drafts and discarded ones are none; suggestions are kept and are no answers."""
    ann, bob = user_id("ann"), user_id("bob")
    record = {
        "id": "r1",
        "fields": {"text": "He fell."},
        "metadata": {"doc": "d1"},
        "suggestions": {"answer": {"value": "no", "score": 0.9, "agent": "m"}},
        "responses": {
            "answer": [
                {"value": "yes", "user_id": ann},
                {"value": "no", "user_id": bob, "status": "submitted"},
                {"value": "no", "user_id": "c", "status": "draft"},
            ],
            "severity": [{"value": 2, "user_id": ann}, {"value": 8, "user_id": "d"}],
        },
    }
    path = write(tmp_path / "records.json", [record])
    assert form_of(path) == "argilla"
    (one,) = read(path, "argilla", Raters({ann: "ann"}))
    assert {who: said["answer"] for who, said in one.row["answers"].items()} == {"ann": "yes", f"argilla:{bob}": "no"}
    assert one.row["answers"]["ann"]["severity"] == 2
    assert one.row["meta"]["argilla"]["suggestions"]["answer"]["agent"] == "m"
    assert one.skipped == 1
    assert one.problems == ("response of argilla:d: has no 'answer', only 'severity'",)


@pytest.mark.parametrize(
    ("record", "form"),
    [
        ({"text": "a", "label": 1}, "rows"),
        ({"data": {"text": "a"}}, "label-studio"),
        ({"fields": {"text": "a"}}, "argilla"),
        ({"new": {}}, "exported"),
        ({"item_id": "a", "body": {}}, "exported"),
    ],
)
def test_the_first_record_says_what_a_file_is(record, form, tmp_path):
    """In an array, a record a line, or written out over many lines."""
    for number, text in enumerate((json.dumps([record]), json.dumps(record), json.dumps(record, indent=2))):
        path = tmp_path / f"{number}.json"
        path.write_text(text, encoding="utf-8")
        assert form_of(path) == form


@pytest.mark.parametrize("value", [{"text": "no task"}, {"data": 3}, {"data": {"text": 3}}, [], 3, None])
def test_what_is_no_task_is_refused(value, tmp_path):
    """With file and line."""
    (bad,) = read(write(tmp_path / "t.json", [value]), "label-studio")
    assert isinstance(bad, BadRow)


def test_a_missing_file_is_named(tmp_path):
    """As bad input."""
    with pytest.raises(InputError, match="does not exist"):
        list(read(tmp_path / "none.json", "rows"))


@pytest.mark.parametrize("units", [0, 1])
def test_spans_are_placed_by_the_words_that_they_cover(units):
    """Whether the other program counts characters or UTF-16 units; one that fits nowhere is left out."""
    text = "\U0001f480 he bled: bled"
    at = text.rindex("bled")
    where = {"start": at + units, "end": at + 4 + units, "text": "bled"}
    body = NewAnswer(answer="yes", spans=from_regions([where, {"start": 90, "end": 95, "text": "gone"}], text))
    assert [(span.start, span.end) for span in body.spans] == [(at, at + 4)]
    assert to_regions(body, text) == [{"start": at + 1, "end": at + 5, "text": "bled"}]
