"""How are EC2, IAM, STS and EFS kept over a restart, and what do we know of an instance?

The emulating library holds everything in memory; here it is loaded from, and after each change saved to, one file, replaced
atomically. Beside it stand the facts the library does not know: true power states, client tokens, sold-out types, the
metadata key.
"""

from __future__ import annotations

import base64
import os
import pickle
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aws_research_wizard.local import images, pruning
from aws_research_wizard.local.home import ACCOUNT, REGION
from aws_research_wizard.local.power import GONE

SERVICES = {"ec2": REGION, "iam": "aws", "sts": "aws", "efs": REGION}
FORMAT = 1


@dataclass
class Launched:
    """An answered RunInstances: what was asked, which instances came of it (none: an answered CopyImage), and the answer."""

    asked: tuple[tuple[str, str], ...]
    instance_ids: tuple[str, ...]
    body: bytes


@dataclass
class Memory:
    """What the endpoint remembers beside the library's own records."""

    states: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Launched] = field(default_factory=dict)
    sold_out: frozenset[str] = frozenset()
    ended: dict[str, datetime] = field(default_factory=dict)
    images: dict[str, images.Picture] = field(default_factory=dict)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))


class Backends:
    """The four services of one account and region, and their file."""

    def __init__(self, path: Path) -> None:
        import moto.backends

        _terminate_once()
        _take_user_data_as_it_is()
        images.teach()
        self.path = path
        self.parts = {service: moto.backends.get_backend(service)[ACCOUNT] for service in SERVICES}
        self.memory = Memory()
        if path.exists():
            self._load()

    def _load(self) -> None:
        saved = pickle.loads(self.path.read_bytes())  # noqa: S301 - our own file, in the user's own folder
        if saved["format"] != FORMAT:
            raise RuntimeError(f"{self.path} was written by another version; run: aws-research-wizard local reset")
        self.memory = saved["memory"]
        for later in ("ended", "images"):  # of a file that was written before these were kept
            vars(self.memory).setdefault(later, {})
        for service, region in SERVICES.items():
            dict.__setitem__(self.parts[service], region, saved["services"][service])

    def save(self) -> None:
        """Write everything to the file; readers see the old or the new whole."""
        services = {service: self.parts[service][region] for service, region in SERVICES.items()}
        text = pickle.dumps({"format": FORMAT, "memory": self.memory, "services": services}, pickle.HIGHEST_PROTOCOL)
        draft = self.path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_bytes(text)
        draft.replace(self.path)

    @property
    def secret(self) -> bytes:
        return self.memory.secret

    @property
    def ec2(self) -> Any:
        return self.parts["ec2"][REGION]

    def instances(self) -> list[Any]:
        """Every instance record, terminated ones too."""
        return [one for reservation in list(self.ec2.reservations.values()) for one in reservation.instances]

    def forget(self, now: datetime) -> int:
        """Forget instances that were terminated a while ago, later their client tokens, and images; returns how many."""
        states, ended = self.memory.states, self.memory.ended
        for name, state in states.items():
            if state == "terminated":
                ended.setdefault(name, now)
        gone = set(pruning.ended_instances({name: at for name, at in ended.items() if name in states}, now))
        for key, reservation in list(self.ec2.reservations.items()):
            reservation.instances = [one for one in reservation.instances if one.id not in gone]
            if not reservation.instances:
                del self.ec2.reservations[key]
        for name in gone:
            states.pop(name)
            self.ec2.tags.pop(name, None)
            self.ec2.iam_instance_profile_associations.pop(name, None)
        self._forget_tokens(now)
        return len(gone) + images.forget(self.memory.images, now)

    def _forget_tokens(self, now: datetime) -> None:
        """A token outlives its instance, so that a launch that comes late does not start another."""
        old = {
            name for name, at in self.memory.ended.items() if name not in self.memory.states and now - at > pruning.TOKEN_HOURS
        }
        for token, launched in list(self.memory.tokens.items()):
            if launched.instance_ids and old.issuperset(launched.instance_ids):
                del self.memory.tokens[token]
        for name in old:
            del self.memory.ended[name]

    def instance(self, instance_id: str) -> Any | None:
        """The record of an instance that still exists."""
        found = next((one for one in self.instances() if one.id == instance_id), None)
        return found if found is not None and self.memory.states.get(instance_id) != "terminated" else None

    def user_data(self, found: Any) -> bytes:
        """An instance's user data as it sees it."""
        return base64.b64decode(str(found.user_data or ""))

    def storage_of(self, found: Any) -> str:
        """The file system that an instance's user data names, if it exists; blank when none does."""
        text = self.user_data(found).decode("utf-8", "replace")
        return next((name for name in self.parts["efs"][REGION].file_systems_by_id if name in text), "")

    def role_of(self, instance_id: str) -> tuple[str, str] | None:
        """Name and ARN of the role in the instance's profile."""
        association = self.ec2.iam_instance_profile_associations.get(instance_id)
        roles = association.iam_instance_profile.roles if association else []
        return (roles[0].name, roles[0].arn) if roles else None

    def assume(self, role_arn: str, session: str, seconds: int) -> dict[str, str]:
        """Credentials of a role for a session, in the shape the metadata service answers."""
        sts = self.parts["sts"][SERVICES["sts"]]
        role = sts.assume_role(
            region_name=REGION, role_session_name=session, role_arn=role_arn, policy="", duration=seconds, external_id=""
        )
        self.save()
        return {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": role.access_key.create_date.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "AccessKeyId": role.access_key_id,
            "SecretAccessKey": role.secret_access_key,
            "Token": role.session_token,
            "Expiration": role.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def secret_of(self, access_key: str) -> str | None:
        """The secret of a session key, if it is one of ours."""
        role = self.parts["sts"][SERVICES["sts"]].get_assumed_role_from_access_key(access_key)
        return role.secret_access_key if role else None


def _take_user_data_as_it_is() -> None:
    """Let ModifyInstanceAttribute take user data as EC2 does; the library decodes it, and then wants it encoded after all."""
    from moto.core.types import Base64EncodedString
    from moto.ec2.responses import instances

    def parsed(value: Any) -> Any:
        raw = value.encode() if isinstance(value, str) else value
        try:
            return None if raw is None else Base64EncodedString.from_encoded_bytes(raw)
        except ValueError:
            return Base64EncodedString.from_encoded_bytes(base64.b64encode(raw))

    instances.parse_user_data = parsed


def _terminate_once() -> None:
    """Let a second TerminateInstances be as harmless as it is in EC2; the library trips over what the first one removed."""
    import copy

    from moto.ec2.models.instances import Instance

    if getattr(Instance.terminate, "once", False):
        return
    terminate = Instance.terminate

    def once(instance: Any) -> Any:
        return copy.copy(instance._state) if instance.state in GONE else terminate(instance)

    once.once = True  # type: ignore[attr-defined]
    Instance.terminate = once
