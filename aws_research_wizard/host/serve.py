"""The hub's part: what this release wants of its configuration and database, and then JupyterHub in this very process."""

import os

from aws_research_wizard.host import database, hub, processes
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.machine import Machine


def main(machine: Machine) -> int:
    """Become the hub; returns only when that cannot be."""
    orders = wanted.load(machine.state)
    if orders is None:
        print("[hub] there are no orders yet", flush=True)
        return 1
    hub.configure(machine, orders)
    processes.end(lambda: processes.cullers(processes.ours(machine.instance_id), machine.etc))
    if done := database.make_ready(machine):
        database.say(done)
    os.chdir(machine.state / "hub")
    python = str(machine.hub_env / "bin/python")
    os.execv(python, [python, "-P", "-m", "jupyterhub", "-f", str(machine.etc / "jupyterhub_config.py")])  # noqa: S606 (our own)
