"""The infrastructure endpoint: EC2, IAM, STS and EFS true enough to trust a launch to, plus the instances' metadata service.

Around the emulating library stand the truths it lacks: client tokens, capacity, power states that pass through pending and
stopping, refusals in EC2's words, signatures on GetCallerIdentity, and a file that survives ``kill -9``. Under ``/_local``
the machine runner acts as the hypervisor: it waits for changes and confirms what it has done.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aws_research_wizard.local import images, power, pruning
from aws_research_wizard.local.backends import Backends, Launched
from aws_research_wizard.local.home import REGION
from aws_research_wizard.local.imds import Metadata
from aws_research_wizard.local.signatures import identity_refusal

Headers = list[tuple[str, str]]
Start = Callable[..., Any]
READS = ("Describe", "Get", "List", "Search", "Lookup", "Simulate", "DecodeAuth")
EFS_PATH = re.compile(r"^/2015-02-01/file-systems(?:/(fs-[0-9a-f]+))?/?$")


class Reply(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Ends the handling of a request with this answer."""

    def __init__(self, status: str, body: bytes, kind: str = "application/json") -> None:
        super().__init__(status)
        self.status, self.body, self.kind = status, body, kind


def error_xml(refusal: power.Refusal) -> Reply:
    """A refusal as EC2 sends it."""
    text = (
        f"<Response><Errors><Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error></Errors>"
        f"<RequestID>{uuid.uuid4()}</RequestID></Response>"
    )
    return Reply(f"{refusal.status} Error", text.encode(), "text/xml")


class Infrastructure:
    """The WSGI application. One lock: a request is whole before the next begins, and is on disk before it is answered."""

    def __init__(self, app: Any, backends: Backends, efs: Path) -> None:
        self.app, self.backends, self.efs = app, backends, efs
        self.metadata = Metadata(backends)
        self.changed = threading.Condition(threading.RLock())
        self.version = time.time_ns() // 1_000_000
        self._forgot = time.monotonic()

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        try:
            if path.startswith("/_imds/"):
                self._metadata(environ, path.removeprefix("/_imds/"))
            if path.startswith("/_local/"):
                self._control(environ, path.removeprefix("/_local/"))
            return self._service(environ, start_response, path)
        except Reply as reply:
            start_response(reply.status, [("Content-Type", reply.kind), ("Content-Length", str(len(reply.body)))])
            return [reply.body]

    def _metadata(self, environ: dict[str, Any], path: str) -> None:
        headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        with self.changed:
            answer = self.metadata.answer(environ["REQUEST_METHOD"], path, headers)
        raise Reply(f"{answer.status} IMDS", answer.text.encode("utf-8", "surrogateescape"), "text/plain")

    # ── the hypervisor's side ────────────────────────────────────────────────────────────────────────────────────────────────

    def _control(self, environ: dict[str, Any], path: str) -> None:
        body = _read(environ)
        sent = json.loads(body) if body else {}
        match environ["REQUEST_METHOD"], path.split("/"):
            case "GET", ["health"]:
                answer: dict[str, Any] = {"ok": True}
            case "GET", ["instances"]:
                answer = self._wait(dict(parse_qsl(environ.get("QUERY_STRING", ""))))
            case "POST", ["instances", instance_id]:
                answer = self._confirm(instance_id, str(sent.get("state", "")))
            case "POST", ["images", image_id]:
                answer = self._confirm_image(image_id, str(sent.get("state", "")), str(sent.get("cause", "")))
            case "POST", ["capacity"]:
                with self.changed:
                    self.backends.memory.sold_out = frozenset(map(str, sent.get("unavailable", [])))
                    self.backends.save()
                answer = {"unavailable": sorted(self.backends.memory.sold_out)}
            case _:
                raise Reply("404 Not Found", b"{}")
        raise Reply("200 OK", json.dumps(answer).encode())

    def _wait(self, asked: dict[str, str]) -> dict[str, Any]:
        since, seconds = int(asked.get("since", "0")), min(float(asked.get("wait", "0")), 30.0)
        with self.changed:
            self.changed.wait_for(lambda: self.version != since, timeout=seconds)
            self._forget()
            instances = [self._seen(one) for one in self.backends.instances()]
            pictures = images.seen(self.backends.ec2, self.backends.memory.images)
            return {"version": self.version, "instances": instances, **pictures}

    def _forget(self) -> None:
        """What ended long ago is forgotten now and then; the hypervisor that asks for changes is the clock."""
        if time.monotonic() - self._forgot > pruning.EVERY_SECONDS:
            self._forgot = time.monotonic()
            if self.backends.forget(datetime.now(UTC)):
                self.backends.save()

    def _seen(self, found: Any) -> dict[str, Any]:
        return {
            "id": found.id,
            "state": self.backends.memory.states.get(found.id, found.state),
            "type": found.instance_type,
            "user_data": str(found.user_data or ""),
            "storage": self.backends.storage_of(found),
            "snapshot": images.snapshot_of(found.image_id, self.backends.memory.images),
        }

    def _confirm(self, instance_id: str, state: str) -> dict[str, Any]:
        """The hypervisor says that a passage has ended, or (``stopping``) that the machine went down by itself."""
        with self.changed:
            real = self.backends.memory.states.get(instance_id)
            expected = power.CONFIRMATIONS.get(real or "") == state or (state == "stopping" and real in {"pending", "running"})
            if not expected:
                raise Reply("409 Conflict", json.dumps({"state": real}).encode())
            found = next(one for one in self.backends.instances() if one.id == instance_id)
            if state == "stopping":
                found.stop()
                found.state_reason.code = "Client.InstanceInitiatedShutdown"
                found.state_reason.message = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
            self._set(found, state)
            self._saved()
            return {"state": state}

    def _confirm_image(self, image_id: str, state: str, cause: str) -> dict[str, Any]:
        """The hypervisor has copied a disk, or could not."""
        with self.changed:
            memory = self.backends.memory
            if not images.confirm(image_id, state, self.backends.ec2, memory.images, datetime.now(UTC), cause):
                known = memory.images.get(image_id)
                raise Reply("409 Conflict", json.dumps({"state": known.state if known else None}).encode())
            self._saved()
            return {"state": state}

    def _set(self, found: Any, state: str) -> None:
        found._state.name, found._state.code = state, power.CODES[state]
        self.backends.memory.states[found.id] = state

    def _saved(self) -> None:
        self.version += 1
        self.backends.save()
        self.changed.notify_all()

    # ── the services' side ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _service(self, environ: dict[str, Any], start_response: Start, path: str) -> Iterable[bytes]:
        body = _read(environ)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if path == "/" else {}
        action = form.get("Action", "")
        with self.changed:
            if action == "GetCallerIdentity" and (refusal := identity_refusal(environ, body, self.backends.secret_of)):
                raise error_xml(refusal)
            if form.get("Version") == "2016-11-15":
                self._check(action, form, asked_region(environ))
            status, headers, answer = self._ask(environ, body)
            if status.startswith("2") and _changes(environ["REQUEST_METHOD"], action):
                answer = self._after(action, form, answer)
                self._keep_folders(environ["REQUEST_METHOD"], path, answer)
                self._saved()
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    def _ask(self, environ: dict[str, Any], body: bytes) -> tuple[str, Headers, bytes]:
        import io

        got: list[tuple[str, Headers]] = []
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        answer = b"".join(self.app(environ, lambda status, headers, *_: got.append((status, headers))))
        return got[0][0], got[0][1], answer

    def _check(self, action: str, form: dict[str, str], region: str) -> None:
        """Raise the answer EC2 would give where the library would just do as told."""
        memory = self.backends.memory
        self._answer_again(action, form)
        if action == "RunInstances" and form.get("InstanceType", "") in memory.sold_out:
            raise error_xml(power.no_capacity(form["InstanceType"]))
        if refusal := images.refused(action, form, self.backends.ec2, memory.states, (REGION, region)):
            raise error_xml(refusal)
        names = [*power.numbered(form, "InstanceId"), *power.numbered(form, "InstanceIds")]
        states = {name: memory.states[name] for name in names if name in memory.states}
        if refusal := power.refused(action, states, changes_type="InstanceType.Value" in form):
            raise error_xml(refusal)
        if action == "StartInstances":
            for one in self.backends.instances():
                if one.id in states and states[one.id] == "stopped" and one.instance_type in memory.sold_out:
                    raise error_xml(power.no_capacity(one.instance_type))
        if action == "DeleteSecurityGroup":
            self._keep_used_group(form.get("GroupId", ""))

    def _answer_again(self, action: str, form: dict[str, str]) -> None:
        earlier = self.backends.memory.tokens.get(_token(action, form))
        if earlier is not None:
            state = self.backends.memory.states.get(earlier.instance_ids[0]) if earlier.instance_ids else "kept"
            if refusal := power.token_refusal(earlier.asked == _asked(form), state):
                raise error_xml(refusal)
            raise Reply("200 OK", earlier.body, "text/xml")

    def _keep_used_group(self, group_id: str) -> None:
        for one in self.backends.instances():
            groups = {group.id for nic in one.nics.values() for group in nic.group_set} | {g.id for g in one.security_groups}
            if self.backends.memory.states.get(one.id) != "terminated" and group_id in groups:
                raise error_xml(power.Refusal("DependencyViolation", f"resource {group_id} has a dependent object"))

    def _after(self, action: str, form: dict[str, str], answer: bytes) -> bytes:
        """Turn the states the library jumped to into the true next ones; remember the client token."""
        known = set(self.backends.memory.states)
        for one in self.backends.instances():
            self._set(one, power.next_state(self.backends.memory.states.get(one.id), one.state))
        images.follow(action, form, self.backends.ec2, self.backends.memory.images, datetime.now(UTC))
        token = _token(action, form)
        if action == "CopyImage" and token:
            self.backends.memory.tokens[token] = Launched(_asked(form), (), answer)
        if action != "RunInstances":
            return answer
        answer = re.sub(rb"<code>16</code>(\s*)<name>running</name>", rb"<code>0</code>\1<name>pending</name>", answer)
        made = [one for one in self.backends.instances() if one.id not in known]
        for nic in (nic for one in made for nic in one.nics.values()):
            nic.delete_on_termination = True  # EC2's default for an interface made by the launch
        if token:
            self.backends.memory.tokens[token] = Launched(_asked(form), tuple(one.id for one in made), answer)
        return answer

    def _keep_folders(self, method: str, path: str, answer: bytes) -> None:
        """A file system is a folder: made with it, removed only with it."""
        match = EFS_PATH.match(path)
        if match and method == "POST" and not match.group(1):
            (self.efs / str(json.loads(answer)["FileSystemId"])).mkdir(parents=True, exist_ok=True)
        if match and method == "DELETE" and match.group(1):
            shutil.rmtree(self.efs / match.group(1), ignore_errors=True)


def asked_region(environ: dict[str, Any]) -> str:
    """The region that a request was signed for; ours when it was not signed."""
    scope = re.search(r"Credential=[^/]+/\d+/([a-z0-9-]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    return scope[1] if scope else REGION


def _changes(method: str, action: str) -> bool:
    return not action.startswith(READS) if action else method not in {"GET", "HEAD"}


def _token(action: str, form: dict[str, str]) -> str:
    """The client token of a call that makes something, as it is remembered; blank when there is none."""
    token = form.get("ClientToken", "")
    return {"RunInstances": token, "CopyImage": token and f"copy {token}"}.get(action, "")


def _asked(form: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in form.items() if key != "ClientToken"))


def _read(environ: dict[str, Any]) -> bytes:
    stream: Any = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH") or ("-1" if environ.get("wsgi.input_terminated") else "0")
    return bytes(stream.read(int(length)))
