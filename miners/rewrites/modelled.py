"""The models that rewrites go by, out of an artifact and the language model at hand; what is missing is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ensemble.artifacts import Artifact
from ensemble.errors import ArtifactError
from ensemble.scorer import Member
from ensemble.sensitivity import Guide
from ensemble.tasks.task import Lexicon
from miners.constraints import Constraints, Limits, Meaning
from miners.rewrites.carriers import NEAR, lexicon_words, plain_words
from miners.rewrites.flips import Flips
from miners.rewrites.infill import Infill
from miners.rewrites.neighbours import Neighbours
from miners.rewrites.operator import Operator
from miners.rewrites.paraphrase import Paraphrase
from miners.rewrites.synonyms import Synonyms
from miners.writer import Writer

BY_GRADIENT = "flips"
BY_WORDS = "synonyms"
WRITTEN = ("infill", "paraphrase")
"""Operators that a language model writes: dear, and with a label that only people can say."""

MODELLED = (BY_GRADIENT, BY_WORDS, *WRITTEN)
"""All operators that go by a model."""

FLUENCY, MEANING = "fluency", "meaning"
"""The two tests that go by a model."""

ENCODER = "encoder"
LANGUAGE_MODEL = "language_model"

_LIKENESS = 0.45
"""Least cosine of neighbours among the English words of a language model's output layer."""


@dataclass(frozen=True)
class RewriteModels:
    """What modelled operators and constraints are made of.

    Attributes:
        guide: gradients of the deployed member.
        neighbours: which word may stand in which word's place.
        meaning: sentence embeddings.
        writer: the language model.
        threshold: the deployed member's P(yes) from which it votes yes.
        missing: by operator or test, why it is not there.
    """

    guide: Guide | None = None
    neighbours: Neighbours | None = None
    meaning: Meaning | None = None
    writer: Writer | None = None
    threshold: float = 0.5
    missing: Mapping[str, str] = field(default_factory=dict)

    def operators(self, *, written: Sequence[str] = ()) -> dict[str, Operator]:
        """Modelled operators by name, made anew, so that each proposer is charged for its own.

        Args:
            written: which of `WRITTEN` are wanted.
        """
        made: list[Operator] = []
        if self.neighbours is not None:
            made += [] if self.guide is None else [Flips(self.guide, self.neighbours)]
            made.append(Synonyms(self.neighbours))
            if self.writer is not None and "infill" in written:
                made.append(Infill(self.writer.infill, self.neighbours))
        if self.writer is not None and "paraphrase" in written:
            made.append(Paraphrase(self.writer.paraphrase))
        return {operator.name: operator for operator in made}

    def constraints(self, limits: Limits | None = None) -> Constraints:
        """Fresh constraints with the tests that there are models for."""
        fluency = None if self.writer is None else self.writer.log_likelihoods
        return Constraints(limits, fluency=fluency, meaning=self.meaning)

    def missing_of(self, parts: Sequence[str]) -> dict[str, str]:
        """Why some operators or tests are not there."""
        return {part: self.missing[part] for part in parts if part in self.missing}


def rewrite_models(
    artifact: Artifact,
    lexicon: Lexicon | None,
    deployed: str,
    *,
    writer: Writer | None,
    serving: Mapping[str, str] | None = None,
    threads: int = 1,
) -> RewriteModels:
    """Loads what an artifact has.

    Args:
        artifact: of the running panel.
        lexicon: words on which the task's answer hangs; they stay.
        deployed: the member whose failures are hunted.
        writer: the language model; None where the panel has none.
        serving: versions of the members that answer, by name; None = those of the artifact.
        threads: CPU threads of a pass.

    Raises:
        ArtifactError: a file of the artifact was changed.
        MemberUnavailableError: the language model does not answer.
    """
    missing: dict[str, str] = {}
    guide = _guide(artifact, deployed, serving, threads, missing)
    embedder = artifact.path / "keyword" / "embedder"
    meaning = _meaning(artifact, threads, missing)
    neighbours = None
    if writer is None:
        missing |= dict.fromkeys((FLUENCY, *WRITTEN), "no member group has a language model of its own")
    if writer is None or meaning is None:
        missing.setdefault(BY_WORDS, f"which words are alike is not known: {missing.get(FLUENCY) or missing[MEANING]}")
        missing.setdefault(BY_GRADIENT, missing[BY_WORDS])
        missing.setdefault("infill", missing[BY_WORDS])
    else:
        words = writer.word_vectors(plain_words(embedder / "tokenizer.json"))
        neighbours = Neighbours(*words, carriers=lexicon_words(lexicon), likeness=_LIKENESS, distance=NEAR)
    return RewriteModels(guide, neighbours, meaning, writer, artifact.joint.vote_threshold(deployed), missing)


def without_models(why: str) -> RewriteModels:
    """Nothing but the reason."""
    return RewriteModels(missing=dict.fromkeys((*MODELLED, FLUENCY, MEANING), why))


def _guide(
    artifact: Artifact, deployed: str, serving: Mapping[str, str] | None, threads: int, missing: dict[str, str]
) -> Guide | None:
    """The deployed member's torch twin; None with the reason noted."""
    kinds = {name: kind for members in artifact.manifest.groups.values() for name, kind, _ in members}
    if kinds.get(deployed) != ENCODER:
        missing[BY_GRADIENT] = (
            f"the deployed member {deployed!r} is of kind {kinds.get(deployed)!r}; only an encoder has gradients"
        )
        return None
    if serving is not None and serving.get(deployed) not in (known := _versions(artifact, deployed)):
        missing[BY_GRADIENT] = (
            f"{deployed!r} serves in version {serving.get(deployed)} and lies here in version {', '.join(known)}; "
            "start the service again"
        )
        return None
    from ensemble.training.encoder_twin import EncoderTwin

    artifact.verify(f"{ENCODER}/")
    try:
        return EncoderTwin(artifact.path / ENCODER, threads=threads)
    except ArtifactError as error:
        missing[BY_GRADIENT] = str(error)
        return None


def _versions(artifact: Artifact, deployed: str) -> list[str]:
    """Versions of an encoder of this artifact, in whichever number format it may serve."""
    listed = [Member(*entry) for entry in artifact.manifest.groups[ENCODER]]
    members = [*listed, *artifact.members(ENCODER), *artifact.members(ENCODER, device="cuda")]
    return list(dict.fromkeys(member.version for member in members if member.name == deployed))


def _meaning(artifact: Artifact, threads: int, missing: dict[str, str]) -> Meaning | None:
    from ensemble.members.meaning import meaning_of

    if "keyword" in artifact.groups:
        artifact.verify("keyword/embedder")
    found = meaning_of(artifact, threads=threads)
    if found is None:
        missing[MEANING] = "the panel has no keyword member, whose embedder tells how far a text drifts"
    return found
