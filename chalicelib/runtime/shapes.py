"""What do requests and answers have in common? They are frozen, and a request with an unknown field is a mistake.

Validators are built on first use: a process pays for the shapes it meets, not for all of them.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Asked(BaseModel):
    """A request's body or query."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, str_strip_whitespace=True)


class Told(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Problem(Told):
    """What every error looks like."""

    code: str
    message: str
    hint: str = ""
    correlation_id: str = ""


class PageQuery(Asked):
    """How much of a list, and from where."""

    cursor: str | None = Field(default=None, max_length=2048, description="From the page before")
    limit: int = Field(default=50, ge=1, le=100)
