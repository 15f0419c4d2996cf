"""An AWS account in memory, on a clock of its own, that knows nothing of real time and nothing of chance.

`client(service)` gives what botocore's clients give, as far as chalicelib asks. Every call passes one hook, `strike`, which may
refuse it, lose its answer or do something else first. All that the account has stands on shelves (shelf.py), so a moment can be
kept and brought back. Ids follow from names and tokens, not from a counter: two histories that made the same things made them
under the same ids.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.sim.essence import ESSENCES, NAMELESS
from tests.fakes.sim.faults import Call
from tests.fakes.sim.process import Ask, Processes
from tests.fakes.sim.shelf import Moment, Shelf, number

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "us-east-1"
Json = dict[str, Any]
Act = Callable[[], Any]
Kept = tuple[tuple[Moment, ...], datetime]


class Cloud:
    """One account, one region."""

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.now = seed, START
        self.strike: Callable[[Call, Act], Any] = lambda _call, act: act()
        self.stale = False  # is the read under way one that sees the past?
        self.repeats = False  # is the call under way the SDK's repetition of the one before?
        self.sold_out: set[str] = set()
        self.processes = Processes()
        self.number = self._calls = 0  # of the call under way: what one call changes is one change
        self.shelves: dict[str, Shelf] = {}
        self._moments: tuple[Moment, ...] | None = None  # as all shelves stand, until one of them changes
        self._digest: tuple[tuple[Moment, ...], int] = ((), 0)  # of the moments that were looked at last
        self.happened: list[Callable[[str, Json], None]] = []  # who hears AWS's own news: (source, event)
        self._services: dict[str, Any] = {}
        self._rng: tuple[str, random.Random] | None = None
        self.shelf("sim.draws", kept=False)

    # ---- what production code sees

    def client(self, service: str, region: str = "") -> Any:
        """One client each; another region has its own EC2, its buckets stand on the same shelf under their own names."""
        name = f"ec2@{region}" if service == "ec2" and region not in ("", REGION) else service
        if name not in self._services:
            from tests.fakes.sim.services import SERVICES

            self._services[name] = SERVICES[service](self, name)
        return self._services[name]

    def call(self, call: Call, act: Act) -> Any:
        return self.processes.ask(Ask(call, lambda: self._made(call, act)))

    def _made(self, call: Call, act: Act) -> Any:
        self._calls += 1
        number = self._calls

        def acted() -> Any:
            self.number = number
            return act()

        return self.strike(call, acted)

    # ---- shelves

    def shelf(self, name: str, named: bool = True, kept: bool = True) -> Shelf:
        found = self.shelves.get(name)
        if found is None:
            found = self.shelves[name] = Shelf(name, named and name not in NAMELESS, kept, ESSENCES.get(name), self._changed)
            self._changed()
        return found

    def _changed(self) -> None:
        self._moments = None

    def rows(self, table: str) -> list[Json]:
        """The items of one of the stage's tables."""
        return self.shelf(f"table.{table}").values()

    def snapshot(self) -> Kept:
        return self._kept(), self.now

    def _kept(self) -> tuple[Moment, ...]:
        if self._moments is None:
            self._moments = tuple([shelf.keep() for shelf in self.shelves.values()])
        return self._moments

    def restore(self, kept: Kept) -> None:
        moments, self.now = kept
        for shelf, moment in zip(list(self.shelves.values()), moments, strict=False):
            shelf.bring_back(moment)
        for shelf in list(self.shelves.values())[len(moments) :]:  # shelves that did not exist then
            shelf.bring_back(Moment({}, {}))
        self._moments = moments if len(moments) == len(self.shelves) else None

    def digest(self, alias: Callable[[str], str] = lambda _: "") -> int:
        """What the account has, whatever the clock says. `alias` tells what a random token means now."""
        moments = self._kept()
        if self._digest[0] is not moments:
            self._digest = moments, self._summed(alias)
        return self._digest[1]

    def _summed(self, alias: Callable[[str], str]) -> int:
        total = 0
        for shelf in self.shelves.values():
            if not shelf.kept:
                continue
            part, odd = shelf.digest()
            total += part
            for key, rec in odd:
                total += number(f"{key if shelf.named else ''}:{','.join(alias(ref) for ref in rec.refs)}")
        return total & 0xFFFFFFFFFFFFFFFF

    def past(self) -> int:
        """A digest of what stale reads would see."""
        return sum(shelf.past() for shelf in self.shelves.values() if shelf.kept) & 0xFFFFFFFFFFFFFFFF

    # ---- time and chance

    def pass_time(self, span: timedelta) -> None:
        self.now += span

    def seconds(self) -> float:
        return self.now.timestamp()

    def begin(self, label: str) -> None:
        """A new delivery: its random values follow from its label and from how often it drew some before."""
        self._rng = (label, None)  # type: ignore[assignment]

    def rng(self) -> random.Random:
        label, found = self._rng or ("", None)
        if found is None:
            found = random.Random(self.processes.ask(Ask("draw", self._draw)))
            self._rng = (label, found)
        return found

    def _draw(self) -> str:
        label = self._rng[0] if self._rng else ""
        drawn = 0 if label.startswith("ask:") else self.shelf("sim.draws").get(label, 0)
        self.shelf("sim.draws").put(label, drawn + 1)
        return f"{self.seed}/{label}/{drawn}"

    def said(self, source: str, kind: str, detail: Json, resources: tuple[str, ...] = ()) -> None:
        """AWS tells its own news on the default bus."""
        event = {"source": source, "detail-type": kind, "detail": detail, "account": ACCOUNT, "region": REGION}
        for hear in self.happened:
            hear("default", event | {"resources": list(resources)})


def token(*parts: object, length: int = 17) -> str:
    """An id that follows from what it is the id of."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:length]


class Service:
    """One service's client: verb in snake case → method `_verb`; every call passes the cloud's hook."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, self.name = cloud, name
        self.meta = Meta(f"https://{name}.{REGION}.amazonaws.com")
        self.exceptions = None

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("_"):
            raise AttributeError(verb)
        act = getattr(self, f"_{verb}", None)
        if act is None:
            raise NotImplementedError(f"the simulator does not know {self.name}:{verb}")

        def called(**asked: Any) -> Any:
            return self.cloud.call(Call(self.name, verb, asked), lambda: act(**asked))

        self.__dict__[verb] = called
        return called

    def get_paginator(self, verb: str) -> Pages:
        return Pages(getattr(self, verb))

    def get_waiter(self, name: str) -> Any:
        raise NotImplementedError(f"nothing waits in our code; asked for {name}")

    def at(self, name: str, named: bool = True) -> Shelf:
        return self.cloud.shelf(f"{self.name}.{name}", named)

    def put(self, shelf: str, key: Any, value: Any) -> None:
        self.at(shelf).put(key, value, self.cloud.number)

    def drop(self, shelf: str, key: Any) -> None:
        self.at(shelf).drop(key, self.cloud.number)

    def seen(self, shelf: str) -> list[Any]:
        return self.at(shelf).values(self.cloud.stale)

    def look(self, shelf: str, key: Any) -> Any:
        return self.at(shelf).get(key, None, self.cloud.stale)

    def nth(self, what: str) -> int:
        """How often something of this name was made before; so that what is made anew has an id of its own."""
        made = self.at("made").get(what, 0)
        self.put("made", what, made + 1)
        return int(made)


class Meta:
    def __init__(self, url: str) -> None:
        self.endpoint_url, self.region_name = url, REGION
        self.events = self

    def register_first(self, *_: Any) -> None:
        return None


class Pages:
    def __init__(self, verb: Callable[..., Json]) -> None:
        self.verb = verb

    def paginate(self, **asked: Any) -> list[Json]:
        asked.pop("PaginationConfig", None)
        return [self.verb(**asked)]
