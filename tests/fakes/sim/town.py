"""The whole system in one place: people, the API, workflows, the bus, schedules and machines, moved on one delivery at a time.

A `Unit` is one thing that may happen next. `units()` lists them in the order in which they usually come: a person's request,
tasks, news, AWS's own slow doings, machines, retries, the outbox; and, when nothing else is left, the clock. `deliver(unit,
plan)` makes one happen, struck as the plan says. Nothing else changes the world, so a list of steps is a history that can be
repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from tests.conftest import Context
from tests.fakes.gateway import Answer, Gateway
from tests.fakes.sim import bus
from tests.fakes.sim.bus import Delivery
from tests.fakes.sim.cloud import Cloud, Json, Kept
from tests.fakes.sim.faults import BETWEEN, Call, Crash, Plan, Strike, refusal, too_often, unanswered, unreachable
from tests.fakes.sim.installed import alone, installed
from tests.fakes.sim.machine import Machines
from tests.fakes.sim.shelf import number

ADA, BOB, EVE, ROOT = "ada@university.edu", "bob@university.edu", "eve@university.edu", "root@university.edu"
STEP = timedelta(minutes=5)
TRIES = 4  # how often a client repeats a request that was not answered
NO_ANSWER = Answer(503, {}, '{"code": "unavailable", "message": "no answer"}')


class Unit(NamedTuple):
    """`ask` a request · `task` of an execution · `news` for a function · `arrives` an AWS part · `machine` speaks · `again` a
    task after a wait · `stream` the outbox · `tick` the clock · `sweep` the mending timer, `delete` the owner, out of turn."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


class Step(NamedTuple):
    unit: Unit
    plan: Plan = ()


class Town:
    def __init__(self, cloud: Cloud) -> None:
        import app

        self.cloud, self.api = cloud, Gateway(app.app)
        self.handlers = handlers(app.app)
        self.workflows, self.ec2, self.efs = cloud.client("stepfunctions"), cloud.client("ec2"), cloud.client("efs")
        cloud.client("dynamodb")
        self.asks, self.calm = cloud.shelf("asks"), cloud.shelf("sim.calm", kept=False)
        cloud.shelf("bus").put("queue", ())
        self.machines = Machines(self)
        self.answers: dict[str, Answer] = {}
        self.calls: list[Call] = []  # of the delivery under way, or the last one
        self.made: list[Made] | None = None  # the same calls with what stood around them, when somebody wants that
        self.error: BaseException | None = None  # how the last delivery ended
        self.people: dict[str, str] = {}
        cloud.happened.append(self._heard)
        self._doing: list[Unit] = []
        self.last: dict[Unit, Callable[[], Any]] = {}  # what runs the delivery under way, or the last one, a second time
        self._people()
        self._stack()
        self._start = self.snapshot()

    def _people(self) -> None:
        from chalicelib.labs import access  # noqa: F401 - imported before the first delivery is timed
        from chalicelib.people import rules, service
        from chalicelib.runtime.store import commit

        secret, _ = service.bootstrap(ROOT, "default", self.now, "setup")
        self.people[ROOT] = secret
        for email in (ADA, BOB, EVE):
            self.cloud.begin(email)
            person = service.put_person(email, rules.Role.MEMBER, ("default",), self.now, ROOT, "setup")
            scopes = tuple(rules.scopes_of(person.role))
            secret, _, writes = service.mint(person, "test", scopes, timedelta(days=300), self.now, email, "setup")
            commit(*writes)
            self.people[email] = str(secret)
        self.settle()

    def _stack(self) -> None:
        """What the stack itself has made in IAM."""
        name = "aws-research-wizard-test-builder"
        self.cloud.shelf("iam.profiles").put(name, {"InstanceProfileName": name, "Roles": [name], "Tags": []})

    # ---- moments

    @property
    def now(self) -> Any:
        return self.cloud.now

    def snapshot(self) -> Kept:
        return self.cloud.snapshot()

    def restore(self, kept: Kept) -> None:
        self.cloud.restore(kept)

    def digest(self) -> int:
        """Equal worlds have equal futures; the time that labs and workflows have left belongs to it, the hour does not."""
        left = sorted(self._left())
        return (self.cloud.digest(self._means) + number(repr(left))) & 0xFFFFFFFFFFFFFFFF

    def _left(self) -> Iterator[tuple[str, int]]:
        yield from self.workflows.waits()
        for (pk, sk), item in self.cloud.shelf("table.labs").items():
            if sk == "LAB" and item.get("due", {}).get("S", "").startswith("0#") and "deadline" in item:
                yield pk, int(_epoch(item["deadline"]["S"]) - self.cloud.seconds()) // 60
            if sk == "BAKE" and item["due"]["S"].startswith("0#"):
                yield pk, int(_epoch(item["deadline"]["S"]) - self.cloud.seconds()) // 60
            if sk == "IDLE" and "idle_at" in item and pk.removeprefix("LAB#") in self._idle():
                yield pk, max(0, int(_epoch(item["idle_at"]["S"]) - self.cloud.seconds()) // 60)

    def _idle(self) -> set[str]:
        """Labs that nobody uses. Of the others a sweep of the idle ones changes nothing but when it looks again."""
        return {one["lab"] for one in self.machines.shelf.values() if one.get("idle") and one.get("step") != "off"}

    def _means(self, ref: str) -> str:
        """Whose is this token now?"""
        for one in self.cloud.shelf("stepfunctions.executions").values():
            if one.get("token") == ref:
                return str(one["arn"])
        for one in self.cloud.shelf("machines").values():
            if one["token"] and hashlib.sha256(one["token"].encode()).hexdigest() == ref:
                return str(one["id"])
        return "nobody's"

    # ---- what may happen

    def units(self) -> list[Unit]:
        """What may happen next, the usual first. Never empty: the clock always goes on."""
        found = [Unit("ask", one["id"]) for one in self.asks.get("queue", ())]
        found += [Unit("task", arn) for arn in self.workflows.ready(slow=False)]
        found += [Unit("news", str(place)) for place, _ in enumerate(bus.waiting(self.cloud))]
        found += [Unit("arrives", part) for part in (*self.efs.passing(), *self.ec2.passing())]
        found += [Unit("machine", one) for one in self.machines.able()]
        found += [Unit("again", arn) for arn in self.workflows.ready(slow=True)]
        found += [Unit("stream", table) for table, records in self.cloud.shelf("stream").items() if records]
        found = [unit for unit in found if unit not in self._doing]
        return found or [Unit("tick")]

    def at_rest(self) -> bool:
        """Nothing is left to happen, and the last round of schedules changed nothing."""
        return self.units() == [Unit("tick")] and self.calm.get("last") == self.digest()

    # ---- making it happen

    def deliver(self, unit: Unit, plan: Plan = ()) -> bool:
        """One delivery, struck as planned. False when the process died."""
        self.calls = []
        self.cloud.begin(str(unit))
        before, self.cloud.strike = self.cloud.strike, _Striker(self, unit, plan)
        try:
            return self._deliver(unit, dies=bool(plan) and plan[0].at == -1)
        finally:
            self.cloud.strike = before
            self.cloud.begin("")

    def _deliver(self, unit: Unit, dies: bool = False) -> bool:
        finish = self._begun(unit)
        self._doing.append(unit)
        try:
            answer = None if dies else finish.act()
            error: BaseException | None = Crash(str(unit)) if dies else None
        except (Crash, Exception) as failure:
            answer, error = None, failure
        self.error = error
        self._doing.remove(unit)
        finish.done(answer, error)
        return not isinstance(error, Crash)

    def died(self, unit: Unit) -> None:
        """The world stands as it did in the middle of this delivery, whose process died there."""
        self._begun(unit, again=True).done(None, Crash(str(unit)))

    def nested(self, unit: Unit) -> None:
        """Something else happens in full while a delivery is under way."""
        strike, rng = self.cloud.strike, self.cloud._rng
        self.cloud.strike = lambda _call, act: act()
        self.cloud.begin(f"{unit}/nested")
        with contextlib.suppress(LookupError):
            self._deliver(unit)
        self.cloud.strike, self.cloud._rng = strike, rng

    def beside(self, unit: Unit, strike: Strike) -> None:
        """What a fault between two calls of the delivery under way lets happen."""
        match strike.kind:
            case "twin":
                self.twin(unit)
            case "crossed":
                kind, _, name = strike.other.partition(":")
                self.nested(Unit(kind, name))
            case "swept":
                self.nested(Unit("sweep"))
            case "deleted":
                self.nested(Unit("delete", strike.other or self.labs()[0]))

    def aside(self, kept: Kept, unit: Unit, strike: Strike, last: dict[Unit, Callable[[], Any]]) -> Kept:
        """The world after `beside`, when it stands as `kept` in the middle of a delivery that `last` would run again."""
        self.restore(kept)
        self.last = last
        self._doing.append(unit)
        try:
            self.beside(unit, strike)
        finally:
            self._doing.remove(unit)
        return self.snapshot()

    def twin(self, unit: Unit) -> None:
        """The delivery under way happens a second time, elsewhere; only the first one's result will count."""
        strike, rng = self.cloud.strike, self.cloud._rng
        self.cloud.strike = lambda _call, act: act()
        self.cloud.begin(f"{unit}/twin")
        with contextlib.suppress(Exception):
            self.last[unit]()
        self.cloud.strike, self.cloud._rng = strike, rng

    def _begun(self, unit: Unit, again: bool = False) -> _Doing:
        made: _Doing = getattr(self, f"_{unit.kind}")(unit.name, again)
        self.last = {unit: made.act}
        return made

    def _task(self, arn: str, again: bool) -> _Doing:
        if again:
            one = self.cloud.shelf("stepfunctions.executions").get(arn)
            from tests.fakes.sim.workflows import Job

            job: Job | None = Job(arn, self.cloud.shelf("sim.visits").get(arn, 0), "", {}) if one else None
        else:
            job = self.workflows.begin(arn)
        if job is None:
            return _Doing(lambda: None, lambda *_: None)
        return _Doing(
            lambda: self.invoke(job.function, job.event), lambda answer, error: self.workflows.finish(job, answer, error)
        )

    _again = _task

    def _news(self, place: str, _again: bool) -> _Doing:
        delivery = bus.waiting(self.cloud)[int(place)]
        return _Doing(
            lambda: self.invoke(delivery.function, delivery.event),
            lambda _answer, error: bus.done(self.cloud, delivery, well=error is None),
        )

    def _stream(self, table: str, _again: bool) -> _Doing:
        from tests.fakes.sim.streams import consumers, left_of

        records = self.cloud.shelf("stream").get(table, ())

        def act() -> list[Any]:
            return [
                left_of(records, self.invoke(function, {"Records": list(wanted(records))}))
                for function, wanted in consumers(table)
            ]

        def done(answer: Any, error: BaseException | None) -> None:
            new = self.cloud.shelf("stream").get(table, ())[len(records) :]
            again = records if error is not None else tuple(one for one in records if any(one in left for left in answer))
            self.cloud.shelf("stream").put(table, (*again, *new))

        return _Doing(act, done)

    def _arrives(self, part: str, _again: bool) -> _Doing:
        owner = self.ec2 if part.startswith(("i-", "ami-")) else self.efs
        return _Doing(lambda: owner.arrive(part), lambda *_: None)

    def _machine(self, instance_id: str, _again: bool) -> _Doing:
        def done(_answer: Any, error: BaseException | None) -> None:
            if error is not None:  # the API's process died: the machine hears nothing, and asks again
                one = self.machines.shelf.get(instance_id)
                if one.get("step") not in ("off", "dead"):
                    self.machines.shelf.put(instance_id, {**one, "tries": one["tries"] + 1})

        return _Doing(lambda: self.machines.speak(instance_id), done)

    def _ask(self, name: str, _again: bool) -> _Doing:
        one = next((one for one in self.asks.get("queue", ()) if one["id"] == name), None)
        if one is None:  # it was answered meanwhile
            raise LookupError(name)

        def act() -> Answer:
            return self._sent(self.people[one["who"]], one["method"], one["url"], one["body"], one["key"])

        def done(answer: Answer | None, error: BaseException | None) -> None:
            answer = NO_ANSWER if error is not None or answer is None else answer
            self.answers[name] = answer
            left = [other for other in self.asks.get("queue", ()) if other["id"] != name]
            if answer.status >= 500 and one["tries"] + 1 < TRIES:
                left.append({**one, "tries": one["tries"] + 1})
            self.asks.put("queue", tuple(left))

        return _Doing(act, done)

    def _tick(self, _name: str, _again: bool) -> _Doing:
        def act() -> None:
            self.calm.put("last", self.digest())
            self._pass(STEP)

        return _Doing(act, lambda *_: None)

    def _sweep(self, _name: str, _again: bool) -> _Doing:
        def act() -> None:
            for name in ("reconcile_labs", "reconcile_account"):
                self.invoke(name, self._timer(name))

        return _Doing(act, lambda *_: None)

    def _delete(self, lab_id: str, _again: bool) -> _Doing:
        return _Doing(lambda: self.call("DELETE", f"/labs/{lab_id}?data=keep"), lambda *_: None)

    def _pass(self, span: timedelta) -> None:
        from tests.fakes.sim.streams import due

        before = self.cloud.now
        self.cloud.pass_time(span)
        self.workflows.pass_time()
        self.machines.pulse()
        left = list(self._left())
        for name in due(before, self.cloud.now, still=not left, idle=any(not minutes for _, minutes in left)):
            bus.queue(self.cloud, Delivery(name, self._timer(name)))
        for name, event in self.cloud.client("scheduler").gone_off():
            bus.queue(self.cloud, Delivery(name, bus.envelope(self.cloud, event)))

    def _timer(self, name: str) -> Json:
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": [name]}
        return bus.envelope(self.cloud, event)

    def invoke(self, function: str, event: Json) -> Any:
        """Call a function as Lambda would."""
        return self._process((function, json.dumps(event)), lambda: self.handlers[function](event, Context()))

    def say(self, token: str, verb: str, body: Json) -> Answer:
        """A machine calls the API."""
        return self._sent(token, "POST", f"/machine/{verb}", body)

    def _sent(self, token: str, method: str, url: str, body: Json | None, key: str = "") -> Answer:
        known = (token, method, url, json.dumps(body), key)
        answer: Answer = self._process(known, lambda: self.api.as_(token).send(method, url, body, key=key))
        return answer

    def _process(self, key: tuple[str, ...], act: Callable[[], Any]) -> Any:
        cloud = self.cloud
        rng, cloud._rng = cloud._rng, (f"{cloud._rng[0] if cloud._rng else ''}/{key[0]}", None)
        try:
            return cloud.processes.run((*key, cloud.now), lambda: self._alone(act))
        finally:
            cloud._rng = rng

    def _alone(self, act: Callable[[], Any]) -> Any:
        with alone():
            return act()

    def _heard(self, where: str, event: Json) -> None:
        """AWS's own news: to whoever listens, and to the machine it is about."""
        if event["source"] == "aws.ec2":
            detail = event["detail"]
            if detail.get("state") in ("running", "stopping", "shutting-down"):
                self.machines.changed(detail["instance-id"], detail["state"])
        bus.heard(self.cloud, where, event)

    # ---- people's verbs

    def ask(self, method: str, url: str, body: Json | None = None, who: str = ADA) -> str:
        """Queue a request; its client repeats it until it is answered. Returns its id; `answers` has what was said."""
        asked = self.cloud.shelf("sim.asked", kept=False)
        number_ = int(asked.get("n", 0)) + 1
        asked.put("n", number_)
        one = {
            "id": f"ask-{number_}",
            "method": method,
            "url": url,
            "body": body,
            "who": who,
            "key": f"key-{number_}",
            "tries": 0,
        }
        self.asks.put("queue", (*self.asks.get("queue", ()), one))
        return str(one["id"])

    def call(self, method: str, url: str, body: Json | None = None, who: str = ADA) -> Answer:
        """Send a request now, as a client does."""
        name = self.ask(method, url, body, who)
        while any(one["id"] == name for one in self.asks.get("queue", ())):
            if self._doing:
                self._deliver(Unit("ask", name))
            else:
                self.deliver(Unit("ask", name))
        return self.answers[name]

    def request(self, who: str = ADA, **body: Any) -> str:
        answer = self.call("POST", "/labs", {"domain": "genomics"} | body, who)
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def stop(self, lab_id: str, who: str = ADA) -> Answer:
        return self.call("POST", f"/labs/{lab_id}/stop", None, who)

    def start(self, lab_id: str, who: str = ADA) -> Answer:
        return self.call("POST", f"/labs/{lab_id}/start", None, who)

    def scale(self, lab_id: str, who: str = ADA, **body: Any) -> Answer:
        return self.call("POST", f"/labs/{lab_id}/scale", body, who)

    def delete(self, lab_id: str, data: str = "keep", who: str = ADA) -> Answer:
        return self.call("DELETE", f"/labs/{lab_id}?data={data}", None, who)

    def backup(self, lab_id: str, who: str = ADA, **body: Any) -> Answer:
        return self.call("POST", f"/labs/{lab_id}/backups", body, who)

    def restore_backup(self, lab_id: str, who: str = ADA, **body: Any) -> Answer:
        return self.call("POST", f"/labs/{lab_id}/restores", body, who)

    # ---- going on

    def settle(self, most: int = 500) -> None:
        """Whatever can happen happens, but the clock stands still."""
        for _ in range(most):
            unit = self.units()[0]
            if unit.kind == "tick":
                return
            self.deliver(unit)
        raise AssertionError(f"no end: {self.units()[:3]}")

    def tick(self, minutes: int = 5) -> None:
        """Time passes, five minutes at once; all that it brings happens."""
        for _ in range(max(1, minutes // 5)):
            self.deliver(Unit("tick"))
            self.settle()

    def quiet(self, most: int = 60) -> None:
        """Go on until nothing moves and a round of schedules changes nothing."""
        self.settle()
        for _ in range(most):
            if self.at_rest():
                return
            self.tick()
        raise AssertionError(f"never at rest: {list(self._left())}")

    def replay(self, steps: list[Step]) -> None:
        for step in steps:
            self.deliver(step.unit, step.plan)

    def lab(self, lab_id: str) -> Json:
        found: Json = self.cloud.shelf("table.labs").get((f"LAB#{lab_id}", "LAB"), {})
        return {name: next(iter(value.values())) for name, value in found.items()}

    def ask_hours(self, lab_id: str) -> Json:
        """What is kept of its timetable."""
        item = self.cloud.shelf("table.labs").get((f"LAB#{lab_id}", "HOURS"))
        return dict(json.loads(item["said"]["S"])) if item else {}

    def bake(self, pack: str = "genomics", who: str = ROOT) -> str:
        answer = self.call("POST", "/images", {"pack": pack}, who)
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def bakes(self) -> dict[str, Json]:
        """Every bake, by id."""
        rows = self.cloud.shelf("table.labs").items()
        return {
            pk.removeprefix("BAKE#"): {name: _held(one) for name, one in item.items()} for (pk, sk), item in rows if sk == "BAKE"
        }

    def labs(self) -> list[str]:
        return [pk.removeprefix("LAB#") for (pk, sk), _ in self.cloud.shelf("table.labs").items() if sk == "LAB"]


class Made(NamedTuple):
    """A call that was made: how the world stood before it (and before what was beside it), and after it."""

    call: Call
    act: Callable[[], Any]
    before: Kept
    after: Kept


class _Doing(NamedTuple):
    act: Callable[[], Any]
    done: Callable[[Any, BaseException | None], None]


class _Striker:
    """The hook of one delivery: counts its calls, and strikes those that the plan names."""

    def __init__(self, town: Town, unit: Unit, plan: Plan) -> None:
        self.town, self.unit = town, unit
        self.plan: dict[int, list[Strike]] = {}
        for strike in plan:
            self.plan.setdefault(strike.at, []).append(strike)

    def __call__(self, call: Call, act: Callable[[], Any]) -> Any:
        town = self.town
        place = len(town.calls)
        town.calls.append(call)
        struck = self.plan.get(place)
        before = town.snapshot() if town.made is not None else None
        try:
            return self._struck(struck, call, act) if struck else act()
        finally:
            if before and town.made is not None:
                town.made.append(Made(call, act, before, town.snapshot()))

    def _has_it(self, call: Call) -> bool:
        """Has EC2 given this machine already (its token is known, or it is not stopped)? Then no capacity is asked for."""
        machines, tokens = self.town.cloud.shelf("ec2.instances"), self.town.cloud.shelf("ec2.tokens")
        ids = call.asked.get("InstanceIds", ())
        states = [one["State"]["Name"] for one in (machines.get(each) for each in ids) if one]
        return call.asked.get("ClientToken") in tokens or (bool(states) and "stopped" not in states)

    def _struck(self, strikes: list[Strike], call: Call, act: Callable[[], Any]) -> Any:
        cloud = self.town.cloud
        for strike in strikes:
            match strike.kind:
                case kind if kind in BETWEEN:
                    self.town.beside(self.unit, strike)
                case "fails":
                    raise unreachable()
                case "throttled":
                    raise too_often(call.service)
                case "no_capacity" if not self._has_it(call):
                    raise refusal("InsufficientInstanceCapacity", "We currently do not have sufficient capacity")
                case "lost":
                    act()
                    raise unanswered()
                case "dies":
                    with contextlib.suppress(Exception):
                        act()
                    raise Crash(call.name)
                case "stale":
                    cloud.stale = True
                    try:
                        return act()
                    finally:
                        cloud.stale = False
                case "repeated":
                    with contextlib.suppress(Exception):
                        act()
                    return act()
        return act()


def _held(value: Json) -> Any:
    return next(iter(value.values()))


def _epoch(text: str) -> float:
    from chalicelib.runtime.clock import parse_iso

    return parse_iso(text).timestamp()


def handlers(packaged: Any) -> dict[str, Callable[..., Any]]:
    """Every function but the API's, as Lambda would find it: by its handler. (A route may have the name of a function.)"""
    entries = (*packaged.pure_lambda_functions, *packaged.event_sources)
    return {one.name: _attribute(one.handler_string) for one in entries}


def _attribute(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@contextlib.contextmanager
def simulated(seed: int = 0, **settings: str) -> Iterator[Town]:
    """A town in a cloud, and production code in it until the block ends."""
    cloud = Cloud(seed)
    with installed(cloud, **settings):
        yield Town(cloud)
