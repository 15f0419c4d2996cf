"""Whoever can write to the table tries everything on a log of 60 entries: nothing goes unnoticed. Exhaustive, not sampled.

Each attack is made twice: naively, and by somebody who knows the format and makes every later entry, the marks and the head fit
again. Against the second only the anchors stand, which lie where they cannot be changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aws_research_wizard.client import chain
from chalicelib.audit import rules, s3, store
from chalicelib.audit.rules import Anchor, Entry, Head
from tests.unit.audit.conftest import recorded, views

COUNT = 60
pytestmark = pytest.mark.no_cover  # thousands of logs are checked: watching each line would take minutes
Attack = tuple[str, list[Entry]]


@pytest.fixture(scope="module")
def real(tables: Any, bucket: str) -> Iterator[tuple[list[Entry], list[Anchor], str]]:
    """60 real entries, the anchors that their nine batches left, and the chain's name. The hashes of these very entries are
    worked out once, for all of the thousands of logs in which they stand untouched."""
    entries = recorded(COUNT)
    sealed, digest = rules.sealed, chain.digest
    once = {id(one): sealed(one) for one in entries}
    KNOWN.update({id(one): one._asdict() for one in entries})
    digests = {id(one): digest(one) for one in KNOWN.values()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "sealed", lambda one: once.get(id(one)) or sealed(one))
        patch.setattr(chain, "digest", lambda one: digests.get(id(one)) or digest(one))
        yield entries, list(s3.anchors()), store.name()
    KNOWN.clear()


KNOWN: dict[int, dict[str, Any]] = {}  # the real entries as the API tells them


def as_told(entry: Entry) -> dict[str, Any]:
    return KNOWN.get(id(entry)) or entry._asdict()


def resealed(entries: list[Entry], first: Head) -> list[Entry]:
    """The forger's work: numbers, links and hashes made to fit again."""
    made: list[Entry] = []
    for entry in entries:
        before = made[-1].head if made else first
        fits = id(entry) in KNOWN and (entry.seq, entry.prev) == (before.seq + 1, before.hash)
        made.append(entry if fits else rules.sealed(entry._replace(seq=before.seq + 1, prev=before.hash)))
    return made


def edited(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return {**value, "added": "x"}


def edits(entries: list[Entry]) -> Iterator[Attack]:
    """Every field of every entry, one at a time; of the fields that hold more, also every part of them."""
    for place, entry in enumerate(entries):
        for name, value in entry._asdict().items():
            forged = [edited(value)]
            if isinstance(value, dict):
                forged += [{key: one for key, one in value.items() if key != gone} for gone in value]
                forged += [{**value, key: "forged"} for key in value]
            for one in forged:
                yield f"{name} of {entry.seq}", [*entries[:place], entry._replace(**{name: one}), *entries[place + 1 :]]


def deletions(entries: list[Entry]) -> Iterator[Attack]:
    for place in range(len(entries)):
        yield f"without {place + 1}", [*entries[:place], *entries[place + 1 :]]


def swaps(entries: list[Entry]) -> Iterator[Attack]:
    for one in range(len(entries)):
        for other in range(one + 1, len(entries)):
            swapped = list(entries)
            swapped[one], swapped[other] = entries[other], entries[one]
            yield f"{one + 1} and {other + 1} swapped", swapped


def swapped_contents(entries: list[Entry]) -> Iterator[Attack]:
    """Two entries change places and take each other's number, link and hash: the table looks whole at a glance."""
    for one in range(len(entries)):
        for other in range(one + 1, len(entries)):
            place = {"seq": entries[one].seq, "prev": entries[one].prev, "hash": entries[one].hash}
            back = {"seq": entries[other].seq, "prev": entries[other].prev, "hash": entries[other].hash}
            swapped = list(entries)
            swapped[one], swapped[other] = entries[other]._replace(**place), entries[one]._replace(**back)
            yield f"contents of {one + 1} and {other + 1} swapped", swapped


def insertions(entries: list[Entry]) -> Iterator[Attack]:
    """A copy of every entry, and one that never was, at every place."""
    for place in range(len(entries) + 1):
        never = entries[0]._replace(seq=place + 1, fact="LAB#x/FACT#never", name="Never", prev="0" * 64)
        yield f"one put in at {place + 1}", [*entries[:place], rules.sealed(never), *entries[place:]]
        for copied in entries:
            yield f"{copied.seq} again at {place + 1}", [*entries[:place], copied, *entries[place:]]


def truncations(entries: list[Entry]) -> Iterator[Attack]:
    for length in range(len(entries)):
        yield f"cut to {length}", entries[:length]


ATTACKS: dict[str, Callable[[list[Entry]], Iterator[Attack]]] = {
    "edit": edits,
    "deletion": deletions,
    "swap of two": swaps,
    "swap of two contents": swapped_contents,
    "insertion": insertions,
    "truncation": truncations,
}
EXPECTED = {  # how many attacks of each kind there are on 60 entries
    "edit": 60 * (14 + 2 * (4 + 2 + 4)),
    "deletion": 60,
    "swap of two": 60 * 59 // 2,
    "swap of two contents": 60 * 59 // 2,
    "insertion": 61 * 61,
    "truncation": 60,
}


def found_out(entries: list[Entry], anchors: list[Anchor], name: str) -> bool:
    """Do both, the control plane and somebody's own machine, see that something is wrong?"""
    head = entries[-1].head if entries else rules.genesis(name)
    ours = rules.breaks(entries, rules.genesis(name), head, anchors)
    theirs = chain.verify(map(as_told, entries), name, [one._asdict() for one in anchors])
    assert bool(ours) == bool(theirs.breaks), (ours[:2], theirs.breaks[:2])
    return bool(ours)


def test_an_honest_log_is_whole(real: Any) -> None:
    assert not found_out(*real)


@pytest.mark.parametrize("kind", ATTACKS)
def test_every_attack_is_detected(real: Any, kind: str) -> None:
    entries, anchors, name = real
    attacks = list(ATTACKS[kind](entries))
    assert len(attacks) == EXPECTED[kind]
    assert [said for said, forged in attacks if forged != entries and not found_out(forged, anchors, name)] == []


@pytest.mark.parametrize("kind", ATTACKS)
def test_every_attack_is_detected_when_the_forger_makes_all_fit_again(real: Any, kind: str) -> None:
    entries, anchors, name = real
    first = rules.genesis(name)
    attacks = [(said, resealed(forged, first)) for said, forged in ATTACKS[kind](entries)]
    unnoticed = [said for said, forged in attacks if forged != entries and not found_out(forged, anchors, name)]
    assert unnoticed == []
    harmless = [said for said, forged in attacks if forged == entries]
    assert all(said.split(" of ")[0] in ("seq", "prev", "hash") for said in harmless), "only what the forger puts right again"


def test_the_first_broken_entry_is_named_and_so_is_the_break(real: Any) -> None:
    entries, anchors, name = real
    told = [one._asdict() for one in anchors]

    def first(forged: list[Entry]) -> tuple[int, str]:
        found = chain.verify(views(forged), name, told).first
        assert found is not None
        return found.seq, found.kind

    assert first([*entries[:16], entries[16]._replace(who="eve@uni.edu"), *entries[17:]]) == (17, "altered")
    assert first([*entries[:16], *entries[17:]]) == (17, "missing")
    assert first([*entries[:16], entries[17], entries[16], *entries[18:]])[0] == 17
    assert first(entries[:59]) == (60, "truncated")
    assert first([]) == (1, "truncated")
    late = resealed([*entries[:50], entries[50]._replace(who="eve@uni.edu"), *entries[51:]], rules.genesis(name))
    assert first(late) == (56, "rewritten"), "the first anchor behind the forged entry"


def test_hidden_and_contradicting_anchors_are_seen(real: Any) -> None:
    entries, anchors, name = real
    hidden = [*anchors[:-1], anchors[-1]._replace(standing=False)]
    assert found_out(entries, hidden, name)
    assert found_out(entries, [*anchors, anchors[0]._replace(hash="f" * 64)], name)


def test_a_chain_of_another_stage_does_not_pass_for_this_one(real: Any) -> None:
    entries, _, name = real
    assert chain.verify(views(entries), f"{name}-other").first == chain.Break(1, "unlinked", "it does not hang on entry 0")


def test_an_end_seen_before_holds_a_control_plane_that_rewrote_log_and_anchors(real: Any) -> None:
    entries, _, name = real
    seen = {"seq": 60, "hash": entries[-1].hash}
    forged = copy.copy(entries)
    forged[30] = forged[30]._replace(data={})
    forged = resealed(forged, rules.genesis(name))
    new_anchors = [{"seq": one.seq, "hash": one.hash} for one in forged[6::7]]
    assert chain.verify(views(forged), name, new_anchors).breaks == []
    found = chain.verify(views(forged), name, [*new_anchors, seen]).first
    assert found is not None
    assert found.kind in ("rewritten", "unanchored")
