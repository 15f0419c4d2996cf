"""The loss of a region, rehearsed on two emulated ones: killed, removed, begun again by one command, compared byte for byte.

    python -m tools.rehearsal          (make rehearsal)

Region one (us-east-1) runs two labs whose people write files, one of them on a pack that its team brought and has changed since;
backups and the tables' snapshot go to the bucket of region two (us-west-2) by the code that does it on AWS. Then every process of
region one is killed and its folder removed. `tools.rebuild` is tried dry, broken off once with `kill -9`, given again, and once
more, which must change nothing. At the end both labs are as they were, under their ids, with every file that a backup held
and with their kernels. Writes `build/rehearsal.json`; exit 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from aws_research_wizard.client import profiles
from aws_research_wizard.client.calls import Calls
from aws_research_wizard.client.errors import ApiError
from aws_research_wizard.local import processes
from aws_research_wizard.local.deploy import PREFIX, STAGE, timer_event
from aws_research_wizard.local.home import ACCOUNT, Home, any_free_port, write_atomically
from tools import brought
from tools.hub import Person
from tools.residue import Cloud
from tools.storm.ground import ROOT, Ground, environments, until
from tools.storm.life import KERNEL, READ, WRITE

REPORT = ROOT / "build" / "rehearsal.json"
ONE, TWO = "us-east-1", "us-west-2"
BUCKET = f"{PREFIX}-backups-copy-{ACCOUNT}"
GRACE = "grace@example.org"
NIGHT = {"stop": f"{datetime.now(UTC) + timedelta(hours=12):%H:%M}", "tz": "UTC"}
AGREED: dict[str, dict[str, Any]] = {
    "/limits/default": {"labs": 5, "vcpus": 48},
    "/budgets/default": {"monthly": "500", "thresholds": [{"percent": 90, "action": "stop"}]},
    "/hours/default": NIGHT | {"days": "mon-fri"},
    "/labs/{lab}/hours": NIGHT | {"tz": "Europe/Berlin"},
    "/labs/{lab}/exemption": {"for_minutes": 600, "reason": "a course"},
}
LASTING = ("monthly", "currency", "refuses_at", "own", "families", "stop", "tz", "days", "by", "next_stop", "exemption")
UP = "import sys, json; from aws_research_wizard.local import cloud; cloud.up(**json.loads(sys.argv[1]))"


@dataclass
class Region:
    """One emulated region: a local cloud in a folder of its own, run by processes that know only this region."""

    name: str
    folder: Path

    @property
    def home(self) -> Home:
        return Home.at(self.folder / "home")

    def env(self) -> dict[str, str]:
        places = {"AWR_HOME": str(self.home.root), "AWR_CONFIG": str(self.folder / "config.json")}
        return {**os.environ, **places, "AWR_REGION": self.name}

    def up(self, **options: Any) -> None:
        subprocess.run([sys.executable, "-c", UP, json.dumps(options)], cwd=ROOT, env=self.env(), check=True)

    def client(self, service: str) -> Any:
        where = self.home.endpoints()
        return Cloud(where["emulator"], where["infra"], self.name).client(service)

    def calls(self, token: str = "") -> Calls:
        known = profiles.current("local", {"AWR_CONFIG": str(self.folder / "config.json")})
        return Calls(known.url, token or known.token)

    def kill(self) -> int:
        """`kill -9` to all of it: the cloud's parts, its workers, its machines with everybody's kernels."""
        machines, dead = Ground(self.folder).machines(), 0
        while found := [one for one, env in environments() if self._is_mine(env, machines)]:
            for process in found:
                try:
                    process.send_signal(signal.SIGKILL)
                    dead += 1
                except psutil.Error:
                    continue
            time.sleep(0.2)
        return dead

    def _is_mine(self, env: dict[str, str], machines: set[str]) -> bool:
        return env.get(processes.CLOUD_MARK) == str(self.home.root) or env.get(processes.MACHINE_MARK) in machines


@dataclass
class Rehearsal:
    """The story, what was written in it, and which promises were kept."""

    one: Region
    two: Region
    say: Callable[[str], None]
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)
    promises: list[tuple[str, bool, str]] = field(default_factory=list)
    rebuilt: dict[str, Any] = field(default_factory=dict)

    def run(self) -> bool:
        """Everything, in order; True when every promise was kept."""
        self._two_regions()
        self._two_labs()
        self._backups()
        self._disaster()
        self._begin_again()
        self._compare()
        return all(kept for _, kept, _ in self.promises)

    def promise(self, what: str, kept: bool, seen: str = "") -> None:
        self.promises.append((what, kept, seen))
        self.say(f"  {'✔' if kept else '✘'} {what}{': ' + seen if seen else ''}")

    def _two_regions(self) -> None:
        """Region two has the bucket and nothing else; each knows where the other answers."""
        taken: set[int] = set()
        for region in (self.one, self.two):
            ports = {}
            for name in ("emulator", "infra"):
                ports[name] = any_free_port(taken)
                taken.add(ports[name])
            region.home.remember(ports=ports)
        for here, there in ((self.one, self.two), (self.two, self.one)):
            write_atomically(here.home.root / "regions.json", json.dumps({there.name: there.home.endpoints()["emulator"]}))
        self.two.up(empty=True)
        self.two.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": TWO})
        self.two.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.one.up(parameters={"SecondRegion": TWO, "SecondBucket": BUCKET})
        self.say(f"two regions are up: {ONE} with a stage, {TWO} with a bucket")

    def _two_labs(self) -> None:
        with self.one.calls() as calls:
            self.version = brought.bring(self.one.env(), self.one.folder / "brought")
            wishes = {"busy": brought.PACK, "asleep": "base"}
            asked = [calls.create_lab({"domain": domain, "users": 3, "name": name}) for name, domain in wishes.items()]
            for lab in asked:
                until(f"{lab['id']} is ready", lambda lab=lab: calls.lab(lab["id"])["phase"] == "READY", 400)  # type: ignore[misc]
            self.busy, self.asleep = (str(lab["id"]) for lab in asked)
            self.newer = brought.change(self.one.env(), self.one.folder / "brought")
            self.lock = brought.locked(calls.lab(self.busy))
            self.promise("a lab runs on a pack that its team brought, and changed since", bool(self.lock), self.version)
            calls.put_person({"email": GRACE, "role": "member", "teams": ["default"]})
            calls.add_user(self.busy, GRACE, "member")
            self.token = str(calls.create_token({"label": "from region one"}, person=GRACE)["token"])
            for path, body in AGREED.items():
                calls.wire.send("PUT", path.format(lab=self.busy), body)
            self.key = str(calls.wire.send("POST", f"/labs/{self.busy}/wake-key")["key"])
            self.agreed = self._agreed(calls)
            for lab_id in (self.busy, self.asleep):
                self.files[lab_id] = self._write(calls, lab_id, f"{lab_id}/", 12)

    def _write(self, calls: Calls, lab_id: str, prefix: str, count: int) -> dict[str, str]:
        """Files of many sizes, written by a kernel; what it says each hashes to."""
        person = Person.by_link(calls.login(lab_id)["url"])
        person.start_server()
        sizes = (0, 1, 4_096, 70_000, 1_500_000, 9)
        wanted = [(f"{prefix}{number}/ä file {number}.bin", sizes[number % len(sizes)]) for number in range(count)]
        wanted += [(f"shared/{prefix}{number}.csv", 2_000) for number in range(3)]
        cell = person.run(person.start_kernel(self._kernel(lab_id)), WRITE.format(files=wanted))
        told: dict[str, str] = {}
        for line in cell.text.splitlines():
            told |= json.loads(line)
        return {name if name.startswith("shared/") else f"homes/{person.user}/{name}": digest for name, digest in told.items()}

    def _kernel(self, lab_id: str) -> str:
        return brought.KERNEL if lab_id == self.busy else KERNEL

    def _backups(self) -> None:
        with self.one.calls() as calls:
            for lab_id in (self.busy, self.asleep):
                made = calls.wire.send("POST", f"/labs/{lab_id}/backups", {})
                path = f"/labs/{lab_id}/backups/{made['id']}"
                until("the backup is finished", lambda path=path: self._finished(calls.wire.get(path)), 300)  # type: ignore[misc]
                found = calls.wire.get(path)
                seen = f"{found['files']} files, {found['bytes']} bytes"
                self.promise(f"{lab_id} is backed up and copied", bool(found["copied_at"]), seen)
            calls.stop_lab(self.asleep)
            until("one lab sleeps", lambda: calls.lab(self.asleep)["phase"] == "STOPPED", 200)
            self.late = self._write(calls, self.busy, "late/", 2)
            self.phases = {lab_id: calls.lab(lab_id)["phase"] for lab_id in self.files}
        answer = self.one.client("lambda").invoke(
            FunctionName=f"{PREFIX}-back_up_tables", Payload=json.dumps(timer_event()).encode()
        )
        told = json.loads(answer["Payload"].read())
        seen = f"{told.get('people')} people, {told.get('packs')} versions of a pack, {told.get('labs')} labs"
        self.promise("the tables are kept in the second region", bool(told.get("copied")) and told.get("wanting") == [], seen)

    def _finished(self, backup: Any) -> bool:
        if backup["state"] == "FAILED":
            raise SystemExit(f"the backup failed: {backup['cause']}")
        return bool(backup["state"] == "FINISHED")

    def _disaster(self) -> None:
        self.lost_at = datetime.now(UTC)
        dead = self.one.kill()
        gone = self.one.folder.rename(self.one.folder.with_name("gone"))
        self.removing = subprocess.Popen(["rm", "-rf", str(gone)])  # tens of thousands of files: nobody waits for it
        self.promise("region one is gone", not self.one.folder.exists(), f"{dead} processes killed, its folder removed")

    # ── the one command ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin_again(self) -> None:
        dry = subprocess.run(self._words("--dry-run"), cwd=ROOT, env=self.two.env(), capture_output=True, text=True)
        planned = [lab["id"] for lab in self._told()["labs"]] if not dry.returncode else []
        self.promise(
            "a dry run names both labs and makes nothing", set(planned) == set(self.files) and not self._some_lab(), dry.stderr
        )
        self._broken_off()
        self.say("the command, in full:")
        done = subprocess.run(self._words(), cwd=ROOT, env=self.two.env())
        self.rebuilt = self._told()
        self.promise("one command rebuilds the stage", not done.returncode, f"in {self.rebuilt['seconds']} s")
        again = subprocess.run(self._words(), cwd=ROOT, env=self.two.env(), capture_output=True, text=True)
        with self.two.calls() as calls:
            restores = {lab_id: self._restores(calls, lab_id) for lab_id in self.files}
        self.promise("given once more it changes nothing", not again.returncode and set(restores.values()) == {1})

    def _told(self) -> Any:
        return json.loads((self.two.folder / "rebuild.json").read_text())

    def _words(self, *more: str) -> list[str]:
        report = ["--report", str(self.two.folder / "rebuild.json"), "--lost-at", self.lost_at.isoformat()]
        where = ["--stage", STAGE, "--region", TWO, "--from", BUCKET, "--local", str(self.two.home.root)]
        return [sys.executable, "-m", "tools.rebuild", *where, *report, *more]

    def _broken_off(self) -> None:
        """Killed as soon as a lab is on its way."""
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = subprocess.Popen(self._words(), cwd=ROOT, env=self.two.env(), **quiet)
        until("a lab is on its way", lambda: running.poll() is not None or self._some_lab(), 300)
        running.kill()
        running.wait()
        self.promise("the command was broken off", running.returncode == -signal.SIGKILL)

    def _some_lab(self) -> bool:
        try:
            items = self.two.client("dynamodb").scan(TableName=f"{PREFIX}-labs")["Items"]
        except Exception:  # the region has no tables yet
            return False
        return any(item["sk"]["S"] == "LAB" for item in items)

    def _restores(self, calls: Calls, lab_id: str) -> int:
        names = [event["name"] for event in calls.events(lab_id)]
        return names.count("RestoreFinished")

    # ── is it as it was? ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _agreed(self, calls: Calls) -> dict[str, Any]:
        """What is agreed on, as people are shown it."""
        seen = {path: calls.wire.get(path.format(lab=self.busy).replace("exemption", "why")) for path in AGREED}
        return {path: {name: told[name] for name in LASTING if name in told} for path, told in seen.items()}

    def _wakes(self, region: Region) -> bool:
        """Does the lab's page know the key that somebody has?"""
        with region.calls(self.key) as calls:
            try:
                return bool(calls.wire.send("POST", f"/open/{self.busy}/look", {})["phase"])
            except ApiError:
                return False

    def _compare(self) -> None:
        with self.two.calls(self.token) as calls:
            self.promise("a token from region one still counts", calls.whoami()["email"] == GRACE)
        self.promise("a link that woke the lab wakes it again", self._wakes(self.two))
        with self.two.calls() as calls:
            now_is = self._agreed(calls)
            wrong = [path for path in AGREED if now_is[path] != self.agreed[path]]
            self.promise("quotas, budgets, timetables and an exemption are as they were", not wrong, "; ".join(wrong))
            for lab_id, told in self.files.items():
                lab: Any = calls.lab(lab_id)
                if self.phases[lab_id] == "STOPPED":
                    until("it sleeps again", lambda lab_id=lab_id: calls.lab(lab_id)["phase"] == "STOPPED", 120)  # type: ignore[misc]
                    lab = calls.lab(lab_id)
                self.promise(f"{lab_id} is {self.phases[lab_id]} as before", lab["phase"] == self.phases[lab_id], lab["phase"])
                root = self.two.home.efs / str((lab["storage"] or {}).get("file_system_id"))
                wrong = [name for name, digest in told.items() if _digest(root / name) != digest]
                self.promise(f"its {len(told)} files are the same, byte for byte", not wrong, "; ".join(wrong[:3]))
            person = Person.by_link(calls.login(self.busy)["url"])
            person.start_server()
            mine = {
                name.partition("/")[2].partition("/")[2]: digest
                for name, digest in self.files[self.busy].items()
                if name[0] == "h"
            }
            kernel = person.start_kernel(brought.KERNEL)
            cell = person.run(kernel, READ.format(names=list(mine)))
            self.promise("a kernel of the brought pack reads them", json.loads(cell.text or "{}") == mine)
            there = person.run(kernel, brought.SEEN).text.strip()
            self.promise("and has what was brought", there == brought.VERSION, f"humanize {there}")
            lock, now = brought.locked(calls.lab(self.busy)), brought.newest(self.two.env())
            self.promise("it is made from the very lock it had", bool(lock) and lock == self.lock, lock[:16])
            self.promise(
                "a new lab would get the newest version", now == self.newer != self.version, f"{now}, not {self.version}"
            )
        lost = len(self.late)
        self.say(f"  · written after the backup, and lost with the region: {lost} files (the RPO)")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def show(rehearsal: Rehearsal) -> None:
    table = Table("promise", "kept", "seen", title=f"{ONE} lost, {TWO} rebuilt", title_justify="left")
    for what, kept, seen in rehearsal.promises:
        table.add_row(what, "yes" if kept else "NO", seen)
    for lab in rehearsal.rebuilt.get("labs", ()):
        table.add_row(
            f"{lab['id']}: RPO {lab['rpo']:.0f} s, RTO {lab['rto']:.0f} s", "", f"{lab['count']} files, {lab['size']} bytes"
        )
    Console().print(table)


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wizard-rehearsal-"))
    one, two = Region(ONE, folder / "one"), Region(TWO, folder / "two")
    if not os.environ.get("AWR_PACKAGE"):
        os.environ["AWR_PACKAGE"] = str(folder / "package")
        words = [sys.executable, "-m", "tools.package", "--stage", STAGE, "--out", os.environ["AWR_PACKAGE"]]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    rehearsal = Rehearsal(one, two, lambda text: print(text, flush=True))
    held = False
    try:
        held = rehearsal.run()
    finally:
        for region in (one, two):
            region.kill()
        shutil.rmtree(folder, ignore_errors=True)
        REPORT.parent.mkdir(exist_ok=True)
        promises = [{"promise": what, "kept": kept, "seen": seen} for what, kept, seen in rehearsal.promises]
        REPORT.write_text(json.dumps({"held": held, "promises": promises, "rebuilt": rehearsal.rebuilt}, indent=2) + "\n")
    show(rehearsal)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
