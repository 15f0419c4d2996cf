"""A lost region, begun again in another: one command that may be given as often as it takes.

    python -m tools.rebuild --stage dev --region us-west-2 --from aws-research-wizard-dev-backups-copy-123456789012
    make rebuild STAGE=dev REGION=us-west-2 FROM=…          (with DRY_RUN=1: what would come back, and nothing else)

Deploys the package there with the backups' copy as its own bucket, takes in people with their roles, teams and tokens, and the
teams' own packs; makes each lab anew under the same id, brings its files back from its newest backup, and takes in what was
agreed on: quotas, budgets, timetables, wake keys, exemptions. What is there already is left as it is, so a run that was broken
off is simply given again. Prints what came back, and the RPO and RTO. Exit 1 while something is missing.

Names of roles and buckets are one per account, not per region: on AWS the stage that is rebuilt has a name of its own (`--as`,
default: the stage's name and a 2). With `--local HOME` an emulated region of this machine is rebuilt.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from tools.stack import APP, Failed

Value = dict[str, Any]
LAB_SECONDS = 1800.0
PAUSE = 2.0
LISTS = ("people", "packs", "labs", "backups", "agreements")
COUNTED = ("people", "packs", "agreements")


class Target(Protocol):
    """Where the stage is made again."""

    def s3(self) -> Any: ...
    def deploy(self) -> None: ...
    def invoke(self, event: Value) -> Value: ...


@dataclass
class Rebuilt:
    """One lab on its way back."""

    id: str
    was: str
    backup: Value | None
    rpo: float | None = None
    phase: str = ""
    files: str = ""
    count: int = 0
    size: int = 0
    rto: float = 0.0
    trouble: str = ""

    @property
    def back(self) -> bool:
        return self.files == "FINISHED" and not self.trouble

    @property
    def over(self) -> bool:
        return self.back or bool(self.trouble)


@dataclass
class Rebuilding:
    """One run of the command."""

    target: Target
    lost_at: float
    say: Callable[[str], None]
    began: float = field(default_factory=time.time)
    labs: list[Rebuilt] = field(default_factory=list)
    seen: Value = field(default_factory=dict)

    def plan(self, found: Value) -> None:
        """What the newest snapshot holds, and what of it is here."""
        self.seen |= {"snapshot": found["snapshot"]} | {f"{name}_known": found[name] for name in COUNTED}
        self.labs = [_rebuilt(one, self.lost_at) for one in found["labs"]]

    def run(self) -> None:
        """Every step that is not done yet."""
        for word in ("people", "packs", "shelves"):
            self._take_in(word)
        deadline = time.time() + LAB_SECONDS
        while (waiting := [one for one in self.labs if not one.over]) and time.time() < deadline:
            for one in waiting:
                self._further(one)
            time.sleep(PAUSE)
        for one in self.labs:
            one.trouble = one.trouble or ("" if one.back else f"not back within {LAB_SECONDS / 60:.0f} minutes")
        self._take_in("agreements")

    def _take_in(self, word: str) -> None:
        self.seen[word] = told = self.target.invoke({"do": word})
        wrong = told.get("wrong", ())
        self.say(f"  {'✘' if wrong else '✔'} {word}: {', '.join(f'{told[name]} {name}' for name in told if name != 'wrong')}")
        for one in wrong:
            self.say(f"    {one}")

    def _further(self, lab: Rebuilt) -> None:
        """The next step of one lab; each is asked for again until it is done."""
        if lab.backup is None:
            lab.trouble = "it has no backup in this bucket"
            return
        made = self.target.invoke({"do": "lab", "lab_id": lab.id})
        lab.phase = made["phase"]
        if lab.phase in ("FAILED", "DELETED", ""):
            is_now = f"it is {lab.phase}" if lab.phase else "it cannot be made"
            lab.trouble = f"{is_now}: {made['cause']}" if made["cause"] else is_now
            return
        found = self.target.invoke({"do": "files", "lab_id": lab.id})
        if found["state"] != lab.files and found["state"] in ("RUNNING", "FINISHED"):
            self.say(f"  {'✔' if found['state'] == 'FINISHED' else '·'} {lab.id}: files {found['state'].lower()}")
        lab.files = found["state"]
        if lab.files == "FAILED":
            lab.trouble = str(found["cause"])
        if lab.files == "FINISHED":
            lab.count, lab.size, lab.rto = found["files"], found["bytes"], time.time() - self.began
            lab.trouble = f"{found['failed']} files could not be put back" if found["failed"] else ""
            lab.phase = self.target.invoke({"do": "rest", "lab_id": lab.id})["phase"]

    @property
    def back(self) -> bool:
        """Is everything here?"""
        return all(one.back for one in self.labs) and not self.seen.get("packs", {}).get("wrong")

    def report(self) -> Value:
        """Everything, for `build/rebuild.json`."""
        rows = [{**vars(one), "back": one.back} for one in self.labs]
        took = round(time.time() - self.began, 1)
        return {**self.seen, "seconds": took, "labs": rows, "back": self.back}

    def show(self, title: str) -> None:
        """The table."""
        table = Table("lab", "was", "backup", "is", "files", "RPO", "RTO", "trouble", title=title, title_justify="left")
        for name in (0, 2):
            table.columns[name].no_wrap = True
        for one in self.labs:
            backup = one.backup["id"] if one.backup else "none"
            files = f"{one.count} files, {one.size / 1e6:.1f} MB" if one.back else one.files or "-"
            rto = _span(one.rto) if one.back else "-"
            table.add_row(one.id, one.was, backup, one.phase or "-", files, _span(one.rpo), rto, one.trouble)
        Console().print(table)


def _rebuilt(value: Value, lost_at: float) -> Rebuilt:
    """RPO: how old the files are that come back, counted to when the region was lost, or to the last work if that was earlier."""
    from datetime import datetime

    lab = Rebuilt(value["id"], value["phase"], value["backup"], phase=value["here"], files=value["files"])
    if value["backup"]:
        taken = datetime.fromisoformat(value["backup"]["taken_at"]).timestamp()
        worked = datetime.fromisoformat(value["last_session"]).timestamp() if value["last_session"] else lost_at
        lab.rpo = max(0.0, min(lost_at, worked) - taken)
    return lab


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min" if seconds < 36_000 else f"{seconds / 3600:.1f} h"


# ---- where ---------------------------------------------------------------------------------------------------------------


@dataclass
class OnAws:
    """A stage in an account, with the credentials at hand."""

    stage: str
    region: str
    bucket: str
    parameters: dict[str, str]
    prefix: str = ""

    def __post_init__(self) -> None:
        import boto3

        self.prefix = f"{APP}-{self.stage}"
        self.session = boto3.Session(region_name=self.region)

    def s3(self) -> Any:
        return self.session.client("s3")

    def deploy(self) -> None:
        from tools import deploy, package
        from tools.stack import Account

        os.environ["AWS_DEFAULT_REGION"] = self.region
        folder = package.ROOT / "build" / f"package-{self.stage}"
        package.build(package.Job(self.stage, folder))
        chosen = {**self.parameters, "ExistingBackupsBucket": self.bucket}
        deploy.deploy(deploy.Deployment(Account(self.session), self.stage, folder), chosen)

    def invoke(self, event: Value) -> Value:
        return _invoke(self.session.client("lambda"), f"{self.prefix}-rebuild_stage", event)


@dataclass
class OnThisMachine:
    """An emulated region: a local cloud in a folder of its own."""

    home: Path
    bucket: str

    def s3(self) -> Any:
        return self._client("s3")

    def deploy(self) -> None:
        from aws_research_wizard.local import cloud

        cloud.up(self.home, parameters={"ExistingBackupsBucket": self.bucket})

    def invoke(self, event: Value) -> Value:
        from aws_research_wizard.local.deploy import PREFIX

        return _invoke(self._client("lambda"), f"{PREFIX}-rebuild_stage", event)

    def _client(self, service: str) -> Any:
        from aws_research_wizard.local.deploy import Deployer
        from aws_research_wizard.local.home import Home

        where = Home.at(self.home).endpoints()
        return Deployer(where["emulator"], where["infra"], lambda _: None).client(service, read_timeout=300)


def from_bucket(s3: Any, bucket: str) -> Value:
    """The same plan from the bucket alone, before anything is deployed."""
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="tables/").get("Contents", ())]
    indexes = sorted(key for key in keys if key.endswith("/index.json"))
    if not indexes:
        raise Failed(f"{bucket} holds no backup of the tables: is this the right bucket?")
    index = json.loads(s3.get_object(Bucket=bucket, Key=indexes[-1])["Body"].read())
    known = index["lists"]
    folder = indexes[-1].removesuffix("index.json")
    lists = {name: _list(s3, bucket, f"{folder}{name}.jsonl.gz", known[name]) if name in known else [] for name in LISTS}
    backups = {one["lab_id"]: one["backups"] for one in lists["backups"]}
    labs = [{**lab, "here": "", "files": "", "backup": _newest(backups.get(lab["id"], ()))} for lab in lists["labs"]]
    snapshot = {"key": indexes[-1], "taken_at": index["taken_at"]}
    return {"snapshot": snapshot, **{name: len(lists[name]) for name in COUNTED}, "labs": labs}


def _list(s3: Any, bucket: str, key: str, told: Value) -> list[Value]:
    packed = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    if hashlib.sha256(packed).hexdigest() != told["sha256"]:
        raise Failed(f"{key} is not what was written: its checksum differs")
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def _newest(backups: Iterable[Value]) -> Value | None:
    taken = {str(one.get("started_at") or one["asked_at"]): one for one in backups}
    return {"id": taken[max(taken)]["id"], "taken_at": max(taken)} if taken else None


def _invoke(client: Any, function: str, event: Value) -> Value:
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    said = json.loads(answer["Payload"].read() or b"{}") or {}
    if answer.get("FunctionError"):
        raise Failed(f"{event['do']}: {said.get('errorMessage', said)}")
    return dict(said)


# ---- the command ---------------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default="dev", help="the stage that was lost")
    parser.add_argument("--as", dest="name", help="the stage to make of it (default: its name and a 2)")
    parser.add_argument("--region", required=True, help="where to begin again")
    parser.add_argument("--from", dest="bucket", required=True, help="the bucket there that holds the backups' copies")
    parser.add_argument("--lost-at", help="when the region was lost: 2026-11-23T04:00:00+00:00 (default: now)")
    parser.add_argument("--local", type=Path, metavar="HOME", help="rebuild an emulated region of this machine")
    parser.add_argument("--dry-run", action="store_true", help="say what would come back; nothing is made")
    parser.add_argument("--report", type=Path, default=Path("build/rebuild.json"))
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="stack parameters, such as AccessMode=tunnel")
    return parser.parse_args()


def main() -> int:
    """Look, then do; print what came back."""
    from datetime import datetime

    asked = arguments()
    lost_at = datetime.fromisoformat(asked.lost_at).timestamp() if asked.lost_at else time.time()
    target: OnAws | OnThisMachine
    if asked.local:
        os.environ["AWR_REGION"] = asked.region
        target = OnThisMachine(asked.local, asked.bucket)
    else:
        chosen = dict(one.split("=", 1) for one in asked.parameters)
        target = OnAws(asked.name or f"{asked.stage}2", asked.region, asked.bucket, chosen)
    work = Rebuilding(target, lost_at, lambda text: print(text, flush=True))
    if asked.dry_run:
        print(f"would deploy into {asked.region} with {asked.bucket} as the stage's backups")
    else:
        print(f"deploying into {asked.region}", flush=True)
        target.deploy()
    work.plan(from_bucket(target.s3(), asked.bucket) if asked.dry_run else target.invoke({"do": "plan"}))
    if not asked.dry_run:
        work.run()
    asked.report.parent.mkdir(parents=True, exist_ok=True)
    asked.report.write_text(json.dumps(work.report(), indent=2, default=str) + "\n")
    taken = work.seen["snapshot"]["taken_at"][:16]
    work.show(f"{asked.region} from the snapshot of {taken}Z in {time.time() - work.began:.0f} s")
    return 0 if asked.dry_run or work.back else 1


if __name__ == "__main__":
    sys.exit(main())
