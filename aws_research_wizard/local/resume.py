"""What becomes of a workflow that was running when the emulator died?

The emulator would mark it failed. On AWS Step Functions does not die, so here a restored execution goes on: it re-enters the
state it was in, with that state's input. Tasks are delivered at least once by contract, so a task that had just finished may
run again.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from types import FunctionType
from typing import Any

log = logging.getLogger(__name__)
RUNNING = "RUNNING"


def running(executions: dict[Any, dict[str, Any]]) -> list[Any]:
    """Keys of the executions that had not ended."""
    return [key for key, execution in executions.items() if execution.get("status") == RUNNING]


def revive(execution: dict[str, Any]) -> None:
    """Take back what the restore wrote onto an execution that was running."""
    execution.update(status=RUNNING, stopDate=None)
    execution.pop("error", None)
    execution.pop("cause", None)


def from_where_it_was(definition: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """The definition changed to begin in the top-level state entered last, with the input it had."""
    states = definition.get("States", {})
    entered = [details for event in events if (details := event.get("stateEnteredEventDetails"))]
    last = next((details for details in reversed(entered) if details.get("name") in states), None)
    if last is None:
        return definition
    door = {"Type": "Pass", "Result": json.loads(last.get("input") or "{}"), "Next": last["name"]}
    return {**definition, "StartAt": "Resumed", "States": {**states, "Resumed": door}}


class Resumption:
    """Wraps the emulator's Step Functions module; ``go_on`` restarts what was running once the server answers."""

    def __init__(self) -> None:
        from ministack.services import stepfunctions

        self.sfn = stepfunctions
        self._load = stepfunctions.load_persisted_state
        self._were_running: list[Any] = []
        stepfunctions.load_persisted_state = self.load_state

    def load_state(self, data: dict[str, Any]) -> None:
        executions = getattr(data.get("executions"), "_data", {})
        keys = running(executions)
        self._load(data)
        for key in keys:
            revive(self.sfn._executions._data[key])

    def go_on(self) -> int:
        """Continue every running execution in a thread of its own; returns how many there were."""
        keys = running(self.sfn._executions._data)
        for account, region, arn in keys:
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(self._continue, account, region, arn), daemon=True).start()
        return len(keys)

    def _continue(self, account: str, region: str, arn: str) -> None:
        from ministack.core.responses import set_request_account_id, set_request_region

        set_request_account_id(account)
        set_request_region(region)
        execution = self.sfn._executions[arn]
        machine = self.sfn._state_machines.get(execution["stateMachineArn"])
        if machine is None:
            self.sfn._fail_execution(execution, "StateMachineDeleted", "State machine no longer exists")
            return
        changed = from_where_it_was(json.loads(machine["definition"]), execution["events"])
        machines = {execution["stateMachineArn"]: {**machine, "definition": json.dumps(changed)}}
        log.info("execution %s goes on in %s", arn, changed.get("StartAt"))
        walk = FunctionType(self.sfn._run_execution.__code__, {**vars(self.sfn), "_state_machines": machines})
        walk(arn)
