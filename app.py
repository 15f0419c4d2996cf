"""The table of contents: every entry of the control plane, in the order a lab lives."""

from __future__ import annotations

import importlib

from chalice import Chalice

app = Chalice(app_name="aws-research-wizard")
for name in (
    "runtime.api",
    "people.tasks",
    "people.api",
    "packs.api",
    "limits.api",
    "labs.api",
    "labs.tasks",
    "labs.machine_api",
    "labs.events",
    "labs.schedules",
    "runtime.events",
):
    try:
        app.register_blueprint(importlib.import_module(f"chalicelib.{name}").bp)
    except ModuleNotFoundError as missing:  # while the slices are being written
        if missing.name != f"chalicelib.{name}":
            raise
