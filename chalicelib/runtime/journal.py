"""How is a journal kept? One item a line, in the partition of whatever the parts belong to, in the labs table."""

from __future__ import annotations

from collections.abc import Iterator

from pynamodb.attributes import UnicodeAttribute

from chalicelib.runtime import store
from chalicelib.runtime.errors import AppError
from chalicelib.runtime.parts import Entry, State
from chalicelib.runtime.store import Item, Write

STEM = "JOURNAL#"


class JournalItem(Item):
    kind = UnicodeAttribute()
    token = UnicodeAttribute()
    state = UnicodeAttribute()
    id = UnicodeAttribute(null=True)


store.bind(JournalItem, "labs")


def lines(pk: str) -> Iterator[JournalItem]:
    """Every line of one partition, read consistently."""
    return iter(JournalItem.query(pk, JournalItem.sk.startswith(STEM), consistent_read=True))


def planned(pk: str, entry: Entry, refused: AppError) -> Write:
    """The intent, written before the act; refused when there is such a line."""
    item = JournalItem(pk, f"{STEM}{entry.key}", kind=entry.kind, token=entry.token, state=State.PLANNED)
    return store.save(item, JournalItem.pk.does_not_exist(), refused)


def noted(pk: str, entry: Entry, refused: AppError) -> Write:
    """A part is MADE, unless somebody took it down in the meantime."""
    actions = [JournalItem.state.set(State.MADE), JournalItem.id.set(entry.id)]
    still = JournalItem.state.is_in(State.PLANNED, State.MADE)
    return store.update(JournalItem(pk, f"{STEM}{entry.key}"), actions, still, refused)


def marked(pk: str, entry: Entry) -> Write:
    """What became of a part (REMOVED, KEPT, …), whoever says so."""
    actions = [JournalItem.state.set(entry.state), JournalItem.id.set(entry.id)]
    return store.update(JournalItem(pk, f"{STEM}{entry.key}"), actions, JournalItem.pk.exists())


def closed(pk: str, entry: Entry, refused: AppError) -> Write:
    """A part that was planned could not be had; refused when a twin of the task got it meanwhile."""
    still = JournalItem.state.is_in(State.PLANNED, State.REMOVED)
    return store.update(JournalItem(pk, f"{STEM}{entry.key}"), [JournalItem.state.set(State.REMOVED)], still, refused)


def adopted(pk: str, entry: Entry, refused: AppError) -> Write:
    """A part that the journal lacked is MADE."""
    item = JournalItem(pk, f"{STEM}{entry.key}", kind=entry.kind, token=entry.token, state=State.MADE, id=entry.id)
    return store.save(item, JournalItem.pk.does_not_exist() | (JournalItem.state == State.PLANNED), refused)


def dropped(pk: str, entry: Entry) -> Write:
    return store.delete(JournalItem(pk, f"{STEM}{entry.key}"))
