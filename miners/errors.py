"""What can go wrong in mining and in the queue, as a tree."""

from ensemble.errors import InputError


class MinerError(Exception):
    """Anything this package raises on purpose, except bad input."""


class SourceError(MinerError, InputError):
    """A corpus cannot be read at all, or holds nothing readable."""


class CampaignError(MinerError):
    """A campaign cannot start or go on."""


class CampaignInterruptedError(CampaignError):
    """What the campaign needs stayed away too long; nothing is lost and it can be resumed."""


class QueueError(MinerError):
    """The queue refused."""


class UnknownItemError(QueueError):
    """No such item."""


class UnknownLeaseError(QueueError):
    """No such lease, or long gone."""


class LeaseExpiredError(QueueError):
    """The lease ran out; its item went back at its old priority."""


class UnknownKeyError(QueueError):
    """No such API key, or none that is in use."""


class NotYoursError(QueueError):
    """The lease or answer belongs to another rater."""


class AnswerConflictError(QueueError):
    """The lease is already answered with another body."""


class QueueFullError(QueueError):
    """The configured number of waiting items is reached, or the store is out of memory."""


class ArrivalsError(QueueError):
    """Others queued something that the caller has not looked at yet; nothing of the call, or of its rest, was added."""


class StoreUnavailableError(QueueError):
    """Redis does not answer now; nothing was acknowledged, try again."""


class StoreRefusedError(QueueError):
    """The Redis given would lose answers (no append-only file, eviction, too old); the message says what to set."""
