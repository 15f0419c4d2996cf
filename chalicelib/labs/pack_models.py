"""What do requests and answers about a lab's packs and their kernels look like?"""

from __future__ import annotations

from typing import Annotated

from chalicelib.labs import fitting
from chalicelib.labs.environment import LabKernel, State, Use
from chalicelib.labs.rules import Lab
from chalicelib.runtime.shapes import Asked, Field, Told

KernelKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", examples=["r"])]


class KernelView(Told):
    name: str
    display_name: str
    pack: str = Field(description="The pack that brought it")
    state: str = Field(description="installing, ready, failed with a cause, or stalled: nothing was heard of it for long")
    cause: str | None
    lock: str | None = Field(description="SHA-256 of the lock it was made from, as its machine says; null: not told yet")
    solved: str | None = Field(description="The day that lock was solved")
    pins: int | None = Field(description="How many packages it pins")

    @classmethod
    def of(cls, one: LabKernel, opened: bool, domain: str) -> KernelView:
        return cls(
            name=one.name,
            display_name=one.display_name,
            pack=one.pack or domain,
            state=one.state or (State.READY if opened else State.INSTALLING),
            cause=one.cause or None,
            lock=one.lock or None,
            solved=one.solved or None,
            pins=one.pins or None,
        )


class LabPackView(Told):
    name: str
    own: bool = Field(description="The lab's own pack, its domain")
    on_request: list[str] = Field(description="Kernels that were asked for by key")
    state: str = Field(
        description="installing, ready, failed: then it is not active, and the lab is as it was; or stalled: it may still come"
    )
    cause: str | None
    hint: str | None = Field(description="What a person can do about it")
    kernels: list[str]

    @classmethod
    def all_of(cls, lab: Lab, kernels: list[KernelView]) -> list[LabPackView]:
        """The packs of a lab, its own first; last those that could not be activated."""
        uses = fitting.uses(lab)
        named = {use.pack for use in uses}
        lost = dict.fromkeys(one.pack for one in kernels if one.pack not in named)
        return [cls._of(use, lab, kernels) for use in (*uses, *map(Use, lost))]

    @classmethod
    def _of(cls, use: Use, lab: Lab, kernels: list[KernelView]) -> LabPackView:
        mine = [one for one in kernels if one.pack == use.pack]
        states = {one.state for one in mine}
        state = next((one for one in (State.FAILED, State.STALLED, State.INSTALLING) if one in states), State.READY)
        return cls(
            name=use.pack,
            own=use.pack == lab.domain,
            on_request=list(use.also),
            state=state,
            cause=next((one.cause for one in mine if one.cause), None),
            hint=fitting.advice(state, lab, use.pack),
            kernels=[one.name for one in mine],
        )


class ActivateRequest(Asked):
    pack: str = Field(min_length=1, max_length=64, examples=["climate_modeling"])
    kernels: list[KernelKey] = Field(default_factory=list, max_length=10, description="Kernels on request, by key")
