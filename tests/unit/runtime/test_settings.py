"""Settings are read once, name what is missing, and learn the account from the first invocation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.runtime import settings
from chalicelib.runtime.settings import Misconfigured, Settings
from tests.conftest import ACCOUNT, Context

ENV = {"STAGE": "dev", "PREFIX": "aws-research-wizard-dev", "AWS_REGION": "eu-central-1"}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    settings.forget()
    yield
    settings.forget()


@pytest.mark.parametrize("name", ["STAGE", "PREFIX"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_env({key: value for key, value in ENV.items() if key != name})


def test_a_missing_region_is_named() -> None:
    with pytest.raises(Misconfigured, match="AWS_DEFAULT_REGION"):
        Settings.from_env({"STAGE": "dev", "PREFIX": "p"})


@pytest.mark.parametrize(
    ("name", "value"), [("ACCESS_MODE", "vpn"), ("MAX_LABS_PER_TEAM", "many"), ("BOOT_TIMEOUT_SECONDS", "-1")]
)
def test_a_senseless_value_is_named_with_what_it_says(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"{name} is '{value}'"):
        Settings.from_env(ENV | {name: value})


def test_blank_values_mean_the_default() -> None:
    known = Settings.from_env(ENV | {"MAX_LABS_PER_TEAM": "", "ALLOWED_FAMILIES": "", "IMAGE_PARAMETER": "", "ACCESS_MODE": ""})
    assert (known.max_labs_per_team, known.allowed_families, known.access_mode) == (10, (), "tunnel")
    assert known.image_parameter.startswith("/aws/service/debian")


def test_lists_are_read_from_commas() -> None:
    known = Settings.from_env(ENV | {"SUBNET_IDS": "subnet-1, subnet-2,", "ALLOWED_FAMILIES": "r6i,m6i"})
    assert known.subnet_ids == ("subnet-1", "subnet-2")
    assert known.allowed_families == ("r6i", "m6i")


def test_the_first_invocation_teaches_account_and_partition() -> None:
    assert settings.seen(Context()).account == ACCOUNT
    known = settings.current()
    assert known.state_machine_arn("provision_lab") == (
        f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:aws-research-wizard-test-provision_lab"
    )
    assert known.execution_arn("stop_lab", "x-1").endswith(":execution:aws-research-wizard-test-stop_lab:x-1")


def test_an_arn_before_the_account_is_known_says_what_is_missing() -> None:
    settings.seen(object())
    with pytest.raises(Misconfigured, match="ACCOUNT"):
        settings.current().state_machine_arn("stop_lab")


def test_names_follow_the_prefix() -> None:
    known = Settings.from_env(ENV)
    assert known.table("labs") == "aws-research-wizard-dev-labs"
    assert known.bus == "aws-research-wizard-dev-facts"
    assert known.login_key_secret == "aws-research-wizard-dev-login-key"
    with pytest.raises(Misconfigured, match="BUNDLE_KEY"):
        known.need("bundle_key")
