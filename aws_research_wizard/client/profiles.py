"""Which control plane, and with which token?

The answer comes from the environment (AWR_API_URL, AWR_TOKEN), else from a profile in the configuration file
(AWR_CONFIG, else the platform's own place). The file is readable by its owner only, written whole or not at all,
and a profile's token is only ever sent to that profile's URL.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.client.errors import WizardError

APP = "aws-research-wizard"
HOW_TO_START = f"start one on this machine: {APP} local up · or sign in to yours: {APP} login --url https://…"


@dataclass(frozen=True)
class Profile:
    """Where the API is and who we are there; `token` may be empty."""

    name: str
    url: str
    token: str


def path(env: Mapping[str, str] = os.environ) -> Path:
    """The configuration file, whether or not it exists."""
    if named := env.get("AWR_CONFIG"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir(APP)) / "config.json"


def current(name: str | None = None, env: Mapping[str, str] = os.environ) -> Profile:
    """The profile to use: the environment's, the named one, or the current one. WizardError when there is none."""
    stored = _read(path(env))
    chosen = _stored(stored, name or env.get("AWR_PROFILE") or str(stored.get("current") or ""), asked=bool(name))
    url, token = env.get("AWR_API_URL", ""), env.get("AWR_TOKEN", "")
    if url:
        same_place = chosen is not None and chosen.url.rstrip("/") == url.rstrip("/")
        return Profile("environment", url, token or (chosen.token if chosen and same_place else ""))
    if chosen is None:
        raise WizardError("no control plane is configured", HOW_TO_START)
    return Profile(chosen.name, chosen.url, token or chosen.token)


def any_known(env: Mapping[str, str] = os.environ) -> bool:
    """Whether any control plane is configured at all."""
    return bool(env.get("AWR_API_URL") or _read(path(env)).get("profiles"))


def save(name: str, url: str, token: str, *, make_current: bool = True, env: Mapping[str, str] = os.environ) -> Path:
    """Remember a profile; returns the file it stands in."""
    target = path(env)
    stored = _read(target)
    profiles = {**stored.get("profiles", {}), name: {"url": url, "token": token}}
    _write(target, {**stored, "current": name if make_current else stored.get("current", name), "profiles": profiles})
    return target


def forget(name: str, env: Mapping[str, str] = os.environ) -> bool:
    """Drop a profile with its token; False when there was none."""
    target = path(env)
    stored = _read(target)
    profiles = dict(stored.get("profiles", {}))
    if profiles.pop(name, None) is None:
        return False
    left = stored.get("current") if stored.get("current") != name else next(iter(profiles), "")
    _write(target, {**stored, "current": left, "profiles": profiles})
    return True


def _stored(stored: dict[str, Any], name: str, *, asked: bool) -> Profile | None:
    profiles = stored.get("profiles", {})
    if name in profiles:
        return Profile(name, str(profiles[name].get("url", "")), str(profiles[name].get("token", "")))
    if asked:
        known = ", ".join(profiles) or "none"
        raise WizardError(f"no profile '{name}'", f"known: {known} · add one: {APP} login --profile {name} --url https://…")
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WizardError(f"cannot read {file}: {error}", "repair or remove the file, then sign in again") from error
    return found if isinstance(found, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        json.dump(content, out, indent=2)
        out.write("\n")
    draft.replace(file)
