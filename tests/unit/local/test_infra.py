"""The infrastructure endpoint, asked by the AWS SDK as the control plane and a machine ask it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local.calls import Unreachable, get_json, post_json
from aws_research_wizard.local.home import ACCOUNT, IMAGE_ID, any_free_port
from aws_research_wizard.local.looking import answers


class Endpoint:
    """The server's process, which can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, any_free_port(set())
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        where = ["--home", str(self.home), "--port", str(self.port)]
        self.process = subprocess.Popen([sys.executable, "-m", "aws_research_wizard.local.infra_server", *where])
        deadline = time.monotonic() + 60
        while not answers(f"{self.url}/_local/health"):
            assert time.monotonic() < deadline, "the endpoint did not start"
            time.sleep(0.05)

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process
        self.process.send_signal(number)
        self.process.wait()

    def client(self, service: str, key: str = ACCOUNT, secret: str = "x", token: str | None = None) -> Any:
        import boto3
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", config=once, **keys)  # type: ignore[call-overload]

    def launch(self, token: str, instance_type: str = "r6i.2xlarge", profile: str | None = None, **more: Any) -> dict[str, Any]:
        asked = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, "InstanceType": instance_type, "ClientToken": token}
        if profile:
            more["IamInstanceProfile"] = {"Name": profile}
        return dict(self.client("ec2").run_instances(**asked, **more)["Instances"][0])

    def state(self, instance_id: str) -> str:
        found = self.client("ec2").describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def confirm(self, instance_id: str, state: str) -> None:
        post_json(f"{self.url}/_local/instances/{instance_id}", {"state": state})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    made = Endpoint(tmp_path_factory.mktemp("infra"))
    yield made
    made.kill()


@pytest.fixture
def token() -> str:
    return uuid.uuid4().hex


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    return str(error.value.response["Error"]["Code"])


def test_the_same_token_launches_one_instance(endpoint: Endpoint, token: str) -> None:
    first, second = endpoint.launch(token), endpoint.launch(token)
    assert first["InstanceId"] == second["InstanceId"]
    assert refused(endpoint.launch, token, "r6i.xlarge") == "IdempotentParameterMismatch"
    endpoint.client("ec2").terminate_instances(InstanceIds=[first["InstanceId"]])
    assert refused(endpoint.launch, token) == "IdempotentInstanceTerminated"


def test_an_instance_passes_through_its_states_as_the_hypervisor_confirms(endpoint: Endpoint, token: str) -> None:
    ec2, name = endpoint.client("ec2"), endpoint.launch(token)["InstanceId"]
    assert endpoint.state(name) == "pending"
    endpoint.confirm(name, "running")
    bigger = {"InstanceId": name, "InstanceType": {"Value": "r6i.4xlarge"}}
    assert refused(ec2.modify_instance_attribute, **bigger) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[name])
    ec2.stop_instances(InstanceIds=[name])
    assert endpoint.state(name) == "stopping"
    assert refused(ec2.start_instances, InstanceIds=[name]) == "IncorrectInstanceState"
    endpoint.confirm(name, "stopped")
    ec2.modify_instance_attribute(**bigger)
    ec2.start_instances(InstanceIds=[name])
    assert endpoint.state(name) == "pending"
    ec2.terminate_instances(InstanceIds=[name])
    ec2.terminate_instances(InstanceIds=[name])
    assert endpoint.state(name) == "shutting-down"
    endpoint.confirm(name, "terminated")
    ec2.terminate_instances(InstanceIds=[name])
    assert endpoint.state(name) == "terminated"


def test_the_hypervisor_cannot_confirm_what_did_not_happen(endpoint: Endpoint, token: str) -> None:
    name = endpoint.launch(token)["InstanceId"]
    with pytest.raises(Unreachable, match="409"):
        endpoint.confirm(name, "stopped")


def test_a_machine_that_goes_down_by_itself_stops_the_instance_and_says_so(endpoint: Endpoint, token: str) -> None:
    name = endpoint.launch(token)["InstanceId"]
    endpoint.confirm(name, "running")
    endpoint.confirm(name, "stopping")
    found = endpoint.client("ec2").describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "stopping"
    assert found["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_sold_out_type_is_refused_until_it_is_back(endpoint: Endpoint, token: str) -> None:
    post_json(f"{endpoint.url}/_local/capacity", {"unavailable": ["r6i.8xlarge"]})
    assert refused(endpoint.launch, token, "r6i.8xlarge") == "InsufficientInstanceCapacity"
    post_json(f"{endpoint.url}/_local/capacity", {"unavailable": []})
    assert endpoint.launch(token, "r6i.8xlarge")["InstanceType"] == "r6i.8xlarge"


def test_a_type_nobody_offers_is_refused(endpoint: Endpoint, token: str) -> None:
    assert refused(endpoint.launch, token, "r99.huge").startswith("InvalidInstanceType")


def test_nothing_of_an_instance_is_left_after_it_ended(endpoint: Endpoint, token: str) -> None:
    ec2 = endpoint.client("ec2")
    vpc, subnet = ec2.describe_vpcs()["Vpcs"][0]["VpcId"], ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.create_security_group(GroupName=token, Description="x", VpcId=vpc)["GroupId"]
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "lab", "Value": token}]} for kind in ("instance", "volume", "network-interface")
    ]
    nic = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": True}
    disk = {
        "DeviceName": "/dev/xvda",
        "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
    }
    name = endpoint.launch(token, NetworkInterfaces=[nic], BlockDeviceMappings=[disk], TagSpecifications=tags)["InstanceId"]
    mine = [{"Name": "tag:lab", "Values": [token]}]
    assert len(ec2.describe_volumes(Filters=mine)["Volumes"]) == 1
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[name])
    endpoint.confirm(name, "terminated")
    assert ec2.describe_volumes(Filters=mine)["Volumes"] == []
    assert ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"] == []
    ec2.delete_security_group(GroupId=group)


def test_what_was_answered_survives_kill_9(endpoint: Endpoint, token: str) -> None:
    name = endpoint.launch(token)["InstanceId"]
    post_json(f"{endpoint.url}/_local/capacity", {"unavailable": ["r6i.24xlarge"]})
    endpoint.kill()
    endpoint.start()
    assert endpoint.launch(token)["InstanceId"] == name
    assert endpoint.state(name) == "pending"
    assert refused(endpoint.launch, token + "2", "r6i.24xlarge") == "InsufficientInstanceCapacity"


def test_the_hypervisor_is_woken_by_a_change(endpoint: Endpoint, token: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    version = get_json(f"{endpoint.url}/_local/instances")["version"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get_json, f"{endpoint.url}/_local/instances?since={version}&wait=20", 25)
        time.sleep(0.2)
        began = time.monotonic()
        name = endpoint.launch(token, UserData="#!/bin/sh\n")["InstanceId"]
        found = {one["id"]: one for one in waiting.result()["instances"]}
    assert time.monotonic() - began < 5
    assert base64.b64decode(found[name]["user_data"]) == b"#!/bin/sh\n"


def test_a_file_system_is_a_folder_that_goes_with_it_only(endpoint: Endpoint, token: str) -> None:
    efs = endpoint.client("efs")
    name = efs.create_file_system(CreationToken=token, Encrypted=True)["FileSystemId"]
    folder = endpoint.home / "efs" / name
    assert folder.is_dir()
    launched = endpoint.launch(token, UserData=f"#!/bin/sh\nAWR_FILE_SYSTEM_ID='{name}'\n")["InstanceId"]
    seen = {one["id"]: one["storage"] for one in get_json(f"{endpoint.url}/_local/instances")["instances"]}
    assert seen[launched] == name
    endpoint.client("ec2").terminate_instances(InstanceIds=[launched])
    assert folder.is_dir()
    efs.delete_file_system(FileSystemId=name)
    assert not folder.exists()


def profile(endpoint: Endpoint, name: str) -> str:
    iam = endpoint.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return name


def imds(endpoint: Endpoint, instance_id: str, method: str, path: str, **headers: str) -> str:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(f"{endpoint.url}/_imds/{instance_id}/{path}", method=method, headers=named)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def test_a_machine_proves_itself_with_its_own_credentials(endpoint: Endpoint, token: str) -> None:
    role = profile(endpoint, f"lab-{token}")
    name = endpoint.launch(token, profile=role)["InstanceId"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        imds(endpoint, name, "GET", "latest/user-data")
    session = imds(endpoint, name, "PUT", "latest/api/token", X_aws_ec2_metadata_token_ttl_seconds="60")
    told = imds(endpoint, name, "GET", f"latest/meta-data/iam/security-credentials/{role}", X_aws_ec2_metadata_token=session)
    keys = json.loads(told)
    sts = endpoint.client("sts", keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"])
    assert sts.get_caller_identity()["Arn"].endswith(f":assumed-role/{role}/{name}")
    forged = endpoint.client("sts", keys["AccessKeyId"], "not the secret", keys["Token"])
    assert refused(forged.get_caller_identity) == "SignatureDoesNotMatch"
    unknown = endpoint.client("sts", "ASIA" + "X" * 16, "x", "y")
    assert refused(unknown.get_caller_identity) == "InvalidClientTokenId"


def test_the_sdk_finds_a_machines_credentials_by_itself(endpoint: Endpoint, token: str) -> None:
    role = profile(endpoint, f"sdk-{token}")
    name = endpoint.launch(token, profile=role)["InstanceId"]
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    env = {
        "PATH": os.environ["PATH"],
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{endpoint.url}/_imds/{name}",
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f":assumed-role/{role}/{name}")
