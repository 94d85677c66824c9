import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ensemble.errors import TaskError
from ensemble.members.prompts import PROMPTS_FILE, Prompt, Shot, general_prompts, task_prompts, windows
from ensemble.tasks.task import FewShot, Task, TaskHeader
from ensemble.text import Text

PROMPT = Prompt(
    name="p",
    head="Judge.\n\n",
    item="Before: {context}\nText: {text}\nOutcome:",
    yes=" injured",
    no=" safe",
    shots=(Shot(context="a", text="b", label=1), Shot(text="c", label=0)),
)

GENERAL = ["question-first", "question-first-reversed", "question", "examples"]


def test_prompt_is_prefix_and_suffix():
    """What all texts share comes first and ends where the first text begins."""
    assert PROMPT.prefix == (
        "Judge.\n\nBefore: a\nText: b\nOutcome: injured\n\nBefore: \nText: c\nOutcome: safe\n\nBefore:"
    )
    assert PROMPT.suffix(Text("he fell", "rain")) == " rain\nText: he fell\nOutcome:"
    assert PROMPT.full(Text("he fell", "rain")).endswith("safe\n\nBefore: rain\nText: he fell\nOutcome:")


@given(st.text(min_size=1), st.text())
def test_a_text_cannot_write_a_line_of_the_prompt(text, context):
    """Whatever text and context hold, a suffix has the prompt's own line breaks and no other."""
    suffix = PROMPT.suffix(Text(text, context))
    assert len(suffix.splitlines()) == 3
    assert suffix.endswith("\nOutcome:")


def test_a_text_that_spells_a_field_is_left_alone():
    """Braces in a text are characters, not fields to fill."""
    assert PROMPT.suffix(Text("{context} {text}", "rain")) == " rain\nText: {context} {text}\nOutcome:"


@pytest.mark.parametrize("item", ["no field", "{text} {text}", "{context} {context} {text}"])
def test_an_item_shows_the_text_once(item):
    """A prompt that hides the text, or shows it twice, is refused."""
    with pytest.raises(ValidationError, match="once"):
        Prompt(name="p", item=item)


def test_a_short_text_is_its_own_window():
    """Nothing is done to a text that fits."""
    text = Text("He fell.  Twice.", "rain")
    assert windows(text, 40) == [text]


def test_a_long_text_is_cut_between_sentences():
    """Windows hold whole sentences, in order, each after the one before it."""
    cut = windows(Text('He ran. "She fell!" Then rain. It was over.', "before"), 20)
    assert [piece.text for piece in cut] == ['He ran. "She fell!"', "Then rain.", "It was over."]
    assert [piece.context for piece in cut] == ["before", 'He ran. "She fell!"', "Then rain."]


@given(st.text(alphabet="ab .!?\n\"'…", min_size=1, max_size=400), st.integers(5, 60))
def test_windows_lose_nothing(text, limit):
    """Windows are short enough, none is blank, and together they hold every letter in order."""
    pieces = windows(Text(text), limit)
    if len(text) > limit:
        assert all(0 < len(piece.text) <= limit for piece in pieces)
        assert all(piece.text.strip() for piece in pieces)
    assert "".join("".join(piece.text.split()) for piece in pieces) == "".join(text.split())


def test_general_prompts_balance_their_examples():
    """Examples of both labels come in equal number whatever the task's order."""
    examples = [FewShot(text=f"t{i}", label=int(i < 5)) for i in range(8)]
    shots = {prompt.name: [shot.label for shot in prompt.shots] for prompt in general_prompts("Is it?", examples)}
    assert shots == dict(zip(GENERAL, ([1, 0] * 3, [0, 1] * 3, [], [1, 0] * 3), strict=True))


def test_a_task_may_ship_its_own_prompts(tmp_path):
    """`judge_prompts.json` is taken where there is one; one that is off is an error that names place and file."""
    task = Task(tmp_path, TaskHeader(name="t", question="Is it?"))
    (tmp_path / "few_shot.jsonl").write_text('{"text": "a", "label": 1}\n')
    assert [prompt.name for prompt in task_prompts(task)] == GENERAL
    (tmp_path / PROMPTS_FILE).write_text(f"[{PROMPT.model_dump_json()}]")
    assert task_prompts(task) == [PROMPT]
    (tmp_path / PROMPTS_FILE).write_text('[{"name": "p", "item": "nothing"}]')
    with pytest.raises(TaskError, match=r"judge_prompts\.json: 0\.item"):
        task_prompts(task)
    (tmp_path / PROMPTS_FILE).write_text("[]")
    with pytest.raises(TaskError, match="holds no prompt"):
        task_prompts(task)
