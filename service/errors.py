"""What can go wrong in running the service, as a tree; light to import."""

from ensemble.errors import MemberUnavailableError


class ServiceError(Exception):
    """Anything this package raises on purpose, except bad input."""


class StartError(ServiceError):
    """The service, or a part of it, cannot start; the message says what to do."""


class AlreadyRunningError(StartError):
    """A service runs on this state directory already."""


class AddressError(ServiceError):
    """Nothing may, or can, be sent to this host."""


class NotRunningError(ServiceError):
    """No service runs on this state directory."""


class OverloadedError(MemberUnavailableError):
    """Too many texts wait for a member already."""


class NoAnswerError(ServiceError, MemberUnavailableError):
    """No member answered, so there is nothing to base a verdict on."""
