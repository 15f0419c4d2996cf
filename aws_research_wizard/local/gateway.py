"""Does an API keep its id when its stack is updated? On AWS yes; here too.

Machines were told the API's address when they were launched, so an update of the control plane must not move it. The
emulator makes a new API when the API's definition changes; here the new definition is put in place of the old one.
"""

from __future__ import annotations

from typing import Any


def keep_api_id() -> None:
    """Make the emulator's CloudFormation update an API in place."""
    from ministack.services import apigateway_v1 as gateway
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    as_before = handlers["update"]

    def update(api_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None) -> Any:
        body = new.get("Body")
        if isinstance(body, dict) and body != old.get("Body"):
            draft = gateway._import_rest_api(body, {"name": new.get("Name") or f"{stack}-draft"})
            for store in (gateway._resources, gateway._authorizers_v1):
                store[api_id] = store.pop(draft, {})
            gateway._delete_rest_api(draft)
            old = {**old, "Body": body}
        return as_before(api_id, old, new, stack, logical_id=logical_id)

    handlers["update"] = update
