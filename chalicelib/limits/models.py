"""What do answers about limits look like?"""

from __future__ import annotations

from chalicelib.limits.rules import Usage
from chalicelib.runtime.shapes import Field, Told


class TeamUsage(Told):
    team: str
    labs: int
    limit: int | None = Field(description="Null: no limit")

    @classmethod
    def of(cls, usage: Usage) -> TeamUsage:
        return cls(team=usage.team, labs=usage.labs, limit=usage.limit)


class LimitsView(Told):
    teams: list[TeamUsage]
    max_users_per_lab: int
    allowed_families: list[str] = Field(description="Instance families that may be used; empty: all")
