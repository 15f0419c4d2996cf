"""What are a lab and its parts called, and how does one read what a person typed?

Keeps true: every name follows from the stage and the lab's id alone, so that a second run finds what a first one made.
"""

import re
from collections.abc import Mapping

from chalicelib.labs.rules import Lab
from chalicelib.runtime.errors import BadInput

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
ID_LETTERS = 4
MIN_STORAGE_GB, MAX_STORAGE_GB = 1, 100_000
TAG = "aws-research-wizard"
_SIZE = re.compile(r"^\s*(\d{1,7}(?:\.\d{1,3})?)\s*(GB|TB|G|T|GIB|TIB)?\s*$", re.IGNORECASE)
_ID = re.compile(r"[a-z][a-z0-9]{0,19}-[a-z0-9]{4}")


def lab_id(domain: str, letters: str) -> str:
    """`genomics` and four letters; of a long domain only its first word."""
    words = re.findall(r"[a-z][a-z0-9]*", domain.lower())
    word = words[0][:20] if words else "lab"
    return f"{word}-{letters}"


def is_lab_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def gigabytes(text: str) -> int:
    """A size as people write it (`500GB`, `1TB`, `1.5 TB`) in whole GB. BadInput says how to write it."""
    found = _SIZE.match(text)
    if not found:
        raise BadInput(f"'{text[:40]}' is not a size", "write it like 500GB or 1TB")
    factor = 1000 if (found[2] or "GB").upper().startswith("T") else 1
    size = round(float(found[1]) * factor)
    if not MIN_STORAGE_GB <= size <= MAX_STORAGE_GB:
        raise BadInput(f"storage of {text.strip()} is out of range", "ask for 1GB to 100TB")
    return size


def release_of(key: str) -> str:
    """The release of a bundle's key `host/bundle-<release>.tar.gz`; "" for none."""
    return key.rpartition("/")[2].removeprefix("bundle-").removesuffix(".tar.gz")


def bundle_key(release: str) -> str:
    """Where the bundle of a release is in the artifacts bucket."""
    return f"host/bundle-{release}.tar.gz"


def role_name(prefix: str, lab: str) -> str:
    """Of the role and of the instance profile that carries it."""
    return f"{prefix}-lab-{lab}"


def machine_group(prefix: str, lab: str) -> str:
    return f"{prefix}-{lab}"


def storage_group(prefix: str, lab: str) -> str:
    return f"{prefix}-{lab}-storage"


def file_system_token(prefix: str, lab: str) -> str:
    return f"{prefix}-{lab}"


def log_group(prefix: str) -> str:
    return f"/{prefix}/labs"


def tags(prefix: str, stage: str, lab: Lab, region: str) -> Mapping[str, str]:
    """On every part of a lab: whose it is, for people, bills and sweeps."""
    return {
        "Name": f"{prefix}-{lab.id}",
        f"{TAG}:lab": lab.id,
        f"{TAG}:owner": lab.owner,
        f"{TAG}:team": lab.team,
        f"{TAG}:stage": stage,
        f"{TAG}:region": region,  # IAM is one for all regions: so that each knows its own roles
    }
