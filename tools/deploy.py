"""How does a stage reach an AWS account? One command, one atomic stack.

    python -m tools.deploy --stage dev                          everything; also the way to update
    python -m tools.deploy --stage prod AccessMode=domain DomainName=labs.example.edu HostedZoneId=Z0123
    python -m tools.deploy --stage dev --plan                   what would change, and nothing else
    python -m tools.deploy --stage dev --data                   what would change in stored data, and nothing else
    python -m tools.deploy --stage dev --backing                the stack beside a `chalice deploy`
    python -m tools.deploy --stage dev --remove                 take the stage away, once its labs are gone

A parameter that was given once stays until it is given anew. The change set is shown before it is carried out; when a resource
fails, CloudFormation rolls everything back. With AWS_ENDPOINT_URL set, an emulator takes the account's place.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import package
from tools.stack import APP, Account, Failed, Stack, is_there, make_code_bucket, upload, url_of
from tools.template import KEPT_STAGES, unconnected

MIGRATING_SECONDS = 910  # a function's longest run, and a little


@dataclass(frozen=True)
class Deployment:
    """One package on its way into one account."""

    account: Account
    stage: str
    folder: Path
    backing: bool = False

    @property
    def prefix(self) -> str:
        return f"{APP}-{self.stage}"

    @property
    def stack(self) -> Stack:
        name = f"{self.prefix}-backing" if self.backing else self.prefix
        return Stack(self.account.client("cloudformation"), name)

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "manifest.json").read_text()))

    def template(self) -> dict[str, Any]:
        """The template with its code in the account's bucket."""
        template = dict(json.loads((self.folder / ("backing.json" if self.backing else "template.json")).read_text()))
        if self.backing and not self.has_functions():
            return unconnected(template)
        code = {"Bucket": self.account.code_bucket, "Key": f"{self.stage}/{self._sha('deployment.zip')}.zip"}
        for one in template["Resources"].values():
            if one["Type"] == "AWS::Serverless::Function":
                one["Properties"]["CodeUri"] = code
        return template

    def has_functions(self) -> bool:
        """Whether `chalice deploy` has been there."""
        client = self.account.client("lambda")
        try:
            client.get_function_configuration(FunctionName=f"{self.prefix}-publish_facts")
        except client.exceptions.ResourceNotFoundException:
            return False
        return True

    def _sha(self, name: str) -> str:
        return str(self.manifest["files"][name]["sha256"])

    def upload_code(self, template: Mapping[str, Any]) -> str:
        """Functions and template into the code bucket; returns the template's address."""
        s3, bucket = self.account.client("s3"), make_code_bucket(self.account)
        if not self.backing:
            upload(s3, self.folder / "deployment.zip", bucket, f"{self.stage}/{self._sha('deployment.zip')}.zip")
        body = json.dumps(template, separators=(",", ":")).encode()
        key = f"{self.stage}/{hashlib.sha256(body).hexdigest()}.json"
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        return url_of(s3, bucket, key)

    def own_parameters(self) -> dict[str, str]:
        """What the package decides, whatever the stack had before."""
        key = self.manifest["bundle_key"]
        return {"BundleKey": key} if key else {}

    def upload_bundle(self) -> bool:
        """The machines' bundle into the artifacts bucket; False while that bucket is still to be made."""
        s3, bucket, key = self.account.client("s3"), f"{self.prefix}-artifacts-{self.account.number}", self.manifest["bundle_key"]
        if not is_there(s3, bucket):
            return False
        if key:
            upload(s3, self.folder / Path(key).name, bucket, key)
        return True


def deploy(deployment: Deployment, parameters: Mapping[str, str], plan: bool = False) -> dict[str, str]:
    """Create or update the stack; returns its outputs. A plan changes nothing but the code bucket."""
    stack, template = deployment.stack, deployment.template()
    stack.clear_failed_start()
    wanted = {**deployment.own_parameters(), **parameters}
    asked = stack.parameters(wanted, template["Parameters"])
    changes = stack.propose(deployment.upload_code(template), asked, {"app": APP, "stage": deployment.stage})
    print("\n".join(changes.told()) if changes else f"{stack.name} is up to date")
    if plan:
        if changes:
            changes.drop()
        return {}
    bundled = deployment.upload_bundle()  # before functions speak of it; on the first run the bucket is yet to come
    if changes:
        stack.carry_out(changes)
    if not bundled:
        deployment.upload_bundle()
    return stack.outputs()


def migrate(deployment: Deployment, dry_run: bool = False) -> list[str]:
    """Bring stored data up to the release that is deployed; returns a line for each migration that had to do something."""
    from botocore.config import Config

    patient = Config(read_timeout=MIGRATING_SECONDS, retries={"max_attempts": 0})
    client = deployment.account.session.client("lambda", config=patient)
    steps: dict[str, str] = {}
    while True:
        payload = json.dumps({"dry_run": dry_run}).encode()
        answer = client.invoke(FunctionName=f"{deployment.prefix}-migrate_tables", Payload=payload)
        said = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise Failed(f"the data was not brought up: {said.get('errorMessage', said)}. Deploy again: it goes on where it was")
        steps |= {one["id"]: f"{one['id']}: {one['changed']} of {one['seen']} items" for one in said["steps"]}
        if said["finished"] or dry_run:
            return list(steps.values())


def remove(deployment: Deployment) -> None:
    """Take the stack away. Machines that run refuse it: nobody would be left to stop them."""
    machines = running_machines(deployment.account.client("ec2"), deployment.stage)
    if machines:
        raise Failed(f"labs are still there: {', '.join(machines)}. Delete them first: aws-research-wizard jupyter delete LAB")
    stack = deployment.stack
    found = stack.described()
    if not found:
        raise Failed(f"there is no stack {stack.name}")
    kept = deployment.stage in KEPT_STAGES
    if not kept:
        s3, number = deployment.account.client("s3"), deployment.account.number
        refuse_with_backups(s3, f"{deployment.prefix}-backups-{number}")
        empty_bucket(s3, f"{deployment.prefix}-backups-{number}")
        empty_bucket(s3, f"{deployment.prefix}-artifacts-{number}")
        empty_bucket(s3, f"{deployment.prefix}-audit-{number}", BypassGovernanceRetention=True)
    stack.cloudformation.delete_stack(StackName=stack.name)
    status = stack.settled()
    if status:
        raise Failed("\n".join([f"{stack.name}: {status}", *stack.failures(0)]))
    print(f"{stack.name} is gone" + ("; its tables, queues and bucket are kept" if kept else ""))
    for line in kept_storage(deployment.account.client("efs"), deployment.stage):
        print(line)


def running_machines(ec2: Any, stage: str) -> list[str]:
    """The labs of a stage that still have a machine."""
    filters = [{"Name": f"tag:{APP}:stage", "Values": [stage]}]
    filters.append({"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]})
    pages = ec2.get_paginator("describe_instances").paginate(Filters=filters)
    found = [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]
    return sorted(tag["Value"] for one in found for tag in one["Tags"] if tag["Key"] == f"{APP}:lab")


def kept_storage(efs: Any, stage: str) -> list[str]:
    """The file systems that people chose to keep; they cost money and outlive the stack."""
    wanted = {"Key": f"{APP}:stage", "Value": stage}
    pages = efs.get_paginator("describe_file_systems").paginate()
    found = [one for page in pages for one in page["FileSystems"] if wanted in one.get("Tags", [])]
    return [f"kept: {one['FileSystemId']} {one.get('Name', '')}, {one['SizeInBytes']['Value'] / 1e9:.1f} GB" for one in found]


def refuse_with_backups(s3: Any, bucket: str) -> None:
    """Backups are people's work: nobody deletes them by the way."""
    if is_there(s3, bucket) and s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents"):
        raise Failed(f"{bucket} still holds backups of labs. If nobody needs them: aws s3 rm --recursive s3://{bucket}")


def empty_bucket(s3: Any, bucket: str, **lifting: bool) -> None:
    """Every version of every object: CloudFormation deletes only an empty bucket. `lifting` is the right to lift a lock."""
    if not is_there(s3, bucket):
        return
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        doomed = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if doomed:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True}, **lifting)


def chalice_steps(deployment: Deployment, outputs: Mapping[str, str]) -> str:
    """What stands in the way of a `chalice deploy` that works, step by step."""
    values = {"ARTIFACTS_BUCKET": outputs["ArtifactsBucketName"], "BUNDLE_KEY": deployment.manifest["bundle_key"]}
    values["BACKUPS_BUCKET"] = outputs["BackupsBucketName"]
    values["API_URL"] = "what `chalice url` answers after the first chalice deploy"
    return f"""
In .chalice/config.json, stage {deployment.stage}, add to environment_variables:
{json.dumps(values, indent=2)}
Then: PIP_NO_DEPS=1 chalice deploy --stage {deployment.stage}
Then: python -m tools.deploy --stage {deployment.stage} --backing     (once more: it ties streams and queues to the functions)
"""


def next_steps(outputs: Mapping[str, str]) -> str:
    """What to type now."""
    bootstrap, url = outputs["BootstrapFunction"], outputs["ApiUrl"]
    return f"""
The first administrator (once; the answer holds a token that is shown only this once):
  aws lambda invoke --function-name {bootstrap} --cli-binary-format raw-in-base64-out \\
      --payload '{{"email": "you@example.edu"}}' /dev/stdout
Then, with that token:
  aws-research-wizard login --url {url}
  aws-research-wizard jupyter quick-start --domain genomics --team-size 5
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Deploy, plan or remove one stage of AWS Research Wizard.")
    parser.add_argument("--stage", default="dev", help="a stage of .chalice/config.json (default: dev)")
    parser.add_argument("--out", type=Path, help="where the package stands or is built (default: build/package-STAGE)")
    parser.add_argument("--region", help="the AWS region (default: that of your credentials)")
    parser.add_argument("--plan", action="store_true", help="show what would change, then stop")
    parser.add_argument("--backing", action="store_true", help="only what stands behind a `chalice deploy`")
    parser.add_argument("--remove", action="store_true", help="take the stage away")
    parser.add_argument(
        "--data", action="store_true", help="show what the deployed release would change in stored data, then stop"
    )
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="stack parameters, such as AccessMode=tunnel")
    return parser.parse_args()


def main() -> int:
    """Build what is not current, then deploy it."""
    import boto3

    asked = arguments()
    if any("=" not in one for one in asked.parameters):
        raise Failed("parameters are written NAME=VALUE, such as AccessMode=tunnel")
    session = boto3.Session(region_name=asked.region)
    if not session.region_name:
        raise Failed("no region: give --region, or set AWS_DEFAULT_REGION")
    os.environ.setdefault("AWS_DEFAULT_REGION", session.region_name)
    folder = (asked.out or package.ROOT / "build" / f"package-{asked.stage}").resolve()
    deployment = Deployment(Account(session), asked.stage, folder, asked.backing)
    if asked.remove:
        remove(deployment)
        return 0
    if asked.data:
        print("\n".join(migrate(deployment, dry_run=True)) or "stored data is up to date")
        return 0
    package.build(package.Job(asked.stage, folder))
    outputs = deploy(deployment, dict(one.split("=", 1) for one in asked.parameters), asked.plan)
    if outputs and deployment.has_functions():
        print("\n".join(migrate(deployment)) or "stored data is up to date")
    for name, value in outputs.items():
        print(f"{name:24} {value}")
    if outputs:
        print(chalice_steps(deployment, outputs) if asked.backing else next_steps(outputs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
