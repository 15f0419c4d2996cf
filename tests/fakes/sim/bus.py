"""Who hears what? EventBridge, with the rules that our app and our stack declare, and the queue of what is still to be delivered.

Every delivery happens at least once: it stays in the queue until it was heard without an error, three times at most, as Lambda
does with asynchronous invocations; what is given up lies in `lost`, as it would in the dead-letter queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from tests.fakes.sim.cloud import ACCOUNT, REGION, Cloud, Json, Service, token
from tests.fakes.sim.dynamodb import RESOURCES
from tests.fakes.sim.faults import refusal

ATTEMPTS = 3


class Delivery(NamedTuple):
    function: str
    event: Json
    attempts: int = 0


class Rule(NamedTuple):
    bus: str  # "default", or the stage's own: "facts"
    pattern: Json
    function: str


class Events(Service):
    def _put_events(self, Entries: list[Json]) -> Json:  # noqa: N803
        if len(Entries) > 10:
            raise refusal("ValidationException", "Member must have length less than or equal to 10")
        answers = [self._taken(entry) for entry in Entries]
        return {"FailedEntryCount": sum("ErrorCode" in one for one in answers), "Entries": answers}

    def _taken(self, entry: Json) -> Json:
        if entry.get("DetailType") and entry.get("Source"):
            bus = "facts" if entry.get("EventBusName", "default") != "default" else "default"
            event = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
            if bus == "facts":
                self.cloud.shelf("bus.published", named=False).put(
                    event["detail"].get("id"), entry["DetailType"], self.cloud.number
                )
            heard(self.cloud, bus, event)
            return {"EventId": token(entry["Detail"])}
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": "Parameter DetailType is not valid."}


def heard(cloud: Cloud, bus: str, event: Json) -> None:
    """One delivery for every rule that the event matches."""
    plain = envelope(cloud, json.loads(json.dumps(event, default=str)))
    for rule in rules():
        if rule.bus == bus and matches(rule.pattern, plain):
            queue(cloud, Delivery(rule.function, plain))


def envelope(cloud: Cloud, event: Json) -> Json:
    """What EventBridge writes around every event."""
    when = cloud.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {
        "version": "0",
        "id": token(json.dumps(event["detail"])),
        "time": when,
        "account": ACCOUNT,
        "region": REGION,
        "resources": [],
    }
    return said | event


def queue(cloud: Cloud, delivery: Delivery) -> None:
    waiting = cloud.shelf("bus")
    waiting.put("queue", (*waiting.get("queue", ()), delivery), cloud.number)


def waiting(cloud: Cloud) -> tuple[Delivery, ...]:
    return tuple(Delivery(*one) for one in cloud.shelf("bus").get("queue", ()))


def done(cloud: Cloud, delivery: Delivery, well: bool) -> None:
    """Heard: off the queue. Not heard: again later, or given up."""
    left = list(waiting(cloud))
    if delivery in left:
        left.remove(delivery)
    if not well:
        again = delivery._replace(attempts=delivery.attempts + 1)
        if again.attempts < ATTEMPTS:
            left.append(again)
        else:
            cloud.shelf("bus").put("lost", (*cloud.shelf("bus").get("lost", ()), again))
    cloud.shelf("bus").put("queue", tuple(left))


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    return all(_one(wanted, event.get(name)) for name, wanted in pattern.items())


def _one(wanted: Any, has: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(has, Mapping) and matches(wanted, has)
    return any(_word(word, has) for word in wanted)


def _word(word: Any, has: Any) -> bool:
    if isinstance(word, Mapping):
        if "prefix" in word:
            return isinstance(has, str) and has.startswith(word["prefix"])
        if "exists" in word:
            return bool((has is not None) == word["exists"])
        return "Ref" in word  # an ARN of our own stack
    return bool(word == has)


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """The rules of the app (`on_cw_event`, narrowed by the stack's own pattern) and those of the stack."""
    import app

    stack = json.loads(RESOURCES.read_text())["Resources"]
    found = []
    for source in app.app.event_sources:
        if hasattr(source, "event_pattern"):
            narrowed = _narrowed(stack.get(_camel(source.name), {}))
            pattern = {**source.event_pattern, "detail": {**source.event_pattern.get("detail", {}), **narrowed}}
            found.append(Rule("default", pattern, source.name))
    found += [
        rule for one in stack.values() if one.get("Type") == "AWS::Events::Rule" for rule in _rules_of(one["Properties"], stack)
    ]
    return tuple(found)


def _narrowed(function: Json) -> Json:
    for event in function.get("Properties", {}).get("Events", {}).values():
        return dict(event["Properties"].get("Pattern", {}).get("detail", {}))
    return {}


def _rules_of(properties: Json, stack: Json) -> list[Rule]:
    pattern = properties.get("EventPattern", {})
    bus = "facts" if properties.get("EventBusName") else "default"
    return [Rule(bus, pattern, name) for one in properties.get("Targets", []) if (name := _function(json.dumps(one["Arn"])))]


def _function(arn: str) -> str:
    """`{"Fn::GetAtt": ["RecordAudit", "Arn"]}` or `…:function:aws-research-wizard-${Stage}-record_audit` → record_audit."""
    import app

    names = sorted(app.app.handler_map, key=len, reverse=True)
    return next((name for name in names if f'"{_camel(name)}"' in arn or f"-{name}" in arn), "")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
