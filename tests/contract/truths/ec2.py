"""EC2: machines and security groups."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import IMAGE, Place, named, refusal, truth

RUN = "Amazon EC2 API Reference: RunInstances"
IDEMPOTENT = "Amazon EC2 Developer Guide: Ensuring idempotency in Amazon EC2 API requests"
ERRORS = "Amazon EC2 Developer Guide: Error codes for the Amazon EC2 API"
LIFE = "Amazon EC2 User Guide: Instance state changes"


def network(place: Place) -> tuple[str, str]:
    """A VPC and one of its subnets."""
    subnet = place.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]
    return subnet["VpcId"], subnet["SubnetId"]


def group(place: Place, name: str = "") -> str:
    vpc, _ = network(place)
    name = name or place.word("group")
    return str(place.client("ec2").create_security_group(GroupName=name, Description="for a test", VpcId=vpc)["GroupId"])


def run(place: Place, **more: Any) -> str:
    asked = {"MinCount": 1, "MaxCount": 1, "ImageId": IMAGE, "InstanceType": "m6i.large", "SubnetId": network(place)[1], **more}
    return str(place.client("ec2").run_instances(**asked)["Instances"][0]["InstanceId"])


def state(place: Place, instance_id: str) -> str:
    pages = place.client("ec2").get_paginator("describe_instances").paginate(InstanceIds=[instance_id])
    return str(next(iter(pages))["Reservations"][0]["Instances"][0]["State"]["Name"])


def open_from(place: Place, group_id: str, source: str) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "UserIdGroupPairs": [{"GroupId": source}]}
    place.client("ec2").authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])


# ---- client tokens -------------------------------------------------------------------------------------------------------


@truth(IDEMPOTENT, moto="starts a second machine", ministack="starts a second machine")
def the_same_client_token_never_starts_a_second_machine(place: Place) -> None:
    token = place.word("token")
    assert run(place, ClientToken=token) == run(place, ClientToken=token)


@truth(IDEMPOTENT)
def another_client_token_starts_another_machine(place: Place) -> None:
    assert run(place, ClientToken=place.word("token")) != run(place, ClientToken=place.word("token"))


@truth(IDEMPOTENT, moto="starts a second machine", ministack="starts a second machine")
def the_same_client_token_with_other_parameters_is_IdempotentParameterMismatch(place: Place) -> None:  # noqa: N802
    token = place.word("token")
    run(place, ClientToken=token)
    said = refusal(lambda: run(place, ClientToken=token, InstanceType="m6i.xlarge"))
    assert said == "IdempotentParameterMismatch"


@truth(ERRORS, moto="starts a second machine", ministack="starts a second machine")
def the_client_token_of_a_terminated_machine_is_IdempotentInstanceTerminated(place: Place) -> None:  # noqa: N802
    token = place.word("token")
    made = run(place, ClientToken=token)
    place.client("ec2").terminate_instances(InstanceIds=[made])
    place.pass_time()
    assert refusal(lambda: run(place, ClientToken=token)) == "IdempotentInstanceTerminated"


# ---- capacity ------------------------------------------------------------------------------------------------------------


@truth(ERRORS, moto="sells without end", ministack="sells without end")
def a_type_that_is_sold_out_is_InsufficientInstanceCapacity_and_nothing_is_made(place: Place) -> None:  # noqa: N802
    place.sell_out("m6i.2xlarge")
    token, tags = place.word("token"), [{"ResourceType": "instance", "Tags": [{"Key": "sold", "Value": "out"}]}]
    asked = {"InstanceType": "m6i.2xlarge", "ClientToken": token, "TagSpecifications": tags}
    assert refusal(lambda: run(place, **asked)) == "InsufficientInstanceCapacity"
    pages = place.client("ec2").get_paginator("describe_instances").paginate(Filters=[{"Name": "tag:sold", "Values": ["out"]}])
    assert [page["Reservations"] for page in pages if page["Reservations"]] == []


@truth(ERRORS, moto="sells without end", ministack="sells without end")
def a_stopped_machine_of_a_sold_out_type_does_not_start(place: Place) -> None:
    made = run(place, InstanceType="m6i.4xlarge", ClientToken=place.word("token"))
    place.pass_time()
    place.client("ec2").stop_instances(InstanceIds=[made])
    place.pass_time()
    place.sell_out("m6i.4xlarge")
    assert refusal(lambda: place.client("ec2").start_instances(InstanceIds=[made])) == "InsufficientInstanceCapacity"
    assert state(place, made) == "stopped"


@truth(IDEMPOTENT, moto="sells without end", ministack="sells without end")
def a_client_token_that_was_served_is_answered_also_when_the_type_is_sold_out(place: Place) -> None:
    token = place.word("token")
    made = run(place, InstanceType="m6i.8xlarge", ClientToken=token)
    place.sell_out("m6i.8xlarge")
    assert run(place, InstanceType="m6i.8xlarge", ClientToken=token) == made


# ---- a machine's life ----------------------------------------------------------------------------------------------------


@truth(LIFE, moto="is running at once", ministack="is running at once")
def a_machine_is_pending_before_it_is_running(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    assert state(place, made) == "pending"
    place.pass_time()
    assert state(place, made) == "running"


@truth(LIFE, moto="is stopped at once", ministack="is stopped at once")
def a_machine_is_stopping_before_it_is_stopped(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    place.pass_time()
    place.client("ec2").stop_instances(InstanceIds=[made])
    assert state(place, made) == "stopping"
    place.pass_time()
    assert state(place, made) == "stopped"


@truth(LIFE)
def a_terminated_machine_can_still_be_seen_for_a_while(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    place.client("ec2").terminate_instances(InstanceIds=[made])
    place.pass_time()
    assert state(place, made) == "terminated"


@truth("Amazon EC2 API Reference: TerminateInstances")
def ending_a_machine_twice_is_no_error(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    for _ in range(2):
        place.client("ec2").terminate_instances(InstanceIds=[made])
        place.pass_time()


@truth("Amazon EC2 API Reference: StopInstances")
def stopping_a_stopped_machine_is_no_error(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    place.pass_time()
    for _ in range(2):
        place.client("ec2").stop_instances(InstanceIds=[made])
        place.pass_time()
    assert state(place, made) == "stopped"


@truth(ERRORS, moto="starts it", ministack="starts it")
def a_terminated_machine_cannot_be_started(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    place.client("ec2").terminate_instances(InstanceIds=[made])
    place.pass_time()
    assert refusal(lambda: place.client("ec2").start_instances(InstanceIds=[made])) == "IncorrectInstanceState"


@truth("Amazon EC2 API Reference: ModifyInstanceAttribute", moto="changes it", ministack="knows no such call")
def the_type_of_a_running_machine_cannot_be_changed(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    place.pass_time()
    change = {"InstanceId": made, "InstanceType": {"Value": "m6i.xlarge"}}
    assert refusal(lambda: place.client("ec2").modify_instance_attribute(**change)) == "IncorrectInstanceState"


@truth("Amazon EC2 API Reference: ModifyInstanceAttribute", ministack="knows no such call")
def the_type_of_a_stopped_machine_can_be_changed(place: Place) -> None:
    made = run(place, ClientToken=place.word("token"))
    place.pass_time()
    place.client("ec2").stop_instances(InstanceIds=[made])
    place.pass_time()
    place.client("ec2").modify_instance_attribute(InstanceId=made, InstanceType={"Value": "m6i.xlarge"})
    pages = place.client("ec2").get_paginator("describe_instances").paginate(InstanceIds=[made])
    assert next(iter(pages))["Reservations"][0]["Instances"][0]["InstanceType"] == "m6i.xlarge"


@truth(ERRORS)
def a_machine_that_never_was_is_InvalidInstanceID_NotFound(place: Place) -> None:  # noqa: N802
    for verb in ("terminate_instances", "stop_instances", "start_instances", "describe_instances"):
        call = getattr(place.client("ec2"), verb)
        assert named(call, InstanceIds=["i-0123456789abcdef0"]) == "InvalidInstanceID.NotFound"


@truth(RUN)
def a_machine_is_found_by_the_tags_it_was_made_with(place: Place) -> None:
    word = place.word("lab")
    made = run(place, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "lab", "Value": word}]}])
    pages = place.client("ec2").get_paginator("describe_instances").paginate(Filters=[{"Name": "tag:lab", "Values": [word]}])
    seen = [one["InstanceId"] for page in pages for held in page["Reservations"] for one in held["Instances"]]
    assert seen == [made]


# ---- security groups -----------------------------------------------------------------------------------------------------


@truth("Amazon EC2 API Reference: CreateSecurityGroup")
def a_second_group_of_one_name_is_InvalidGroup_Duplicate(place: Place) -> None:  # noqa: N802
    name = place.word("group")
    group(place, name)
    assert refusal(lambda: group(place, name)) == "InvalidGroup.Duplicate"


@truth("Amazon EC2 API Reference: DeleteSecurityGroup", moto="deletes it", ministack="deletes it")
def a_group_that_a_machine_uses_cannot_be_deleted(place: Place) -> None:
    used = group(place)
    made = run(place, SecurityGroupIds=[used])
    assert refusal(lambda: place.client("ec2").delete_security_group(GroupId=used)) == "DependencyViolation"
    place.pass_time()
    place.client("ec2").terminate_instances(InstanceIds=[made])
    place.pass_time()
    place.client("ec2").delete_security_group(GroupId=used)


@truth("Amazon EC2 API Reference: DeleteSecurityGroup", moto="deletes it", ministack="deletes it")
def a_group_that_another_groups_rule_names_cannot_be_deleted(place: Place) -> None:
    named, other = group(place), group(place)
    open_from(place, other, named)
    assert refusal(lambda: place.client("ec2").delete_security_group(GroupId=named)) == "DependencyViolation"
    place.client("ec2").delete_security_group(GroupId=other)
    place.client("ec2").delete_security_group(GroupId=named)


@truth(ERRORS)
def a_group_that_is_gone_is_InvalidGroup_NotFound(place: Place) -> None:  # noqa: N802
    gone = group(place)
    place.client("ec2").delete_security_group(GroupId=gone)
    assert refusal(lambda: place.client("ec2").delete_security_group(GroupId=gone)) == "InvalidGroup.NotFound"


@truth("Amazon EC2 API Reference: AuthorizeSecurityGroupIngress", ministack="takes it again")
def the_same_rule_twice_is_InvalidPermission_Duplicate(place: Place) -> None:  # noqa: N802
    one, source = group(place), group(place)
    open_from(place, one, source)
    assert refusal(lambda: open_from(place, one, source)) == "InvalidPermission.Duplicate"


@truth("Amazon EC2 API Reference: DescribeSecurityGroups")
def a_group_is_found_by_its_name_and_an_unknown_name_is_an_empty_list(place: Place) -> None:
    name = place.word("group")
    made = group(place, name)
    find = place.client("ec2").describe_security_groups
    assert [one["GroupId"] for one in find(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]] == [made]
    assert find(Filters=[{"Name": "group-name", "Values": ["nobody"]}])["SecurityGroups"] == []
