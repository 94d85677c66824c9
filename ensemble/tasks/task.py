"""Loading a task: its question, guideline, examples, lexicon and labelled seed rows.

Only `task.json` and `guideline.md` must be there. Without examples the judge is asked without them, or shown train
rows; without a lexicon the keyword member is its embedding alone; without openings nothing is continued; without seed
rows nothing is rewritten, and the members are fitted on data of the caller's (`hungjury train`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ensemble.errors import TaskError
from ensemble.text import LabelledText

PACKAGED = Path(__file__).parent
DEFAULT_TASK = "injury"

Split = Literal["train", "calibration", "test"]
_Row = TypeVar("_Row", bound=BaseModel)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskHeader(_Model):
    """`task.json`.

    Attributes:
        name: lower-case letters, digits, dashes and underscores.
        question: the yes/no question, as a labeler reads it.
        threshold: probability from which a text is flagged, in (0, 1).
        yes, no: what the two answers mean, in a few words.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    question: str = Field(min_length=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    yes: str = "yes"
    no: str = "no"


class FewShot(_Model):
    """One worked example for a prompted judge."""

    context: str = ""
    text: str
    label: Literal[0, 1]
    why: str = ""


class Opening(_Model):
    """A line of `openings.jsonl`."""

    id: str = ""
    text: str = Field(min_length=1)


class LexiconGroup(_Model):
    """Words that speak for (positive weight) or against (negative weight) yes; a trailing * matches any ending."""

    weight: float = 1.0
    patterns: tuple[str, ...]


class Lexicon(_Model):
    """`lexicon.json`: groups of words and phrases, in file order."""

    groups: dict[str, LexiconGroup]


class SeedRow(_Model):
    """A line of `seed.jsonl`.

    Attributes:
        severity: 0 (none) to 4 (fatal or maiming).
        harm, style: what hurts and how it is told; slices of every report.
        family: rows that share a situation; splits never cut through one.
        split: fixed once and for all in the file.
    """

    id: str
    context: str
    text: str
    label: Literal[0, 1]
    severity: int = Field(ge=0, le=4)
    harm: str
    style: str
    family: str
    split: Split


@dataclass(frozen=True)
class Task:
    """A task folder, read lazily."""

    path: Path
    header: TaskHeader

    @property
    def name(self) -> str:
        """The task's name."""
        return self.header.name

    @cached_property
    def guideline(self) -> str:
        """The labelers' guideline, Markdown."""
        return self._file("guideline.md").read_text(encoding="utf-8")

    @cached_property
    def few_shot(self) -> tuple[FewShot, ...]:
        """Worked examples; none where the file is missing."""
        return tuple(self._parse(FewShot, "few_shot.jsonl"))

    @cached_property
    def lexicon(self) -> Lexicon:
        """Keyword groups; none where the file is missing."""
        path = self.path / "lexicon.json"
        if not path.is_file():
            return Lexicon(groups={})
        try:
            return Lexicon.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise TaskError(f"{path}: {_first(error)}") from None

    @cached_property
    def openings(self) -> tuple[str, ...]:
        """Beginnings that a language model continues; none where the file is missing."""
        return tuple(opening.text for opening in self._parse(Opening, "openings.jsonl"))

    @cached_property
    def seed(self) -> tuple[SeedRow, ...]:
        """All labelled seed rows; none where the file is missing."""
        return tuple(self._parse(SeedRow, "seed.jsonl"))

    def rows(self, *splits: Split) -> list[LabelledText]:
        """Labelled seed rows of the given splits (none given: all), in file order."""
        return [_labelled(row) for row in self.seed if not splits or row.split in splits]

    def _file(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise TaskError(f"task {self.name!r} lacks the file {path}")
        return path

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.path / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        try:
            return [json.loads(line) for line in lines if line.strip()]
        except json.JSONDecodeError as error:
            raise TaskError(f"{self.path / name}: {error}") from None

    def _parse(self, model: type[_Row], name: str) -> Sequence[_Row]:
        rows = []
        for number, line in enumerate(self._lines(name), start=1):
            try:
                rows.append(model.model_validate(line))
            except ValidationError as error:
                raise TaskError(f"{self.path / name}:{number}: {_first(error)}") from None
        return rows


@dataclass(frozen=True)
class GivenRows(Task):
    """A task whose labelled rows, and examples for the judge, are the caller's instead of its folder's.

    Attributes:
        given: rows whose meta names "split" and "family", as seed rows do.
        examples: for prompts, best first.
    """

    given: tuple[LabelledText, ...] = ()
    examples: tuple[FewShot, ...] = ()

    @cached_property
    def few_shot(self) -> tuple[FewShot, ...]:
        """The examples given."""
        return self.examples

    def rows(self, *splits: Split) -> list[LabelledText]:
        """The rows given, of the given splits (none given: all), in order."""
        return [row for row in self.given if not splits or row.meta["split"] in splits]


def load_task(name_or_path: str | Path = DEFAULT_TASK) -> Task:
    """A packaged task by name, or a task folder by path.

    Raises:
        TaskError: no such task, or its `task.json` is off.
    """
    folder = Path(name_or_path)
    if not (folder / "task.json").is_file():
        folder = PACKAGED / str(name_or_path)
    if not (folder / "task.json").is_file():
        known = sorted(path.parent.name for path in PACKAGED.glob("*/task.json"))
        raise TaskError(
            f"no task {str(name_or_path)!r}; packaged are {', '.join(known)}, or give a folder", field="task"
        )
    try:
        header = TaskHeader.model_validate_json((folder / "task.json").read_bytes())
    except ValidationError as error:
        raise TaskError(f"{folder / 'task.json'}: {_first(error)}", field="task") from None
    return Task(folder, header)


def _labelled(row: SeedRow) -> LabelledText:
    meta = {"severity": row.severity, "harm": row.harm, "style": row.style, "family": row.family, "split": row.split}
    return LabelledText(row.text, row.context, label=row.label, row_id=row.id, meta=meta)


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
