"""A bake's builder, played: it reads its order, runs the lessons, leaves its report and powers off; or dies without a word.

It speaks to nobody: its order and its report lie in the bucket, and EC2 says that it stopped. Its own calls are not struck.
`spoiled` says what is wrong with a pack: a lesson that fails, or a builder that never gets so far.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.fakes.sim.cloud import Cloud, Json

if TYPE_CHECKING:
    from tests.fakes.sim.town import Town

BUCKET = "artifacts"


def builds(one: Json) -> bool:
    return bool(one.get("bake")) and one.get("step") == "claim"


def spoil(cloud: Cloud, pack: str, how: str) -> None:
    """From now on a builder of this pack ends so: `lesson` (one fails), `mute` (it stops without a report), `dies`."""
    cloud.shelf("spoiled").put(pack, how)


def build(town: Town, bake_id: str, instance_id: str) -> None:
    """All that a builder does, from its boot to its end."""
    cloud, s3 = town.cloud, town.cloud.client("s3")
    cloud.number += 1
    machine = cloud.shelf("ec2.instances").get(instance_id)
    if (BUCKET, f"bakes/{bake_id}/order.json") in cloud.shelf("s3.objects"):
        order = json.loads(s3._get_object(Bucket=BUCKET, Key=f"bakes/{bake_id}/order.json")["Body"].read())
        how = cloud.shelf("spoiled").get(order["pack"], "")
        if how == "dies":
            return town.ec2.go(machine, "shutting-down")
        if how != "mute":
            report = json.dumps(_report(order, how)).encode()
            s3._put_object(Bucket=BUCKET, Key=f"bakes/{bake_id}/report.json", Body=report)
            cloud.shelf("sim.passed", kept=False).put(bake_id, how == "")
    return town.ec2.go(machine, "stopping")


def _report(order: Json, how: str) -> Json:
    lessons = [_lesson(one, ok=not (how == "lesson" and place == 0)) for place, one in enumerate(order["lessons"])]
    wrong = [one["file"] for one in lessons if not one["ok"]]
    kernels = [
        {"name": one["name"], "lock_sha256": _lock(one["lock"]), "megabytes": 300, "seconds": 20.0} for one in order["kernels"]
    ]
    said: Any = {
        "version": 1,
        "bake_id": order["bake_id"],
        "ok": not wrong,
        "cause": f"{wrong[0]} printed something else" if wrong else "",
        "step": "lessons" if wrong else "",
        "log_tail": [],
        "kernels": kernels,
        "lessons": lessons,
        "steps": [{"name": "install hub", "seconds": 3.5}],
        "seconds": 60.0,
    }
    return dict(said)


def _lesson(one: Json, ok: bool) -> Json:
    return {
        "file": one["file"],
        "kernel": one["kernel"],
        "cells": 9,
        "seconds": 4.2,
        "ok": ok,
        "said": one["expect"] if ok else "?",
    }


def _lock(path: str) -> str:
    import hashlib
    from importlib.resources import files

    return hashlib.sha256((files("domain_packs") / path.removeprefix("domain_packs/")).read_bytes()).hexdigest()
