"""What do a lab's page and the control plane say to each other?"""

from __future__ import annotations

from datetime import datetime

from chalicelib.labs.rules import Phase
from chalicelib.limits.rules import hourly_price
from chalicelib.runtime import settings
from chalicelib.runtime.shapes import Field, Told
from chalicelib.wake.rules import Key, Seen


class WakeKeyView(Told):
    path: str = Field(description="The lab's lasting address, from the API's own: /open/LAB")
    key: str | None = Field(description="Told once; it stands after # in a link. Null when the request is repeated")
    expires_at: datetime | None

    @classmethod
    def of(cls, key: Key, secret: str | None) -> WakeKeyView:
        return cls(path=f"/open/{key.lab_id}", key=secret, expires_at=key.expires_at)


class WayStep(Told):
    name: str
    state: str
    seconds: float | None


class OpenView(Told):
    id: str
    name: str
    domain: str
    phase: Phase
    changed_at: datetime
    cause: str | None
    hint: str | None
    steps: list[WayStep] = Field(description="Of the start under way, oldest first")
    may_start: bool
    price_per_hour: str | None = Field(description="List price while it runs")
    access_mode: str

    @classmethod
    def of(cls, seen: Seen) -> OpenView:
        lab, known = seen.lab, settings.current()
        price = hourly_price(lab.instance_type, known.region)
        return cls(
            id=lab.id,
            name=lab.name,
            domain=lab.domain,
            phase=lab.phase,
            changed_at=lab.changed_at,
            cause=lab.cause or None,
            hint=lab.cause_hint or None,
            steps=[WayStep(name=one.name, state=one.state, seconds=one.seconds) for one in seen.steps],
            may_start=seen.may_start,
            price_per_hour=f"{price.amount.normalize():f} {price.currency}" if price else None,
            access_mode=known.access_mode,
        )
