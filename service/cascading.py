"""The cascade in the service: which texts the expensive groups get, and in numbers what that saves and misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ensemble.cascade import Cascade, Changes, drawn
from ensemble.errors import InputError
from ensemble.panel import Asked, Joint
from ensemble.scorer import FloatArray, Member
from service import metrics as m
from service.config import CascadeConfig
from service.metrics import Metrics

BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """What is done with n texts.

    Attributes:
        needed: whether the expensive members could matter, shape (n,).
        audited: whether a text is given to them although they should not matter, shape (n,).
    """

    needed: BoolArray
    audited: BoolArray

    @property
    def asked(self) -> BoolArray:
        """Whether a text is given to the expensive members, shape (n,)."""
        return np.asarray(self.needed | self.audited, dtype=np.bool_)


class Gate:
    """Stands before the expensive groups.

    Attributes:
        groups: their names.
    """

    def __init__(self, settings: CascadeConfig, joint: Joint, members: Mapping[str, Sequence[Member]]) -> None:
        """Fits the cascade to the panel.

        Args:
            settings: what counts as a change, and which groups are expensive.
            joint: the panel's rule.
            members: of every group on the panel.

        Raises:
            ArtifactError: the panel was fitted before there was a cascade.
            InputError: the settings do not fit the panel.
        """
        self.groups = tuple(name for name in members if name in settings.expensive)
        if not self.groups:
            field = "cascade.expensive"
            raise InputError(
                f"{field}: none of these groups is on the panel, which has {', '.join(members)}", field=field
            )
        names = [member.name for group in self.groups for member in members[group]]
        self.cascade = Cascade(joint, names, tolerance=settings.tolerance, top=settings.top_share)
        self._settings = settings
        self._expensive = np.array([name in names for name in joint.members])
        self._audited, self._sums = 0, dict[str, float]()

    def plan(self, identities: Sequence[str], cheap: FloatArray) -> Plan:
        """Decides who is asked.

        Args:
            identities: of the texts.
            cheap: P(yes), shape (n, members), nan where a member did not answer or was not asked yet.
        """
        needed = self.cascade.needed(cheap)
        return Plan(needed, drawn(identities, self._settings.audit_share, self._settings.seed) & ~needed)

    def asked(self, plan: Plan) -> Asked:
        """The plan as verdicts tell it."""
        skipped = ~plan.asked[:, None] & self._expensive
        return Asked(skipped, np.where(plan.needed, 1.0, self._settings.audit_share))

    def record(self, plan: Plan, table: FloatArray, metrics: Metrics) -> None:
        """Counts what was saved, and from audited texts that all members answered what would have been missed.

        Args:
            plan: what was done.
            table: P(yes), shape (n, members), as it is in the end.
            metrics: takes the numbers.
        """
        skipped = int((~plan.asked).sum())
        outcomes = {"needed": int(plan.needed.sum()), "audited": int(plan.audited.sum()), "skipped": skipped}
        for outcome, texts in outcomes.items():
            metrics.add(m.CASCADE_TEXTS, texts, outcome=outcome)
        for name in self.cascade.expensive:
            metrics.add(m.CASCADE_SAVED, skipped, member=name)
        whole = plan.audited & ~np.isnan(table).any(axis=1)
        if whole.any():
            self._missed(self.cascade.realised(table[whole]), metrics)

    def _missed(self, changes: Changes, metrics: Metrics) -> None:
        self._audited += len(changes.decision)
        for what in ("decision", "posterior", "priority"):
            change = float(getattr(changes, what).sum())
            self._sums[what] = self._sums.get(what, 0.0) + change
            metrics.add(m.CASCADE_MISSED, change / self._settings.audit_share, what=what)
            metrics.set(m.CASCADE_MISSED_SHARE, self._sums[what] / self._audited, what=what)


def gate_of(settings: CascadeConfig, joint: Joint, members: Mapping[str, Sequence[Member]]) -> Gate | None:
    """The gate, or None where the cascade is off.

    Raises:
        ArtifactError: the panel was fitted before there was a cascade.
        InputError: the settings do not fit the panel.
    """
    return Gate(settings, joint, members) if settings.enabled else None
