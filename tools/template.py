"""What does the package's CloudFormation template say, beyond what Chalice wrote?

Chalice merges `.chalice/resources.json` into its own template; every function here then makes one thing true that neither of
the two can say alone. All of them are pure: a template in, the same template changed and handed back.

`backing` is the other half of the two ways to deploy: the same resources without the functions, for `chalice deploy`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Template = dict[str, Any]

FAMILY = "aws-research-wizard-*"
PREFIX = "aws-research-wizard-${Stage}"
DATABASES = ("aws_research_wizard_*", "aws_research_wizard_${Stage}")  # Athena knows no dashes
BILL_BUCKET = "the-bucket-of-the-bill"  # as the parameter BillBucket names it; without one, nothing is granted
FUNCTION_ARN = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:" + PREFIX
SERVERLESS = "AWS::Serverless::"
KEPT_STAGES = ("prod", "prod2")
BOOT_TIMEOUT = "${BootTimeoutSeconds}"


def camel(name: str) -> str:
    """Chalice's logical id of a function: `launch_machine` → `LaunchMachine`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def snake(name: str) -> str:
    """Back again: `LaunchMachine` → `launch_machine`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one type, by logical id."""
    return {name: one for name, one in template["Resources"].items() if one.get("Type") == kind}


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """Every Lambda function, by logical id."""
    return of_type(template, SERVERLESS + "Function")


def settle(template: Template, stage: str, environment: Mapping[str, str], stories: Mapping[str, dict[str, Any]]) -> Template:
    """All of it: the stage's own values, the workflows' stories, and each role narrowed to its stage."""
    refuse_orphans(template)
    choose_defaults(template, stage, environment)
    widen_environments(template)
    embed_stories(template, stories)
    narrow_policies(template)
    retain(template, stage)
    return template


def refuse_orphans(template: Template) -> Template:
    """What resources.json says of a function must be said of one that Chalice found."""
    orphans = [name for name, one in template["Resources"].items() if "Type" not in one]
    if orphans:
        raise SystemExit(f"resources.json speaks of {', '.join(orphans)}: app.py has no such function")
    return template


def choose_defaults(template: Template, stage: str, environment: Mapping[str, str]) -> Template:
    """A parameter that a variable of `.chalice/config.json` also sets takes that value as its default."""
    parameters = template["Parameters"]
    for name, value in shared_variables(template).items():
        chosen = environment.get(name, "")
        if chosen and isinstance(value, dict) and value.get("Ref") in parameters:
            parameters[value["Ref"]]["Default"] = chosen
    parameters["Stage"] = {**parameters["Stage"], "Default": stage, "AllowedValues": [stage]}
    parameters["DeletionProtection"]["Default"] = "true" if stage in KEPT_STAGES else "false"
    return template


def shared_variables(template: Template) -> dict[str, Any]:
    """The variables that every function gets from the stack's parameters."""
    return dict(template["Globals"]["Function"]["Environment"]["Variables"])


def widen_environments(template: Template) -> Template:
    """The stack's parameters beat config.json's fixed words, and logs are kept as long as the parameter says."""
    shared = shared_variables(template)
    for function in functions(template).values():
        own = function["Properties"].get("Environment", {}).get("Variables", {})
        function["Properties"]["Environment"] = {"Variables": {name: value for name, value in own.items() if name not in shared}}
    for group in of_type(template, "AWS::Logs::LogGroup").values():
        group["Properties"]["RetentionInDays"] = {"Ref": "LogRetentionDays"}
    return template


def embed_stories(template: Template, stories: Mapping[str, dict[str, Any]]) -> Template:
    """Each state machine gets its story, the functions it names, and a role that may invoke these and nothing else."""
    for name, story in sorted(stories.items()):
        machine = template["Resources"][camel(name)]["Properties"]
        steps = steps_of(story)
        text = json.dumps(patient(story), separators=(",", ":"))
        machine["DefinitionString"] = text.replace(f'"{BOOT_TIMEOUT}"', BOOT_TIMEOUT)  # a number, once it is filled in
        machine["DefinitionSubstitutions"] = {step: {"Fn::Sub": f"{FUNCTION_ARN}-{snake(step)}"} for step in steps}
        if BOOT_TIMEOUT in text:
            machine["DefinitionSubstitutions"]["BootTimeoutSeconds"] = {"Ref": "BootTimeoutSeconds"}
        role = template["Resources"][camel(name) + "Role"]["Properties"]
        invoke = next(one for one in _statements(role) if one.get("Sid") == "InvokeItsSteps")
        invoke["Resource"] = [{"Fn::Sub": f"{FUNCTION_ARN}-{snake(step)}"} for step in steps]
    return template


def patient(story: Mapping[str, Any]) -> dict[str, Any]:
    """The story, in which a machine has as long to call home as the stack's parameter says."""
    made: dict[str, Any] = copy.deepcopy(dict(story))
    for state in made["States"].values():
        if state.get("Parameters", {}).get("Payload", {}).get("expect") == "ready":
            state["TimeoutSeconds"] = BOOT_TIMEOUT
    return made


def steps_of(story: Mapping[str, Any]) -> list[str]:
    """The `${LaunchMachine}` tokens of a story, each once, sorted."""
    return sorted(set(re.findall(r"\$\{(\w+)\}", json.dumps(story))))


def _statements(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for policy in role.get("Policies", []) for one in policy["PolicyDocument"]["Statement"]]


def narrow_policies(template: Template) -> Template:
    """Policy files name any stage, account and region; in a stack they mean this one."""
    for role in of_type(template, "AWS::IAM::Role").values():
        for policy in role["Properties"].get("Policies", []):
            policy["PolicyDocument"] = _walk(policy["PolicyDocument"], _narrowed)
    return template


def _walk(value: Any, change: Callable[[str, str], Any], key: str = "") -> Any:
    if isinstance(value, dict):
        return value if "Fn::Sub" in value else {name: _walk(one, change, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_walk(one, change, key) for one in value]
    return change(value, key) if isinstance(value, str) else value


def _narrowed(text: str, key: str) -> Any:
    if key.endswith("Tag/aws-research-wizard:stage") and text == "*":
        return {"Fn::Sub": "${Stage}"}
    if BILL_BUCKET in text:
        place = _here(text).replace(BILL_BUCKET, "${BillBucket}")
        return {"Fn::If": ["ReadsBillBucket", {"Fn::Sub": place}, {"Ref": "AWS::NoValue"}]}
    if not text.startswith("arn:*:") and FAMILY not in text:
        return text
    return {"Fn::Sub": _here(text.replace("${", "${!")).replace(FAMILY, PREFIX).replace(*DATABASES)}


def _here(text: str) -> str:
    """`arn:*:dynamodb:*:*:…` with this partition, region and account; what an ARN leaves blank stays blank."""
    if not text.startswith("arn:*:"):
        return text
    _, _, service, region, account, resource = text.split(":", 5)
    region = "${AWS::Region}" if region == "*" else region
    account = "${AWS::AccountId}" if account == "*" else account
    resource = resource.replace("hostedzone/*", "hostedzone/${HostedZoneId}")
    return f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}"


def retain(template: Template, stage: str) -> Template:
    """A kept stage's tables, queues and bucket outlive the stack; of any other stage nothing is left behind.

    A first attempt that fails leaves nothing in either: its names would block the second."""
    for one in template["Resources"].values():
        if one.get("DeletionPolicy") and stage not in KEPT_STAGES:
            one["DeletionPolicy"] = one["UpdateReplacePolicy"] = "Delete"
    return template


def backing(template: Template) -> Template:
    """The stack for `chalice deploy`: everything but functions, their API, and what stands or falls with Chalice's own roles."""
    made = copy.deepcopy({name: value for name, value in template.items() if name not in ("Globals", "Transform")})
    gone = {name for name, one in template["Resources"].items() if _is_of_functions(name, one, template)}
    made["Resources"] = {name: one for name, one in made["Resources"].items() if name not in gone}
    for one in made["Resources"].values():
        if "DependsOn" in one:
            one["DependsOn"] = [name for name in one["DependsOn"] if name not in gone]
    made["Outputs"] = {name: one for name, one in made["Outputs"].items() if not gone.intersection(_named(one))}
    said = json.dumps([made["Resources"], made["Outputs"]])
    made["Conditions"] = {name: one for name, one in made["Conditions"].items() if f'"{name}"' in said}
    used = set(_named([made[part] for part in ("Resources", "Conditions", "Rules", "Outputs")])) | {"Stage"}
    made["Parameters"] = {name: one for name, one in made["Parameters"].items() if name in used}
    for group in made["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        group["Parameters"] = [name for name in group["Parameters"] if name in used]
    return made


def unconnected(template: Template) -> Template:
    """A backing stack before `chalice deploy` has made the functions that its streams and queues are tied to."""
    made = copy.deepcopy(template)
    made["Resources"] = {name: one for name, one in made["Resources"].items() if not one["Type"].startswith("AWS::Lambda::")}
    return made


def _is_of_functions(name: str, one: Mapping[str, Any], template: Template) -> bool:
    owner = re.sub(r"(Role|LogGroup|InvokePermission)$", "", name)
    owned = owner != name and (owner in functions(template) or owner == "ApiHandler")
    return str(one.get("Type", "")).startswith(SERVERLESS) or owned


def _named(value: Any) -> Iterator[str]:
    """Every logical id or parameter that a value refers to."""
    if isinstance(value, list):
        for one in value:
            yield from _named(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "Ref":
                yield str(one)
            elif key == "Fn::GetAtt":
                yield str(one[0] if isinstance(one, list) else one.split(".")[0])
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([A-Za-z0-9]+)", one if isinstance(one, str) else one[0])
                yield from _named(one[1]) if isinstance(one, list) else ()
            else:
                yield from _named(one)
