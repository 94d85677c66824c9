"""The Serve application: one deployment per member group, and the ingress that joins them."""

from typing import Any

from ensemble.artifacts import current_artifact
from ensemble.tasks.task import load_task
from service.config import validate_config
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
        ArtifactError: the task is not prepared on this machine.
    """
    config = validate_config(args)
    task = load_task(config.task).name
    artifact = current_artifact(task)
    members = {group: artifact.members(group) for group in artifact.groups}
    scorers = {group: bind_scorer(task, group, config.group(group), members[group]) for group in artifact.groups}
    return bind_ingress(config, artifact.joint, members, scorers)
