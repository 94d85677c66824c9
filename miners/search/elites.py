"""An elite: the best text of its niche, with all that is needed to show it, to rewrite it and to doubt it again."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel, ConfigDict

from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.candidate import Candidate, Provenance, Scored
from miners.search.niches import Niche
from miners.search.objective import Worth, worth


class Elite(BaseModel):
    """A scored text in its niche.

    Attributes:
        text, context: the text.
        provenance: how it was made.
        verdict: what the panel said, with the members' versions.
        niche: where it belongs.
        worth: the objective and its parts.
        label: what people said of it; None until they do.
        severity: what people said, 0 to 4.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    context: str
    provenance: Provenance
    verdict: Verdict
    niche: Niche
    worth: Worth
    label: int | None = None
    severity: float | None = None

    @classmethod
    def of(cls, scored: Scored, niche: Niche, deployed: str) -> Elite:
        """A scored text as it would stand in the archive."""
        text, provenance = scored.candidate.text, scored.candidate.provenance
        return cls(
            text=text.text,
            context=text.context,
            provenance=provenance,
            verdict=scored.verdict,
            niche=niche,
            worth=worth(scored.verdict, provenance, deployed),
        )

    @cached_property
    def id(self) -> str:
        """Identity of the text."""
        return Text(self.text, self.context).id

    @property
    def candidate(self) -> Candidate:
        """The text as it was proposed."""
        return Candidate(Text(self.text, self.context), self.provenance)

    def labelled(self, label: int, severity: float | None, deployed: str) -> Elite:
        """The same with what people said of it."""
        known = worth(self.verdict, self.provenance, deployed, label=label, severity=severity)
        return self.model_copy(update={"label": label, "severity": severity, "worth": known})
