"""An invocation that is known is not run: its calls are made all the same, and whatever is new to it makes it run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.sim.explore import Explorer
from tests.fakes.sim.faults import KINDS, Crash
from tests.fakes.sim.flows import FLOWS
from tests.fakes.sim.process import Ask, NoFunction, Processes
from tests.fakes.sim.town import simulated


class World:
    """Something to ask, and code that asks it for a number and then writes it down."""

    def __init__(self) -> None:
        self.processes = Processes()
        self.number: Any = 1
        self.asked: list[str] = []
        self.ran = 0

    def ask(self, name: str, answer: Callable[[], Any]) -> Any:
        def perform() -> Any:
            self.asked.append(name)
            return answer()

        return self.processes.ask(Ask(name, perform))

    def read(self) -> Any:
        if isinstance(self.number, BaseException):
            raise self.number
        return self.number

    def code(self) -> str:
        self.ran += 1
        number = self.ask("read", self.read)
        self.ask(f"write {number}", lambda: None)
        return f"wrote {number}"

    def run(self, code: Callable[[], Any] | None = None) -> Any:
        return self.processes.run("key", code or self.code)


def test_what_is_known_makes_its_calls_and_is_not_run() -> None:
    world = World()
    assert [world.run() for _ in range(3)] == ["wrote 1"] * 3
    assert world.ran == 1
    assert world.asked == ["read", "write 1"] * 3


def test_a_new_answer_runs_it_and_no_call_is_made_twice() -> None:
    world = World()
    world.run()
    world.number, world.asked = 2, []
    assert world.run() == "wrote 2"
    assert (world.ran, world.asked) == (2, ["read", "write 2"])


def test_an_error_is_an_answer_and_an_end() -> None:
    world = World()
    world.number = ValueError("busy")
    for _ in range(2):
        with pytest.raises(ValueError, match="busy"):
            world.run()
    assert world.ran == 1
    world.number = ValueError("gone")
    with pytest.raises(ValueError, match="gone"):
        world.run()
    assert world.ran == 2


def test_another_key_is_another_invocation() -> None:
    world = World()
    world.run()
    world.processes.run("other", world.code)
    assert world.ran == 2


def test_what_it_gives_back_is_nobody_elses() -> None:
    world = World()
    first = world.run(lambda: {"list": []})
    first["list"].append(1)
    assert world.run(lambda: {"list": []}) == {"list": []}


def test_code_that_is_no_function_of_its_answers_is_told_off() -> None:
    world = World()
    names = iter(("first", "second", "third"))
    world.run(lambda: world.ask(next(names), lambda: world.number))
    world.number = 2  # an answer that is new: the code runs again, and asks for something else
    with pytest.raises(NoFunction, match="after the same answers it asked for second, and before for first"):
        world.run(lambda: world.ask(next(names), lambda: world.number))


def test_a_dead_process_asks_for_nothing_more() -> None:
    world = World()

    def dies() -> None:
        world.number = Crash("here")
        try:
            world.ask("read", world.read)
        finally:
            world.ask("last words", lambda: None)

    with pytest.raises(Crash):
        world.run(dies)
    assert world.asked == ["read"]
    assert world.processes.current is None


def test_an_invocation_inside_another_ones_call_is_its_own() -> None:
    world = World()

    def outer() -> Any:
        said = world.ask("outer", lambda: world.processes.run("inner", world.code))
        return f"{said}, {world.ask('after', lambda: 'after')}"

    assert [world.run(outer) for _ in range(2)] == ["wrote 1, after"] * 2
    assert world.asked == ["outer", "read", "write 1", "after"] * 2
    assert world.ran == 1


@pytest.mark.parametrize("flow", ["stop", "drill"])
def test_remembering_reaches_the_very_same_worlds(flow: str) -> None:
    seen = []
    for remembers in (True, False):
        with simulated() as town:
            town.cloud.processes.remembers = remembers
            explorer = Explorer(town, FLOWS[flow], 1, lambda *_: [], KINDS)
            result = explorer.run()
            seen.append((explorer.known.keys(), result.histories, result.units, result.made_calls, result.ends))
            assert bool(town.cloud.processes.knew) is remembers
    assert seen[0] == seen[1]
