"""Are documents that several people edit live on disk? Asked inside a person's server, when there is real-time collaboration.

Keeps true: without it there is nothing to do; a room that cannot be written keeps no other from being.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

PATIENCE_SECONDS = 15.0
_SAVES = ("_maybe_save_document", "_save_document")


def rooms(settings: Any) -> Iterable[Any]:
    """Return the rooms of documents that are open."""
    for name in ("jupyter_server_ydoc", "jupyter_collaboration"):
        server = getattr(settings.get(name), "ywebsocket_server", None)
        yield from getattr(server, "rooms", {}).values()


async def flush(settings: Any) -> int:
    """Write every live document down; return how many were."""
    done = await asyncio.gather(*(_written(room) for room in rooms(settings)), return_exceptions=True)
    return sum(one is True for one in done)


async def _written(room: Any) -> bool:
    """Let a room end the save that it began, and begin one where it can."""
    pending = getattr(room, "_saving_document", None)
    if pending is not None and not pending.done():
        await asyncio.wait_for(asyncio.shield(pending), PATIENCE_SECONDS)
        return True
    save = next((getattr(room, name) for name in _SAVES if hasattr(room, name)), None)
    if save is None:
        return False
    await asyncio.wait_for(save(None), PATIENCE_SECONDS)
    return True
