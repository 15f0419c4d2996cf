"""A small package in the shape of the real one: an API, a table with a stream to a bus, a workflow with a callback, a reaction.

It is deployed into a real local cloud by the tests there, so that they do not wait for the real package to be built.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

CODE = """
import json, os, time, uuid
import boto3

def client(name):
    return boto3.client(name)

def table():
    return os.environ["TABLE"]

def put(pk, sk, **values):
    item = {"pk": {"S": pk}, "sk": {"S": sk}, **{k: {"S": str(v)} for k, v in values.items()}}
    client("dynamodb").put_item(TableName=table(), Item=item)

def api(event, context):
    if event.get("warm"):
        return {"warm": True}
    body = json.loads(event.get("body") or "{}")
    path = event["path"]
    if path == "/health":
        return {"statusCode": 200, "body": json.dumps({"ok": True})}
    if path == "/runs":
        account = context.invoked_function_arn.split(":")[4]
        arn = f"arn:aws:states:us-east-1:{account}:stateMachine:" + os.environ["MACHINE"]
        got = client("stepfunctions").start_execution(stateMachineArn=arn, name=body["name"], input=json.dumps(body))
        return {"statusCode": 202, "body": json.dumps({"arn": got["executionArn"]})}
    if path == "/version":
        return {"statusCode": 200, "body": json.dumps({"note": NOTE})}
    if path == "/things":
        put("thing", body["name"], value=body.get("value", ""))
        return {"statusCode": 201, "body": "{}"}
    if path == "/done":
        item = client("dynamodb").get_item(TableName=table(), Key={"pk": {"S": "token"}, "sk": {"S": body["name"]}})["Item"]
        client("stepfunctions").send_task_success(taskToken=item["token"]["S"], output="{}")
        return {"statusCode": 200, "body": "{}"}
    return {"statusCode": 200, "body": json.dumps({"path": path})}

class NoCapacity(Exception):
    pass

def first(event, context):
    if event.get("warm"):
        return {"warm": True}
    if event.get("fail"):
        raise NoCapacity("none left")
    client("dynamodb").update_item(TableName=table(), Key={"pk": {"S": "first"}, "sk": {"S": event["name"]}},
        UpdateExpression="ADD times :one", ExpressionAttributeValues={":one": {"N": "1"}})
    time.sleep(float(event.get("seconds", 0)))

def wait(event, context):
    if event.get("warm"):
        return {"warm": True}
    put("token", event["input"]["name"], token=event["token"])

def publish(event, context):
    if event.get("warm"):
        return {"warm": True}
    for record in event["Records"]:
        image = record["dynamodb"].get("NewImage", {})
        if image.get("pk", {}).get("S") == "thing":
            entry = {"Source": "toy", "DetailType": "Thing", "Detail": json.dumps({"name": image["sk"]["S"]}),
                     "EventBusName": os.environ["BUS"]}
            client("events").put_events(Entries=[entry])
    return {"batchItemFailures": []}

def react(event, context):
    if event.get("warm"):
        return {"warm": True}
    if event["source"] == "aws.ec2":
        put("machine", event["detail"]["instance-id"] + "#" + event["detail"]["state"] + "#" + uuid.uuid4().hex)
    else:
        put("heard", event["detail"]["name"])

def bootstrap_admin(event, context):
    return {"warm": True} if event.get("warm") else {"email": event["email"], "token": "awr_" + uuid.uuid4().hex, "token_id": "t"}

def reconcile_labs(event, context):
    if not event.get("warm"):
        put("reconciled", uuid.uuid4().hex)
    return {}
"""

PREFIX = "aws-research-wizard-local"
STORY = {
    "StartAt": "First",
    "States": {
        "First": {
            "Type": "Task",
            "Resource": "${First}",
            "ResultPath": None,
            "Retry": [{"ErrorEquals": ["Runtime.ExitError"], "IntervalSeconds": 1, "MaxAttempts": 3}],
            "Catch": [{"ErrorEquals": ["NoCapacity"], "ResultPath": None, "Next": "Caught"}],
            "Next": "Await",
        },
        "Caught": {"Type": "Succeed"},
        "Await": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "${Wait}", "Payload": {"token.$": "$$.Task.Token", "input.$": "$"}},
            "TimeoutSeconds": 60,
            "ResultPath": None,
            "Next": "Last",
        },
        "Last": {"Type": "Task", "Resource": "${First}", "ResultPath": None, "End": True},
    },
}
FUNCTIONS = {
    "APIHandler": ("api", ""),
    "First": ("first", "-first"),
    "Wait": ("wait", "-wait"),
    "Publish": ("publish", "-publish"),
    "React": ("react", "-react"),
    "BootstrapAdmin": ("bootstrap_admin", "-bootstrap_admin"),
    "ReconcileLabs": ("reconcile_labs", "-reconcile_labs"),
}


def _function(handler: str, suffix: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "FunctionName": f"{PREFIX}{suffix}",
            "Runtime": "python3.12",
            "Handler": f"toy.{handler}",
            "CodeUri": "./deployment.zip",
            "Timeout": 60,
            "MemorySize": 256,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Environment": {"Variables": {"TABLE": f"{PREFIX}-things", "BUS": f"{PREFIX}-facts", "MACHINE": f"{PREFIX}-story"}},
        },
    }


def _rule(bus: str, pattern: dict[str, Any]) -> dict[str, Any]:
    target = {"Id": "react", "Arn": {"Fn::GetAtt": ["React", "Arn"]}}
    return {"Type": "AWS::Events::Rule", "Properties": {"EventBusName": bus, "EventPattern": pattern, "Targets": [target]}}


def template(paths_served: tuple[str, ...]) -> dict[str, Any]:
    """The toy's CloudFormation template."""
    proxy = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": {"Fn::Sub": f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:{PATH}"},
    }
    paths = {path: {verb: {"x-amazon-apigateway-integration": proxy} for verb in ("get", "post")} for path in paths_served}
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    resources: dict[str, Any] = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": f"{PREFIX}-toy", "AssumeRolePolicyDocument": trust}},
        "Artifacts": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": {"Fn::Sub": f"{PREFIX}-artifacts-${{AWS::AccountId}}"}},
        },
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": f"{PREFIX}-facts"}},
        "Things": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": f"{PREFIX}-things",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                "KeySchema": keys,
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            },
        },
        "Story": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": f"{PREFIX}-story",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "Definition": STORY,
                "DefinitionSubstitutions": {name: {"Fn::GetAtt": [name, "Arn"]} for name in ("First", "Wait")},
            },
        },
        "Outbox": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Things", "StreamArn"]},
                "FunctionName": {"Ref": "Publish"},
                "StartingPosition": "TRIM_HORIZON",
            },
        },
        "Heard": _rule(f"{PREFIX}-facts", {"source": ["toy"]}),
        "Machines": _rule("default", {"source": ["aws.ec2"]}),
        "RestAPI": {
            "Type": "AWS::Serverless::Api",
            "Properties": {
                "StageName": "api",
                "DefinitionBody": {"swagger": "2.0", "info": {"title": "toy", "version": "1"}, "paths": paths},
            },
        },
        **{name: _function(*parts) for name, parts in FUNCTIONS.items()},
    }
    outputs = {"ApiUrl": {"Value": {"Fn::Sub": "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"}}}
    parameters = {"BundleKey": {"Type": "String", "Default": "host/none"}}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": parameters,
        "Resources": resources,
        "Outputs": outputs,
    }


PATH = "path/2015-03-31/functions/${APIHandler.Arn}/invocations"
PATHS = ("/health", "/version", "/runs", "/things", "/done")


def write(folder: Path, note: str = "") -> Path:
    """Write the package into a folder; ``note`` changes its code, as a new version would."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr(zipfile.ZipInfo("toy.py", (2026, 1, 1, 0, 0, 0)), CODE + f"\nNOTE = {note!r}\n")
    bundle = b"a bundle" + note.encode()
    name = f"bundle-{hashlib.sha256(bundle).hexdigest()[:12]}.tar.gz"
    (folder / name).write_bytes(bundle)
    (folder / "deployment.zip").write_bytes(packed.getvalue())
    (folder / "template.json").write_text(json.dumps(template((*PATHS, "/new") if note else PATHS)))
    sums = {
        one: {"sha256": hashlib.sha256((folder / one).read_bytes()).hexdigest()}
        for one in ("deployment.zip", "template.json", name)
    }
    fingerprint = hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()
    manifest = {"stage": "local", "fingerprint": fingerprint, "bundle_key": f"host/{name}", "files": sums}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
