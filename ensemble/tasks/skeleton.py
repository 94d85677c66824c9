"""A new task's folder, ready to be filled: what `hungjury task new` writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import ValidationError

from ensemble.errors import InputError
from ensemble.tasks.task import PACKAGED, Task, TaskHeader, load_task

_NAME_CHARS = 63


def write_skeleton(directory: Path, *, question: str = "", name: str = "") -> Task:
    """Writes a task folder that loads as it is; JSON takes no comments, so its README explains each file.

    Args:
        directory: made if missing; must be empty.
        question: the yes/no question; empty = a placeholder to be replaced.
        name: empty = made from the folder's name.

    Raises:
        InputError: the folder holds files, cannot be made, or the name cannot be used.
    """
    header = _header(name or _named_after(directory), question.strip() or "Does the text ...?")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise InputError(f"{directory} is not empty; name a folder that is new", field="DIR")
        for file, content in _files(header).items():
            (directory / file).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}", field="DIR") from None
    return load_task(directory)


def _named_after(directory: Path) -> str:
    words = re.sub(r"[^a-z0-9_-]+", "-", directory.expanduser().absolute().name.lower())
    return words.strip("-_")[:_NAME_CHARS] or "task"


def _header(name: str, question: str) -> TaskHeader:
    if (PACKAGED / name / "task.json").is_file():
        raise InputError(f"{name!r} is a task of the package; choose another name", field="--name")
    try:
        return TaskHeader(name=name, question=question)
    except ValidationError:
        message = f"{name!r} must be at most {_NAME_CHARS} lower-case letters, digits, dashes and underscores"
        raise InputError(f"{message}, beginning with a letter or digit", field="--name") from None


def _files(header: TaskHeader) -> dict[str, str]:
    lexicon: dict[str, dict[str, object]] = {"groups": {}}
    return {
        "task.json": header.model_dump_json(indent=2) + "\n",
        "guideline.md": _GUIDELINE.format(question=header.question),
        "lexicon.json": json.dumps(lexicon, indent=2) + "\n",
        "few_shot.jsonl": "",
        "openings.jsonl": "",
        "README.md": _README.format(name=header.name),
    }


_GUIDELINE = """\
# {question}

Labelers read this page before their first answer, and look into it when in doubt. Replace all of it.

## The rule in one paragraph

Answer **yes** if ... Answer **no** if ...

## The hard cases

### Implied

Is it a yes when the text does not say it, but a sensible reader concludes it?

- Yes: *an example*
- No: *its twin, which differs in what matters*

### Threatened, planned, feared

### Figurative

### When to answer "unsure"
"""

_README = """\
# The task {name}

One yes/no question about a text, as a folder. Only `task.json` and `guideline.md` must be there.

- `task.json`: `name`; `question`, as labelers and the judge read it; `threshold`, the probability from which a
  text is flagged until training chooses one; `yes` and `no`, what the answers mean in a few words.

- `guideline.md`: What labelers read, in Markdown. No member reads it.

- `lexicon.json`: Words that speak for yes (or, with a negative weight, against it), in groups. A `*` at the end
  of a pattern matches any ending. Without words the keyword member is its sentence embedding alone.

      {{"groups": {{"fire": {{"weight": 1.0, "patterns": ["burn*", "caught fire"]}}}}}}

- `few_shot.jsonl`: Worked examples for the judge, used when members are prepared from `seed.jsonl`; training
  chooses examples among its own rows. Without any the judge is asked without examples.

      {{"context": "", "text": "The stove was cold.", "label": 0, "why": "nothing burns"}}

- `judge_prompts.json`: Wordings for the judge to be chosen among, instead of the general ones. Each answer is
  one token of the model.

      [{{"name": "plain", "item": "Text: {{text}}\\nIs anything on fire?", "yes": " Yes", "no": " No"}}]

- `openings.jsonl`: Beginnings that the language model continues when it makes texts to mine. Without any,
  mining leaves that source out.

      {{"text": "By noon the wind had turned, and"}}

- `seed.jsonl`: Labelled rows that belong to the task itself. Without any, mining rewrites nothing and `hungjury
  prepare` has nothing to fit on. `severity` goes from 0 to 4; `family` joins rows that share a situation, which
  no split may cut through; `split` is train, calibration or test.

      {{"id": "1", "context": "", "text": "The barn burned.", "label": 1, "severity": 2, "harm": "fire",
       "style": "explicit", "family": "barn", "split": "train"}}     (on one line)

Fit the members on labelled rows, a few hundred or more (JSONL, CSV or Parquet with `text` and `label` 0 or 1), then
measure them on others:

    hungjury train --task DIR --data rows.jsonl --split-by FIELD
    hungjury evaluate --task DIR --data other.jsonl
    hungjury artifacts list

`FIELD` names what must not be torn apart: the document, the author, the event that a row comes from.
"""
