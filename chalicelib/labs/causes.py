"""What does an error of a workflow, or of AWS, mean to a person?"""

from __future__ import annotations

import re

ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:[0-9]*:(?P<what>[A-Za-z0-9_+=,.@:/*${}-]*[A-Za-z0-9_*}])")
ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")


def explain(error: str, said: str) -> str:
    """What a workflow caught, in a person's words."""
    return "the machine did not call home in time" if error == "States.Timeout" else plain(said) or error


def plain(said: str) -> str:
    """What AWS said, without what only its administrators can read: of an ARN its last name, of a riddle nothing."""
    named = ARN.sub(lambda found: found["what"].replace(":", "/").rstrip("/").rpartition("/")[2] or "all", said)
    return ENCODED.sub("", named).strip()[:500]
