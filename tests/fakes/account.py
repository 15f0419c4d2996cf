"""An AWS account for tests: moto, made true where moto is not, and breakable at any call.

Made true: RunInstances honours ClientToken, also for a terminated instance; machines pass through pending, stopping and
shutting-down until `settle`; a type can be sold out. Breakable: `fault` strikes one call, before or after its effect,
as an error or as the death of the caller.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import EndpointConnectionError

from tests.fakes.stories import Crash, refusal

Json = dict[str, Any]


@dataclass
class Fault:
    """Strikes call number `at` (counted over all services named) in one of these ways."""

    at: int
    kind: str  # fails_before | fails_after | dies_before | dies_after
    struck: str = ""


@dataclass
class Account:
    """Hands out clients in place of `runtime.aws.client`."""

    real: Callable[[str], Any]
    others: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fault: Fault | None = None
    watched: tuple[str, ...] = ("ec2", "efs", "iam", "route53")
    sold_out: set[str] = field(default_factory=set)
    launched: dict[str, str] = field(default_factory=dict)  # client token → instance
    passing: dict[str, str] = field(default_factory=dict)  # instance → state shown until `settle`

    def client(self, service: str, region: str = "") -> Any:
        if service in self.others:
            return self.others[service]
        made = self.real(service, region) if region else self.real(service)
        return Client(self, service, made) if service in self.watched else made

    def settle(self) -> list[str]:
        """Machines arrive in the state they were on the way to; returns which did."""
        arrived, self.passing = list(self.passing), {}
        return arrived

    def strike(self, name: str, act: Callable[[], Any]) -> Any:
        self.calls.append(name)
        fault = self.fault
        if fault is None or len(self.calls) - 1 != fault.at:
            return act()
        fault.struck = name
        if fault.kind.endswith("after"):
            act()
        if fault.kind.startswith("dies"):
            raise Crash(name)
        raise EndpointConnectionError(endpoint_url=name)


class Client:
    def __init__(self, account: Account, service: str, real: Any) -> None:
        self.account, self.service, self.real = account, service, real

    def __getattr__(self, verb: str) -> Any:
        own = getattr(type(self), f"_{verb}", None)
        act = own.__get__(self) if own else getattr(self.real, verb)
        if verb in ("get_paginator", "meta"):
            return act
        return lambda **asked: self.account.strike(f"{self.service}:{verb}", lambda: act(**asked))

    def _get_paginator(self, verb: str) -> Any:
        return Pages(self, verb)

    def _run_instances(self, **asked: Any) -> Json:
        token = asked["ClientToken"]
        if token in self.account.launched:
            found = self._shown(self.account.launched[token])
            if found["State"]["Name"] in ("shutting-down", "terminated"):
                raise refusal("IdempotentInstanceTerminated")
            return {"Instances": [found]}
        if asked["InstanceType"] in self.account.sold_out:
            raise refusal("InsufficientInstanceCapacity", f"no {asked['InstanceType']} here")
        answer: Json = self.real.run_instances(**asked)
        self.account.launched[token] = answer["Instances"][0]["InstanceId"]
        self.account.passing[self.account.launched[token]] = "pending"
        return answer

    def _modify_instance_attribute(self, **asked: Any) -> Json:
        """As EC2: user data comes as it is. moto wants it encoded once more than boto3 does."""
        if "UserData" in asked:
            asked["UserData"] = {"Value": base64.b64encode(asked["UserData"]["Value"])}
        return dict(self.real.modify_instance_attribute(**asked))

    def _start_instances(self, InstanceIds: list[str]) -> Json:  # noqa: N803
        found = self._shown(InstanceIds[0])
        if found["State"]["Name"] not in ("stopped", "running", "pending"):
            raise refusal("IncorrectInstanceState")
        if found["InstanceType"] in self.account.sold_out:
            raise refusal("InsufficientInstanceCapacity", f"no {found['InstanceType']} here")
        return self._pass("start_instances", InstanceIds, "pending")

    def _stop_instances(self, InstanceIds: list[str]) -> Json:  # noqa: N803
        return self._pass("stop_instances", InstanceIds, "stopping")

    def _terminate_instances(self, InstanceIds: list[str]) -> Json:  # noqa: N803
        return self._pass("terminate_instances", InstanceIds, "shutting-down")

    def _pass(self, verb: str, ids: list[str], state: str) -> Json:
        before = self._shown(ids[0])["State"]["Name"]
        answer: Json = getattr(self.real, verb)(InstanceIds=ids)
        if before not in (state, "terminated") and not (state == "stopping" and before == "stopped"):
            self.account.passing[ids[0]] = state
        return answer

    def _shown(self, instance_id: str) -> Json:
        return self._instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def _instances(self, **asked: Any) -> Json:
        page: Json = self.real.describe_instances(**asked)
        for reservation in page["Reservations"]:
            for one in reservation["Instances"]:
                one["State"]["Name"] = self.account.passing.get(one["InstanceId"], one["State"]["Name"])
        return page


class Pages:
    def __init__(self, client: Client, verb: str) -> None:
        self.client, self.verb = client, verb

    def paginate(self, **asked: Any) -> list[Json]:
        if self.verb == "describe_instances":
            return [self.client.account.strike("ec2:describe_instances", lambda: self.client._instances(**asked))]
        pages = self.client.real.get_paginator(self.verb).paginate(**asked)
        return list(self.client.account.strike(f"{self.client.service}:{self.verb}", lambda: list(pages)))
