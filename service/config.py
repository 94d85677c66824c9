"""Everything that can be set, as one frozen tree: defaults here, then a YAML file, then the environment."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from ensemble.errors import InputError
from ensemble.labels.settings import LabelSettings, Ordering
from ensemble.members.specs import DEFAULT_MEMBERS, MemberSpecs
from ensemble.tasks.task import DEFAULT_TASK
from ensemble.text import MAX_TEXT_CHARS

MIB = 1024 * 1024

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ServerConfig(_Section):
    """The HTTP side.

    Attributes:
        host: address to listen on; loopback unless said otherwise.
        port: TCP port of everything served over HTTP.
        max_inputs: most texts in one request.
        max_text_chars: longest text or context, in characters.
        max_body_bytes: longest request body, in bytes.
        max_ongoing_requests: requests that one ingress replica works on at once.
        max_queued_requests: requests that wait in front of the ingress; more get 503 and Retry-After.
        request_timeout_seconds: a request that takes longer is given up.
        retry_after_seconds: what a refused caller is told to wait.
        replicas: ingress replicas.
        num_cpus: CPUs booked per ingress replica (bookkeeping, not a limit).
        profile: how callers reach the ingress: fast (HAProxy, on Linux), plain (Ray Serve's own proxy), or auto, the
            fastest that the machine has; for a local Ray, as a cluster's is decided where it is started.
    """

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=1, le=65_535)
    max_inputs: Count = 256
    max_text_chars: int = Field(default=MAX_TEXT_CHARS, ge=1, le=MAX_TEXT_CHARS)
    max_body_bytes: int = Field(default=4 * MIB, ge=1024)
    max_ongoing_requests: Count = 64
    max_queued_requests: Count = 128
    request_timeout_seconds: Seconds = 150.0
    retry_after_seconds: Count = 2
    replicas: Count = 1
    num_cpus: float = Field(default=0.1, ge=0)
    profile: Literal["auto", "fast", "plain"] = "auto"


class AccessConfig(_Section):
    """Who may ask how much, and how long a browser stays signed in.

    Each ingress replica counts on its own, so that r of them let through up to r times as much.

    Attributes:
        trusted_proxies: addresses or networks whose `X-Forwarded-For`, `-Proto` and `-Host` are believed: this
            machine, for the service's own front, and whatever stands before it.
        wrong_keys_per_minute: wrong keys from one address (IPv6: /64) after which unknown ones are not looked at.
        score_requests_per_minute: of one key with that role; None = no limit. A key may have a limit of its own.
        label_requests_per_minute: as above; nobody who reads what they answer comes near it.
        admin_requests_per_minute: as above.
        session_idle_seconds: a browser that asks for nothing for so long is signed out.
        session_seconds: and after so long in any case.
    """

    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    wrong_keys_per_minute: Count = 20
    score_requests_per_minute: Count | None = None
    label_requests_per_minute: Count | None = 1200
    admin_requests_per_minute: Count | None = None
    session_idle_seconds: float = Field(default=7200, ge=1, le=31 * 86_400, allow_inf_nan=False)
    session_seconds: float = Field(default=43_200, ge=1, le=31 * 86_400, allow_inf_nan=False)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            ipaddress.ip_network(one)  # its ValueError says what is wrong
        return given


class GroupConfig(_Section):
    """One member group: the members that come out of one forward pass, served by one deployment.

    Attributes:
        replicas: processes that serve it; None = see `service.sizing`: as measured on this machine, else 1.
        num_cpus: CPUs booked per replica (bookkeeping, not a limit).
        num_gpus: GPUs booked per replica; above 0 the members run on CUDA.
        threads: threads of one forward pass; None = as measured, else 1, or 2 for a language model.
        max_batch_size: texts in one forward pass.
        batch_wait_seconds: how long a lone request waits for company; 0 = not at all.
        deadline_seconds: without an answer by then, the verdict goes on without the group; counted from the request's
            start, also where a cascade asks the group after others.
        max_queued: texts that may wait in one replica; more are refused at once.
        cache_texts: texts whose scores each replica remembers, at about 300 bytes each; 0 = none. Replicas do not
            share, and a request goes to any of them: with r replicas a text is scored up to r times.
    """

    replicas: Count | None = None
    num_cpus: float = Field(default=0.1, ge=0)
    num_gpus: float = Field(default=0.0, ge=0)
    threads: Count | None = None
    max_batch_size: Count = 64
    batch_wait_seconds: float = Field(default=0.001, ge=0, le=1)
    deadline_seconds: Seconds = 30.0
    max_queued: Count = 4096
    cache_texts: int = Field(default=50_000, ge=0, le=100_000_000)


DEFAULT_GROUPS: Mapping[str, Mapping[str, Any]] = {
    "encoder": {"num_cpus": 0.2},
    "keyword": {},
    # Two texts a second are the slowest seen (90-word passages, one busy core): 256 of them must make the deadline.
    "language_model": {"num_cpus": 0.5, "deadline_seconds": 130.0, "max_batch_size": 32},
    # Above the judge's own deadline for a question, so that a late answer to a single text is not thrown away.
    "remote_judge": {"deadline_seconds": 60.0, "max_batch_size": 32},
}
"""Settings of the default groups where they differ from `GroupConfig`; a file overrides single fields of them."""


GroupName = Literal["encoder", "keyword", "language_model", "remote_judge"]


class CascadeConfig(_Section):
    """Asking the expensive members only where their answer can matter.

    Attributes:
        enabled: whether they are left out anywhere.
        tolerance: expected change from which a text is given to them: of the decision (probability that it turns), of
            the posterior (mean distance) or of the place among the highest priorities (probability). 0 = always. It
            bounds each text; the mean over all texts is far below it.
        top_share: share of all texts that counts as those of highest priority.
        audit_share: share of the texts that can do without them that is given to them all the same, drawn at random.
        expensive: the member groups concerned; those that the panel lacks do not matter.
        seed: of the draw; the same text is always treated alike.
    """

    enabled: bool = False
    tolerance: float = Field(default=0.1, ge=0, le=1)
    top_share: float = Field(default=0.1, gt=0, le=1)
    audit_share: float = Field(default=0.02, gt=0, le=1)
    expensive: tuple[GroupName, ...] = Field(default=("language_model", "remote_judge"), min_length=1)
    seed: int = Field(default=0, ge=0)


class QueueConfig(_Section):
    """The queue of texts for people.

    Attributes:
        answers_per_item: answers wanted per item (k).
        lease_seconds: how long a rater holds an item unless they ask for another time.
        max_lease_seconds: longest hold that may be asked for.
        max_leases_per_request: most items in one lease request.
        waiting_limit: items that may wait; beyond it enqueueing is refused.
        gold_share: probability that an item served is gold, a text of known label, where there is any that the rater
            has not had.
    """

    answers_per_item: int = Field(default=2, ge=1, le=100)
    lease_seconds: Seconds = 300.0
    max_lease_seconds: Seconds = 3600.0
    max_leases_per_request: Count = 50
    waiting_limit: Count = 1_000_000
    gold_share: float = Field(default=0.03, ge=0, le=1)


class LabelsConfig(_Section):
    """How answers become labels.

    Attributes:
        by: "model" weighs answers by how reliable their raters are, a little after the majority's label is set;
            "majority" leaves it at that, a tie being yes.
        order: when one more answer is ordered for a labelled text: "split" where answers differ and another one could
            change the label, "worth" wherever that is worth its cost, "never".
        pause_seconds: between two looks at new answers.
        model: what is assumed of raters, and what errors and answers cost.
    """

    by: Literal["model", "majority"] = "model"
    order: Ordering = "split"
    pause_seconds: Seconds = 5.0
    model: LabelSettings = LabelSettings()


class LiveTrafficConfig(_Section):
    """Keeping a random sample of the texts that are scored over HTTP, so that campaigns can mine them.

    Off unless switched on: it stores what users wrote. Within a window each distinct text has the same known
    probability of being kept; see `miners.queue.traffic`.

    Attributes:
        enabled: whether texts are kept.
        size: distinct texts kept a window, at most.
        max_megabytes: store for them a window, at most.
        window_hours: length of a window.
        windows: windows kept; a text is deleted this many window lengths after its window began, at the latest.
    """

    enabled: bool = False
    size: int = Field(default=10_000, ge=1, le=1_000_000)
    max_megabytes: int = Field(default=64, ge=1, le=65_536)
    window_hours: float = Field(default=24.0, ge=0.01, le=24 * 366, allow_inf_nan=False)
    windows: int = Field(default=7, ge=1, le=366)


class MiningConfig(_Section):
    """Defaults of a campaign.

    Attributes:
        budget_texts: texts scored per campaign.
        round_size: texts proposed and scored per round.
        queue_size: items that a campaign may queue.
        audit_share: share of the queued items drawn from texts on which all members agree.
        near_duplicate_similarity: texts at least this alike (Jaccard, 0 to 1) count as one.
        generation_tokens: longest language-model continuation, in tokens.
        strategy: how texts are selected: "adaptive" learns from every answer, "ranked" goes by the panel alone.
        second_votes: share of a campaign's places that "adaptive" may spend on one more answer for labelled texts.
        seed: seed of everything drawn at random.
        num_cpus: CPUs booked for the campaign's actor (bookkeeping, not a limit).
        live_traffic: whether texts scored over HTTP are sampled, kept and mined.
    """

    budget_texts: Count = 1000
    round_size: Count = 256
    queue_size: Count = 100
    audit_share: float = Field(default=0.1, ge=0, le=0.9)
    near_duplicate_similarity: float = Field(default=0.85, gt=0, le=1)
    generation_tokens: int = Field(default=60, ge=1, le=1024)
    strategy: Literal["adaptive", "ranked"] = "ranked"
    second_votes: float = Field(default=0.2, ge=0, le=1)
    seed: int = Field(default=0, ge=0)
    num_cpus: float = Field(default=0.1, ge=0)
    live_traffic: LiveTrafficConfig = LiveTrafficConfig()


class AttackConfig(_Section):
    """The bench on which people attack the deployed member.

    Its gradients take a process of about 0.5 GB, which is there only while somebody attacks; the rest is done by the
    members' own processes.

    Attributes:
        enabled: whether it is there at all.
        max_text_chars: longest text or context that may be worked on, in characters.
        replacements: words scored in a word's place.
        insertions: words scored beside it; whoever asks for more gets four times as many of both.
        near_duplicate_similarity: earlier attacks and findings at least this alike (Jaccard, 0 to 1) are pointed out.
        requests_at_once: requests of one person that may be under way.
        patience_seconds: how long a text waits for the gradients before it is shown without them.
        idle_seconds: after so long without a request the process with the gradients ends.
        num_cpus: CPUs booked for it (bookkeeping, not a limit).
    """

    enabled: bool = True
    max_text_chars: int = Field(default=5_000, ge=1, le=MAX_TEXT_CHARS)
    replacements: int = Field(default=3, ge=0, le=64)
    insertions: int = Field(default=1, ge=0, le=64)
    near_duplicate_similarity: float = Field(default=0.6, gt=0, le=1)
    requests_at_once: Count = 4
    patience_seconds: Seconds = 3.0
    idle_seconds: Seconds = 600.0
    num_cpus: float = Field(default=0.1, ge=0)


class RayConfig(_Section):
    """The local Ray; ignored where `RAY_ADDRESS` names a cluster.

    Attributes:
        num_cpus: CPUs that Ray books; None = what the machine has.
        object_store_memory_bytes: shared memory for objects; Ray's minimum is 75 MiB.
        dashboard: whether the dashboard runs.
        dashboard_host: address of the dashboard; loopback unless said otherwise.
        dashboard_port: None = 8265, or the next free one.
    """

    num_cpus: int | None = Field(default=None, ge=1)
    object_store_memory_bytes: int = Field(default=100 * MIB, ge=75 * MIB)
    dashboard: bool = True
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int | None = Field(default=None, ge=1, le=65_535)


class RedisConfig(_Section):
    """Where the queue is kept.

    Attributes:
        url: redis://, rediss:// or unix:// address; None = an embedded server in the state directory.
    """

    url: SecretStr | None = None


class WebhookConfig(_Section):
    """A program that is told of findings; see `service.webhooks`.

    Attributes:
        url: what is POSTed to; https, unless `private`.
        secret_env: name of the environment variable with the key of the signature, at best "whsec_" and Base64.
        kinds: which findings it is told of.
        texts: whether it is sent texts, and notes and spans of answers.
        private: whether it may lie at a loopback, private or link-local address.
        timeout_seconds: without an acknowledgement by then, the attempt has failed.
    """

    url: str = Field(max_length=2_000)
    secret_env: str = Field(min_length=1, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    kinds: tuple[Literal["FN", "FP"], ...] = Field(default=("FN", "FP"), min_length=1)
    texts: bool = True
    private: bool = False
    timeout_seconds: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)

    @model_validator(mode="after")
    def _safe(self) -> Self:
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise ValueError("url is no address") from None
        allowed = ("https", "http") if self.private else ("https",)
        if parts.scheme not in allowed or not parts.hostname or port == 0:
            raise ValueError(f"url must begin with {' or '.join(f'{one}://' for one in allowed)} and name a host")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("url must hold no user, password or fragment")
        return self


class Config(_Section):
    """All settings.

    Attributes:
        task: name of the task served, or its folder.
        panel: which members there are, and which language model or endpoint the judge is.
        members: how they are served, by member group; groups and fields left out keep their defaults.
        webhooks: programs that are told of findings.
    """

    server: ServerConfig = ServerConfig()
    access: AccessConfig = AccessConfig()
    task: str = Field(default=DEFAULT_TASK, min_length=1)
    panel: MemberSpecs = DEFAULT_MEMBERS
    members: dict[str, GroupConfig] = Field(default_factory=dict)
    cascade: CascadeConfig = CascadeConfig()
    queue: QueueConfig = QueueConfig()
    labels: LabelsConfig = LabelsConfig()
    mining: MiningConfig = MiningConfig()
    attack: AttackConfig = AttackConfig()
    ray: RayConfig = RayConfig()
    redis: RedisConfig = RedisConfig()
    webhooks: tuple[WebhookConfig, ...] = ()

    @field_validator("webhooks")
    @classmethod
    def _once(cls, given: tuple[WebhookConfig, ...]) -> tuple[WebhookConfig, ...]:
        if len({one.url for one in given}) < len(given):
            raise ValueError("two webhooks have one url")
        return given

    @field_validator("members", mode="before")
    @classmethod
    def _over_defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        merged: dict[str, Any] = {name: dict(settings) for name, settings in DEFAULT_GROUPS.items()}
        for name, settings in given.items():
            known = merged.get(name, {})
            merged[name] = {**known, **settings} if isinstance(settings, Mapping) else settings
        return merged

    def group(self, name: str) -> GroupConfig:
        """Settings of a member group; defaults for one that is not mentioned."""
        return self.members.get(name, GroupConfig())


ENVIRONMENT: Mapping[str, tuple[str, str]] = {
    "HUNGJURY_HOST": ("server", "host"),
    "HUNGJURY_PORT": ("server", "port"),
    "HUNGJURY_REDIS_URL": ("redis", "url"),
}
"""Environment variables that override a setting; an empty one counts as unset."""


def load_config(path: Path | str | None = None) -> Config:
    """Settings from a YAML file (none: all defaults) with the environment's on top.

    Raises:
        InputError: the file cannot be read, or a setting is wrong; `field` is its dotted path or the variable's name.
    """
    settings = _read(Path(path)) if path is not None else {}
    validate_config(settings)  # before the environment, so that a bad file is blamed on the file
    variables = {name: value for name in ENVIRONMENT if (value := os.environ.get(name))}
    for name, value in variables.items():
        section, key = ENVIRONMENT[name]
        settings[section] = {**(settings.get(section) or {}), key: value}
    blame = {".".join(ENVIRONMENT[name]): name for name in variables}
    return validate_config(settings, blame=blame)


def validate_config(settings: Mapping[str, Any], *, blame: Mapping[str, str] | None = None) -> Config:
    """Settings from a plain dict.

    Args:
        settings: as read from YAML or JSON.
        blame: dotted path -> name to show instead, e.g. of the environment variable that the value came from.

    Raises:
        InputError: the first setting that is wrong.
    """
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        path = ".".join(map(str, detail["loc"]))
        field = (blame or {}).get(path, path)
        raise InputError(f"{field}: {detail['msg']}", field=field) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", field="config") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}", field="config") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold settings by name, not a {type(content).__name__}", field="config")
    return content
