"""Every week: packs that have an image are baked again when their locks or Debian have moved on."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Cron

from chalicelib.images import service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Cron(0, 4, "?", "*", "SUN", "*"), name="rebake_images")
@schedule
def rebake_images(_event: dict[str, Any]) -> dict[str, list[str]]:
    """May be called at any time and as often as one likes: one bake of a pack at a time."""
    return {"baking": service.rebake(clock.now())}
