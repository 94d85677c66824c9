"""Settings: defaults, file, environment, and what a wrong one says."""

import pytest

from ensemble.errors import InputError
from service.config import Config, load_config, validate_config


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in ("HUNGJURY_PORT", "HUNGJURY_HOST", "HUNGJURY_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_no_file():
    """With nothing given, the service listens on loopback and knows its member groups."""
    config = load_config()
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8000)
    assert set(config.members) == {"encoder", "keyword", "language_model", "remote_judge"}
    assert config.redis.url is None


def test_one_field_of_a_group_keeps_the_others(tmp_path):
    """A file that sets one field of a group leaves the group's other defaults alone."""
    config = load_config(write(tmp_path, "members: {language_model: {replicas: 2}}"))
    assert config.group("language_model").replicas == 2
    assert config.group("language_model").deadline_seconds == Config().group("language_model").deadline_seconds
    assert config.group("encoder") == Config().group("encoder")


def test_the_cascade_is_off_unless_asked_for(tmp_path):
    """No text is spared a member by default; a file that enables the cascade keeps its other defaults."""
    assert not Config().cascade.enabled
    cascade = load_config(write(tmp_path, "cascade: {enabled: true, tolerance: 0.02}")).cascade
    assert (cascade.enabled, cascade.tolerance, cascade.expensive) == (True, 0.02, ("language_model", "remote_judge"))
    assert cascade.audit_share == Config().cascade.audit_share


def test_environment_beats_file(tmp_path, monkeypatch):
    """The environment's port, host and Redis win over the file's."""
    monkeypatch.setenv("HUNGJURY_PORT", "9123")
    monkeypatch.setenv("HUNGJURY_REDIS_URL", "redis://:secret@127.0.0.1:7000/0")
    config = load_config(write(tmp_path, "server: {port: 8001, max_inputs: 5}"))
    assert (config.server.port, config.server.max_inputs) == (9123, 5)
    assert config.redis.url.get_secret_value() == "redis://:secret@127.0.0.1:7000/0"
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("server: {port: 99999}", "server.port"),
        ("server: {prot: 1}", "server.prot"),
        ("members: {encoder: {replicas: 0}}", "members.encoder.replicas"),
        ("members: {encoder: 3}", "members.encoder"),
        ("members: [1]", "members"),
        ("queue: {answers_per_item: many}", "queue.answers_per_item"),
        ("mining: {audit_share: .nan}", "mining.audit_share"),
        ("cascade: {tolerance: 1.5}", "cascade.tolerance"),
        ("cascade: {audit_share: 0}", "cascade.audit_share"),
        ("cascade: {top_share: 0}", "cascade.top_share"),
        ("cascade: {expensive: []}", "cascade.expensive"),
        ("cascade: {expensive: [language_model, jugde]}", "cascade.expensive.1"),
        ("- a\n- b", "config"),
        ("a: [", "config"),
    ],
)
def test_wrong_setting_names_its_field(tmp_path, text, field):
    """A wrong setting is refused with its dotted path."""
    with pytest.raises(InputError) as caught:
        load_config(write(tmp_path, text))
    assert caught.value.field == field


def test_wrong_variable_is_named(monkeypatch):
    """A wrong environment variable is blamed by its own name."""
    monkeypatch.setenv("HUNGJURY_PORT", "http")
    with pytest.raises(InputError) as caught:
        load_config()
    assert caught.value.field == "HUNGJURY_PORT"
    assert "HUNGJURY_PORT" in str(caught.value)


def test_missing_file_is_named(tmp_path):
    """A configuration file that is not there is named."""
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml")


def test_round_trip_through_a_dict():
    """A dumped configuration validates to itself, so that it can travel as Serve arguments."""
    config = validate_config({"redis": {"url": "redis://127.0.0.1:1"}})
    assert Config.model_validate(config.model_dump()) == config
