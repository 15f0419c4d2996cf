"""What does the log look like to whoever reads it over the API? As it was hashed, so that anybody can hash it again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.audit.rules import Anchor, Entry, Head
from chalicelib.runtime.shapes import Asked, Field, Told


class AuditQuery(Asked):
    after: int = Field(default=0, ge=0, description="Entries behind this number")
    limit: int = Field(default=100, ge=1, le=1000)
    lab: str | None = Field(default=None, max_length=80, description="Only what happened to this lab")
    person: str | None = Field(default=None, max_length=254, description="Only what this person did, had done, or met")
    since: datetime | None = Field(default=None, description="Only what happened at or after this moment")
    until: datetime | None = Field(default=None, description="Only what happened up to this moment")


class AnchorQuery(Asked):
    after: int = Field(default=0, ge=0, description="Anchors behind this number")
    limit: int = Field(default=1000, ge=1, le=1000)


class AuditEntryView(Told):
    seq: int = Field(description="1, 2, 3 … without a gap")
    prev: str = Field(description="The hash of the entry before")
    hash: str = Field(description="SHA-256 over the canonical JSON (RFC 8785) of all other fields")
    fact: str
    name: str
    subject: str = Field(description="A lab's id, or a person's address")
    who: str
    on_behalf_of: str = Field(description="The person for whom the system acted; blank when who acted by themselves")
    origin: dict[str, str] = Field(description="Through which door: door, ip, agent, token, function, request")
    correlation_id: str
    at: str
    recorded_at: str
    changes: dict[str, Any] = Field(description="Attribute → [before, after]; null where there was nothing")
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> AuditEntryView:
        return cls(**entry._asdict())


class AuditList(Told):
    items: list[AuditEntryView]
    next: int | None = Field(default=None, description="Ask with it as `after` for the next page; null at the end")


class AuditHead(Told):
    chain: str = Field(description="The chain's name; the first entry's `prev` is the SHA-256 of it")
    seq: int
    hash: str
    recorded_at: str

    @classmethod
    def of(cls, head: Head, chain: str) -> AuditHead:
        return cls(chain=chain, **head._asdict())


class AnchorView(Told):
    seq: int
    hash: str
    at: str = Field(description="When the bucket took it")
    standing: bool = Field(description="False: somebody tried to remove it; the lock kept it")

    @classmethod
    def of(cls, anchor: Anchor) -> AnchorView:
        return cls(**anchor._asdict())


class AnchorList(Told):
    bucket: str
    items: list[AnchorView]
    next: int | None = Field(default=None, description="Ask with it as `after` for the next page; null at the end")
