"""What does a machine of ours read when it boots? A script without a secret, run at every boot, be it a lab's or a builder's.

Cloud-init gets a MIME message of two parts: the order to run scripts at each boot and not only the first, and `boot.sh` with
its placeholders filled. Every value comes from the settings or is a checked id, so none can break out of its quotes.
"""

from __future__ import annotations

import re
from importlib.resources import files

from chalicelib.runtime.settings import Settings

EVERY_BOOT = "#cloud-config\ncloud_final_modules:\n  - [scripts-user, always]\n"
BOUNDARY = "==aws-research-wizard=="
_SAFE = re.compile(r"[A-Za-z0-9._:/@+-]*")


def compose(known: Settings, name: str, bundle_key: str, *, file_system_id: str = "", bake: str = "") -> str:
    """The user data of the machine called `name` (a lab's id; of a builder the bake's id, which is `bake` too), as text."""
    values = {
        "LAB_ID": name,
        "STAGE": known.stage,
        "REGION": known.region,
        "API_URL": known.need("api_url").rstrip("/"),
        "BUNDLE": f"s3://{known.need('artifacts_bucket')}/{bundle_key}",
        "FILE_SYSTEM_ID": file_system_id,
        "ACCESS_MODE": known.access_mode,
        "BAKE": bake,
    }
    return _message(script(values))


def script(values: dict[str, str]) -> str:
    """`boot.sh` with every placeholder filled. ValueError for a value that could end its quotes."""
    text = (files("chalicelib.runtime") / "boot.sh").read_text(encoding="utf-8")
    for name, value in values.items():
        if not _SAFE.fullmatch(value):
            raise ValueError(f"{name} must not hold {value!r}")
        text = text.replace(f"__{name}__", value)
    return text


def _message(shell: str) -> str:
    parts = (("text/cloud-config", EVERY_BOOT), ("text/x-shellscript", shell))
    lines = [f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"', "MIME-Version: 1.0", ""]
    for kind, text in parts:
        lines += [f"--{BOUNDARY}", f'Content-Type: {kind}; charset="utf-8"', "MIME-Version: 1.0", "", text]
    return "\n".join([*lines, f"--{BOUNDARY}--", ""])
