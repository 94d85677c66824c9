"""The Serve application: one deployment per member group, and the ingress that joins them."""

from functools import partial
from typing import Any

from ensemble.artifacts import current_artifact
from ensemble.scorer import Scorer
from ensemble.tasks.task import load_task
from service.cascading import gate_of
from service.config import GroupConfig, validate_config
from service.deployments.ingress import bind_ingress
from service.deployments.scorer import bind_scorer


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
    config = validate_config(args)
    task = load_task(config.task).name
    artifact = current_artifact(task)
    members = {group: artifact.members(group) for group in artifact.groups}
    gate_of(config.cascade, artifact.joint, members)  # refused here, in words, and not by a replica that fails to start
    scorers = {
        group: bind_scorer(group, partial(load_scorer, task, group, config.group(group)), config.group(group), columns)
        for group, columns in members.items()
    }
    return bind_ingress(config, artifact.joint, members, scorers)


def load_scorer(task: str, group: str, settings: GroupConfig) -> Scorer:
    """A group's scorer from the artifact in use on this machine.

    Raises:
        ArtifactError: none is prepared here.
    """
    device = "cuda" if settings.num_gpus > 0 else None
    return current_artifact(task).load_scorer(group, threads=settings.threads, device=device)
