"""Thirty lab lives on a real local cloud while a seeded hand does `kill -9`: nothing is left behind, no file is lost.

    python -m tools.storm --lives 30 --seed 1          (make storm LIVES=30 SEED=1)

People ask for labs, work in them, stop, start, scale and delete them, a few at a time. Meanwhile emulator, infrastructure,
machine runner, Lambda workers, hubs, agents and whole machines are killed at random moments; the cloud's parts are brought up
again as `local up` does. At the end everything is counted. Writes `build/storm.json`; exit 1 when anything is left or lost.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aws_research_wizard.client.errors import WizardError
from tools.storm import remains
from tools.storm.ground import ROOT, Ground, Mender, StormError, until
from tools.storm.hand import Hand, Rhythm
from tools.storm.life import Life
from tools.storm.telling import report, show

REPORT = ROOT / "build" / "storm.json"
CALM_SECONDS = 300.0


def storm(ground: Ground, lives: list[Life], seed: int, at_once: int, rhythm: Rhythm) -> tuple[Hand, Mender]:
    """Live all lives while the hand strikes; then let the cloud come to rest."""
    hand = Hand(ground, random.Random(f"{seed} hand"), rhythm)
    mender = Mender(ground, random.Random(f"{seed} mender"))
    mender.start()
    hand.start()
    with ThreadPoolExecutor(at_once) as pool:
        for life, _ in zip(lives, pool.map(_lived, lives), strict=True):
            say(f"life {life.number}: {life.lab_id} {' → '.join(life.story)}: {life.seconds:.0f} s, {len(life.files)} files")
    hand.rest()
    mender.stop()
    return hand, mender


def _lived(life: Life) -> None:
    life.live()
    for words in life.wrong:
        say(f"✘ {words}")


def calm(ground: Ground, kept: set[str]) -> dict[str, list[str]]:
    """What is left after the sweep had its turn; asked until nothing is, or for five minutes."""
    ground.up()
    until("the cloud answers", ground.healthy, 120)
    deadline = time.monotonic() + CALM_SECONDS
    while True:
        try:
            ground.reconcile()
        except WizardError as error:
            say(f"the sweep: {error.message}")
        left = remains.find(ground, kept)
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        time.sleep(2.0)


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--at-once", type=int, default=3, help="how many lives are lived at the same time")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two blows, on average")
    parser.add_argument("--keep", action="store_true", help="leave the cloud for a look at it")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    say(f"storm: {asked.lives} lives, seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="wizard-storm-"))
    ground = Ground(folder)
    ground.prepare(say)
    try:
        ground.up()
        lives = [Life(number, ground, random.Random(f"{seed} life {number}")) for number in range(1, asked.lives + 1)]
        rhythm = Rhythm(asked.every * 0.4, asked.every * 1.6)
        hand, mender = storm(ground, lives, seed, asked.at_once, rhythm)
        say("the storm is over")
        left = calm(ground, {name for life in lives for name in life.kept})
        for life in lives:
            life.look_back()
        seen = report(lives, hand, mender, left, seed)
    finally:
        if not asked.keep:
            ground.remove()
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(seen, indent=2) + "\n")
    show(seen)
    return 1 if seen["wrong"] or any(seen["orphans"].values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StormError as error:
        sys.exit(f"storm: {error}")
