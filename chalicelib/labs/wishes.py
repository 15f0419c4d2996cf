"""What do people ask a lab to be, and how do they meet one? Values only, so that the shapes of the API may know them."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.labs.machines import Machine
from chalicelib.labs.rules import Lab
from chalicelib.people.rules import LabRole


@dataclass(frozen=True)
class Wish:
    """What somebody asks a lab to be; None leaves the choice to the pack, or as it is."""

    domain: str = ""
    users: int | None = None
    instance_type: str | None = None
    shared_storage: str | None = None
    name: str = ""
    team: str = ""
    notebook_examples: bool = True
    kernels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A lab as one person meets it."""

    lab: Lab
    machine: Machine | None
    role: LabRole | None


@dataclass(frozen=True)
class Login:
    """A link that lets one person in, once, for two minutes; `port` is the machine's, to be reached by tunnel."""

    url: str
    expires_at: datetime
    instance_id: str
    port: int | None
