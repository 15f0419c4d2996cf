"""Step Functions: our own ASL files, executed state by state, with Retry, Catch, task tokens, heartbeats and time-outs.

Each task is a delivery that somebody else makes: `begin` says which function gets which event, `finish` what came of it. What
happens between the two (the execution is stopped, the token is answered) counts as it does in AWS: a late result is dropped. No
time passes by itself: a retry and a Wait are `slow`, so whatever else can happen may happen first; time-outs strike when the
clock has gone on.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.fakes.sim.cloud import Json, Service, token
from tests.fakes.sim.faults import Crash, refusal

STORIES = Path(__file__).resolve().parents[3] / "state_machines"
ENDED = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


class Job(NamedTuple):
    """One invocation that an execution asks for."""

    arn: str
    visit: int
    function: str
    event: Json


class StepFunctions(Service):
    # ---- what boto3's client offers

    def _start_execution(self, stateMachineArn: str, name: str, input: str) -> Json:  # noqa: N803
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        known = self.at("executions").get(arn)
        if known and (known["status"] != "RUNNING" or known["input"] != input):
            raise refusal("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        if not known:
            story = re.split(r"-(?=[a-z_]+$)", stateMachineArn)[-1]
            if not (STORIES / f"{story}.asl.json").exists():
                raise refusal("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{stateMachineArn}'")
            made = {
                "arn": arn,
                "story": story,
                "status": "RUNNING",
                "input": input,
                "data": json.loads(input),
                "began": self.cloud.seconds(),
            }
            self._enter(made, asl(story)["StartAt"])
        return {"executionArn": arn, "startDate": self.cloud.now}

    def _stop_execution(self, executionArn: str, error: str = "", cause: str = "") -> Json:  # noqa: N803
        one = self._known(executionArn)
        if one["status"] == "RUNNING":
            self._end(one, "ABORTED")
        return {}

    def _describe_execution(self, executionArn: str) -> Json:  # noqa: N803
        one = self._known(executionArn)
        shown = {"status": one["status"], "executionArn": executionArn, "input": one["input"], "startDate": self.cloud.now}
        return shown | ({"output": json.dumps(one["output"])} if "output" in one else {})

    def _list_executions(self, stateMachineArn: str, statusFilter: str = "", **_: Any) -> Json:  # noqa: N803
        prefix = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:"
        rows = [one for one in self.seen("executions") if one["arn"].startswith(prefix) and statusFilter in ("", one["status"])]
        return {"executions": [_listed(one) for one in rows]}

    def _send_task_success(self, taskToken: str, output: str) -> Json:  # noqa: N803
        self._go_on(self._waiting(taskToken), json.loads(output))
        return {}

    def _send_task_failure(self, taskToken: str, error: str = "", cause: str = "") -> Json:  # noqa: N803
        self._failed(self._waiting(taskToken), error, cause)
        return {}

    def _send_task_heartbeat(self, taskToken: str) -> Json:  # noqa: N803
        one = self._waiting(taskToken)
        self._save(one | {"heard": self.cloud.seconds()})
        return {}

    def _known(self, arn: str) -> Json:
        found: Json | None = self.at("executions").get(arn)
        if found is None:
            raise refusal("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found

    def _waiting(self, given: str) -> Json:
        for one in self.at("executions").values():
            if one["status"] == "RUNNING" and one.get("token") == given:
                return dict(one)
        raise refusal("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")

    # ---- what the town does

    def ready(self, slow: bool) -> list[str]:
        """Executions whose next task may be delivered; `slow`: those that first wait a while."""
        rows = self.at("executions").values()
        able = (one for one in rows if one["status"] == "RUNNING" and not one.get("token") and not one.get("running"))
        return [one["arn"] for one in able if bool(one.get("slow")) is slow]

    def begin(self, arn: str) -> Job | None:
        """The next task's invocation; None when the state needs none."""
        one = dict(self._known(arn))
        doing = doing_of(one)
        if doing["Type"] == "Wait":
            self._go_on(one | {"slow": False}, None)
            return None
        visit = self._visited(arn)
        one |= {"running": True, "slow": False}
        function, event = doing["Resource"].strip("${}"), _read(doing.get("InputPath", "$"), one["data"], {})
        if ":lambda:invoke" in doing["Resource"]:
            asked = doing["Parameters"]
            if "waitForTaskToken" in doing["Resource"]:
                one |= {"token": f"ref-{token(arn, one['state'], visit, length=16)}", "entered": self.cloud.seconds()}
            function, context = asked["FunctionName"].strip("${}"), self._context(one)
            event = _filled(asked["Payload"], one["data"], context)
        elif "Parameters" in doing:
            event = _filled(doing["Parameters"], event, self._context(one))
        self._save(one)
        return Job(arn, visit, snake(function), json.loads(json.dumps(event)))

    def finish(self, job: Job, answer: Any = None, error: BaseException | None = None) -> None:
        """What came of it; too late if the execution has gone another way meanwhile."""
        self.cloud.number += 1
        one = self.at("executions").get(job.arn)
        if (
            one is None
            or one["status"] != "RUNNING"
            or self.cloud.shelf("sim.visits", kept=False).get(job.arn) != job.visit
            or not one.get("running")
        ):
            return
        one = {name: value for name, value in one.items() if name != "running"}
        if isinstance(error, Crash):
            self._failed(one, "Lambda.Unknown", "the process died")
        elif error is not None:
            self._failed(one, type(error).__name__, json.dumps({"errorMessage": str(error), "errorType": type(error).__name__}))
        elif one.get("token"):
            self._save(one)
        else:
            invoked = ":lambda:invoke" in doing_of(one)["Resource"]
            self._go_on(one, {"Payload": answer, "StatusCode": 200} if invoked else answer)

    def pass_time(self) -> None:
        """Whatever waits too long times out."""
        self.cloud.number += 1
        now = self.cloud.seconds()
        for one in self.at("executions").values():
            if one["status"] != "RUNNING":
                continue
            doing = doing_of(one)
            if now - one["began"] >= asl(one["story"]).get("TimeoutSeconds", 10**9):
                self._end(dict(one), "TIMED_OUT")
            elif one.get("token") and now - one["entered"] >= doing.get("TimeoutSeconds", 10**9):
                self._failed(dict(one), "States.Timeout", "")
            elif one.get("token") and now - one.get("heard", one["entered"]) >= doing.get("HeartbeatSeconds", 10**9):
                self._failed(dict(one), "States.HeartbeatTimeout", "")

    def waits(self) -> list[tuple[str, int]]:
        """How long each waiting execution has waited, in whole minutes."""
        now, rows = self.cloud.seconds(), self.at("executions").values()
        return [
            (one["arn"], int(now - one.get("heard", one["entered"])) // 60)
            for one in rows
            if one["status"] == "RUNNING" and one.get("token")
        ]

    def break_off(self) -> None:
        """As after a crash of the whole service: nothing that ran goes on, and nobody is told."""
        for one in self.at("executions").values():
            if one["status"] == "RUNNING":
                self._save({**one, "status": "FAILED", "token": ""})

    # ---- from state to state

    def _visited(self, arn: str) -> int:
        shelf = self.cloud.shelf("sim.visits", kept=False)
        visit = int(shelf.get(arn, 0)) + 1
        shelf.put(arn, visit, self.cloud.number)
        return visit

    def _context(self, one: Json) -> Json:
        name = one["arn"].split(":")[-1]
        return {
            "Task": {"Token": one.get("token", "")},
            "Execution": {"Id": one["arn"], "Name": name, "Input": json.loads(one["input"])},
        }

    def _save(self, one: Json) -> None:
        self.put("executions", one["arn"], one)

    def _enter(self, one: Json, state: str) -> None:
        """Go into a state, and on through those that are no task."""
        gone = ("token", "running", "slow", "retries", "entered", "heard")
        one = {name: value for name, value in one.items() if name not in gone} | {"state": state}
        doing = doing_of(one)
        match doing["Type"]:
            case "Succeed":
                self._end(one, "SUCCEEDED")
            case "Fail":
                self._end(one, "FAILED")
            case "Pass":
                self._go_on(
                    one,
                    _filled(doing["Parameters"], one["data"], self._context(one))
                    if "Parameters" in doing
                    else doing.get("Result", one["data"]),
                )
            case "Choice":
                self._enter(one, _chosen(doing, one["data"]))
            case "Wait":
                self._save(one | {"slow": True})
            case "Task":
                self._save(one)
            case other:
                raise NotImplementedError(f"the simulator knows no {other} state")

    def _go_on(self, one: Json, result: Any) -> None:
        doing = doing_of(one)
        if "ResultSelector" in doing:
            result = _filled(doing["ResultSelector"], result, self._context(one))
        one = dict(one) | {
            "data": _placed(one["data"], doing.get("ResultPath", "$"), result) if doing["Type"] != "Wait" else one["data"]
        }
        if doing.get("End"):
            self._end(one, "SUCCEEDED")
        else:
            self._enter(one, doing["Next"])

    def _failed(self, one: Json, error: str, cause: str) -> None:
        one = {name: value for name, value in one.items() if name not in ("token", "running", "entered", "heard")}
        doing, retries = doing_of(one), dict(one.get("retries", {}))
        for number, retrier in enumerate(doing.get("Retry", [])):
            if caught(retrier, error):
                used = retries.get(str(number), 0)
                if used >= retrier.get("MaxAttempts", 3):
                    break
                self._save(one | {"retries": retries | {str(number): used + 1}, "slow": True})
                return
        for catcher in doing.get("Catch", []):
            if caught(catcher, error):
                said = {"Error": error, "Cause": cause}
                self._enter(one | {"data": _placed(one["data"], catcher.get("ResultPath", "$"), said)}, catcher["Next"])
                return
        self._end(one, "FAILED")

    def _end(self, one: Json, status: str) -> None:
        kept = {name: one[name] for name in ("arn", "story", "state", "input")}
        self._save(kept | {"status": status} | ({"output": one["data"]} if status == "SUCCEEDED" else {}))
        machine, _, name = one["arn"].replace(":execution:", ":stateMachine:").rpartition(":")
        detail = {"executionArn": one["arn"], "stateMachineArn": machine, "name": name, "status": status}
        self.cloud.said("aws.states", "Step Functions Execution Status Change", detail)


def _listed(one: Json) -> Json:
    began = datetime.fromtimestamp(one.get("began", 0), UTC)
    return {"executionArn": one["arn"], "name": one["arn"].split(":")[-1], "status": one["status"], "startDate": began}


@lru_cache(maxsize=64)
def asl(story: str) -> Json:
    return dict(json.loads((STORIES / f"{story}.asl.json").read_text()))


def doing_of(one: Json) -> Json:
    found: Json = asl(one["story"])["States"][one["state"]]
    return found


def caught(rule: Json, error: str) -> bool:
    names = rule["ErrorEquals"]
    tasks = "States.TaskFailed" in names and not error.startswith("States.")
    return error in names or tasks or ("States.ALL" in names)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _read(path: Any, data: Any, context: Json) -> Any:
    if path is None:
        return {}
    at, rest = (context, path[3:]) if path.startswith("$$.") else (data, path[2:])
    for part in filter(None, rest.replace("[", ".").replace("]", "").split(".")):
        at = at[int(part)] if isinstance(at, list) else at[part]
    return at


def _filled(template: Any, data: Any, context: Json) -> Any:
    """A payload template with its `….$` fields read from the input or the context."""
    if isinstance(template, dict):
        return {
            name.removesuffix(".$"): _spoken(value, data, context) if name.endswith(".$") else _filled(value, data, context)
            for name, value in template.items()
        }
    return [_filled(one, data, context) for one in template] if isinstance(template, list) else template


def _spoken(text: str, data: Any, context: Json) -> Any:
    found = re.fullmatch(r"States\.(\w+)\((.*)\)", text)
    if not found:
        return _read(text, data, context)
    arguments = [_argument(one.strip(), data, context) for one in re.split(r",(?![^(]*\))", found[2])] if found[2] else []
    match found[1]:
        case "Format":
            return str(arguments[0]).replace("{}", "%s") % tuple(arguments[1:])
        case "JsonToString":
            return json.dumps(arguments[0], separators=(",", ":"))
        case "StringToJson":
            return json.loads(arguments[0])
        case "JsonMerge":
            return {**arguments[0], **arguments[1]}
        case "MathAdd":
            return arguments[0] + arguments[1]
        case "Array":
            return arguments
        case other:
            raise NotImplementedError(f"the simulator knows no States.{other}")


def _argument(text: str, data: Any, context: Json) -> Any:
    if text.startswith("'"):
        return text[1:-1]
    return _spoken(text, data, context) if text.startswith(("$", "States.")) else json.loads(text)


def _placed(data: Any, path: str | None, result: Any) -> Any:
    if path is None:
        return data
    if path == "$":
        return result
    whole = dict(data)
    at, parts = whole, path[2:].split(".")
    for part in parts[:-1]:
        at[part] = dict(at.get(part, {}))
        at = at[part]
    at[parts[-1]] = result
    return whole


def _chosen(doing: Json, data: Any) -> str:
    for rule in doing["Choices"]:
        if _holds(rule, data):
            return str(rule["Next"])
    return str(doing["Default"])


def _holds(rule: Json, data: Any) -> bool:
    if "And" in rule:
        return all(_holds(one, data) for one in rule["And"])
    if "Or" in rule:
        return any(_holds(one, data) for one in rule["Or"])
    if "Not" in rule:
        return not _holds(rule["Not"], data)
    try:
        value = _read(rule["Variable"], data, {})
    except (KeyError, IndexError, TypeError):
        return rule.get("IsPresent") is False
    (name,) = [word for word in rule if word not in ("Variable", "Next", "Comment")]
    wanted = rule[name]
    match name:
        case "IsPresent":
            return bool(wanted)
        case "IsNull":
            return bool((value is None) == wanted)
        case _ if name.endswith("Equals"):
            return bool(value == wanted)
        case _ if name.endswith("GreaterThan"):
            return bool(value > wanted)
        case _ if name.endswith("GreaterThanEquals"):
            return bool(value >= wanted)
        case _ if name.endswith("LessThan"):
            return bool(value < wanted)
        case other:
            raise NotImplementedError(f"the simulator knows no {other}")
