"""How do DynamoDB's items, its streams and the starts of executions survive ``kill -9``?

The emulator saves only when it shuts down in order. Its two functions through which every item write goes, and the one that
makes stream records, are wrapped to take each change down in the journal; the stream records themselves, which the emulator
would forget while it remembers how far they were read, are saved beside the tables.
"""

from __future__ import annotations

import copy
import json
import logging
from typing import Any

from aws_research_wizard.local.deliveries import Deliveries
from aws_research_wizard.local.journal import Journal

log = logging.getLogger(__name__)


class Tables:
    """Wraps the emulator's DynamoDB and Step Functions modules."""

    def __init__(self, journal: Journal) -> None:
        from ministack.services import dynamodb, stepfunctions

        self.db, self.sfn, self.journal = dynamodb, stepfunctions, journal
        self.deliveries = Deliveries(journal)
        self._applied = 0
        self._set, self._remove, self._record = dynamodb._set_item, dynamodb._remove_item, dynamodb._build_change_record
        self._state, self._load, self._start = dynamodb.get_state, dynamodb.load_persisted_state, stepfunctions._start_execution
        dynamodb._set_item, dynamodb._remove_item = self.set_item, self.remove_item
        dynamodb._build_change_record = self.build_record
        dynamodb.get_state, dynamodb.load_persisted_state = self.get_state, self.load_state
        stepfunctions._start_execution = self.start_execution

    def set_item(self, table: dict[str, Any], pk: Any, sk: Any, item: dict[str, Any]) -> Any:
        old = self._set(table, pk, sk, item)
        self.journal.add("set", table["TableArn"], pk, sk, item)
        return old

    def remove_item(self, table: dict[str, Any], pk: Any, sk: Any) -> Any:
        old = self._remove(table, pk, sk)
        if old is not None:
            self.journal.add("del", table["TableArn"], pk, sk)
        return old

    def build_record(self, table: dict[str, Any], *args: Any) -> Any:
        record = self._record(table, *args)
        self.journal.add("rec", table["TableArn"], record)
        return record

    def start_execution(self, data: dict[str, Any]) -> Any:
        answer = self._start(data)
        if answer[0] == 200:
            arn = json.loads(answer[2])["executionArn"]
            self.journal.add("exec", arn, self.sfn._executions[arn])
        return answer

    def get_state(self) -> dict[str, Any]:
        extra = {"records": self.db._stream_records, "trimmed": self.db._stream_trimmed}
        pending = dict(self.deliveries.pending)
        return {**self._state(), "streams": copy.deepcopy(extra), "deliveries": pending, "journal": self.journal.number}

    def load_state(self, data: dict[str, Any]) -> None:
        self._load(data)
        streams = data.get("streams") or {}
        self.db._stream_records.update(streams.get("records", {}))
        self.db._stream_trimmed.update(streams.get("trimmed", {}))
        self.deliveries.pending.update({name: (arn, payload) for name, (arn, payload) in data.get("deliveries", {}).items()})
        self._applied = int(data.get("journal", 0))

    def replay(self) -> int:
        """Apply the journalled changes newer than the loaded state; returns how many lines there were."""
        lines = 0
        for entries in self.journal.read(self._applied):
            lines += 1
            for kind, arn, *rest in entries:
                self._apply(kind, arn, rest)
        self._rewind()
        return lines

    def _rewind(self) -> None:
        """No reader of a stream stands behind its end: what it read there was never answered, and is not in the stream."""
        from ministack.services import lambda_svc

        for key, position in list(lambda_svc._dynamodb_stream_positions._data.items()):
            account, region, _ = key
            source = lambda_svc._esms._data.get(key, {}).get("EventSourceArn", "")
            name = source.partition(":table/")[2].partition("/")[0]
            end = self.db.stream_end_position(name, account_id=account, region=region)
            if position > end:
                lambda_svc._dynamodb_stream_positions._data[key] = end

    def _apply(self, kind: str, arn: str, rest: list[Any]) -> None:
        account, region = arn.split(":")[4], arn.split(":")[3]
        if kind in {"news", "told"}:
            self.deliveries.apply(kind, arn, rest)
            return
        if kind == "exec":
            self.sfn._executions._data.setdefault((account, region, arn), rest[0])
            return
        name = arn.rsplit("/", 1)[1]
        table = self.db._tables.get_scoped(account, region, name)
        if table is None:
            log.warning("a journalled write names a table that is gone: %s", name)
        elif kind == "set":
            self._set(table, *rest)
        elif kind == "del":
            self._remove(table, *rest)
        elif (table.get("StreamSpecification") or {}).get("StreamEnabled"):
            self.db._stream_records._data.setdefault((account, region, name), []).append(rest[0])

    def shape(self) -> str:
        """All that is not items: when it changes, a full save is due."""
        tables = [
            (key, {k: v for k, v in table.items() if k not in {"items", "ItemCount", "TableSizeBytes", self.db._INDEX_MEMBERS}})
            for key, table in list(self.db._tables._data.items())
        ]
        rest = [
            sorted(map(repr, store._data.items())) for store in (self.db._ttl_settings, self.db._pitr_settings, self.db._tags)
        ]
        return repr((tables, rest))
