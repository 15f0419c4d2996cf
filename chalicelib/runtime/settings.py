"""Where am I deployed, and what did the operator decide?

One frozen value per process, read from the environment on first use; what is missing is named. The account and the
partition are learned from the first invocation (`seen`), because no variable can carry them in both ways of deploying.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any


class Misconfigured(RuntimeError):  # noqa: N818 - it says what is wrong
    """An environment variable that this function needs is missing or makes no sense."""


@dataclass(frozen=True)
class Settings:
    stage: str
    prefix: str
    region: str
    account: str = ""
    partition: str = "aws"
    access_mode: str = "tunnel"
    domain_name: str = ""
    hosted_zone_id: str = ""
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    allowed_cidr: str = ""
    allowed_families: tuple[str, ...] = ()
    max_labs_per_team: int = 10
    max_vcpus_per_team: int | None = None
    max_gpus_per_team: int | None = None
    max_storage_gb_per_team: int | None = None
    max_users_per_lab: int = 200
    image_parameter: str = "/aws/service/debian/release/12/latest/amd64"
    api_url: str = ""
    artifacts_bucket: str = ""
    bundle_key: str = ""
    boot_timeout_seconds: int = 900
    backups_bucket: str = ""
    bills_bucket: str = ""
    bill_export: str = "none"
    bill_engine: str = "athena"
    second_region: str = ""
    second_bucket: str = ""
    minute_seconds: int = 60
    most_extend_hours: int = 12
    most_exempt_days: int = 30
    image_regions: tuple[str, ...] = ()
    image_max_age_days: int = 14

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        env = os.environ if env is None else env
        return cls(
            stage=_required(env, "STAGE"),
            prefix=_required(env, "PREFIX"),
            region=env.get("AWS_REGION") or _required(env, "AWS_DEFAULT_REGION"),
            access_mode=_one_of(env, "ACCESS_MODE", ("tunnel", "domain", "local")),
            domain_name=env.get("DOMAIN_NAME", ""),
            hosted_zone_id=env.get("HOSTED_ZONE_ID", ""),
            vpc_id=env.get("VPC_ID", ""),
            subnet_ids=_csv(env, "SUBNET_IDS"),
            allowed_cidr=env.get("ALLOWED_CIDR", ""),
            allowed_families=_csv(env, "ALLOWED_FAMILIES"),
            max_labs_per_team=_number(env, "MAX_LABS_PER_TEAM", 10),
            max_vcpus_per_team=_bound(env, "MAX_VCPUS_PER_TEAM"),
            max_gpus_per_team=_bound(env, "MAX_GPUS_PER_TEAM"),
            max_storage_gb_per_team=_bound(env, "MAX_STORAGE_GB_PER_TEAM"),
            max_users_per_lab=_number(env, "MAX_USERS_PER_LAB", 200),
            image_parameter=env.get("IMAGE_PARAMETER") or cls.image_parameter,
            api_url=env.get("API_URL", ""),
            artifacts_bucket=env.get("ARTIFACTS_BUCKET", ""),
            bundle_key=env.get("BUNDLE_KEY", ""),
            boot_timeout_seconds=_number(env, "BOOT_TIMEOUT_SECONDS", 900),
            backups_bucket=env.get("BACKUPS_BUCKET", ""),
            bills_bucket=env.get("BILLS_BUCKET", ""),
            bill_export=_one_of(env, "BILL_EXPORT", ("none", "cur2", "focus")),
            bill_engine=_one_of(env, "BILL_ENGINE", ("athena", "duckdb")),
            second_region=env.get("SECOND_REGION", ""),
            second_bucket=env.get("SECOND_BUCKET", ""),
            minute_seconds=min(60, max(1, _number(env, "MINUTE_SECONDS", 60))),
            most_extend_hours=_number(env, "MOST_EXTEND_HOURS", 12),
            most_exempt_days=_number(env, "MOST_EXEMPT_DAYS", 30),
            image_regions=_csv(env, "IMAGE_REGIONS"),
            image_max_age_days=_number(env, "IMAGE_MAX_AGE_DAYS", 14),
        )

    def table(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    @property
    def bus(self) -> str:
        return f"{self.prefix}-facts"

    @property
    def login_key_secret(self) -> str:
        return f"{self.prefix}-login-key"

    def state_machine_arn(self, name: str) -> str:
        return self.arn("states", f"stateMachine:{self.prefix}-{name}")

    def execution_arn(self, name: str, execution: str) -> str:
        return self.arn("states", f"execution:{self.prefix}-{name}:{execution}")

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.need('account')}:{resource}"

    def need(self, field: str) -> str:
        """The text of an optional setting that this caller cannot do without."""
        value = str(getattr(self, field))
        if not value:
            raise Misconfigured(f"the setting {field.upper()} is empty: set it in .chalice/config.json or the stack's parameters")
        return value


@lru_cache(maxsize=1)
def _first() -> list[Settings]:
    return [Settings.from_env()]


def current() -> Settings:
    """The settings of this process."""
    return _first()[0]


def seen(context: Any) -> Settings:
    """Learn partition and account from a Lambda context; a context without an ARN (a test, a local call) teaches nothing."""
    parts = str(getattr(context, "invoked_function_arn", "")).split(":")
    if len(parts) > 5 and parts[4] and parts[4] != current().account:
        _first()[0] = replace(current(), partition=parts[1], account=parts[4])
    return current()


def forget() -> None:
    """Read the environment anew (tests)."""
    _first.cache_clear()


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise Misconfigured(f"the environment variable {name} is missing")
    return value


def _csv(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise Misconfigured(f"the environment variable {name} is '{text}', not a whole number")
    return int(text)


def _bound(env: Mapping[str, str], name: str) -> int | None:
    """A limit that may be left blank: then there is none."""
    return _number(env, name, 0) if env.get(name) else None


def _one_of(env: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = env.get(name) or known[0]
    if value not in known:
        raise Misconfigured(f"the environment variable {name} is '{value}', not one of {', '.join(known)}")
    return value
