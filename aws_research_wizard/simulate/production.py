"""The code that decides in production, carried in this package so that it can be replayed: the one place where both halves meet.

Pure: standard library only, no clock, no AWS. See docs/decisions/0029-the-simulator-carries-the-rules.md.
"""

from chalicelib.idle import grounds
from chalicelib.idle import rules as idle
from chalicelib.limits import rules as limits

__all__ = ["grounds", "idle", "limits"]
