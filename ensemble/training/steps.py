"""Which steps of a fit are done, kept on disk, so that a killed run goes on where it was.

A step works in a folder of its own under `.work`; when it is done its result is moved to its final name in one go.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORK = ".work"


@dataclass(frozen=True)
class Steps:
    """The steps towards one artifact.

    Attributes:
        directory: where finished groups stand.
    """

    directory: Path

    def is_done(self, group: str) -> bool:
        """Whether a group is complete."""
        return (self.directory / group).is_dir()

    def begin(self, step: str) -> Path:
        """The path of a step's folder, which is not there yet; what a killed run left of it is removed."""
        path = self.directory / _WORK / step
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def finish(self, group: str, step: str | None = None) -> None:
        """Moves a group to its final name.

        Args:
            group: its name.
            step: the step in whose folder it lies; None = the folder is the group itself.
        """
        work, target = self.directory / _WORK, self.directory / group
        shutil.rmtree(target, ignore_errors=True)
        (work / step / group if step else work / group).rename(target)

    def record(self, step: str, value: Any) -> None:
        """Keeps what a step gave beside files: plain JSON."""
        path = self.directory / _WORK / f"{step}.json"
        fresh = path.with_suffix(".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(value), encoding="utf-8")
        fresh.replace(path)

    def recall(self, step: str) -> Any | None:
        """What `record` kept; None where it kept nothing."""
        path = self.directory / _WORK / f"{step}.json"
        return json.loads(path.read_bytes()) if path.is_file() else None

    def clear(self) -> None:
        """Removes the folders of steps; nothing can be resumed after that."""
        shutil.rmtree(self.directory / _WORK, ignore_errors=True)
