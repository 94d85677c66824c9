"""Turns what redis-py raises into this package's errors, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from miners.errors import QueueFullError, StoreRefusedError, StoreUnavailableError

_TRANSIENT = (
    "MISCONF",  # the append-only file cannot be written: disk full or failing
    "LOADING",
    "READONLY",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "NOREPLICAS",
    "BUSY",
)


@contextmanager
def guarded() -> Iterator[None]:
    """Runs Redis commands.

    Raises:
        QueueFullError: the server is out of memory; nothing was written.
        StoreUnavailableError: it does not answer, or cannot write now; nothing was acknowledged.
        StoreRefusedError: it refuses us: wrong password, or commands that its access list forbids.
    """
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise QueueFullError(
            f"Redis is out of memory ({error}); raise maxmemory or export and archive items"
        ) from error
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        raise StoreRefusedError(f"Redis refuses access: {error}; check user, password and access list") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
        raise StoreUnavailableError(f"Redis does not answer: {error}") from error
    except exceptions.ResponseError as error:
        raise _from_reply(error) from error


def _from_reply(error: exceptions.ResponseError) -> Exception:
    """Errors that some servers report as plain text only, among them those raised inside a script."""
    text = str(error)
    if "OOM command not allowed" in text:
        return QueueFullError(f"Redis is out of memory ({text}); raise maxmemory or export and archive items")
    if isinstance(error, exceptions.ReadOnlyError) or text.startswith(_TRANSIENT) or "MISCONF" in text:
        return StoreUnavailableError(f"Redis cannot write now: {text}")
    return error
