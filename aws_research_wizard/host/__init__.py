"""What runs on a lab's machine: the boot, the hub's configuration and its doors, the agent.

Two interpreters run this package. `boot` needs nothing but the Python that Debian ships (it runs before anything is
installed, so every failure of an installation can still be told); the hub's parts and the agent run in the hub's environment.
"""
