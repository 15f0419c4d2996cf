"""Bakes and their images in the cloud that lives in memory: a bake is done after it was looked at a few times."""

from aws_research_wizard.client.mock_labs import Json, RefusedError
from aws_research_wizard.client.mock_packs import PACKS

LOOKS = 3


class MockImages:
    """What was baked; `fails_with` is the cause with which the next bake ends."""

    def __init__(self) -> None:
        self.bakes: dict[str, Json] = {}
        self.looks: dict[str, int] = {}
        self.fails_with = ""

    def bake(self, pack: str, by: str, when: str) -> tuple[int, Json]:
        """A bake, BAKING."""
        if pack not in PACKS:
            raise RefusedError(404, "not_found", f"unknown domain '{pack}'", "did you mean 'genomics'?")
        under_way = next((one for one in self.bakes.values() if (one["pack"], one["state"]) == (pack, "BAKING")), None)
        if under_way:
            raise RefusedError(409, "conflict", f"pack {pack} is being baked already, by {under_way['id']}", "")
        made: Json = {
            "id": f"bake-20261123-0900{len(self.bakes):02d}-mock",
            "pack": pack,
            "state": "BAKING",
            "image_id": None,
            "architecture": "x86_64",
            "region": "us-east-1",
            "release": "0.1.0",
            "why": "it was asked for",
            "asked_at": when,
            "asked_by": by,
            "finished_at": None,
            "instance_type": None,
            "builder_id": None,
            "passed": False,
            "seconds": 0.0,
            "size_gb": 0,
            "kernels": [],
            "lessons": [],
            "steps": [],
            "copies": [],
            "cause": None,
            "log_tail": [],
        }
        self.bakes[made["id"]] = made
        return 202, dict(made)

    def look(self, bake_id: str, when: str) -> tuple[int, Json]:
        """The bake, one step on."""
        if bake_id not in self.bakes:
            raise RefusedError(404, "not_found", f"there is no bake '{bake_id}'", "")
        one, looks = self.bakes[bake_id], self.looks.get(bake_id, 0)
        if one["state"] == "BAKING":
            self.looks[bake_id] = looks + 1
            if looks == 0:
                one |= {"instance_type": "r6i.2xlarge", "builder_id": "i-0builder"}
            elif looks == LOOKS - 1 or self.fails_with:
                one |= {"state": "FAILED", "cause": self.fails_with, "finished_at": when} if self.fails_with else self._done(when)
        return 200, dict(one)

    def page(self, pack: str) -> tuple[int, Json]:
        """All of them, or those of one pack."""
        return 200, {"items": [one for one in self.bakes.values() if pack in ("", one["pack"])], "cursor": None}

    @staticmethod
    def _done(when: str) -> Json:
        kernel = {"name": "genomics-python", "lock_sha256": "a" * 64, "megabytes": 312, "seconds": 21.4}
        lesson = {
            "file": "reads-to-variants.ipynb",
            "kernel": "genomics-python",
            "cells": 9,
            "seconds": 4.2,
            "ok": True,
            "said": "check",
        }
        made = {"image_id": "ami-0mock", "state": "READY", "passed": True, "size_gb": 60, "seconds": 62.5, "finished_at": when}
        return made | {"kernels": [kernel], "lessons": [lesson]}
