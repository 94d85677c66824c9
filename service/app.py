"""The Serve application: one deployment per member group, and the ingress that joins them."""

from functools import partial
from pathlib import Path
from typing import Any

from ensemble.artifacts import Artifact, current_artifact
from ensemble.members.specs import JudgeSpec
from ensemble.scorer import Scorer
from ensemble.tasks.task import load_task
from miners.attack.saliency import MidwayGuide
from miners.rewrites.modelled import ENCODER
from service.cascading import gate_of
from service.config import AttackConfig, GroupConfig, validate_config
from service.deployments.ingress import bind_ingress
from service.deployments.saliency import bind_saliency
from service.deployments.scorer import bind_scorer
from service.sizing import sized
from service.webhooks import hooks_of


def build_app(args: dict[str, Any]) -> Any:
    """The application for `serve.run`, `serve run` and `serve deploy`.

    Args:
        args: settings, see `service.config.Config`. The queue's address may come from HUNGJURY_REDIS_URL on the nodes.

    Returns:
        A `ray.serve.Application`.

    Raises:
        InputError: a setting is wrong.
        ArtifactError: the task is not prepared on this machine, or was before there was the cascade that is wanted.
    """
    config = sized(validate_config(args))
    hooks_of(config.webhooks)  # refused here where a secret is missing
    task = load_task(config.task).name
    artifact = current_artifact(task)
    members = {group: artifact.members(group, device=_device(config.group(group))) for group in artifact.groups}
    gate_of(config.cascade, artifact.joint, members)  # refused here, in words, and not by a replica that fails to start
    judge = config.panel.judge
    limits = judge if judge is not None and judge.remote else None
    scorers = {
        group: bind_scorer(group, partial(load_scorer, task, group, settings, limits), settings, columns)
        for group, columns in members.items()
        for settings in (config.group(group),)
    }
    if not config.attack.enabled:
        return bind_ingress(config, artifact.joint, members, scorers)
    why = without_gradients(artifact)
    gradients = None if why else bind_saliency(partial(load_guide, artifact.path, config.attack), config.attack)
    return bind_ingress(config, artifact.joint, members, scorers, gradients, why)


def without_gradients(artifact: Artifact) -> str:
    """Why the deployed member has no gradients; empty where it has."""
    deployed = artifact.joint.deployed
    kinds = {member.name: member.kind for group in artifact.groups for member in artifact.members(group)}
    if kinds[deployed] != ENCODER:
        return f"the deployed member {deployed!r} is of kind {kinds[deployed]!r}; only an encoder has gradients"
    return ""


def load_guide(path: Path, settings: AttackConfig) -> MidwayGuide:
    """The torch twin of the encoder of the artifact that serves, whichever is in use by now.

    Raises:
        ArtifactError: a file was changed, or is no export of the packaged encoder.
    """
    from ensemble.training.encoder_twin import EncoderTwin

    artifact = Artifact(path)
    artifact.verify(f"{ENCODER}/")
    return EncoderTwin(artifact.path / ENCODER, threads=max(1, round(settings.num_cpus)))


def load_scorer(task: str, group: str, settings: GroupConfig, limits: JudgeSpec | None = None) -> Scorer:
    """A group's scorer from the artifact in use on this machine.

    Args:
        task: its name.
        group: one of the artifact's.
        settings: of that group.
        limits: what a remote judge goes by; None = as when it was prepared.

    Raises:
        ArtifactError: none is prepared here.
    """
    threads, device = settings.threads or 1, _device(settings)
    return current_artifact(task).load_scorer(group, threads=threads, device=device, limits=limits)


def _device(settings: GroupConfig) -> str | None:
    return "cuda" if settings.num_gpus > 0 else None
