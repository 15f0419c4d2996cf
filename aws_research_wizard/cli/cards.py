"""How does a lab look: as a row of a list, as a page of its own, and as the card at the end of quick-start?"""

from typing import TYPE_CHECKING

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import PROGRAM

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import KernelView, LabPackView, LabView

SPARE = ("OWNER", "USERS", "MACHINE", "PRICE")
HEADS = ("LAB", "NAME", "DOMAIN", "PHASE", "MACHINE", "USERS", "PRICE", "OWNER", "CHANGED")


def rows(labs: "list[LabView]") -> list[tuple[str, ...]]:
    """The cells of `jupyter list`; names are left out by the caller when no lab has one."""
    return [
        (
            lab["id"],
            lab["name"] or "",
            lab["domain"],
            screen.phase(lab["phase"]) + (f", stops {screen.clock(at)}" if (at := lab.get("stops_at")) else ""),
            lab["instance_type"] or "",
            str(lab["users"]),
            screen.money(lab["price_per_hour"], "h") if lab["phase"] == "READY" else "",
            lab["owner"],
            screen.ago(lab["changed_at"]),
        )
        for lab in labs
    ]


def listing(labs: "list[LabView]") -> str:
    """The table of labs; columns nobody fills are not shown."""
    cells = rows(labs)
    kept = [i for i in range(len(HEADS)) if any(row[i] for row in cells)]
    spare = [name for name in SPARE if HEADS.index(name) in kept]
    return screen.table([HEADS[i] for i in kept], [[row[i] for i in kept] for row in cells], spare=spare)


def page(lab: "LabView", cost: str = "") -> str:
    """Everything worth knowing about one lab."""
    machine, storage = lab["machine"], used(lab)
    price = screen.money(lab["price_per_hour"], "hour while running") if lab["phase"] != "DELETED" else ""
    steps = lab["steps"] or []
    return screen.block(
        [
            ("Lab", lab["id"] + (f" ({lab['name']})" if lab["name"] else "")),
            ("Phase", f"{screen.phase(lab['phase'])}, {screen.ago(lab['changed_at'])}"),
            ("Cause", lab["cause"] or ""),
            ("Hint", lab["hint"] or ""),
            ("Stops", stops(lab)),
            ("Domain", lab["domain"]),
            ("Packs", "\n".join(pack(one) for one in lab["packs"] if not one["own"] or one["hint"])),
            ("Kernels", "\n".join(map(kernel, lab["kernels"]))),
            ("Machine", " · ".join(part for part in (lab["instance_type"], lab["instance_id"], price) if part)),
            ("Image", baked(lab)),
            ("Cost", cost),
            ("Heard", screen.ago(machine["last_heartbeat"] if machine else None)),
            ("Storage", screen.gigabytes(lab["shared_storage_gb"]) + (f", {storage} used" if storage else "")),
            ("People", f"up to {lab['users']}, owner {lab['owner']}, team {lab['team']}"),
            ("Address", lab["address"] or ""),
            ("Boot", " · ".join(f"{step['name']} {screen.span(step['seconds'])}" for step in steps)),
            ("Release", release(lab)),
            ("Made", screen.ago(lab["created_at"])),
        ]
    )


def pack(one: "LabPackView") -> str:
    """A pack that was activated, and how it stands."""
    also = f" with {', '.join(one['on_request'])}" if one["on_request"] else ""
    failed = "has a kernel that failed" if one["own"] else "could not be activated"
    causes = {"failed": f" {failed}: {one['cause']}", "stalled": f" is stalled: {one['cause']}"}
    said = {"ready": "", **causes}.get(one["state"], f" {one['state']}")
    hint = f"\n  {one['hint']}" if one["hint"] else ""
    return screen.paint(f"{one['name']}{also}{said}", {"failed": "red", "stalled": "yellow"}.get(one["state"], "")) + hint


def kernel(one: "KernelView") -> str:
    """A kernel, and the lock that it was made from."""
    lock = f"lock {one['lock'][:12]} of {one['solved'] or 'no day'}, {one['pins'] or 0} packages" if one["lock"] else ""
    state = "" if one["state"] == "ready" else one["state"]
    return " · ".join(part for part in (one["display_name"], state, lock) if part)


def offered(lab: "LabView") -> str:
    """The kernels that people find, and those that are on their way."""
    shown = [one for one in lab["kernels"] if one["state"] != "failed"]
    return ", ".join(one["display_name"] + ("" if one["state"] == "ready" else f" ({one['state']})") for one in shown)


def stops(lab: "LabView") -> str:
    """The warning that stands, and the way to say no."""
    at = lab.get("stops_at")
    said = (
        lab.get("notice") or f"stops {screen.clock(at)} unless somebody works: {PROGRAM} jupyter extend {lab['id']} --for 2h"
        if at
        else ""
    )
    return screen.paint(said, "yellow") if said else ""


def release(lab: "LabView") -> str:
    """What it runs, whether a newer one is there, and why it does not run that."""
    newer, note = lab["newer_release"], lab["release_note"]
    there = f"{(lab['upgrading'] and 'being upgraded to') or 'a newer one is there:'} {newer}" if newer else ""
    how = f"{PROGRAM} jupyter upgrade {lab['id']}" if newer and not note and not lab["upgrading"] else ""
    return " · ".join(part for part in (lab["release"] or "", there, note or "", how) if part)


def baked(lab: "LabView") -> str:
    """What its machine was launched from."""
    image = lab.get("image")
    if image:
        return f"{image['image_id']}, baked {screen.ago(image['baked_at'])} ({image['bake_id']})"
    return "plain, everything installed at its first boot" if lab["instance_id"] else ""


def used(lab: "LabView") -> str:
    """How much the people's files take, as the machine last said; empty when it never did."""
    return screen.size(lab["storage"]["used_bytes"]) if lab["storage"] else ""


def ready(lab: "LabView", took: str = "") -> str:
    """The lab is ready: on what, for how much, with which kernels."""
    price = screen.money(lab["price_per_hour"], "hour")
    head = f"Lab {screen.paint(lab['id'], 'bold')} ready on {lab['instance_type']}{f' in {took}' if took else ''}"
    kernels = f"Kernels: {offered(lab)}"
    image = lab.get("image")
    kernels += f" · baked image of {image['baked_at'][:10]}" if image else " · installed: no baked image"
    examples = f"{_count(lab['example_notebooks'])} in ~/examples" if lab["example_notebooks"] else ""
    return "\n".join([_ticked(head, f"({price} while running)" if price else "", tick=False), _ticked(kernels, examples)])


def card(lab: "LabView", took: str, url: str, usage: str, cost: str = "") -> str:
    """The end of quick-start: ready, the link, the people line. The link stands whole, to be clicked or copied."""
    again = f"{PROGRAM} jupyter open {lab['id']}"
    lines = (
        [("Open", screen.paint(url, "cyan")), ("", "counts once, for two minutes"), ("Later", again)]
        if url
        else [("Open", again)]
    )
    lines += [("Cost", cost)] if cost else []
    lines += [("Labs", usage)] if usage else []
    lines += [("People", f"{PROGRAM} jupyter users add {lab['id']} <email>")]
    return "\n".join([ready(lab, took), *(f"  {name:<6}  {text}" for name, text in lines)])


def _ticked(first: str, second: str, *, tick: bool = True) -> str:
    """Two things on one line if there is room for both."""
    mark = screen.paint("✔", "green")
    second = f"{mark} {second}" if second and tick else second
    together = f"{mark} {first}   {second}".rstrip()
    return (
        together
        if screen.columns(together) <= (screen.width() or 100) or not second
        else f"{mark} {first}\n{second if tick else f'  {second}'}"
    )


def receipt(lab: "LabView") -> str:
    """What a delete removed, and what is kept at which cost."""
    paper = lab["receipt"] or {"removed": [], "kept": []}
    removed, kept = paper["removed"], paper["kept"]
    proven = removed and all(one["verified_absent"] for one in removed)
    head = f"Lab {lab['id']} deleted: {len(removed)} resources removed{', each verified absent' if proven else ''}"
    gone = [(one["kind"], one["id"] + ("" if one["verified_absent"] else "  (not verified absent)")) for one in removed]
    lines = [f"{screen.paint('✔', 'green')} {head}", *(f"  {line}" for line in screen.block(gone).splitlines())]
    for one in kept:
        cost = screen.money(one["monthly_cost"], "month")
        lines.append(f"{screen.paint('·', 'yellow')} Kept: {one['kind']} {one['id']}{f', {cost}' if cost else ''}")
    return "\n".join(lines)


def _count(examples: int) -> str:
    return f"{examples} example notebook{'' if examples == 1 else 's'}"
