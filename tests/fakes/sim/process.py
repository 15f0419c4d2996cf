"""Must production code run again, when every answer it gets is one that it got before?

No. Between its calls it is a function of what it was invoked with, of the clock, and of what it was answered so far: nothing else
reaches it (installed.py), and it begins without memories, as a new Lambda process does. So what it asked for after which answers
is kept as a tree. An invocation goes down the tree: its calls are made in full, with whatever strikes them, and only the code
between them is not run. At an answer that is new the code is run, is given what was answered so far, and goes on from there.

Code that asks for something else than it did after the same answers is told off: it would not be a function of them.
"""

from __future__ import annotations

import copy
import io
import json
import marshal
import pickle
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, NoReturn

from tests.fakes.sim.faults import Crash

Perform = Callable[[], Any]
MOST = 400_000  # nodes that are kept; then the trees begin anew


class NoFunction(BaseException):
    """Code asked for something else after the same answers; no handler of ours may take this for a failed call."""


class Ask(NamedTuple):
    """What is asked for: a name to know it by, and how to ask (again)."""

    name: Any
    perform: Perform


class Outcome(NamedTuple):
    """What came of it. `mark` tells whether it is the same as another one."""

    answer: Any
    error: Exception | None
    mark: str | bytes

    def given(self) -> Any:
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.answer


class Node:
    """A place in the code: what it asks for there, and where each answer leads; or how it ended."""

    __slots__ = ("after", "ask", "end")

    def __init__(self) -> None:
        self.ask: Ask | None = None
        self.after: dict[str | bytes, Node] = {}
        self.end: Outcome | None = None


class Process:
    """One invocation that is run: what it asks for first was answered already (`given`)."""

    def __init__(self, root: Node, given: list[Outcome], grown: Callable[[], Node]) -> None:
        self.node, self.given, self.grown = root, given, grown
        self.place, self.dead = 0, False

    def ask(self, ask: Ask) -> Any:
        if self.dead:
            raise Crash("a dead process asks for nothing")
        if self.node.ask is None:
            self.node.ask = ask
        elif self.node.ask.name != ask.name:
            self._told_off(ask)
        try:
            outcome = self.given[self.place] if self.place < len(self.given) else performed(ask)
        except Crash:
            self.dead = True
            raise
        self.place += 1
        found = self.node.after.get(outcome.mark)
        if found is None:
            found = self.node.after[outcome.mark] = self.grown()
        self.node = found
        return outcome.given()

    def _told_off(self, ask: Ask) -> NoReturn:
        known = self.node.ask
        raise NoFunction(f"after the same answers it asked for {ask.name}, and before for {known.name if known else None}")


class Processes:
    """All invocations of one cloud."""

    def __init__(self, remembers: bool = True) -> None:
        self.remembers = remembers
        self.trees: dict[Hashable, Node] = {}
        self.current: Process | None = None
        self.nodes = self.ran = self.knew = 0

    def ask(self, ask: Ask) -> Any:
        """Production code asks; outside of any invocation it is answered at once."""
        return self.current.ask(ask) if self.current else ask.perform()

    def run(self, key: Hashable, act: Perform) -> Any:
        """One invocation: known, or run."""
        if self.nodes > MOST:
            self.trees, self.nodes = {}, 0
        root = self.trees.get(key) if self.remembers else None
        if root is None:
            root = self.trees[key] = self._grown()
        outer, self.current = self.current, None
        try:
            given, end = self._followed(root)
            if end is None:
                self.current = Process(root, given, self._grown)
                return self._run(act)
            self.knew += 1
            return copy.deepcopy(end.given())
        finally:
            self.current = outer

    def _followed(self, root: Node) -> tuple[list[Outcome], Outcome | None]:
        """As far as it is known: what was answered on the way, and how it ended."""
        node, given = root, list[Outcome]()
        while node.ask is not None:
            given.append(performed(node.ask))
            found = node.after.get(given[-1].mark)
            if found is None:
                return given, None
            node = found
        return given, node.end

    def _run(self, act: Perform) -> Any:
        process = self.current
        assert process
        self.ran += 1
        try:
            answer = act()
        except Exception as error:
            process.node.end = Outcome(None, error, "")
            raise
        process.node.end = Outcome(copy.deepcopy(answer), None, "")
        return answer

    def _grown(self) -> Node:
        self.nodes += 1
        return Node()


def performed(ask: Ask) -> Outcome:
    """Ask, and see what comes of it; the death of the process goes through."""
    try:
        answer = ask.perform()
    except Exception as error:
        said = json.dumps(getattr(error, "response", None), sort_keys=True, default=str)
        return Outcome(None, error, f"!{type(error).__name__}/{error}/{said}")
    try:
        return Outcome(answer, None, marshal.dumps(answer, 2))  # 2: nothing of who else refers to its parts
    except ValueError:  # there is more in it than plain values
        return Outcome(answer, None, _pickled(answer))


def _pickled(answer: Any) -> bytes:
    """Times and streams, too, by what is in them; again nothing of who else refers to the parts."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, 5)
    pickler.fast = True
    pickler.dump(answer)
    return written.getvalue()
