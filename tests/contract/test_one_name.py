"""One name four times: function `launch_machine` · state machine token `${LaunchMachine}` · policy · logical id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools import package
from tools.template import camel, functions, snake, steps_of
from tools.unpacked import handlers

CONFIG = json.loads((package.ROOT / ".chalice/config.json").read_text())
STORIES = package.Job("dev", package.ROOT).stories()
WORKFLOWS = {
    "provision_lab", "start_lab", "stop_lab", "scale_lab", "teardown_lab", "upgrade_lab",
    "backup_lab", "restore_lab", "drill_backup", "bake_image",
}  # fmt: skip


def test_every_function_has_a_policy_file_and_none_is_left_over(built: Path) -> None:
    files = {file.stem for file in (package.ROOT / ".chalice/policies").glob("*.json")}
    assert files == set(handlers(built / "template.json"))


def test_every_function_is_given_its_own_policy(built: Path) -> None:
    named = {name: one["iam_policy_file"] for name, one in CONFIG["lambda_functions"].items()}
    assert named == {name: f"policies/{name}.json" for name in handlers(built / "template.json")}


def test_logical_ids_are_the_functions_names(built: Path, template: dict[str, Any]) -> None:
    names = {"APIHandler" if name == "api_handler" else camel(name) for name in handlers(built / "template.json")}
    assert set(functions(template)) == names


def test_functions_are_called_the_same_in_both_ways_of_deploying(template: dict[str, Any]) -> None:
    for logical, one in functions(template).items():
        suffix = "" if logical == "APIHandler" else f"-{snake(logical)}"
        assert one["Properties"]["FunctionName"] == {"Fn::Sub": f"aws-research-wizard-${{Stage}}{suffix}"}


def test_the_stories_are_the_workflows_named_here() -> None:
    assert set(STORIES) == WORKFLOWS


def test_every_token_of_a_story_is_a_function(template: dict[str, Any]) -> None:
    for name, story in STORIES.items():
        assert set(steps_of(story)) <= set(functions(template)), name


OPERATORS = {"RebuildStage"}  # asked for by a person who looks after the stage, a step at a time


def test_every_task_function_is_used_by_a_story(built: Path) -> None:
    tasks = {
        camel(name)
        for name, handler in handlers(built / "template.json").items()
        if handler.startswith(("chalicelib.labs.tasks.", "chalicelib.backups.tasks.", "chalicelib.images.tasks."))
    }
    assert tasks - OPERATORS == {step for story in STORIES.values() for step in steps_of(story)}


def test_a_story_gets_exactly_the_functions_it_names(template: dict[str, Any]) -> None:
    for name, story in STORIES.items():
        given = dict(template["Resources"][camel(name)]["Properties"]["DefinitionSubstitutions"])
        given.pop("BootTimeoutSeconds", None)
        assert sorted(given) == steps_of(story)
        assert all(
            value["Fn::Sub"].endswith(f":function:aws-research-wizard-${{Stage}}-{snake(step)}") for step, value in given.items()
        )


def test_a_workflows_role_may_invoke_its_own_steps_only(template: dict[str, Any]) -> None:
    for name in WORKFLOWS:
        role = template["Resources"][camel(name) + "Role"]["Properties"]
        invoke = [one for one in role["Policies"][0]["PolicyDocument"]["Statement"] if one["Action"] == "lambda:InvokeFunction"]
        given = dict(template["Resources"][camel(name)]["Properties"]["DefinitionSubstitutions"])
        given.pop("BootTimeoutSeconds", None)
        assert [one["Resource"] for one in invoke] == [list(given.values())]


def test_workflows_have_the_names_that_the_functions_start(template: dict[str, Any]) -> None:
    for name in WORKFLOWS:
        machine = template["Resources"][camel(name)]["Properties"]
        assert machine["StateMachineName"] == {"Fn::Sub": f"aws-research-wizard-${{Stage}}-{name}"}
