"""What can one ask of the control plane? Every operation of the API as one method, answers as plain dictionaries.

The dictionaries have the shapes of `shapes.py` (TypedDicts generated from openapi.json), so that a type checker knows
every key and no run pays for it: the command line stands on this class, and `Client` puts models on top of it.
"""

from __future__ import annotations

from aws_research_wizard.client.calls_backups import BackupCalls
from aws_research_wizard.client.calls_labs import LabCalls
from aws_research_wizard.client.calls_office import OfficeCalls
from aws_research_wizard.client.calls_packs import PackCalls
from aws_research_wizard.client.calls_running import RunningCalls


class Calls(LabCalls, RunningCalls, BackupCalls, PackCalls, OfficeCalls):
    """The operations of the API; `with` gives the connection back."""

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()
