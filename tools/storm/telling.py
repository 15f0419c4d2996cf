"""What did a storm do, and what is left of it? As JSON and as a table."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from tools.storm.ground import Mender
from tools.storm.hand import WEIGHTS, Hand
from tools.storm.life import Life


def report(lives: list[Life], hand: Hand, mender: Mender, left: dict[str, list[str]], seed: int) -> dict[str, Any]:
    """Everything that was seen, as JSON."""
    return {
        "seed": seed,
        "lives": len(lives),
        "labs": sum(len(life.labs) for life in lives),
        "never_ready": [f"{life.lab_id}: {words}" for life in lives for words in life.again if words.startswith("never ready")],
        "steps_told_again": sum(len(life.again) for life in lives),
        "seconds": round(hand.ended - hand.began, 1),
        "slowest_life_s": round(max(life.seconds for life in lives), 1),
        "blows": dict(sorted(hand.struck().items())),
        "mended": mender.mended,
        "files_written": sum(len(life.files) for life in lives),
        "files_checked": sum(life.checked for life in lives),
        "file_systems_kept": sum(len(life.kept) for life in lives),
        "orphans": left,
        "wrong": [words for life in lives for words in life.wrong],
        "again": {life.number: life.again for life in lives if life.again},
        "stories": {life.number: [life.lab_id, *life.story, "keep data" if life.keep else "delete data"] for life in lives},
        "struck": [blow._asdict() for blow in hand.blows],
    }


def show(seen: dict[str, Any]) -> None:
    """The table."""
    table = Table("what", "how many", "which", title=f"storm, seed {seen['seed']}", title_justify="left")
    table.add_row("lab lives", str(seen["lives"]), f"{seen['labs']} labs, the slowest life {seen['slowest_life_s']} s")
    kinds = " · ".join(f"{name} {seen['blows'].get(name, 0)}" for name in WEIGHTS)
    table.add_row("kill -9", str(sum(seen["blows"].values())), kinds)
    table.add_row("files written", str(seen["files_written"]), f"{seen['files_checked']} times compared by SHA-256")
    table.add_section()
    for kind, names in seen["orphans"].items():
        table.add_row(f"orphaned {kind}", str(len(names)), ", ".join(names[:3]))
    gone = [words for words in seen["wrong"] if "LOST" in words]
    other = [words for words in seen["wrong"] if "LOST" not in words]
    table.add_row("lost files", str(len(gone)), "; ".join(gone[:3]))
    table.add_row("promises not kept", str(len(other)), "; ".join(other[:3]))
    Console().print(table)
