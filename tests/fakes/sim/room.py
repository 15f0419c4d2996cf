"""Where do the frames of a deep search go? Python keeps them in pieces of 16 kB. At every call that crosses the edge of one it
asks the kernel for the next, and gives it back: far down in a search that is every call to AWS, and a tenth of all the time.

A piece is as large as the frame that asks for it needs. So a frame that claims room for millions of values gets one in which all
that is called from it finds its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
VALUES = 300_000  # 2.4 MB, which makes a piece of 4


def roomy(act: Callable[[], T]) -> T:
    """What `act` gives."""
    return act()


roomy.__code__ = roomy.__code__.replace(co_stacksize=VALUES)
