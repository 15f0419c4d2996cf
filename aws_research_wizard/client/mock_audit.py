"""The audit log of the control plane that lives in memory: chained as truly as the real one, so that tests can bend it."""

from typing import Any

from aws_research_wizard.client import chain

NAME = "mock-audit"
ANCHORED = 4  # every so many entries


class MockAudit:
    """Entries as `tell` was told them; a test may change `entries` as it likes."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.anchors: list[dict[str, Any]] = []

    def tell(self, name: str, subject: str, at: str, who: str, changes: dict[str, Any] | None = None, **more: Any) -> None:
        """Something happened."""
        seq = len(self.entries) + 1
        entry: dict[str, Any] = {
            "seq": seq,
            "prev": self.entries[-1]["hash"] if self.entries else chain.genesis(NAME),
            "fact": f"{subject}/FACT#{seq}",
            "name": name,
            "subject": subject,
            "who": who,
            "on_behalf_of": "",
            "origin": {"door": "api", "ip": "203.0.113.7"},
            "correlation_id": f"req-{seq}",
            "at": at,
            "recorded_at": at,
            "changes": changes or {},
            "data": {},
        } | more
        self.entries.append(entry | {"hash": chain.digest(entry)})
        if seq % ANCHORED == 0:
            self.anchors.append({"seq": seq, "hash": self.entries[-1]["hash"], "at": at, "standing": True})

    def head(self) -> dict[str, Any]:
        last = self.entries[-1] if self.entries else {"seq": 0, "hash": chain.genesis(NAME), "recorded_at": ""}
        return {"chain": NAME, **{name: last[name] for name in ("seq", "hash", "recorded_at")}}

    def page(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The entries behind a number, about a lab or by a person if one is named."""
        after, limit = int(asked.get("after", 0)), int(asked.get("limit", 100))
        found = [one for one in self.entries if one["seq"] > after]
        found = [one for one in found if asked.get("lab") in (None, one["subject"])]
        found = [one for one in found if asked.get("person") in (None, one["who"], one["subject"])]
        following = found[limit - 1]["seq"] if len(found) >= limit else None
        return {"items": found[:limit], "next": following}
