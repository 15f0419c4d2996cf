"""Was this very request answered before? What an Idempotency-Key remembers, for 24 hours.

The answer is stored in the transaction of the change it answers. A second request with the same key is refused by that
transaction whatever else it would do; a key that comes back with another request is a mistake and says so.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.runtime.errors import Conflict, RequestReplayed
from chalicelib.runtime.store import Item, Write, bind, fetch, save

KEPT = timedelta(hours=24)


class RequestKey(NamedTuple):
    principal: str
    key: str
    fingerprint: str  # of method, path and body
    at: datetime

    @property
    def pk(self) -> str:
        return "REQUEST#" + hashlib.sha256(f"{self.principal}\0{self.key}".encode()).hexdigest()


class RequestItem(Item):
    fingerprint = UnicodeAttribute()
    answer = UnicodeAttribute()
    expires = NumberAttribute()


bind(RequestItem, "facts")


def remember(request_key: RequestKey, answer: dict[str, Any]) -> Write:
    """The write that keeps an answer; refused with RequestReplayed when the key was used in the last 24 hours."""
    now = int(request_key.at.timestamp())
    item = RequestItem(
        request_key.pk,
        "REQUEST",
        fingerprint=request_key.fingerprint,
        answer=json.dumps(answer, separators=(",", ":"), default=str),
        expires=now + int(KEPT.total_seconds()),
    )
    unused = RequestItem.pk.does_not_exist() | (RequestItem.expires < now)
    return save(item, unused, RequestReplayed("this Idempotency-Key was used before"))


def remembered(request_key: RequestKey | None, answer: dict[str, Any]) -> tuple[Write, ...]:
    """`remember` for a request that may have come without a key."""
    return (remember(request_key, answer),) if request_key else ()


def recall(request_key: RequestKey, consistent: bool = False) -> dict[str, Any] | None:
    """What was answered to this key; None when nothing was; Conflict when it was another request."""
    item = fetch(RequestItem, request_key.pk, "REQUEST", consistent)
    if item is None or item.expires < request_key.at.timestamp():
        return None
    if item.fingerprint != request_key.fingerprint:
        raise Conflict("this Idempotency-Key was used for another request", hint="use a new key", code="key_reused")
    return dict(json.loads(item.answer))
