"""How does a pack become an image that labs start from? Asked, followed until it is served, and told what was baked."""

import time
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import labs, live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import ImageView

STATES = {"BAKING": "cyan", "READY": "green", "FAILED": "red", "RETIRING": "yellow", "RETIRED": "dim"}


@click.argument("pack", metavar="PACK")
@click.option("--no-wait", is_flag=True, help="Return at once; the bake goes on by itself.")
def bake(pack: str, no_wait: bool, output: Format) -> None:
    """Bake a pack into an image: labs of it start in seconds.

    A builder installs the kernels and runs every lesson of the pack. Only if all of them print what they promise does an image
    come of it; until then, and if not, labs get the last good one. For admins.
    """
    with connect() as calls:
        made = labs.ask(lambda: calls.bake(pack), f"bake {pack}")
        if not no_wait:
            made = _followed(calls, made, output)
    if made["state"] == "FAILED":
        raise _failed(made)
    emit(output, made, lambda: _underway(made) if made["state"] == "BAKING" else _done(made))


@click.option("--pack", default="", metavar="PACK", help="Only this pack's.")
def images(pack: str, output: Format) -> None:
    """Baked images, and the bakes that came to nothing."""
    with connect() as calls:
        found = list(calls.images(pack))
    rows = [
        (one["pack"], one["id"], screen.paint(one["state"], STATES[one["state"]]), one["image_id"] or "-", _size(one), _when(one))
        for one in found
    ]
    nothing = f"No image has been baked yet. Bake one: {PROGRAM} packs bake {pack or 'genomics'}"
    emit(output, found, lambda: screen.table(("PACK", "BAKE", "STATE", "IMAGE", "SIZE", "BAKED"), rows) if rows else nothing)


def _followed(calls: "Calls", made: "ImageView", output: Format) -> "ImageView":
    """The bake once it is over; Ctrl-C leaves it going on."""
    from aws_research_wizard.client.watching import news

    board, bake_id = _Board(), made["id"]
    try:
        with live.display(quiet=output is Format.JSON) as shown:
            for made in news(lambda: calls.image(bake_id), made):  # noqa: B020 - the last one is what it came to
                shown.show(board.steps(made))
    except KeyboardInterrupt:
        screen.tell(f"The bake {made['id']} goes on. Look: {PROGRAM} packs images --pack {made['pack']}")
        raise click.exceptions.Exit(130) from None
    return made


class _Board:
    """The steps of a bake, each with the time that passed until it was seen to be done."""

    def __init__(self) -> None:
        self._began = self._since = time.monotonic()
        self._took: dict[str, float] = {}

    def steps(self, one: "ImageView") -> list[Step]:
        """Those that are done, and the one that goes on now."""
        shown: list[Step] = []
        for key, label, doing, detail, done in self._story(one):
            if done and key not in self._took:
                now = time.monotonic()
                self._took[key], self._since = now - (self._began if key == "ready" else self._since), now
            if not done:
                state = State.RUNNING if one["state"] == "BAKING" else State.FAILED
                return [*shown, Step(key, doing, state, 0.0, None, one["cause"] or "")]
            shown.append(Step(key, label, State.DONE, 0.0, self._took[key], detail))
        return shown

    def _story(self, one: "ImageView") -> list[tuple[str, str, str, str, bool]]:
        lessons = f"{len(one['lessons'])} lessons" if one["lessons"] else ""
        builds, served = "Builder installs the kernels and runs the lessons", one["state"] == "READY"
        return [
            ("asked", "Bake accepted", "", one["id"], True),
            ("builder", "Builder launched", "Launching a builder", one["instance_type"] or "", bool(one["builder_id"])),
            ("lessons", "Kernels installed, lessons passed", builds, lessons, one["passed"]),
            ("image", "Image made", "EC2 makes an image of the builder", one["image_id"] or "", served),
            ("ready", "Labs get it", "", "", served),
        ]


def _done(one: "ImageView") -> str:
    """What was baked, how large it is, and what it took."""
    kernels = ", ".join(f"{kernel['name']} ({kernel['megabytes']} MB)" for kernel in one["kernels"])
    lessons = ", ".join(f"{lesson['file']} {screen.span(lesson['seconds'])}" for lesson in one["lessons"])
    copies = ", ".join(f"{copy['region']} {copy['image_id']}" for copy in one["copies"])
    head = f"Image {screen.paint(str(one['image_id']), 'bold')} of {one['pack']} baked in {screen.span(one['seconds'])}"
    return "\n".join(
        [
            f"{screen.paint('✔', 'green')} {head}   ({_size(one)} disk)",
            screen.block([("  Kernels", kernels), ("  Lessons", lessons), ("  Copies", copies), ("  Bake", one["id"])]),
            f"  Try      {PROGRAM} jupyter quick-start --domain {one['pack']}",
        ]
    )


def _underway(one: "ImageView") -> str:
    return f"{one['pack']} is being baked by {one['id']}. Look: {PROGRAM} packs images --pack {one['pack']}"


def _failed(one: "ImageView") -> Exception:
    from aws_research_wizard.client.errors import WizardError

    for line in one["log_tail"]:
        screen.tell(f"  {line}")
    hint = f"nothing of it is left; labs of {one['pack']} get the last good image"
    return WizardError(f"{one['id']} failed: {one['cause']}", hint)


def _size(one: "ImageView") -> str:
    return screen.gigabytes(one["size_gb"]) if one["size_gb"] else "-"


def _when(one: "ImageView") -> str:
    return screen.ago(one["finished_at"]) if one["finished_at"] else "under way"
