"""What stood at a moment, rebuilt from the log, is what the tables said at that moment: after random histories, by seed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from aws_research_wizard.client import history
from chalicelib.audit import rules, s3, service, store
from chalicelib.labs.rules import Lab, Phase
from chalicelib.people import service as people
from chalicelib.people.rules import Role
from chalicelib.runtime import clock
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import Conflict
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.outbox import told
from chalicelib.runtime.store import commit
from tests.conftest import ACCOUNT, NOW
from tests.fakes.audited import Witness, difference, view
from tests.unit.audit.conftest import a_fact, service_entries, views
from tests.unit.labs.conftest import ADA, BOB, EVE, Fault, Stage, place, stage
from tests.unit.labs.conftest import delivered as heard_again

SEEDS = range(int(os.environ.get("AUDIT_SEEDS", "4")))
Snapshot = tuple[datetime, dict[str, Any]]


@pytest.fixture(autouse=True)
def _emptied(tables: Any, bucket: str) -> Iterator[None]:
    yield
    from moto.s3.models import s3_backends

    tables.clear("audit")
    s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.clear()


class Town:
    """People who do things to labs at random, and workflows that now and then break off."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.chance, self.labs = stage, random.Random(seed), list[str]()
        self.mine = f"p{seed}@uni.edu"
        people.put_person(self.mine, Role.MEMBER, ("default",), clock.now(), "root@university.edu", "soak")

    def deeds(self) -> list[Callable[[], Any]]:
        return [self.request, self.boot, self.boot, self.command, self.command, self.member, self.scale, self.person, self.sweep]

    def do(self) -> None:
        self.chance.choice(self.deeds())()

    def lab(self) -> str:
        return self.chance.choice(self.labs)

    def request(self) -> None:
        if len(self.labs) < 4:
            answer = self.stage.ask(self.chance.choice((ADA, BOB)))
            self.labs.append(str(answer.json["id"]))
            if self.chance.random() < 0.3:
                kind = self.chance.choice(("fails_before", "fails_after", "dies_before", "dies_after"))
                self.stage.account.fault = Fault(len(self.stage.account.calls) + self.chance.randint(1, 20), kind)
            self.stage.run()

    def boot(self) -> None:
        for lab_id in self.labs:
            lab = self.stage.lab(lab_id)
            if lab.phase in (Phase.PROVISIONING, Phase.STARTING, Phase.SCALING) and lab.instance_id:
                self.stage.claim(lab_id) if self.stage.claimed.get(lab_id) != lab.instance_id else None
                self.stage.claimed[lab_id] = lab.instance_id
                if self.chance.random() < 0.2:
                    self.stage.say(lab_id, "failed", step="hub", cause="it burned", log_tail=["smoke"])
                else:
                    self.stage.say_ready(lab_id)
        self.stage.run()

    def command(self) -> None:
        if self.labs:
            verb, lab_id = self.chance.choice(("stop", "start", "stop", "start", "delete")), self.lab()
            if verb == "delete":
                self.stage.deleted(lab_id, who="root")
            else:
                self.stage.asked(lab_id, verb, who=self.chance.choice((ADA, BOB, "root")))
            self.stage.run()

    def member(self) -> None:
        if not self.labs:
            return
        path, door = f"/labs/{self.lab()}/users", self.stage.as_("root")
        match self.chance.randrange(3):
            case 0:
                door.post(path, {"email": EVE, "role": "member"})
            case 1:
                door.put(f"{path}/{EVE}", {"role": self.chance.choice(("lead", "member", "viewer"))})
            case _:
                door.delete(f"{path}/{EVE}")

    def scale(self) -> None:
        if self.labs:
            wish = self.chance.choice(({"users": 7}, {"shared_storage": "300GB"}, {"instance_type": "r6i.2xlarge"}))
            self.stage.asked(self.lab(), "scale", who="root", **wish)
            self.stage.run()

    def person(self) -> None:
        role = self.chance.choice(("member", "lead", "viewer"))
        self.stage.as_("root").put("/people", {"email": self.mine, "role": role, "teams": ["default", role]})
        made = self.stage.as_("root").post(f"/tokens?email={self.mine}", {"label": role})
        if self.chance.random() < 0.5:
            self.stage.as_("root").delete(f"/tokens/{made.json['token_id']}?email={self.mine}")

    def sweep(self) -> None:
        self.stage.now = max(self.stage.now, clock.now())
        heard_again(lambda: self.stage.sweep())
        self.stage.run()

    def tables(self) -> dict[str, Any]:
        """What the tables say of everything that this history touches."""
        known = view([*self.stage.tables("labs"), *self.stage.tables("people")])
        return self.watched(known)

    def watched(self, state: dict[str, Any]) -> dict[str, Any]:
        """Of a state, what this history touches; a token's expiry is kept in seconds in the table, and is left out."""
        mine = {subject: one for subject, one in state.items() if subject in self.labs or subject == self.mine}
        return {who: {name: one for name, one in known.items() if ".expires_at" not in name} for who, known in mine.items()}


def delivered(stage: Stage, chance: random.Random) -> None:
    """The stream's delivery at its worst: some facts twice, all of them shuffled, in batches of any size."""
    facts = [told(one) for one in stage.tables("facts") if one["sk"]["S"].startswith("FACT#")]
    facts += chance.sample(facts, len(facts) // 3)
    chance.shuffle(facts)
    while facts:
        size = chance.randint(1, 40)
        service.record(facts[:size], clock.now())
        del facts[:size]


@pytest.mark.parametrize("seed", SEEDS)
def test_rebuilt_state_equals_the_tables_now_and_at_every_moment_between(stage: Stage, bucket: str, seed: int) -> None:
    town = Town(stage, seed)
    snapshots: list[Snapshot] = []
    for _ in range(40):
        town.do()
        snapshots.append((clock.now(), town.tables()))
    delivered(stage, town.chance)
    entries = service_entries()
    assert rules.breaks(entries, rules.genesis(store.name()), store.head(), s3.anchors()) == []
    for at, stood in snapshots:
        rebuilt, gaps = history.rebuild(views(entries), iso(at))
        assert gaps == []
        assert difference(stood, town.watched(rebuilt)) == {}, f"at {at}"
    assert len(entries) > 30


def test_a_lost_fact_shows_as_a_gap_even_if_nothing_else_is_wrong(bucket: str) -> None:
    steps = [(None, "PROVISIONING"), ("PROVISIONING", "READY"), ("READY", "STOPPING"), ("STOPPING", "STOPPED")]
    facts = [a_fact(n, changes={"phase": list(pair)}) for n, pair in enumerate(steps)]
    service.record([facts[0], facts[1], facts[3]], NOW)
    rebuilt, gaps = history.rebuild(views(service_entries()))
    assert rebuilt == {"genomics-k3x9": {"phase": "STOPPED"}}
    assert [(one.attribute, one.stood, one.said) for one in gaps] == [("phase", "READY", "STOPPING")]


def test_changes_of_one_moment_are_put_in_the_order_that_fits() -> None:
    """Two clocks may differ: what was committed later may carry the earlier moment."""
    entries = [
        {"seq": 1, "subject": "x", "at": "3", "fact": "a", "changes": {"phase": [None, "PROVISIONING"]}},
        {"seq": 2, "subject": "x", "at": "1", "fact": "b", "changes": {"phase": ["PROVISIONING", "READY"]}},
        {"seq": 3, "subject": "x", "at": "2", "fact": "c", "changes": {"phase": ["READY", "STOPPING"], "cause": [None, "x"]}},
    ]
    assert history.rebuild(entries) == ({"x": {"phase": "STOPPING", "cause": "x"}}, [])


def test_a_deleted_labs_people_are_forgotten_with_it() -> None:
    changes = ({"phase": [None, "READY"]}, {"member:bob@uni.edu.role": [None, "lead"]}, {"phase": ["READY", "DELETED"]})
    entries = [{"seq": n, "subject": "x", "at": str(n), "fact": str(n), "changes": one} for n, one in enumerate(changes)]
    assert history.nested(history.rebuild(entries[:2])[0]["x"])["member"] == {"bob@uni.edu": {"role": "lead"}}
    assert history.rebuild(entries)[0] == {"x": {"phase": "DELETED"}}


def test_a_change_without_its_fact_is_seen_by_the_witness(tables: Any) -> None:
    """The witness that watches every test of labs does see: it is not silent because it is blind."""
    from dataclasses import replace

    from chalicelib.labs import store as labs
    from chalicelib.labs.provisioning import fact

    lab = Lab(
        "base-aaaa",
        "",
        "base",
        Phase.READY,
        ADA,
        "default",
        1,
        "t3.large",
        ("t3.large",),
        100,
        1,
        NOW,
        NOW,
        "corr",
        reserved=False,
    )
    commit(labs.create(lab, Conflict("there")))
    wider = replace(lab, users=9)
    with Witness(tables.read) as witness:
        commit(labs.change(lab, wider), fact("LabScaled", lab, clock.now(), before=lab, after=wider))
        assert (witness.seen, witness.breaks) == (1, [])
        lab = wider
        commit(labs.change(lab, replace(lab, users=11)))
        commit(labs.change(replace(lab, users=11), replace(lab, users=12)), record(Fact("X", lab.id, {}, NOW, "x", "x")))
    assert [one.split(": ")[1].split(",")[0] for one in witness.breaks] == ["users went 9 → 11", "users went 11 → 12"]


__all__ = ["Fault", "place", "stage"]
