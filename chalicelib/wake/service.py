"""The verbs of a lab's address: give a person a key, take it back; look, start and go in with one.

Keeps true: what a key may do is what its person may do now, looked up each time; who has no key learns nothing, not even whether
there is such a lab; a lab is started once, however many ask.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.labs import service as labs
from chalicelib.labs.rules import MOVING, Phase
from chalicelib.labs.service import Asking
from chalicelib.labs.wishes import Login
from chalicelib.people import rules as people_rules
from chalicelib.people import service as people
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import Conflict, NotFound, Unauthenticated
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.http import Request
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import commit
from chalicelib.wake import rules, store
from chalicelib.wake.rules import Key, Seen

TRIES = 3
HINT = "make a new one: aws-research-wizard jupyter open LAB"


# ---- keys ------------------------------------------------------------------------------------------------------------------


def give(lab_id: str, asking: Asking) -> tuple[str, Key]:
    """A new key for whoever asks; an older one of theirs counts no more. It is told once, and kept as a hash."""
    lab = labs.visible(asking.who, lab_id, Action.OPEN_LAB).lab
    if lab.phase in (Phase.DELETING, Phase.DELETED):
        raise Conflict(f"lab {lab.id} is {lab.phase}", "it is gone: deploy a new one")
    secret = "awk_" + secrets.token_urlsafe(24)
    digest, email, until = _digest(secret), asking.who.email, asking.now + rules.LASTS
    older = store.of(lab.id, email)
    key = Key(email, lab.id, digest[: store.ID_LENGTH], asking.now, until)
    changes = {f"wake-key:{email}": (next(iter(older.values())).id if older else None, key.id)}
    told = Fact("LabWakeKeyGiven", lab.id, {"key_id": key.id}, asking.now, email, asking.correlation_id, changes=changes)
    kept = remembered(asking.request_key, {"lab_id": lab.id})
    dropped = [store.drop(lab.id, one) for one in older]
    commit(*kept, store.keep(lab.id, digest, email, asking.now, until), *dropped, record(told))
    return secret, key


def take_back(lab_id: str, asking: Asking) -> None:
    """Whoever asks has no key of this lab any more."""
    lab = labs.visible(asking.who, lab_id).lab
    older, email = store.of(lab.id, asking.who.email), asking.who.email
    if not older:
        raise NotFound(f"{email} has no wake key of lab {lab.id}", HINT.replace("LAB", lab.id))
    changes = {f"wake-key:{email}": (next(iter(older.values())).id, None)}
    told = Fact("LabWakeKeyTakenBack", lab.id, {}, asking.now, email, asking.correlation_id, changes=changes)
    commit(*remembered(asking.request_key, {"status": 204}), *(store.drop(lab.id, one) for one in older), record(told))


def knock(request: Request) -> Principal:
    """Who knocks at a lab's address? Unauthenticated for whoever has no key of it."""
    secret, lab_id = request.bearer(), request.path_params.get("lab_id", "")
    wrong = Unauthenticated("this key does not open this lab", HINT.replace("LAB", lab_id[:40]), code="no_wake_key")
    key = store.load(lab_id, _digest(secret)) if rules.KEY.fullmatch(secret) else None
    if key is None or key.expires_at <= request.at:
        raise wrong
    try:
        person = people.person(key.email)
    except NotFound as error:
        raise wrong from error
    return Principal(person.email, person.role, people_rules.scopes_of(person.role), f"wake-{key.id}", person.teams)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# ---- with a key ------------------------------------------------------------------------------------------------------------


def look(who: Principal, lab_id: str) -> Seen:
    """How the lab is, and how far on its way."""
    found = labs.visible(who, lab_id)
    facts = labs.events_of(who, lab_id, None, 60, newest_first=True).items if found.lab.phase in MOVING else ()
    may = people_rules.may(who, Action.OPERATE_LAB, found.lab.owner, found.role, found.lab.team).allowed
    return Seen(found.lab, rules.steps((one.name, one.data) for one in facts), may)


def start(lab_id: str, asking: Asking) -> Seen:
    """Start it, if it rests. Of many who ask at once one starts it, and all are answered alike."""
    for attempt in range(TRIES):
        lab = labs.visible(asking.who, lab_id, Action.OPERATE_LAB).lab
        if lab.phase not in (Phase.STOPPED, Phase.FAILED):
            break
        try:
            labs.start_lab(lab_id, asking)
            break
        except Conflict as error:
            if error.code != Conflict.default_code or attempt == TRIES - 1:
                raise  # a limit stands in the way, or it cannot be started at all
    return look(asking.who, lab_id)


def enter(lab_id: str, asking: Asking) -> Login:
    """The way into its hub, for this person, once."""
    return labs.login(asking.who, lab_id, asking.now, asking.correlation_id)


# ---- kept outside of the tables, and taken in from there -------------------------------------------------------------------


def written(lab_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Everybody's keys of these labs, by their hashes, as plain values."""
    for lab_id in lab_ids:
        for digest, key in store.all_of(lab_id).items():
            moments = {"created_at": iso(key.created_at), "expires_at": iso(key.expires_at)}
            yield {"lab_id": lab_id, "email": key.email, "sha256": digest, **moments}


def take_in(value: Mapping[str, Any], now: datetime, by: str, request: str) -> bool:
    """A key that still counts; False for one that does not, or whose person has one here already. NotFound without its lab."""
    lab, email, digest = labs.as_it_is(str(value["lab_id"])), str(value["email"]), str(value["sha256"])
    made, until = parse_iso(value["created_at"]), parse_iso(value["expires_at"])
    if until <= now or lab.phase in (Phase.DELETING, Phase.DELETED) or store.of(lab.id, email):
        return False
    key_id = digest[: store.ID_LENGTH]
    changes = {f"wake-key:{email}": (None, key_id)}
    told = Fact("LabWakeKeyGiven", lab.id, {"key_id": key_id}, now, by, request, changes=changes)
    commit(store.keep(lab.id, digest, email, made, until), record(told))
    return True
