"""What are the people on this machine warned of? The notice of the orders, where every person's server and the hub can read it.

Keeps true: it stands as long as the orders say so, and until some minutes after its moment when nobody answers any more; its
moment is reckoned from when it was received, so a machine whose clock is wrong warns in time.
"""

import html
import time
from pathlib import Path
from typing import Any

from aws_research_wizard.host import files
from aws_research_wizard.host.orders import Orders

NAME = "notice.json"
PAST_SECONDS = 600.0
"""So long after its moment a notice that nobody renews is taken down."""


def put_up(told: Path, orders: Orders, now: float) -> None:
    """Put up the notice that the orders bring, or take down the one that hangs there."""
    place = told / NAME
    if not orders.notice:
        place.unlink(missing_ok=True)
        return
    until = now + float(orders.notice.get("in_s") or 0)
    kept = files.read_json(place) or {}
    if abs(float(kept.get("until") or 0) - until) < 2 and kept.get("text") == orders.notice.get("text"):
        return
    lab = str(orders.raw.get("lab_id") or "")
    said = {name: str(orders.notice.get(name) or "") for name in ("kind", "text")}
    files.write_json(place, {**said, "lab_id": lab, "until": until, "keep": keep(lab)}, files.PUBLIC)


def keep(lab_id: str) -> str:
    """Return what to type against it."""
    return f"aws-research-wizard jupyter extend {lab_id} --for 2h"


def standing(told: Path, now: float) -> dict[str, Any] | None:
    """Return the notice that stands: kind, text, keep, `in_s`; None when there is none."""
    kept = files.read_json(told / NAME)
    if not kept or now > kept["until"] + PAST_SECONDS:
        return None
    return {**kept, "in_s": round(kept["until"] - now)}


def announcement(told: Path, now: float | None = None) -> str:
    """Return it for the hub's pages, as HTML; blank when there is none."""
    now = time.time() if now is None else now
    notice = standing(told, now)
    if not notice:
        return ""
    moment = time.strftime("%H:%M UTC", time.gmtime(notice["until"]))
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(notice["until"]))
    keep_it = f"Keep it: <code>{html.escape(notice['keep'])}</code>"
    return (
        f'This lab stops at <time datetime="{until}" data-wizard-notice>{moment}</time>. {html.escape(notice["text"])} {keep_it}'
        "<script>for (const one of document.querySelectorAll('[data-wizard-notice]'))"
        " one.textContent = new Date(one.dateTime).toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'});</script>"
    )


def with_bar(page: bytes, source: str) -> bytes:
    """Return a page with the line that loads the bar before the end of its head; as it was where it has none."""
    line = f'<script defer src="{source}"></script>'.encode()
    return page.replace(b"</head>", line + b"</head>", 1) if b"</head>" in page else page
