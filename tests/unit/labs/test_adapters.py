"""What AWS's answers mean to us: refusals, names, user data, rights; and access by domain name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.labs import rights
from chalicelib.labs.rules import Phase
from chalicelib.runtime import bootscript, settings
from chalicelib.runtime.errors import Retryable, StillThere
from chalicelib.runtime.refusals import patiently
from tests.fakes.stories import refusal
from tests.unit.labs.conftest import ADA, Stage
from tests.unit.labs.test_rules import lab


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (refusal("RequestLimitExceeded"), Retryable),
        (refusal("IncorrectFileSystemLifeCycleState"), Retryable),
        (
            refusal(
                "InvalidParameterValue",
                "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            ),
            Retryable,
        ),
        (refusal("DependencyViolation"), StillThere),
        (refusal("DeleteConflict"), StillThere),
        (refusal("UnauthorizedOperation"), ClientError),
        (EndpointConnectionError(endpoint_url="https://x"), Retryable),
        (KeyError("x"), KeyError),
    ],
)
def test_refusals_are_sorted_by_what_helps(error: Exception, meant: type[Exception]) -> None:
    with pytest.raises(meant), patiently("Fine"):
        raise error


def test_what_is_done_already_is_passed_over() -> None:
    with patiently("EntityAlreadyExists"):
        raise refusal("EntityAlreadyExists")


@pytest.mark.parametrize("value", ["a'b", "a b", "$(x)", "a\nb", 'a"b', "`x`"])
def test_no_value_can_break_out_of_the_boot_script(value: str) -> None:
    with pytest.raises(ValueError, match="must not hold"):
        bootscript.script({"LAB_ID": value})


def test_a_labs_role_may_write_its_own_stream_and_fetch_its_bundle_and_no_more(aws_account: str) -> None:
    known = replace(settings.current(), artifacts_bucket="artifacts")
    statements = rights.statements("genomics-k3x9", known, ())
    by_name = {str(one["Sid"]): one for one in statements}
    assert str(by_name["WriteItsLog"]["Resource"]).endswith(":log-stream:genomics-k3x9")
    assert by_name["FetchItsBundle"]["Resource"] == "arn:aws:s3:::artifacts/host/*"
    stars = {sid for sid, one in by_name.items() if one["Resource"] == "*"}
    assert stars == {"BeReachedByTunnel"}


# ---- by domain name


@pytest.fixture
def domain(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, Any, str]:
    route53 = stage.account.real("route53")
    zone = route53.create_hosted_zone(Name="labs.example.org", CallerReference="x")["HostedZone"]["Id"].rpartition("/")[2]
    known = replace(
        settings.current(), access_mode="domain", domain_name="labs.example.org", hosted_zone_id=zone, allowed_cidr="192.0.2.0/24"
    )
    monkeypatch.setattr(settings, "current", lambda: known)
    return stage, route53, zone


def names(route53: Any, zone: str) -> dict[str, str]:
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {one["Name"].rstrip("."): one["ResourceRecords"][0]["Value"] for one in found if one["Type"] == "A"}


def test_by_domain_a_lab_has_a_name_that_follows_its_machine_and_goes_with_it(domain: tuple[Stage, Any, str]) -> None:
    stage, route53, zone = domain
    lab_id = stage.ready()
    host = f"{lab_id}.labs.example.org"
    assert stage.lab(lab_id).address == f"https://{host}"
    assert names(route53, zone) == {host: stage.machines(lab_id)[0]["PublicIpAddress"]}
    login = stage.as_(ADA).post(f"/labs/{lab_id}/login").json
    assert login["url"].startswith(f"https://{host}/hub/login?ticket=")
    assert login["tunnel"] is None
    stage.deleted(lab_id, data="delete")
    assert names(route53, zone) == {}
    receipt = stage.lab(lab_id).receipt
    assert receipt
    assert "dns-record" in [one.kind for one in receipt.removed]


def test_by_domain_only_the_allowed_network_reaches_only_the_web_ports(domain: tuple[Stage, Any, str]) -> None:
    stage, _, _ = domain
    lab_id = stage.ready()
    group = stage.machines(lab_id)[0]["SecurityGroups"][0]["GroupId"]
    rules = stage.account.real("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    opened = {(rule["FromPort"], rule["ToPort"], rule["IpRanges"][0]["CidrIp"]) for rule in rules}
    assert opened == {(80, 80, "192.0.2.0/24"), (443, 443, "192.0.2.0/24")}


def test_by_domain_orders_name_the_host(domain: tuple[Stage, Any, str]) -> None:
    stage, _, _ = domain
    lab_id = stage.ready()
    orders = stage.say(lab_id, "heartbeat", boot_id="b").json
    assert orders["access"] == {"mode": "domain", "host": f"{lab_id}.labs.example.org"}
    assert orders["heartbeat_seconds"] == 30


def test_storage_lets_only_the_labs_own_machine_in(stage: Stage) -> None:
    lab_id = stage.ready()
    name = f"aws-research-wizard-test-{lab_id}"
    real = stage.account.real("ec2")
    groups = real.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{name}-storage"]}])["SecurityGroups"]
    (rule,) = groups[0]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (2049, 2049, [])
    assert rule["UserIdGroupPairs"][0]["GroupId"] == stage.machines(lab_id)[0]["SecurityGroups"][0]["GroupId"]
    files = stage.account.real("efs").describe_file_systems(FileSystemId=stage.lab(lab_id).file_system_id)["FileSystems"][0]
    assert files["Encrypted"]


def test_machine_of_another_stage_is_no_news(stage: Stage) -> None:
    from chalicelib.labs import reconcile

    lab_id = stage.ready()
    machine = stage.lab(lab_id).instance_id
    stage.account.real("ec2").create_tags(Resources=[machine], Tags=[{"Key": "aws-research-wizard:stage", "Value": "prod"}])
    stage.account.real("ec2").terminate_instances(InstanceIds=[machine])
    reconcile.machine_changed(machine, stage.now)
    assert stage.lab(lab_id).phase is Phase.READY


def test_machine_of_an_unknown_lab_is_reported_and_left(stage: Stage) -> None:
    tags = [{"Key": f"aws-research-wizard:{key}", "Value": value} for key, value in (("lab", "genomics-zzzz"), ("stage", "test"))]
    made = stage.account.real("ec2").run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    assert stage.sweep().orphans == 0
    assert stage.alive("genomics-zzzz") == [made["Instances"][0]["InstanceId"]]


def test_default_network_is_used_when_none_is_named_and_a_lab_always_stands_in_the_same_subnet(stage: Stage) -> None:
    from chalicelib.labs import ec2

    assert ec2.place("genomics-k3x9") == ec2.place("genomics-k3x9")
    assert len({ec2.place(f"genomics-aaa{n}").subnet_id for n in range(9)}) > 1


def test_hypothetical_lab_has_all_its_tags() -> None:
    from chalicelib.labs import naming

    tags = naming.tags("aws-research-wizard-test", "test", lab(), "us-east-1")
    assert {key.partition(":")[2] for key in tags} == {"", "lab", "owner", "team", "stage", "region"}
