"""What can go wrong in the ensemble, as a tree; every message names the value, the limit and the remedy."""


class EnsembleError(Exception):
    """Anything this package raises on purpose."""


class InputError(EnsembleError):
    """The caller's data is off.

    Attributes:
        field: the offending field, as a dotted path, or None when the whole input is meant.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class TaskError(InputError):
    """A task folder is missing, incomplete or contradicts itself."""


class ArtifactError(EnsembleError):
    """A prepared artifact is missing, of another format, or not what its manifest says."""


class MemberUnavailableError(EnsembleError):
    """A member cannot score now (endpoint down, model not loaded); the verdict must go on without it."""


class UnansweredTextError(MemberUnavailableError):
    """A member cannot score this one text, as an endpoint may refuse to read it; others may be scored."""
