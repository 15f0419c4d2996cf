"""Why is a lab (not) stopped, and how is it kept running? Asked, answered with rule and evidence, and told what comes next."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import DecisionView, ReplayView, WhyView

UNITS = {"m": 1, "min": 1, "h": 60, "d": 24 * 60}
SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(min|m|h|d)")
SIGNS = {"busy": "green", "idle": "yellow", "unknown": "red"}


def minutes(text: str) -> float:
    """`2h`, `90min`, `3d` or `1h30m` in minutes."""
    found = SPAN.findall(text.strip().lower())
    if not found or SPAN.sub("", text.strip().lower()).strip():
        raise click.BadParameter(f"'{text}' is no length of time: say 90min, 2h or 3d")
    return float(sum(float(number) * UNITS[unit] for number, unit in found))


def moment(text: str) -> str:
    """A moment as ISO says it; without a zone it is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise click.BadParameter(f"'{text}' is no moment: say 2026-11-23T18:00") from None


# ---- why -----------------------------------------------------------------------------------------------------------------


@labs.any_lab
@click.option("--at", default="", metavar="T", help="What held at this moment: 2026-11-23T18:00.")
@click.option("--decision", default="", metavar="ID", help="One decision, with its evidence.")
@click.option("--all", "every", is_flag=True, help="Every change of mind of the last 90 days.")
@click.option("--policy", default=None, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="What another policy would have decided: lines like 'idle: 120' or JSON.")  # fmt: skip
def why(lab: str, at: str, decision: str, every: bool, policy: Path | None, output: Format) -> None:
    """Why a lab was stopped, or was not.

    The rule, what it was decided on, and when it is looked at next.
    """
    with connect() as calls:
        found = labs.find(calls, lab)["id"]
        if policy:
            played = labs.ask(lambda: calls.replay_decisions(found, read_policy(policy), decision), "replay")
            return emit(output, played, lambda: replayed(played))
        if every:
            kept = list(calls.decisions(found))
            return emit(output, kept, lambda: listing(kept) if kept else f"Nothing was decided about lab {found} yet")
        known = labs.ask(lambda: calls.why(found, moment(at) if at else "", decision), "say why")
    return emit(output, known, lambda: page(known))


def page(known: "WhyView") -> str:
    """The story of now, and of the last stop; or of what was asked for."""
    if known["decision"]:
        return story(known["decision"], "Then")
    kept = f"until {screen.clock(known['kept_until'])}, asked by {known['kept_by']}" if known["kept_until"] else ""
    exempt = known["exemption"]
    free = f"until {screen.clock(exempt['until'])} by {exempt['by']}: {exempt['reason']}" if exempt else ""
    head = [
        ("Lab", f"{known['lab_id']}, {screen.phase(known['phase'])}"),
        ("Cause", known["cause"] or ""),
        ("Stops", warning(known["lab_id"], known["stops_at"]) if known["stops_at"] else ""),
        ("Kept", kept),
        ("Exempt", free),
        ("Policy", policy_line(known["policy"])),
        ("Unused", f"servers of {', '.join(known['may_be_culled'])} may be ended" if known["may_be_culled"] else ""),
    ]
    stories = [story(known["now"], "Now")] if known["now"] else []
    stopped = known["last_stop"]
    stories += [story(stopped, "Last stop")] if stopped and not known["now"] else []
    older = f"Last stopped {screen.ago(stopped['at'])}: {stopped['reason']}" if stopped and known["now"] else ""
    return "\n\n".join(part for part in (screen.block(head), *stories, older) if part)


def story(one: "DecisionView", title: str) -> str:
    """One decision: what, by which rule, on which evidence, and when it is looked at again."""
    verdict = screen.paint(one["verdict"], SIGNS[one["verdict"]])
    heard = one["evidence"]
    return screen.block(
        [
            (title, f"{verdict} → {one['action']}, {screen.clock(one['at'])}" + (f" ({one['id']})" if one["id"] else "")),
            ("Because", one["reason"]),
            ("Rule", f"{one['rule']} (rules {one['version']}): {one['law']}"),
            ("Deadline", screen.clock(one["deadline"]) if one["deadline"] else ""),
            ("Idle", f"since {screen.clock(one['idle_since'])}" if one["idle_since"] else ""),
            ("Evidence", "\n".join(evidence(heard)) if heard else "none: the machine has not told yet"),
            ("Next", f"looked at again {screen.clock(one['next_check'])}" if one["action"] != "stop" else ""),
        ]
    )


def evidence(kept: Mapping[str, Any]) -> list[str]:
    """A line for the machine, and one for each server."""
    said = kept["said"]
    loads = [f"{name} {said[name]:g} %" for name in ("cpu", "gpu") if name in said]
    lines = [", ".join([f"heard {screen.clock(kept['received_at'])}", *loads])]
    return lines + [_server(one) for one in said.get("servers", ())] if said.get("servers") else [*lines, "nobody has a server"]


def _server(one: Mapping[str, Any]) -> str:
    kernels = [f"kernel {each['state']}{_for(each.get('for_s'))}" for each in one.get("kernels", ())]
    terminals = [
        f"terminal {'runs' if each.get('children') else 'idle'}{_for(each.get('idle_s'))}" for each in one.get("terminals", ())
    ]
    more = [f"{one['uploads']} uploads"] if one.get("uploads") else []
    more += [f"last request {screen.span(one['requests_s'])} before"] if "requests_s" in one else []
    more += [f"{one['connections']} tabs open"] if one.get("connections") else []
    return f"{one['user']}: {', '.join([*kernels, *terminals, *more]) or 'no kernel, no terminal'}"


def _for(seconds: float | None) -> str:
    return f" for {screen.span(seconds)}" if seconds is not None else ""


def policy_line(policy: Mapping[str, Any]) -> str:
    """The rules' numbers in a line."""
    scaled = f"; a minute is {policy['minute_s']:g} s here" if policy["minute_s"] != 60 else ""
    day = f", {policy['hours_a_day']:g} h a day" if policy["hours_a_day"] else ""
    return f"warned after {policy['idle']:g} min idle, stopped {policy['warning']:g} min later{day}{scaled}"


def warning(lab_id: str, stops_at: str) -> str:
    """The warning as status shows it."""
    return screen.paint(
        f"at {screen.clock(stops_at)} unless somebody works: {PROGRAM} jupyter extend {lab_id} --for 2h", "yellow"
    )


def listing(kept: "list[DecisionView]") -> str:
    """Decisions as a table, the newest first."""
    cells = [
        (screen.clock(one["at"]), one["verdict"], one["action"], one["rule"], one["reason"], one["id"] or "") for one in kept
    ]
    return screen.table(["WHEN", "VERDICT", "ACTION", "RULE", "BECAUSE", "DECISION"], cells, spare=["DECISION"])


# ---- what if -------------------------------------------------------------------------------------------------------------


def read_policy(path: Path) -> dict[str, float]:
    """JSON, or lines `name: number`; # begins a comment."""
    text = path.read_text(encoding="utf-8")
    try:
        said = json.loads(text) if text.lstrip().startswith("{") else dict(_lines(text))
        return {str(name): float(value) for name, value in said.items()}
    except (ValueError, TypeError):
        raise click.BadParameter(f"{path} is no policy: write lines like 'idle: 120', or JSON") from None


def _lines(text: str) -> list[tuple[str, float]]:
    rows = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [(name.strip(), float(value)) for name, _, value in (row.partition(":") for row in rows if row)]


def replayed(played: "ReplayView") -> str:
    """What was decided, and what would have been."""
    cells = [
        (screen.clock(one["at"]), one["was"]["action"], one["action"], "≠" if one["differs"] else "", one["reason"])
        for one in played["items"]
    ]
    differ = sum(one["differs"] for one in played["items"])
    head = f"{differ} of {len(cells)} decisions would be others ({policy_line(played['policy'])})"
    return f"{head}\n{screen.table(['WHEN', 'WAS', 'WOULD BE', '', 'BECAUSE'], cells)}" if cells else head


# ---- keep it running -----------------------------------------------------------------------------------------------------


@labs.lab
@click.option("--for", "span", required=True, metavar="2h", help="From now on: 90min, 2h …")
def extend(lab: str, span: str, output: Format) -> None:
    """Keep a lab running for a while.

    Whether or not somebody works in it; it answers a warning.
    """
    with connect() as calls:
        found = labs.find(calls, lab)["id"]
        known = labs.ask(lambda: calls.extend_lab(found, minutes(span)), f"extend {found}")
    until = screen.clock(known["kept_until"]) if known["kept_until"] else "later"
    emit(output, known, f"{screen.paint('✔', 'green')} Lab {found} is kept running until {until}")


@labs.lab
@click.option("--until", default="", metavar="T", help="When it ends: 2026-11-27T18:00.")
@click.option("--for", "span", default="", metavar="3d", help="For so long from now: 8h, 3d …")
@click.option("--reason", default="", help="Why; everybody who asks 'why' reads it.")
@click.option("--lift", is_flag=True, help="End the exemption now.")
def exempt(lab: str, until: str, span: str, reason: str, lift: bool, output: Format) -> None:
    """Exempt a lab from being stopped for a time.

    A reason is asked for. A used-up budget stops it all the same.
    """
    context = click.get_current_context()
    if (lift and bool(until or span or reason)) or (not lift and bool(until) == bool(span)):
        raise click.UsageError("say --until T or --for 3d with --reason TEXT; or --lift", context)
    if not lift and len(reason.strip()) < 3:
        raise click.UsageError("an exemption has a reason: --reason 'a course runs until Friday'", context)
    wish = {"reason": reason.strip(), **({"until": moment(until)} if until else {"for_minutes": minutes(span) if span else None})}
    with connect() as calls:
        found = labs.find(calls, lab)["id"]
        known = labs.ask(lambda: calls.lift_exemption(found) if lift else calls.exempt_lab(found, wish), f"exempt {found}")
    emit(output, known, lambda: _exempted(known))


def _exempted(known: "WhyView") -> str:
    tick, one = screen.paint("✔", "green"), known["exemption"]
    if not one:
        return f"{tick} Lab {known['lab_id']} is not exempt any more"
    return f"{tick} Lab {known['lab_id']} is exempt until {screen.clock(one['until'])}: {one['reason']}"
