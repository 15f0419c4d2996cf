"""`python -m aws_research_wizard.host boot | supervise | proxy | serve | agent …`: a machine's parts, each a process."""

import os
import sys
from importlib import import_module

from aws_research_wizard.host.machine import Machine

PARTS = ("boot", "bake", "supervise", "proxy", "serve", "agent", "piece", "upgrade", "prove", "smoke")


def main(words: list[str]) -> int:
    """Run one part; return its exit code."""
    if len(words) != 1 or words[0] not in PARTS:
        print(f"usage: python -m aws_research_wizard.host {'|'.join(PARTS)}", file=sys.stderr)
        return 2
    code: int = import_module(f"aws_research_wizard.host.{words[0]}").main(Machine.from_env())
    return code


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(ended)  # threads that wait for a program which was ended must not hold up the end
