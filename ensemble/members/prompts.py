"""How a language model is asked, and how long texts are cut for it.

The text under judgement is data. Each passage stands on one line: its own line breaks become spaces, so that it cannot
write a line that looks like ours, and control tokens are read as plain characters (`LanguageModel.tokens`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from ensemble.errors import TaskError
from ensemble.tasks.task import FewShot, Task
from ensemble.text import Text

WINDOW_CHARS = 400
"""A longer text is judged in windows of whole sentences of about this length, and the highest score is the text's.

The seed rows are at most 50 words long; small models lose a single event among ninety words of other matter.
"""

PROMPTS_FILE = "judge_prompts.json"

_FIELD = re.compile(r"\{(context|text)\}")
_SENTENCE = re.compile(r"[^.!?…。！？]*[.!?…。！？]*[\"'”’»)\]]*\s*")  # noqa: RUF001  # sentence ends of other scripts


class Shot(BaseModel):
    """A worked example in a prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: str = ""
    text: str
    label: Literal[0, 1]


class Prompt(BaseModel):
    """A wording, its examples and its two answers.

    Attributes:
        name: for reports.
        head: instructions before the examples; may be empty.
        item: one example, up to where the answer is due; holds {text} and perhaps {context}.
        yes, no: the answers, each one token of the model, leading space included.
        words: further words that might stand in the answer's place; how much the likelihood of each says is fitted on
            train rows, as a small model's yes and no say little by themselves. Words of several tokens are left out.
        shots: examples, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    head: str = ""
    item: str
    yes: str = " Yes"
    no: str = " No"
    words: tuple[str, ...] = ()
    shots: tuple[Shot, ...] = ()

    @field_validator("item")
    @classmethod
    def _shows_the_text(cls, item: str) -> str:
        if item.count("{text}") != 1 or item.count("{context}") > 1:
            raise ValueError("item must hold {text} once, and {context} at most once")
        return item

    @property
    def prefix(self) -> str:
        """What comes before every text: head, answered examples, and the item's constant beginning."""
        return self.head + "".join(map(self._answered, self.shots)) + self._constant

    def suffix(self, text: Text) -> str:
        """What is particular to one text, up to where the answer is due."""
        return self._filled(self.item, text.context, text.text)[len(self._constant) :]

    def full(self, text: Text) -> str:
        """The whole prompt for one text."""
        return self.prefix + self.suffix(text)

    @property
    def _constant(self) -> str:
        # Without trailing spaces: most tokenisers join a space to the word after it.
        return _FIELD.split(self.item, maxsplit=1)[0].rstrip(" ")

    def _answered(self, shot: Shot) -> str:
        return f"{self._filled(self.item, shot.context, shot.text)}{self.yes if shot.label else self.no}\n\n"

    @staticmethod
    def _filled(item: str, context: str, text: str) -> str:
        parts = {"context": one_line(context)[-WINDOW_CHARS:], "text": one_line(text)}
        return _FIELD.sub(lambda match: parts[match[1]], item)


def one_line(text: str) -> str:
    """A text without line breaks or runs of spaces."""
    return " ".join(text.split())


def windows(text: Text, limit: int = WINDOW_CHARS) -> list[Text]:
    """A text in pieces of whole sentences, each at most `limit` characters; a short text is its own only piece.

    Pieces after the first have the piece before them as context.
    """
    if len(text.text) <= limit:
        return [text]
    pieces = _packed(_sentences(one_line(text.text), limit), limit)
    befores = [text.context, *pieces[:-1]]
    return [Text(piece, before) for piece, before in zip(pieces, befores, strict=True)]


def task_prompts(task: Task) -> list[Prompt]:
    """The prompts that preparation chooses among: the task's own where it ships some, else the general ones.

    Raises:
        TaskError: the task's `judge_prompts.json` cannot be read.
    """
    path = task.path / PROMPTS_FILE
    if not path.is_file():
        return general_prompts(task.header.question, task.few_shot)
    try:
        prompts = TypeAdapter(list[Prompt]).validate_json(path.read_bytes())
    except ValidationError as error:
        detail = error.errors()[0]
        raise TaskError(f"{path}: {'.'.join(map(str, detail['loc']))}: {detail['msg']}") from None
    if not prompts:
        raise TaskError(f"{path} holds no prompt; delete it to use the general ones")
    return prompts


def general_prompts(question: str, examples: Sequence[FewShot]) -> list[Prompt]:
    """Wordings for any task, which ask differently; the last also suits a chat model.

    The question once before up to twelve balanced examples, in one order and in the other; the bare question after each
    passage; and both, with the context where an example has one.
    """
    asked = one_line(question)
    shots, item = _balanced(examples, 12), "Text: {text}\nAnswer:"
    after = f"Passage: {{text}}\nQuestion: {asked}\nAnswer:"
    with_context = any(shot.context for shot in shots)
    return [
        Prompt(name="question-first", head=f"{asked}\n\n", item=item, shots=shots),
        Prompt(name="question-first-reversed", head=f"{asked}\n\n", item=item, shots=shots[::-1]),
        Prompt(name="question", item=after),
        Prompt(name="examples", item=f"Before: {{context}}\n{after}" if with_context else after, shots=shots[:8]),
    ]


def _balanced(examples: Sequence[FewShot], most: int) -> tuple[Shot, ...]:
    """As many of each label, alternating, so that neither label has the last word alone."""
    of = {label: [example for example in examples if example.label == label] for label in (0, 1)}
    pairs = zip(of[1][: most // 2], of[0][: most // 2], strict=False)
    return tuple(Shot(context=e.context, text=e.text, label=e.label) for pair in pairs for e in pair)


def _sentences(text: str, limit: int) -> list[str]:
    found = [match[0].strip() for match in _SENTENCE.finditer(text)]
    return [piece for sentence in found if sentence for piece in _cut(sentence, limit)]


def _cut(sentence: str, limit: int) -> list[str]:
    """A sentence in pieces of at most `limit` characters, cut at spaces where there are any."""
    pieces = []
    while len(sentence) > limit:
        at = sentence.rfind(" ", 1, limit + 1)
        at = limit if at < 0 else at
        pieces.append(sentence[:at])
        sentence = sentence[at:].lstrip()
    return [*pieces, sentence] if sentence else pieces


def _packed(sentences: Sequence[str], limit: int) -> list[str]:
    packed: list[str] = []
    for sentence in sentences:
        if packed and len(packed[-1]) + 1 + len(sentence) <= limit:
            packed[-1] = f"{packed[-1]} {sentence}"
        else:
            packed.append(sentence)
    return packed
