"""Is an event that the bus accepted brought to its function, even if the emulator dies on the way?

On AWS EventBridge hands an event to Lambda's queue, which tries three times. The emulator tries once and forgets; here an
event is in the journal from its acceptance until its function has succeeded or failed three times.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from typing import Any

from aws_research_wizard.local.journal import Journal

log = logging.getLogger(__name__)
ATTEMPTS = 3
PAUSE_SECONDS = 1.0


class Deliveries:
    """Takes the place of the emulator's hand-over from EventBridge to Lambda."""

    def __init__(self, journal: Journal) -> None:
        from ministack.services import eventbridge, lambda_svc

        self.functions, self.journal = lambda_svc, journal
        self.pending: dict[str, tuple[str, str]] = {}
        eventbridge._dispatch_to_lambda = self.accept

    def accept(self, arn: str, payload: str) -> None:
        """Take an event down and start to deliver it."""
        name = uuid.uuid4().hex
        self.pending[name] = (arn, payload)
        self.journal.add("news", arn, name, payload)
        self._start(name)

    def apply(self, kind: str, arn: str, rest: list[Any]) -> None:
        """A journalled entry: an event accepted, or delivered."""
        if kind == "news":
            self.pending[rest[0]] = (arn, rest[1])
        else:
            self.pending.pop(rest[0], None)

    def go_on(self) -> int:
        """Deliver what was left; returns how many events that are."""
        for name in list(self.pending):
            self._start(name)
        return len(self.pending)

    def _start(self, name: str) -> None:
        threading.Thread(target=self._deliver, args=(name,), daemon=True, name="delivery").start()

    def _deliver(self, name: str) -> None:
        arn, payload = self.pending[name]
        for attempt in range(1, ATTEMPTS + 1):
            if self._succeeds(arn, payload):
                break
            log.warning("attempt %d of %d to bring an event to %s failed", attempt, ATTEMPTS, arn)
            time.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
        self.pending.pop(name, None)
        self.journal.add("told", arn, name)

    def _succeeds(self, arn: str, payload: str) -> bool:
        from ministack.core.responses import set_request_account_id, set_request_region

        _, _, _, region, account, *_ = arn.split(":")
        set_request_account_id(account)
        set_request_region(region)
        function, config, _ = self.functions._get_func_record_for_ref(arn)
        if not function or not config:
            return False
        record = self.functions._execution_record_for_config(function, config)
        try:
            return not self.functions._execute_function_with_config_scope(record, json.loads(payload)).get("error")
        except Exception:
            log.exception("%s could not be invoked", arn)
            return False
