"""The labs table with many running labs, as DynamoDB serves it: a process of its own that speaks its wire and counts its units.

As many labs as asked for stand in its sparse index `idle`; so many of them are due. A lab's items are made from a pattern when
they are first read. Conditions and updates are those of the tests' simulator of DynamoDB. Read units follow DynamoDB's rules: 0.5
for each 4 KB of an eventual read, 1 for each of a consistent one, rounded up for each call; a Scan is refused.

    python -m bench.sparse_table PORT PATTERN.json
"""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right, insort
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chalicelib.idle.store import shard_of
from tests.fakes.sim.expressions import condition, update

Json = dict[str, Any]
MARK = "lab-pattern"
DUE, LATER = "2026-11-23T08:55:00.000000Z", "2026-11-23T09:40:00.000000Z"


class Refused(Exception):  # noqa: N818 (named for what happened)
    """DynamoDB says no."""


def lab_name(number: int) -> str:
    """The labs' names."""
    return f"lab-{number:07d}"


def size(value: Any) -> int:
    """Bytes of an item, by DynamoDB's rules as far as they matter here."""
    if isinstance(value, dict):
        return sum(len(name) + size(one) for name, one in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + size(one) for one in value)
    return len(value.encode()) if isinstance(value, str) else 1


class Table:
    """Partitions that are made when they are read, one index that names them all, and what was asked of them."""

    def __init__(self, pattern: Json) -> None:
        self.pattern = json.dumps(pattern)
        self.fill(0, 0)

    def fill(self, labs: int, due: int) -> None:
        """So many labs run, so many of them, spread among the others, are due."""
        self.partitions: dict[str, dict[str, Json]] = {}
        self.index: dict[str, list[tuple[str, str]]] = {}
        every = max(1, labs // due) if due else labs + 1
        for number in range(labs):
            name = lab_name(number)
            is_due = number % every == 0 and number // every < due
            self.index.setdefault(shard_of(name), []).append((DUE if is_due else LATER, f"LAB#{name}"))
        for rows in self.index.values():
            rows.sort()
        self.calls: Counter[str] = Counter()
        self.read_units = 0.0

    def partition(self, pk: str) -> dict[str, Json]:
        """A lab's items."""
        if pk not in self.partitions:
            items = json.loads(self.pattern.replace(MARK, pk.removeprefix("LAB#")))
            items["IDLE"]["idle_shard"] = {"S": shard_of(pk.removeprefix("LAB#"))}
            self.partitions[pk] = items
        return self.partitions[pk]

    def __call__(self, operation: str, asked: Json) -> Json:
        self.calls[operation] += 1
        match operation:
            case "Query" if asked.get("IndexName") == "idle":
                found = self._due(asked)
            case "Query":
                found = self._query(asked)
            case "GetItem":
                item = self.partition(asked["Key"]["pk"]["S"]).get(asked["Key"]["sk"]["S"])
                self._read(asked, [item] if item else [])
                return {"Item": item} if item else {}
            case "TransactWriteItems":
                return self._write(asked["TransactItems"])
            case _:
                raise Refused(f"{operation} is not for a sweep")
        self._read(asked, found)
        return {"Items": found, "Count": len(found), "ScannedCount": len(found)}

    def _read(self, asked: Json, items: list[Json]) -> None:
        blocks = -(-max(1, sum(map(size, items))) // 4096)
        self.read_units += blocks * (1.0 if asked.get("ConsistentRead") else 0.5)

    def _due(self, asked: Json) -> list[Json]:
        said = {
            asked["ExpressionAttributeNames"][name]: asked["ExpressionAttributeValues"][value]["S"]
            for name, value in _pairs(asked)
        }
        rows = self.index.get(said["idle_shard"], [])
        upto = bisect_right(rows, (said["idle_at"], "\uffff"))
        found = []
        for at, pk in rows[: min(upto, asked.get("Limit", upto))]:
            row = self.partition(pk)["IDLE"]
            row["idle_at"] = {"S": at}
            found.append(row)
        return found

    def _query(self, asked: Json) -> list[Json]:
        names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
        pk = next(values[value]["S"] for name, value in _pairs(asked) if names[name] == "pk")
        wanted = condition(asked["KeyConditionExpression"])
        items = self.partition(pk)
        return [items[sk] for sk in sorted(items) if wanted(items[sk], names, values)]

    def _write(self, operations: list[Json]) -> Json:
        changed = []
        for one in operations:
            ((kind, said),) = one.items()
            key = said["Item"] if kind == "Put" else said["Key"]
            before = self.partition(key["pk"]["S"]).get(key["sk"]["S"], {})
            names, values = said.get("ExpressionAttributeNames", {}), said.get("ExpressionAttributeValues", {})
            if "ConditionExpression" in said and not condition(said["ConditionExpression"])(before, names, values):
                raise Refused(f"{kind} of {key['sk']['S']}: {said['ConditionExpression']}")
            if kind == "Put":
                changed.append((key, said["Item"]))
            elif kind == "Update":
                changed.append((key, update(said["UpdateExpression"])(dict(before) or dict(key), names, values)))
        for key, after in changed:
            self._keep(key["pk"]["S"], key["sk"]["S"], after)
        return {}

    def _keep(self, pk: str, sk: str, item: Json) -> None:
        before = self.partition(pk).get(sk)
        self.partitions[pk][sk] = item
        if sk != "IDLE":
            return
        rows = self.index[shard_of(pk.removeprefix("LAB#"))]
        if before and "idle_at" in before:
            rows.remove((before["idle_at"]["S"], pk))
        if "idle_at" in item:
            insort(rows, (item["idle_at"]["S"], pk))


def _pairs(asked: Json) -> list[tuple[str, str]]:
    return re.findall(r"(#\w+) (?:=|<=) (:\w+)", asked["KeyConditionExpression"])


class Handler(BaseHTTPRequestHandler):
    """DynamoDB's wire; and two questions of the bench: /fill and /meter."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece, and nobody waits for its second half
    table: Table

    def do_POST(self) -> None:
        """One call."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/fill":
            self.table.fill(body["labs"], body["due"])
            return self._answer(200, {})
        try:
            self._answer(200, self.table(self.headers["X-Amz-Target"].rpartition(".")[2], body))
        except Refused as refused:
            self._answer(400, {"__type": "ValidationException", "message": str(refused)})

    def do_GET(self) -> None:
        """What was asked so far."""
        self._answer(200, {"calls": self.table.calls, "read_units": self.table.read_units})

    def _answer(self, status: int, said: Json) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def main() -> None:
    """Serve until killed."""
    Handler.table = Table(json.loads(Path(sys.argv[2]).read_text()))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
