"""How does another field's kernel come into a lab where people work? Asked, followed while it is installed, told how it ended."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import labs, live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit, no_wait

if TYPE_CHECKING:
    from aws_research_wizard.cli.live import Display
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import KernelView, LabPackView, LabView

PAUSE_SECONDS = 1.5
STATES = {"ready": State.DONE, "failed": State.FAILED, "stalled": State.FAILED}
domain = click.option("--domain", required=True, metavar="PACK", help="The field: a pack's name (see: packs list).")
on_request = click.option(
    "--kernel", "kernels", multiple=True, metavar="KEY", help="Also a kernel that comes on request only; may be said again."
)
with_kernel = click.option(
    "--with-kernel", "kernels", multiple=True, metavar="KEY", help="Also a kernel of the pack that comes on request only."
)


@labs.lab
@domain
@on_request
@no_wait
def activate(lab: str, domain: str, kernels: tuple[str, ...], no_wait: bool, output: Format) -> None:
    """Add a field's kernels to a lab while people work.

    They are installed behind everybody's work, and offered in JupyterLab as soon as they are there; no server starts anew. Of a
    kernel that cannot be installed the cause is told, and the lab is as it was. A stopped lab gets them with its next start.
    """
    with connect() as calls:
        found = labs.find(calls, lab)
        asked = labs.ask(lambda: calls.activate_pack(found["id"], domain, kernels), f"activate {domain} in {found['id']}")
        if no_wait or asked["phase"] != "READY":
            emit(output, asked, lambda: _underway(asked, domain))
            return
        done = _followed(calls, asked, domain, output)
        pack = _pack(done, domain)
        if pack is None or pack["state"] in ("failed", "stalled"):
            raise _failed(done, domain, pack)
        emit(output, done, lambda: _there(done, domain))


@labs.lab
@domain
def deactivate(lab: str, domain: str, output: Format) -> None:
    """Take a field's kernels out of a lab.

    They are no longer offered; those that run go on, and everybody's notebooks stay. Of a pack that could not be activated, the
    cause is forgotten.
    """
    with connect() as calls:
        found = labs.find(calls, lab)
        left = labs.ask(lambda: calls.deactivate_pack(found["id"], domain), f"deactivate {domain} in {found['id']}")
    emit(output, left, lambda: f"{_tick()} Pack {domain} is no longer active in lab {left['id']}; kernels that run go on")


def _followed(calls: "Calls", lab: "LabView", domain: str, output: Format) -> "LabView":
    """The lab once the pack's kernels are there, or are known not to come; Ctrl-C leaves it going on."""
    begun, ended = time.monotonic(), dict[str, float]()
    coming = {one["name"] for one in _kernels(lab, domain) if one["state"] != "ready"}
    try:
        with live.display(quiet=output is Format.JSON) as shown:
            while _show(shown, lab, domain, coming, time.monotonic() - begun, ended) and lab["phase"] == "READY":
                time.sleep(PAUSE_SECONDS)
                lab = calls.lab(lab["id"])
    except KeyboardInterrupt:
        screen.tell(f"Pack {domain} goes on being activated. Look: {PROGRAM} jupyter status {lab['id']}")
        raise click.exceptions.Exit(130) from None
    return lab


def _show(shown: "Display", lab: "LabView", domain: str, coming: set[str], now: float, ended: dict[str, float]) -> bool:
    """Show each of the pack's kernels that was not there; say whether any is still on its way."""
    mine = [one for one in _kernels(lab, domain) if one["name"] in coming]
    steps = []
    for one in mine:
        state = STATES.get(one["state"], State.RUNNING)
        if state is not State.RUNNING:
            ended.setdefault(one["name"], now)
        doing = "Installing kernel" if state is State.RUNNING else "Install kernel"
        steps.append(Step(one["name"], f"{doing} {one['name']}", state, 0.0, ended.get(one["name"]), one["cause"] or ""))
    shown.show(steps)
    return any(one["state"] == "installing" for one in mine)


def _pack(lab: "LabView", name: str) -> "LabPackView | None":
    return next((one for one in lab["packs"] if one["name"] == name), None)


def _kernels(lab: "LabView", pack: str) -> "Sequence[KernelView]":
    return [one for one in lab["kernels"] if one["pack"] == pack]


def _failed(lab: "LabView", domain: str, pack: "LabPackView | None") -> Exception:
    from aws_research_wizard.client.errors import LabFailed

    gone = "it was taken out again meanwhile" if lab["phase"] == "READY" else f"the lab is {lab['phase']} now"
    cause, hint = (pack["cause"], pack["hint"]) if pack else (gone, None)
    ended = "is not there yet" if pack and pack["state"] == "stalled" else "was not activated"
    return LabFailed(lab["id"], f"{domain} {ended}: {cause or gone}", hint or f"{PROGRAM} jupyter status {lab['id']}")


def _there(lab: "LabView", domain: str) -> str:
    """Which kernels are offered now, and where the notebooks are that came with them."""
    names = ", ".join(one["display_name"] for one in _kernels(lab, domain)) or "all its kernels were there already"
    own = next((one["own"] for one in lab["packs"] if one["name"] == domain), False)
    place = "~/examples" if own else f"~/examples/{domain}"
    notebooks = f"\n{_tick()} Notebooks in {place}" if lab["example_notebooks"] else ""
    return f"{_tick()} Lab {lab['id']} offers {names}; nobody was interrupted{notebooks}"


def _underway(lab: "LabView", domain: str) -> str:
    if lab["phase"] != "READY":
        return f"{_tick()} {domain} comes with the next start of lab {lab['id']}\n  Start   {PROGRAM} jupyter start {lab['id']}"
    return f"{domain} is being activated in lab {lab['id']}. Look: {PROGRAM} jupyter status {lab['id']}"


def _tick() -> str:
    return screen.paint("✔", "green")
