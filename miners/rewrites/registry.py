"""All operators that need no model, made for a task.

Most rewrite texts of any question. Those that must know what the question's yes is work from tables of phrases: the
packaged ones are for the default task, and a task with tables of its own (see `miners.rewrites.tables`) gets those
operators as well. Where a task lacks what an operator needs, it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ensemble.tasks.task import Task
from ensemble.text import LabelledText
from miners.errors import SourceError
from miners.rewrites.algospeak import Algospeak
from miners.rewrites.capitals import Capitals
from miners.rewrites.casual import Casual
from miners.rewrites.censoring import Censoring
from miners.rewrites.denial import Denial
from miners.rewrites.diacritics import Diacritics
from miners.rewrites.dilution import Dilution
from miners.rewrites.distractors import Distractors, Sentences
from miners.rewrites.emoji import Emoji
from miners.rewrites.euphemism import Euphemism
from miners.rewrites.figurative import Figurative, Pairs
from miners.rewrites.frames import Frames
from miners.rewrites.full_width import FullWidth
from miners.rewrites.genre import Genre
from miners.rewrites.homoglyphs import Homoglyphs
from miners.rewrites.injection import Injection
from miners.rewrites.invisible import Invisible
from miners.rewrites.leetspeak import Leetspeak
from miners.rewrites.operator import Operator
from miners.rewrites.phrases import Phrases
from miners.rewrites.planted import Planted
from miners.rewrites.quiet_words import QuietWords
from miners.rewrites.recounted import Recounted
from miners.rewrites.respelling import Respelling
from miners.rewrites.script import Script
from miners.rewrites.small_capitals import SmallCapitals
from miners.rewrites.spacing import Spacing
from miners.rewrites.splice import Splice
from miners.rewrites.tables import table_for
from miners.rewrites.tense import Tense
from miners.rewrites.typos import Typos
from miners.rewrites.understatement import Understatement
from miners.rewrites.unreal import Unreal
from miners.rewrites.verse import Verse
from miners.rewrites.viewpoint import Viewpoint

Make = Callable[[Task, Sequence[LabelledText]], Operator | None]
"""Makes an operator out of a task and its rows; None where the task lacks what it needs."""

_ANY: tuple[Make, ...] = (
    lambda _task, _rows: Capitals(),
    lambda _task, _rows: Casual(),
    lambda task, _rows: Censoring(task.lexicon),
    lambda task, _rows: Diacritics(task.lexicon),
    lambda _task, rows: _pooled(Dilution, rows),
    lambda _task, _rows: Emoji(),
    lambda task, _rows: FullWidth(task.lexicon),
    lambda _task, _rows: Genre(),
    lambda task, _rows: Homoglyphs(task.lexicon),
    lambda _task, _rows: Injection(),
    lambda task, _rows: Invisible(task.lexicon),
    lambda task, _rows: Leetspeak(task.lexicon),
    lambda _task, _rows: Recounted(),
    lambda task, _rows: Respelling(task.lexicon),
    lambda _task, _rows: Script(),
    lambda task, _rows: SmallCapitals(task.lexicon),
    lambda task, _rows: Spacing(task.lexicon),
    lambda _task, rows: _pooled(Splice, rows),
    lambda _task, _rows: Tense(),
    lambda _task, _rows: Typos(),
    lambda _task, _rows: Verse(),
    lambda _task, _rows: Viewpoint(),
)

_KNOWING: tuple[Make, ...] = (
    lambda task, _rows: None if (table := table_for(task, Phrases, "algospeak")) is None else Algospeak(table),
    lambda task, _rows: None if (table := table_for(task, Frames, "denial")) is None else Denial(table),
    lambda task, _rows: None if (table := table_for(task, Sentences, "distractors")) is None else Distractors(table),
    lambda task, _rows: None if (table := table_for(task, Phrases, "euphemism")) is None else Euphemism(table),
    lambda task, _rows: (
        None if (table := table_for(task, Pairs, "figurative")) is None else Figurative(task.lexicon, table)
    ),
    lambda task, _rows: None if (table := table_for(task, Sentences, "planted")) is None else Planted(table),
    lambda task, _rows: None if (table := table_for(task, Phrases, "quiet_words")) is None else QuietWords(table),
    lambda task, _rows: None if (table := table_for(task, Frames, "understatement")) is None else Understatement(table),
    lambda task, _rows: None if (table := table_for(task, Frames, "unreal")) is None else Unreal(table),
)


def operators(task: Task, rows: Sequence[LabelledText] | None = None) -> dict[str, Operator]:
    """The operators that apply to a task, by name in alphabetical order.

    Args:
        task: brings lexicon, tables and rows.
        rows: labelled rows that others are joined to or diluted with; None = the task's own.

    Raises:
        TaskError: a table in the task's folder is off.
    """
    given = task.rows() if rows is None else rows
    made = [operator for make in (*_ANY, *_KNOWING) if (operator := make(task, given)) is not None]
    return {operator.name: operator for operator in sorted(made, key=lambda operator: operator.name)}


def _pooled(make: Callable[[Sequence[LabelledText]], Operator], rows: Sequence[LabelledText]) -> Operator | None:
    """An operator that needs benign rows; None where there are too few."""
    try:
        return make(rows)
    except SourceError:
        return None
