"""Secrets Manager and Systems Manager: what is looked up by name."""

from __future__ import annotations

from tests.contract.truths.core import Place, refusal, truth


@truth("AWS Secrets Manager API Reference: GetSecretValue")
def a_secret_that_never_was_is_ResourceNotFoundException(place: Place) -> None:  # noqa: N802
    call = place.client("secretsmanager").get_secret_value
    assert refusal(lambda: call(SecretId=place.word("nobody"))) == "ResourceNotFoundException"


@truth("AWS Systems Manager API Reference: GetParameter")
def a_parameter_that_never_was_is_ParameterNotFound(place: Place) -> None:  # noqa: N802
    assert refusal(lambda: place.client("ssm").get_parameter(Name=f"/{place.word('nobody')}")) == "ParameterNotFound"
