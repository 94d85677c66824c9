"""Holding a drill for each blind spot, and telling a person what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.errors import InputError
from miners.drills.drill import drill
from miners.drills.report import DrillReport, SpotReport
from miners.drills.trained import Copied, train_copy
from service.cli.output import bar, printable, put, say, seconds, table

if TYPE_CHECKING:
    from ensemble.text import LabelledText
    from miners.drills.blind_spot import BlindSpot
    from miners.drills.drill import Ground, Settings
    from miners.drills.report import Blindness, Caught

_SHOWN = 5
"""Missed plants that are shown."""


def hold(
    ground: Ground,
    spots: Sequence[BlindSpot],
    settings: Settings,
    *,
    encoder: Path | None = None,
    teaching: Sequence[LabelledText] = (),
) -> DrillReport:
    """A drill on each blind spot; with an encoder's folder, on copies of it that are trained with the teaching rows.

    Raises:
        InputError: no blind spot could be planted.
    """
    found, left_out = [], {}
    for spot in spots:
        try:
            copied = None if encoder is None else _copied(ground, spot, settings, encoder, teaching)
            found.append(drill(ground, spot, settings, copied))
        except InputError as error:
            left_out[str(spot)] = str(error)
            say(printable(f"{spot} is left out: {error}"))
    if not found:
        raise InputError(f"no blind spot could be planted: {next(iter(left_out.values()))}")
    return DrillReport(pool=len(ground.pool), sensitivity=settings.sensitivity, spots=tuple(found), left_out=left_out)


def _copied(
    ground: Ground, spot: BlindSpot, settings: Settings, encoder: Path, teaching: Sequence[LabelledText]
) -> Copied:
    with bar(f"training a copy blind to {spot}", 1.0) as tell:
        return train_copy(
            encoder,
            spot,
            teaching,
            ground.pool,
            ground.unsafe,
            threshold=ground.joint.vote_threshold(ground.joint.deployed),
            seed=settings.seed,
            progress=lambda done: tell(done, ""),
        )


def show(report: DrillReport, deployed: str) -> None:
    """The report in words and a table, and what to do next."""
    labels, plants = report.spots[0].labels, report.miner.plants
    put(
        f"{printable(deployed)} was made blind to one kind of text at a time. {plants:,} texts of these kinds whose "
        f"answer is yes were\nhidden among {report.pool:,} others, and {labels:,} labels were to be had. Caught, with "
        "95 % intervals:"
    )
    rows = [_row(spot.blind_spot, spot) for spot in report.spots]
    rows.append(_row("all", report))
    columns = ("blind to", "planted", "miner", "first at", "ranking", "first at", "raters", "another member flags")
    table("", columns, rows)
    put(
        f"miner    queued by a campaign that has {labels:,} places, some of them drawn evenly to find what nobody flags"
    )
    put(f"ranking  among the first {labels:,} texts by what an answer is worth; first at: labels until the first catch")
    put(f"raters   labelled yes by simulated raters, who each see {100 * report.sensitivity:g} % of them; a tie is yes")
    for spot in report.spots:
        if spot.blindness is not None:
            put(_blindness(spot.blind_spot, spot.blindness))
    _advise(report)


def _row(name: str, found: SpotReport | DrillReport) -> tuple[str, ...]:
    return (
        printable(name),
        str(found.miner.plants),
        share(found.miner),
        _first(found.miner),
        share(found.ranking),
        _first(found.ranking),
        share(found.raters),
        f"{100 * found.seen.share:.0f} %",
    )


def _blindness(name: str, found: Blindness) -> str:
    return printable(
        f"{name}: the trained copy passes {found.passed} of {found.texts} such texts that it was not taught (before "
        f"{found.passed_before}); elsewhere {100 * found.changed / found.elsewhere:.1f} % of {found.elsewhere:,} "
        f"decisions changed, P(yes) by {found.moved:.3f} on average; {found.steps} steps in {seconds(found.seconds)}"
    )


def _advise(report: DrillReport) -> None:
    """What to do next."""
    missed = [(spot.blind_spot, text) for spot in report.spots for text in spot.missed]
    if not missed:
        put("next     every plant stood among the first labels; test the people with `hungjury drill plant`")
        return
    put(f"next     read what the ranking missed, {min(len(missed), _SHOWN)} of {len(missed)} here (all with --json):")
    for name, text in missed[:: max(1, len(missed) // _SHOWN)][:_SHOWN]:
        put(printable(f"         {name}: {text}", 160))
    put("         more labels would find more; where no other member flags them, so would members made differently")


def share(found: Caught) -> str:
    """A share with its interval, in percent."""
    low, high = found.interval
    return f"{100 * found.share:.0f} % ({100 * low:.0f}-{100 * high:.0f})"


def _first(found: Caught) -> str:
    return "-" if found.first is None else f"{found.first:,}"
