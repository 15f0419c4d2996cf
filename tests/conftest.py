"""What every test may rely on: a stage called `test`, no real AWS, and the four tables when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.fakes.tables import Tables

STAGE_ENV = {
    "STAGE": "test",
    "PREFIX": "aws-research-wizard-test",
    "ACCESS_MODE": "local",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "aws-research-wizard",
    "POWERTOOLS_METRICS_NAMESPACE": "ResearchWizard",
    "POWERTOOLS_DEV": "false",
    "LOG_LEVEL": "INFO",
}
ACCOUNT = "123456789012"  # the one moto answers for
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


#: Files of tests that share something dear run in one worker, one after another; the others each in whatever worker is free.
TOGETHER = {
    "the cloud": ("test_audit", "test_backups", "test_bill", "test_costs", "test_activate", "test_upgrade"),
}
#: What takes longest begins first, so that no worker is left with it at the end.
LONGEST_FIRST = (
    "the cloud",
    "test_host_upgrade",
    "test_local_cloud",
    "test_host_hub",
    "test_rights_suffice",
    "test_notebooks",
    "test_idle_host",
    "test_baked_lab",
    "test_bake",
    "test_outage",
)


@pytest.hookimpl(tryfirst=True)  # before xdist, which reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests of the real local cloud belong together, and in which order they come; they come after all others."""
    groups = {file: (group, place) for group, files in TOGETHER.items() for place, file in enumerate(files)}
    places = {group: place for place, group in enumerate(LONGEST_FIRST)}

    def place(item: pytest.Item) -> tuple[int, int]:
        if not item.get_closest_marker("local_cloud"):
            return -1, 0
        group, within = groups.get(item.path.stem, (item.path.stem, 0))
        item.add_marker(pytest.mark.xdist_group(group))
        return places.get(group, len(places)), within

    items.sort(key=place)


class Context:
    """A Lambda context with what the code under test reads."""

    function_name = "aws-research-wizard-test-function"
    memory_limit_in_mb = 256
    aws_request_id = "00000000-0000-0000-0000-000000000000"
    invoked_function_arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def forget_everything() -> None:
    """Drop what the process keeps between invocations."""
    from chalicelib.people import service as people
    from chalicelib.runtime import aws, settings, store

    for module in (aws, settings, store, people):
        module.forget()


@pytest.fixture(scope="session", autouse=True)
def _stage() -> Iterator[None]:
    """The environment of a deployed function, with credentials that open nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID"):
            patch.delenv(name, raising=False)
        for name, value in STAGE_ENV.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture(scope="module")
def aws_account() -> Iterator[str]:
    """moto stands for AWS during one test module; a process-wide cache never outlives it."""
    from moto import mock_aws

    with mock_aws():
        forget_everything()
        from chalicelib.runtime import settings

        settings.seen(Context())
        yield ACCOUNT
    forget_everything()


@pytest.fixture(scope="module")
def tables(aws_account: str) -> Tables:
    """The stage's tables; calling the fixture with a table's name gives all of its items."""
    from chalicelib.runtime import aws
    from tests.fakes.tables import Tables

    made = Tables()
    made.serve(aws.session())
    return made


TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "people": {"by_person": ("person", "sk")},
    "limits": {},
    "labs": {"by_person": ("person", "lab_id"), "by_due": ("due_pk", "due"), "idle": ("idle_shard", "idle_at")},
    "facts": {},
    "cost": {"by_month": ("month", "place"), "open": ("shard", "due")},
    "audit": {"by_subject": ("subject", "sk"), "by_actor": ("actor", "sk")},
}


def table_definition(name: str, indexes: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """What CreateTable needs for one of the stage's tables."""
    attributes = {"pk", "sk"} | {attribute for keys in indexes.values() for attribute in keys}
    definition: dict[str, Any] = {
        "TableName": f"{STAGE_ENV['PREFIX']}-{name}",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _keys("pk", "sk"),
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"} for attribute in sorted(attributes)],
    }
    if indexes:
        definition["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": _keys(*keys),
                "Projection": {"ProjectionType": "ALL" if index in ("by_month", "idle") else "KEYS_ONLY"},
            }
            for index, keys in indexes.items()
        ]
    if name == "facts":
        definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    return definition


def _keys(hash_key: str, range_key: str) -> list[dict[str, str]]:
    return [{"AttributeName": hash_key, "KeyType": "HASH"}, {"AttributeName": range_key, "KeyType": "RANGE"}]
