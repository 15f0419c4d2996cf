"""How does the package become a running control plane in the emulated cloud?

The very CloudFormation template that goes to AWS is deployed, with its code in a bucket. Nothing is done when the package's
fingerprint is the one deployed before; an update keeps all data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.local.calls import post_json
from aws_research_wizard.local.home import ACCOUNT, REGION

APP = "aws-research-wizard"
STAGE = "local"
PREFIX = f"{APP}-{STAGE}"
CODE_BUCKET = f"{APP}-code-{ACCOUNT}-{REGION}"
ARTIFACTS_BUCKET = f"{PREFIX}-artifacts-{ACCOUNT}"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
BROKEN = frozenset({"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"})
WARMERS = 6
ON_THE_WAY = (
    "resolve_environment prepare_storage launch_machine await_machine open_lab "
    "publish_facts machine_state_changed bootstrap_admin"
)


class DeployFailed(WizardError):  # noqa: N818 - named for what happened
    """The control plane could not be put in place."""


@dataclass(frozen=True)
class Package:
    """A folder that `tools.package` wrote: template, functions, bundle, manifest."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / "manifest.json").read_text()))
        except (OSError, ValueError) as error:
            raise DeployFailed(f"there is no package in {self.folder}", "run: make package STAGE=local") from error

    @property
    def fingerprint(self) -> str:
        return str(self.manifest["fingerprint"])

    def template(self, code_key: str) -> dict[str, Any]:
        """The template with its code in our bucket."""
        template: dict[str, Any] = json.loads((self.folder / "template.json").read_text())
        for one in template["Resources"].values():
            if one["Type"] == "AWS::Serverless::Function":
                one["Properties"]["CodeUri"] = f"s3://{CODE_BUCKET}/{code_key}"
        return template


def build_package() -> Package:
    """The package of this checkout, built if it is not current; or the one that ``AWR_PACKAGE`` names."""
    if named := os.environ.get("AWR_PACKAGE"):
        return Package(Path(named))
    root = Path(__file__).resolve().parents[2]
    if not (root / "tools" / "package.py").exists():
        raise DeployFailed(
            "`local up` deploys the control plane's own package, which is not part of what pip installs",
            "run it from a checkout of the project (git clone, then: make demo), or name a package that one built: "
            "make package STAGE=local there, then export AWR_PACKAGE=CHECKOUT/build/package-local here",
        )
    out = root / "build" / f"package-{STAGE}"
    command = [sys.executable, "-m", "tools.package", "--stage", STAGE, "--out", str(out)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""})
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise DeployFailed(
            f"the package could not be built: {told[-1] if told else done.returncode}", "see it whole: make package STAGE=local"
        )
    return Package(out)


@dataclass(frozen=True)
class Deployer:
    """Puts packages into one emulated cloud."""

    emulator: str
    infra: str
    progress: Callable[[str], None]

    def client(self, service: str, endpoint: str = "", **options: Any) -> Any:
        """A client of the emulator, or of another endpoint."""
        import boto3
        from botocore.config import Config

        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=endpoint or self.emulator,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",  # noqa: S106 - the emulator checks no signature
            config=Config(retries={"mode": "standard"}, max_pool_connections=WARMERS + 2, **options),
        )

    def deploy(self, package: Package, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
        """Create or update the stack; returns its outputs. Raises DeployFailed with what went wrong."""
        s3, cloudformation = self.client("s3"), self.client("cloudformation")
        code_key = f"{STAGE}/{package.manifest['files']['deployment.zip']['sha256']}.zip"
        self._upload(s3, CODE_BUCKET, code_key, package.folder / "deployment.zip")
        body = json.dumps(package.template(code_key)).encode()
        s3.put_object(Bucket=CODE_BUCKET, Key=f"{STAGE}/template.json", Body=body)
        self._make_stack(cloudformation, f"{self.emulator}/{CODE_BUCKET}/{STAGE}/template.json", package, parameters or {})
        self._lock_buckets(s3, package)
        self._make_profiles(package)
        if key := package.manifest.get("bundle_key"):
            self._upload(s3, ARTIFACTS_BUCKET, key, package.folder / Path(key).name)
        post_json(f"{self.emulator}/_local/save", {}, timeout=60)
        return self.outputs(cloudformation)

    def _upload(self, s3: Any, bucket: str, key: str, file: Path) -> None:
        from botocore.exceptions import ClientError

        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError:
            if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
                s3.create_bucket(Bucket=bucket, **({} if REGION == "us-east-1" else elsewhere))
            s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())

    def _lock_buckets(self, s3: Any, package: Package) -> None:
        """On AWS CloudFormation sets a bucket's Object Lock; the emulator's leaves that out, though its S3 knows how."""
        template = json.loads((package.folder / "template.json").read_text())
        defaults = {name: one.get("Default", "") for name, one in template.get("Parameters", {}).items()}
        for one in template["Resources"].values():
            wanted = one.get("Properties", {}).get("ObjectLockConfiguration") if one["Type"] == "AWS::S3::Bucket" else None
            if wanted is None:
                continue
            name = one["Properties"]["BucketName"]["Fn::Sub"].replace("${Stage}", STAGE).replace("${AWS::AccountId}", ACCOUNT)
            rule = {key: defaults[value["Ref"]] for key, value in wanted["Rule"]["DefaultRetention"].items()}
            lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
            s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=lock)

    def _make_profiles(self, package: Package) -> None:
        """The stack's instance profiles, in the IAM that EC2 asks here: it is not that of the emulator's CloudFormation."""
        template = json.loads((package.folder / "template.json").read_text())["Resources"]
        iam = self.client("iam", self.infra)
        known = {one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]}
        for one in template.values():
            if one["Type"] != "AWS::IAM::InstanceProfile":
                continue
            role = template[one["Properties"]["Roles"][0]["Ref"]]["Properties"]
            name = one["Properties"]["InstanceProfileName"]["Fn::Sub"].replace("${Stage}", STAGE)
            if name not in known:
                trust = json.dumps(role["AssumeRolePolicyDocument"])
                with suppress(iam.exceptions.EntityAlreadyExistsException):
                    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
                iam.create_instance_profile(InstanceProfileName=name)
                iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def _make_stack(self, cloudformation: Any, template_url: str, package: Package, parameters: Mapping[str, str]) -> None:
        from botocore.exceptions import ClientError

        status = self._status(cloudformation)
        if status in BROKEN:
            cloudformation.delete_stack(StackName=PREFIX)
            self._settle(cloudformation)
            status = self._status(cloudformation)
        known = json.loads((package.folder / "template.json").read_text()).get("Parameters", {})
        wanted = {**parameters, "BundleKey": package.manifest.get("bundle_key") or "host/none.tar.gz"}
        asked: dict[str, Any] = {
            "StackName": PREFIX,
            "TemplateURL": template_url,
            "Capabilities": CAPABILITIES,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in wanted.items() if k in known],
        }
        try:
            cloudformation.update_stack(**asked) if status else cloudformation.create_stack(**asked)
        except ClientError as error:
            if "No updates" not in str(error):
                raise DeployFailed(f"CloudFormation refused the template: {error.response['Error']['Message']}") from error
        end = self._settle(cloudformation)
        if end not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise DeployFailed(
                f"the stack ended {end}: {'; '.join(self._reasons(cloudformation))}", "this is a defect: please report it"
            )

    def _status(self, cloudformation: Any) -> str:
        from botocore.exceptions import ClientError

        try:
            status = str(cloudformation.describe_stacks(StackName=PREFIX)["Stacks"][0]["StackStatus"])
        except ClientError:
            return ""
        return "" if status == "DELETE_COMPLETE" else status

    def _settle(self, cloudformation: Any, seconds: float = 180.0) -> str:
        deadline = time.monotonic() + seconds
        while (status := self._status(cloudformation)).endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise DeployFailed(f"the stack is still {status} after {seconds:.0f} s")
            time.sleep(0.15)
        return status

    def _reasons(self, cloudformation: Any) -> Iterable[str]:
        events = cloudformation.describe_stack_events(StackName=PREFIX)["StackEvents"]
        failed = [one for one in reversed(events) if one["ResourceStatus"].endswith("_FAILED")]
        return [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', '')}" for one in failed][-3:]

    def outputs(self, cloudformation: Any = None) -> dict[str, str]:
        """The stack's outputs."""
        found = (cloudformation or self.client("cloudformation")).describe_stacks(StackName=PREFIX)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def functions(self) -> list[str]:
        """The names of our functions."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        return sorted(
            one["FunctionName"] for page in pages for one in page["Functions"] if one["FunctionName"].startswith(PREFIX)
        )

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call one function and wait; DeployFailed carries its error's words."""
        answer = self.client("lambda", read_timeout=120).invoke(FunctionName=function, Payload=json.dumps(event).encode())
        said = json.loads(answer["Payload"].read() or b"{}") or {}
        if answer.get("FunctionError"):
            raise DeployFailed(f"{function} failed: {said.get('errorType', '')} {said.get('errorMessage', said)}")
        return dict(said)

    def migrate(self) -> list[str]:
        """Bring stored data up to the release just deployed; returns what was done. A package without migrations has none."""
        function = f"{PREFIX}-migrate_tables"
        if function not in self.functions():
            return []
        steps: dict[str, int] = {}
        while True:
            said = self.invoke(function, {})
            steps |= {one["id"]: one["changed"] for one in said.get("steps", [])}
            if said.get("finished", True):
                return [f"{name}: {changed} items" for name, changed in steps.items() if changed]

    def warm(self, functions: Iterable[str], api: str) -> list[str]:
        """Start the workers that a first lab needs, several at a time; returns the words of those that would not start.

        The others are started by the emulator when this computer has nothing better to do.
        """
        now = [f"{PREFIX}-{name}" for name in ON_THE_WAY.split()]
        later = [name for name in functions if name not in now and name != PREFIX]
        post_json(f"{self.emulator}/_local/warm", {"functions": later, "event": {"warm": True, **timer_event(warm=True)}})
        with ThreadPoolExecutor(WARMERS) as pool:
            asked = [pool.submit(self._warm_api, api), *(pool.submit(self._warm_one, one) for one in functions if one in now)]
            return [words for one in asked if (words := one.result())]

    def _warm_one(self, function: str) -> str:
        try:
            self.invoke(function, {"warm": True, **timer_event(warm=True)})
        except WizardError as error:
            return error.message
        return ""

    def _warm_api(self, api: str) -> str:
        """The API is warmed by asking it something that reads its tables: who holds a token that nobody holds."""
        request = urllib.request.Request(f"{api}/whoami", headers={"Authorization": "Bearer awr_warm"})  # noqa: S310 - our own
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            return "" if error.code < 500 else f"the API answers {error.code}"
        except OSError as error:
            return f"the API does not answer: {error}"
        return ""


def timer_event(warm: bool = False) -> dict[str, Any]:
    """What EventBridge sends to a function, with nothing in it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": {"warm": True} if warm else {},
    }


def api_url(emulator: str, outputs: dict[str, str]) -> str:
    """Where people reach the API here: the stack's own address names a host that only AWS resolves."""
    api_id = outputs["ApiUrl"].removeprefix("https://").partition(".")[0]
    return f"{emulator}/restapis/{api_id}/api/_user_request_"
