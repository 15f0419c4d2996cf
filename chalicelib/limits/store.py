"""How is a limit kept when twenty requests race for the last place?

    TEAM#<team>  USAGE    the set of lab ids that count

A set, not a counter: adding or removing the same lab twice changes nothing, and it can be compared with the labs
that exist. The condition on its size is checked by DynamoDB in the transaction that makes the lab.
"""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute, UnicodeSetAttribute
from pynamodb.expressions.condition import size

from chalicelib.runtime.errors import LimitReached
from chalicelib.runtime.store import Item, Write, bind, fetch, update


class UsageItem(Item):
    labs = UnicodeSetAttribute(null=True)
    reserved_at = UnicodeAttribute(null=True)


bind(UsageItem, "limits")


def add_lab(team: str, lab_id: str, limit: int, at: str) -> Write:
    fits = UsageItem.labs.does_not_exist() | (size(UsageItem.labs) < limit)  # type: ignore[no-untyped-call]
    refused = LimitReached(
        f"team {team} already has {limit} of {limit} labs", hint="delete a lab, or ask an admin to raise the limit"
    )
    return update(_item(team), [UsageItem.labs.add({lab_id}), UsageItem.reserved_at.set(at)], fits, refused)


def return_lab(team: str, lab_id: str) -> Write:
    """Count a lab that should have been counted; whether it fits was decided when it was made."""
    return update(_item(team), [UsageItem.labs.add({lab_id})])


def remove_lab(team: str, lab_id: str) -> Write:
    return update(_item(team), [UsageItem.labs.delete({lab_id})])


def labs_of(team: str) -> frozenset[str]:
    item = fetch(UsageItem, f"TEAM#{team}", "USAGE")
    return frozenset(item.labs or ()) if item else frozenset()


def _item(team: str) -> UsageItem:
    return UsageItem(f"TEAM#{team}", "USAGE")
