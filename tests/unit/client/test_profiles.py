"""Where the API is, and which token goes there."""

import json
from pathlib import Path

import pytest

from aws_research_wizard.client import profiles
from aws_research_wizard.client.errors import WizardError


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"AWR_CONFIG": str(tmp_path / "deep" / "config.json")}


def test_a_saved_profile_is_the_current_one(env: dict[str, str]) -> None:
    profiles.save("local", "http://127.0.0.1:4566/api", "awr_1", env=env)
    assert profiles.current(env=env) == profiles.Profile("local", "http://127.0.0.1:4566/api", "awr_1")


def test_only_the_owner_can_read_the_tokens(env: dict[str, str]) -> None:
    file = profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["config.json"]


def test_a_second_profile_leaves_the_first_alone(env: dict[str, str]) -> None:
    profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    profiles.save("dev", "https://dev", "awr_2", make_current=False, env=env)
    assert profiles.current(env=env).name == "local"
    assert profiles.current("dev", env=env).token == "awr_2"


def test_the_environment_comes_first(env: dict[str, str]) -> None:
    profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    there = profiles.current(env=env | {"AWR_API_URL": "https://other", "AWR_TOKEN": "awr_9"})
    assert (there.url, there.token) == ("https://other", "awr_9")


def test_a_profiles_token_never_goes_to_another_address(env: dict[str, str]) -> None:
    profiles.save("local", "http://127.0.0.1/api", "awr_1", env=env)
    assert profiles.current(env=env | {"AWR_API_URL": "https://elsewhere"}).token == ""
    assert profiles.current(env=env | {"AWR_API_URL": "http://127.0.0.1/api/"}).token == "awr_1"


def test_nothing_configured_says_how_to_start(env: dict[str, str]) -> None:
    with pytest.raises(WizardError) as caught:
        profiles.current(env=env)
    assert "local up" in caught.value.hint


def test_an_unknown_profile_names_the_known_ones(env: dict[str, str]) -> None:
    profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    with pytest.raises(WizardError, match="no profile 'prod'") as caught:
        profiles.current("prod", env=env)
    assert "known: local" in caught.value.hint


def test_a_forgotten_profile_takes_its_token_along(env: dict[str, str]) -> None:
    file = profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    profiles.save("dev", "https://dev", "awr_2", env=env)
    assert profiles.forget("dev", env=env)
    assert not profiles.forget("dev", env=env)
    assert "awr_2" not in file.read_text()
    assert profiles.current(env=env).name == "local"


def test_a_damaged_file_is_named_and_left_alone(env: dict[str, str]) -> None:
    file = profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    file.write_text("{not json")
    with pytest.raises(WizardError, match="cannot read"):
        profiles.current(env=env)
    with pytest.raises(WizardError, match="cannot read"):
        profiles.save("dev", "https://dev", "awr_2", env=env)
    assert file.read_text() == "{not json"


def test_other_settings_in_the_file_survive(env: dict[str, str]) -> None:
    file = profiles.save("local", "http://127.0.0.1", "awr_1", env=env)
    file.write_text(json.dumps({**json.loads(file.read_text()), "theme": "dark"}))
    profiles.save("dev", "https://dev", "awr_2", env=env)
    assert json.loads(file.read_text())["theme"] == "dark"
