"""What labs cost in the control plane that lives in memory: figures that a test may set, and that sum as the real ones do."""

from decimal import Decimal
from typing import Any

Json = dict[str, Any]
AS_OF, CURRENCY = "2026-11-01", "USD"
COLUMNS = ("machine", "disk", "files", "users", "idle", "overhead", "amount", "seconds", "unpriced_seconds")


def row(key: str, machine: str, disk: str = "0", files: str = "0", seconds: int = 0, whose: str = "users") -> Json:
    """A line of a report; `whose` it is: users, idle or overhead."""
    amount = Decimal(machine) + Decimal(disk) + Decimal(files)
    shares = dict.fromkeys(("users", "idle", "overhead"), Decimal(0)) | {whose: amount}
    told = {"machine": machine, "disk": disk, "files": files, "amount": amount, "seconds": seconds, "unpriced_seconds": 0}
    return {"key": key, **{name: str(value) for name, value in {**told, **shares}.items()}}


class MockCosts:
    """`rows` of the next report, by what they are asked by; `notes` that stand beside them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Json]] = {}
        self.notes: list[str] = []
        self.transfer = "0"

    def report(self, asked: Json) -> Json:
        by = asked.get("by", "lab")
        rows = self.rows.get(by, [])
        total = {name: str(sum((Decimal(one[name]) for one in rows), Decimal(0))) for name in COLUMNS}
        first, last = asked.get("from") or "2026-11-01", asked.get("to") or "2026-11-23"
        sources = ["AWS Price List"] if rows else []
        prices = {"currency": CURRENCY, "prices_as_of": AS_OF if rows else "", "price_sources": sources}
        said = {"by": by, "first": first, "last": last, "up_to": "2026-11-23T12:00:00Z", "transfer_at_most": self.transfer}
        return said | prices | {"rows": rows, "total": {"key": "", **total}, "notes": self.notes}

    def of_lab(self, lab: Json) -> Json:
        hour = (lab.get("price_per_hour") or {}).get("amount", "0") if lab["phase"] == "READY" else "0.007"

        def figure(amount: str) -> Json:
            return {"amount": amount, "currency": CURRENCY, "as_of": AS_OF}

        named = {name: lab[name] for name in ("name", "team", "phase")}
        prices = {"currency": CURRENCY, "prices_as_of": AS_OF, "price_sources": ["AWS Price List"]}
        ahead = figure("37.804") | {"how": "so far, and as it stands now"}
        figures = {"per_hour": figure(hour), "today": figure("1.2"), "month": figure("14.3051"), "forecast": ahead}
        rest: Json = {"at": "2026-11-23T12:00:00Z", "parts": [], "people": [], "notes": self.notes}
        return {"lab_id": lab["id"], **named, **prices, **figures, **rest}
