"""The door in front of the hub: the pure Python proxy, given its token without an environment or an argv that others could read."""

import os

from aws_research_wizard.host.machine import Machine


def main(machine: Machine) -> int:
    """Run the proxy in this process."""
    from configurable_http_proxy.cli import main as serve

    os.environ["CONFIGPROXY_AUTH_TOKEN"] = (machine.state / "hub/proxy_token").read_text()
    hub = f"http://127.0.0.1:{machine.ports.hub_api}"
    serve(
        [
            *("--ip", "127.0.0.1", "--port", str(machine.ports.hub)),
            *("--api-ip", "127.0.0.1", "--api-port", str(machine.ports.proxy_api)),
            *("--default-target", hub, "--error-target", f"{hub}/hub/error", "--log-level", "WARNING"),
        ]
    )
    return 0
