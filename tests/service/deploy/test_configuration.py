"""deploy/hungjury.yaml shows every default with a comment, and its schema is current."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ensemble.errors import InputError
from service.config import Config, load_config, validate_config


@pytest.fixture
def shown(root: Path) -> dict[str, Any]:
    """The settings in deploy/hungjury.yaml."""
    return dict(yaml.safe_load((root / "deploy/hungjury.yaml").read_text()))


@pytest.fixture
def schema(root: Path) -> dict[str, Any]:
    """The committed JSON schema."""
    return dict(json.loads((root / "deploy/hungjury.schema.json").read_text()))


def test_the_file_shows_the_defaults(root: Path):
    """Starting with deploy/hungjury.yaml is the same as starting without a file."""
    assert load_config(root / "deploy/hungjury.yaml") == load_config(None)


def test_the_file_shows_every_field(shown: dict[str, Any]):
    """No setting exists that the file does not show."""
    everything = validate_config({}).model_dump()
    assert set(_paths(everything)) - set(_paths(shown)) == set()


def test_every_field_is_commented(root: Path):
    """Each line with a value says what the value means, after it or, for a section, before it."""
    lines = (root / "deploy/hungjury.yaml").read_text().splitlines()
    values = [line for line in lines if re.match(r"\s*\w+: *[^#\s]", line)]
    assert len(values) > 40
    assert [line for line in values if " # " not in line] == []


def test_the_schema_is_current(schema: dict[str, Any]):
    """The committed schema is what the configuration classes say; `make schema` renews it."""
    assert schema == Config.model_json_schema()


def test_an_editor_finds_the_schema(root: Path):
    """The first line of the file names the schema beside it, in the form that editors read."""
    first = (root / "deploy/hungjury.yaml").read_text().splitlines()[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found is not None
    assert (root / "deploy" / found[1]).is_file()


def test_the_file_satisfies_its_schema(shown: dict[str, Any], schema: dict[str, Any]):
    """The shown defaults are valid by the schema that editors check with."""
    jsonschema.validate(shown, schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": {"prot": 8000}},
        {"server": {"port": 0}},
        {"members": {"encoder": {"threads": 0}}},
        {"ray": {"dashboard": "often"}},
    ],
)
def test_the_schema_refuses_what_the_program_refuses(wrong: dict[str, Any], schema: dict[str, Any]):
    """An unknown field, a value out of range and a wrong type are refused by schema and program alike."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
    with pytest.raises(InputError, match=r"prot|port|threads|dashboard"):
        validate_config(wrong)


def _paths(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
