"""A whole stage in one process: the API, the workflows, an account, and a machine that calls home when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice

from chalicelib.labs import machine_store, reconcile, store
from chalicelib.labs.rules import Lab, Phase
from chalicelib.labs.work import SAVE
from chalicelib.runtime import aws, clock
from chalicelib.runtime.errors import AppError
from tests.conftest import ACCOUNT, NOW, STAGE_ENV
from tests.fakes.account import Account, Fault
from tests.fakes.audited import Witness
from tests.fakes.gateway import Answer, Gateway
from tests.fakes.stories import Crash, Stories
from tests.fakes.tables import Tables

ADA, BOB, EVE = "ada@university.edu", "bob@university.edu", "eve@university.edu"
SETTINGS = {
    "ARTIFACTS_BUCKET": "artifacts",
    "BUNDLE_KEY": "host/bundle-1.tar.gz",
    "API_URL": "https://api.test/api",
    "IMAGE_PARAMETER": "ami-12c6146b",
    "MAX_LABS_PER_TEAM": "1000",
}


@dataclass
class Stage:
    """What a test of labs talks to."""

    gateway: Gateway
    account: Account
    stories: Stories
    tables: Tables
    people: dict[str, str]
    now: datetime = field(default_factory=clock.now)  # the API's own clock stamps what it records
    tokens: dict[str, str] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    claim_key: str = ""
    boots: int = 0

    def as_(self, who: str) -> Gateway:
        return self.gateway.as_(self.people[who])

    # ---- a person's doings

    def ask(self, who: str = ADA, key: str = "", **body: Any) -> Answer:
        return self.as_(who).post("/labs", {"domain": "genomics"} | body, key=key)

    def requested(self, **body: Any) -> str:
        answer = self.ask(**body)
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def ready(self, **body: Any) -> str:
        """A lab that went all the way."""
        lab_id = self.requested(**body)
        self.run()
        self.boot(lab_id)
        assert self.lab(lab_id).phase is Phase.READY
        return lab_id

    def asked(self, lab_id: str, verb: str, who: str = ADA, **body: Any) -> Answer:
        return self.as_(who).post(f"/labs/{lab_id}/{verb}", body or None)

    def deleted(self, lab_id: str, data: str = "keep", who: str = ADA) -> Answer:
        answer = self.as_(who).delete(f"/labs/{lab_id}?data={data}")
        self.run()
        return answer

    def stopped(self, **body: Any) -> str:
        lab_id = self.ready(**body)
        assert self.asked(lab_id, "stop").status == 202
        self.run()
        assert self.lab(lab_id).phase is Phase.STOPPED
        return lab_id

    # ---- the world goes on

    def run(self) -> None:
        """Workflows go on, machines arrive where they were going, and EC2 says so; until nothing moves."""
        for _ in range(20):
            self.stories.pump()
            arrived = self.account.settle()
            for instance_id in arrived:
                delivered(lambda instance_id=instance_id: reconcile.machine_changed(instance_id, self.now))
            if not arrived and not self.saved():
                break
        self.news()

    def saved(self) -> bool:
        """Machines that are about to stop save what people have open."""
        asked = [work for lab_id in self.claimed for work in machine_store.works(lab_id) if work.open and work.kind == SAVE]
        return any(self.say(work.lab_id, f"work/{work.id}", state="done", report={}).status == 204 for work in asked)

    def news(self) -> None:
        """Step Functions tells of executions that broke off."""
        while self.stories.ended:
            execution = self.stories.ended.pop(0)
            if execution.status != "SUCCEEDED":
                delivered(lambda arn=execution.arn: reconcile.workflow_ended(arn, self.now))
        self.stories.pump()

    def sweep(self, later: timedelta = timedelta(0)) -> reconcile.Sweep:
        self.now += later
        return reconcile.sweep(self.now)

    def converge(self) -> None:
        """Faults have ended: what the next hours bring by themselves."""
        for _ in range(6):
            self.run()
            delivered(lambda: self.sweep(timedelta(minutes=5)))
            if not list(store.ids_moving()):
                return
        self.run()

    # ---- the machine

    def lab(self, lab_id: str) -> Lab:
        return store.load(lab_id, consistent=True)

    def claim(self, lab_id: str, instance_id: str = "") -> Answer:
        instance_id = instance_id or self.lab(lab_id).instance_id
        proof = {"headers": {"X-Wizard-Lab": lab_id, "X-Signer": instance_id}, "body": "-"}
        answer = self.gateway.post("/machine/claim", {"lab_id": lab_id, "instance_id": instance_id, "proof": proof})
        if answer.status == 200:
            self.tokens[lab_id], self.claim_key = answer.json["token"], answer.json["login_key"]
        return answer

    def say(self, lab_id: str, verb: str, **body: Any) -> Answer:
        return self.gateway.as_(self.tokens[lab_id]).post(f"/machine/{verb}", body)

    def say_ready(self, lab_id: str, boot_id: str = "") -> Answer:
        self.boots += 1
        steps = [{"name": "install hub", "seconds": 3.5}]
        boot = boot_id or f"boot-{self.boots}"
        return self.say(lab_id, "ready", boot_id=boot, address="http://127.0.0.1:8000", steps=steps, kernels=["genomics-python"])

    def boot(self, lab_id: str) -> None:
        """The machine starts, claims itself if it is new, and says that it is ready."""
        instance_id = self.lab(lab_id).instance_id
        if self.claimed.get(lab_id) != instance_id:
            answer = self.claim(lab_id)
            assert answer.status == 200, (answer.text, self.stories.of(lab_id).path, self.stories.of(lab_id).data)
            self.claimed[lab_id] = instance_id
        assert self.say_ready(lab_id).status == 204
        self.run()

    # ---- what there is

    def machines(self, lab_id: str) -> list[dict[str, Any]]:
        wanted = [{"Name": "tag:aws-research-wizard:lab", "Values": [lab_id]}]
        pages = aws.client("ec2").get_paginator("describe_instances").paginate(Filters=wanted)
        return [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]

    def alive(self, lab_id: str) -> list[str]:
        states = ("pending", "running", "stopping", "stopped")
        return [one["InstanceId"] for one in self.machines(lab_id) if one["State"]["Name"] in states]

    def residue(self, lab_id: str, files: bool = True) -> list[str]:
        """Everything of the lab that AWS still has."""
        name, real = f"aws-research-wizard-test-{lab_id}", self.account.real
        groups = real("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [name, f"{name}-storage"]}])
        left = [group["GroupId"] for group in groups["SecurityGroups"]] + self.alive(lab_id)
        systems = real("efs").describe_file_systems()["FileSystems"]
        left += [one["FileSystemId"] for one in systems if one["CreationToken"] == name and files]
        role = f"aws-research-wizard-test-lab-{lab_id}"
        left += [one["RoleName"] for one in real("iam").list_roles()["Roles"] if one["RoleName"] == role]
        profiles = real("iam").list_instance_profiles()["InstanceProfiles"]
        return left + [one["InstanceProfileName"] for one in profiles if one["InstanceProfileName"] == role]

    def facts(self, lab_id: str) -> list[str]:
        items = [one for one in self.tables("facts") if one["pk"]["S"] == f"LAB#{lab_id}"]
        return [one["name"]["S"] for one in sorted(items, key=lambda one: str(one["sk"]["S"]))]

    def reserved(self) -> set[str]:
        return {lab for one in self.tables("limits") for lab in one.get("labs", {}).get("SS", [])}


def delivered(news: Callable[[], Any]) -> Any:
    """News comes again when whoever heard it broke off."""
    try:
        return news()
    except (Crash, AppError, BotoCoreError, ClientError):
        return news()


@pytest.fixture(scope="module")
def place(aws_account: str, tables: Any) -> Iterator[tuple[Chalice, dict[str, str], Any]]:
    """The app with everybody's tokens, on one account a module."""
    import app as packaged
    from chalicelib.people import service as people
    from chalicelib.people.rules import Role
    from chalicelib.runtime import settings

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        settings.forget()
        from tests.conftest import Context

        settings.seen(Context())
        aws.client("secretsmanager").create_secret(Name=settings.current().login_key_secret, SecretString="s" * 64)
        yield packaged.app, _people(people, Role), tables


def _people(people: Any, role: Any) -> dict[str, str]:
    secret, _ = people.bootstrap("root@university.edu", "default", NOW, "setup")
    known = {"root": secret}
    for email in (ADA, BOB, EVE):
        person = people.put_person(email, role.MEMBER, ("default",), NOW, "root@university.edu", "setup")
        known[email] = mint(people, person)
    return known


def mint(people: Any, person: Any) -> str:
    from chalicelib.people import rules
    from chalicelib.runtime.store import commit

    scopes = tuple(rules.scopes_of(person.role))
    secret, _, writes = people.mint(person, "test", scopes, timedelta(days=300), datetime.now(NOW.tzinfo), person.email, "setup")
    commit(*writes)
    return str(secret)


@pytest.fixture
def stage(place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A fresh world around the module's account: no faults, everything in stock."""
    from chalicelib.labs import sts

    app, people, tables = place
    account = Account(aws.client)
    stories = Stories(lambda name: task_of(name), lambda: account.settle())
    account.others["stepfunctions"] = stories
    monkeypatch.setattr(aws, "client", account.client)
    prefix = "arn:aws:sts::123456789012:assumed-role/aws-research-wizard-test-lab"
    monkeypatch.setattr(sts, "caller", lambda lab_id, headers, _body: f"{prefix}-{lab_id}/{headers['X-Signer']}")
    with Witness(tables.read) as witness:
        yield Stage(Gateway(app), account, stories, tables, people)
    _emptied(tables)
    assert not witness.breaks, "\n".join(witness.breaks)


def task_of(name: str) -> Any:
    """The function of this name, whichever slice's it is."""
    from chalicelib.backups import tasks as of_backups
    from chalicelib.labs import tasks as of_labs

    return getattr(of_labs, name, None) or getattr(of_backups, name)


def _emptied(tables: Tables) -> None:
    """Forget the labs of this test: moto looks through everything at every call, and would slow down with each test."""
    from moto.ec2.models import ec2_backends

    tables.clear("labs", "facts", "limits")
    machines = ec2_backends[ACCOUNT][STAGE_ENV["AWS_REGION"]]
    machines.reservations.clear()
    machines.volumes.clear()
    machines.enis.clear()


__all__ = ["ADA", "BOB", "EVE", "Fault", "Stage"]
