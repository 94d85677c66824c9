"""deploy/serve.yaml, by which a Ray cluster that already runs takes the application."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from service.config import validate_config


@pytest.fixture
def content(root: Path) -> dict[str, Any]:
    """The file as it stands."""
    return dict(yaml.safe_load((root / "deploy/serve.yaml").read_text()))


def test_serve_accepts_the_file(content: dict[str, Any]):
    """Serve's own schema finds no unknown field and no wrong type."""
    deployed = ServeDeploySchema(**content)
    assert [application.name for application in deployed.applications] == ["hungjury"]
    assert deployed.http_options.host == "127.0.0.1"


def test_the_import_path_is_a_builder(content: dict[str, Any]):
    """What the file names can be imported and takes the one argument that Serve gives a builder."""
    module, _, name = content["applications"][0]["import_path"].partition(":")
    builder = getattr(importlib.import_module(module), name)
    assert len(inspect.signature(builder).parameters) == 1


def test_its_arguments_are_settings(content: dict[str, Any]):
    """The arguments are valid settings, and the values shown are the defaults."""
    arguments = content["applications"][0]["args"]
    assert validate_config(arguments) == validate_config({})


def test_no_secret_stands_in_it(content: dict[str, Any]):
    """What stands in a Serve config shows on the dashboard: the queue's address is not in it."""
    variables = content["applications"][0]["runtime_env"]["env_vars"]
    assert set(variables) == {"HUNGJURY_HOME"}
    assert "redis" not in content["applications"][0]["args"]
