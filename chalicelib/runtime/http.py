"""What stands between a request and a handler? One door for every route, so that all of them behave alike.

The door authenticates, checks the token's scope, reads at most 64 KB of JSON, validates it, answers a repeated
Idempotency-Key with what was answered before, and turns every error into `{code, message, hint}`. A handler gets a `Call`
and returns a model. Each route is noted in OPERATIONS, from which the OpenAPI document is made.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, cast, get_args

from chalice.app import Blueprint, Response

from chalicelib.runtime import settings
from chalicelib.runtime.calls import Call as Call
from chalicelib.runtime.calls import Operation, P, correlation_of
from chalicelib.runtime.calls import Reply as Reply
from chalicelib.runtime.calls import Request as Request
from chalicelib.runtime.errors import (
    AppError,
    BadInput,
    Conflict,
    Forbidden,
    RequestReplayed,
    TooLarge,
    Unprocessable,
    UnsupportedMedia,
    near_miss,
)
from chalicelib.runtime.log import logger
from chalicelib.runtime.origin import MOST, Origin, coming_from
from chalicelib.runtime.shapes import model_of

if TYPE_CHECKING:
    from typing import Required, TypedDict, Unpack

    from pydantic import BaseModel, ValidationError

    from chalicelib.runtime.requests import RequestKey

    class Said(TypedDict, total=False):
        """What a route says of itself; see `Door.route`."""

        summary: Required[str]
        body: type[BaseModel] | None
        query: type[BaseModel] | None
        reply: type[BaseModel] | None
        status: int | None
        scope: str
        errors: tuple[type[AppError], ...]
        replay: Replay | None
        media: str


MAX_BODY = 64 * 1024
COMMON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OPERATIONS: list[Operation] = []

Handler = Callable[[Call[Any]], "BaseModel | Reply | None"]
Replay = Callable[[Call[Any], dict[str, Any]], "BaseModel | Reply | None"]


class Door(Generic[P]):
    """The routes of one slice. `authenticate` turns a request into a caller; None leaves the routes open to all.
    `name` is what a fact says of the door its cause came in by."""

    def __init__(
        self,
        bp: Blueprint,
        tag: str,
        authenticate: Callable[[Request], P] | None = None,
        security: str = "person",
        name: str = "api",
    ) -> None:
        self.bp, self.tag, self.authenticate, self.name = bp, tag, authenticate, name
        self.security = security if authenticate else ""

    def route(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        reply: type[BaseModel] | None = None,
        status: int | None = None,
        scope: str = "",
        errors: tuple[type[AppError], ...] = (),
        replay: Replay | None = None,
        media: str = "application/json",
    ) -> Callable[[Handler], Handler]:
        """Register a handler. `replay` renders a remembered answer anew; else `{body, location, status}` is sent."""

        def register(handler: Handler) -> Handler:
            operation = Operation(
                method=method,
                path=path,
                name=handler.__name__,
                tag=self.tag,
                summary=summary,
                description=(handler.__doc__ or "").strip(),
                body=body,
                query=query,
                reply=reply,
                status=status or (200 if reply else 204),
                scope=scope,
                security=self.security,
                errors=errors,
                media=media,
            )
            OPERATIONS.append(operation)

            @functools.wraps(handler)
            def view(**_path: str) -> Response:
                return self._answer(operation, handler, replay, Request.of(self.bp.current_request))

            self.bp.route(path, methods=[method], content_types=["*/*"])(view)
            return handler

        return register

    def get(self, path: str, **said: Unpack[Said]) -> Callable[[Handler], Handler]:
        return self.route("GET", path, **said)

    def post(self, path: str, **said: Unpack[Said]) -> Callable[[Handler], Handler]:
        return self.route("POST", path, **said)

    def put(self, path: str, **said: Unpack[Said]) -> Callable[[Handler], Handler]:
        return self.route("PUT", path, **said)

    def patch(self, path: str, **said: Unpack[Said]) -> Callable[[Handler], Handler]:
        return self.route("PATCH", path, **said)

    def delete(self, path: str, **said: Unpack[Said]) -> Callable[[Handler], Handler]:
        return self.route("DELETE", path, **said)

    def _answer(self, operation: Operation, handler: Handler, replay: Replay | None, request: Request) -> Response:
        began, correlation_id = time.perf_counter(), correlation_of(request)
        try:
            settings.seen(request.lambda_context)
            response = self._handled(operation, handler, replay, request, correlation_id)
        except AppError as error:
            response = problem(error, correlation_id)
        except Exception:
            logger().exception("unexpected error", correlation_id=correlation_id, operation=operation.name)
            response = problem(_unexpected(correlation_id), correlation_id)
        _noted(operation, request, correlation_id, response.status_code, (time.perf_counter() - began) * 1000)
        return response

    def _handled(
        self, operation: Operation, handler: Handler, replay: Replay | None, request: Request, correlation_id: str
    ) -> Response:
        if len(request.body) > MAX_BODY:
            raise TooLarge(f"the body has {len(request.body)} bytes; at most {MAX_BODY} are read", hint="send less")
        now = request.at
        principal = self._principal(operation, request)
        call: Call[Any] = Call(
            principal=principal,
            body=_body(operation.body, request),
            query=_validated(operation.query, dict(request.query), "query"),
            path=request.path_params,
            request_key=_request_key(operation, request, principal, now),
            correlation_id=correlation_id,
            now=now,
            raw_headers=request.headers,
            request=request,
        )
        with coming_from(_origin(self.name, request, principal)):
            return _sent(operation, _once(handler, replay, call), correlation_id)

    def _principal(self, operation: Operation, request: Request) -> Any:
        if self.authenticate is None:
            return None
        principal: Any = self.authenticate(request)
        if operation.scope and operation.scope not in principal.scopes:
            raise Forbidden(
                f"this token lacks the scope {operation.scope}",
                hint=f"aws-research-wizard tokens create --scope {operation.scope}",
                code="missing_scope",
            )
        return principal


def _origin(door: str, request: Request, principal: Any) -> Origin:
    """Whence a request came, as the gateway saw it; what a caller's headers say of that is not believed."""
    identity = request.context.get("identity") or {}
    agent = "".join(letter for letter in request.header("user-agent")[:MOST] if letter.isprintable())
    return Origin(door, str(identity.get("sourceIp") or ""), agent, str(getattr(principal, "token_id", "")))


def _once(handler: Handler, replay: Replay | None, call: Call[Any]) -> BaseModel | Reply | dict[str, Any] | None:
    """Run the handler, unless its Idempotency-Key was answered before, or is answered by a twin in the meantime."""
    if call.request_key is None:
        return handler(call)
    from chalicelib.runtime.requests import recall

    kept = recall(call.request_key)
    if kept is None:
        try:
            return handler(call)
        except (RequestReplayed, Conflict):
            kept = recall(call.request_key, consistent=True)
            if kept is None:
                raise
    return replay(call, kept) if replay else kept


def _sent(operation: Operation, result: BaseModel | Reply | dict[str, Any] | None, correlation_id: str) -> Response:
    headers = {**COMMON, "Content-Type": operation.media, "X-Correlation-Id": correlation_id}
    if isinstance(result, dict):  # a remembered answer
        text = json.dumps(result["body"]) if result.get("body") is not None else ""
        location, status = result.get("location"), result.get("status")
    else:
        reply = result if isinstance(result, Reply) else Reply(result)
        text = reply.model.model_dump_json() if reply.model is not None else reply.text or ""
        location, status = reply.location, reply.status
        headers |= reply.headers
    if location:
        headers["Location"] = location
    return Response(text, headers, status or operation.status)


def _noted(operation: Operation, request: Request, correlation_id: str, status: int, took: float) -> None:
    known: dict[str, Any] = {"correlation_id": correlation_id, "status": status, "ms": round(took)}
    if "lab_id" in request.path_params:
        known["lab_id"] = request.path_params["lab_id"]
    logger().info(operation.name, **known)


def problem(error: AppError, correlation_id: str) -> Response:
    body = {"code": error.code, "message": error.message, "hint": error.hint, "correlation_id": correlation_id}
    headers: dict[str, Any] = {**COMMON, "X-Correlation-Id": correlation_id}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body), headers, error.status)


def _body(model: type[BaseModel] | None, request: Request) -> Any:
    if model is None:
        return None
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if request.body and kind != "application/json":
        raise UnsupportedMedia(f"the body is {kind or 'of no stated type'}", hint="send Content-Type: application/json")
    try:
        content = json.loads(request.body or b"{}")
    except ValueError as error:
        raise BadInput(f"the body is not JSON: {error}", hint="check quotes and commas", code="not_json") from error
    return _validated(model, content, "body")


def _validated(model: type[BaseModel] | None, content: Any, where: str) -> Any:
    if model is None:
        return None
    try:
        return model.model_validate(content)
    except ValueError as error:  # pydantic's ValidationError, which nobody imports who does not need it
        raise Unprocessable(*_explained(cast("ValidationError", error), model, where)) from None


def _explained(error: ValidationError, model: type[BaseModel], where: str) -> tuple[str, str]:
    """`users: Input should be less than or equal to 200` for each field, in one line; a hint for a mistyped name."""
    parts, hint = [], ""
    for detail in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in detail["loc"]) or where
        fields = model_of(model).model_fields
        match detail["type"]:
            case "extra_forbidden":
                said, advice = "there is no such field", near_miss(place, fields)
            case "string_pattern_mismatch":
                said, advice = f"'{str(detail['input'])[:40]}' is not written as it should be", _written_like(place, fields)
            case _:
                said, advice = detail["msg"].removeprefix("Value error, "), ""
        parts.append(f"{place}: {said}")
        hint = hint or advice
    return "; ".join(parts[:5]), hint or "see /docs for what this request may say"


def _written_like(place: str, fields: Mapping[str, Any]) -> str:
    """`write it like r6i.4xlarge`, by the example that stands with the field or inside its type."""
    field = fields.get(place)
    inner = [one for part in get_args(field.annotation) for one in getattr(part, "__metadata__", ())] if field else []
    example = next((one.examples[0] for one in (field, *inner) if getattr(one, "examples", None)), "")
    return f"write it like {example}" if example else ""


def _request_key(operation: Operation, request: Request, principal: Any, now: datetime) -> RequestKey | None:
    key = request.header("idempotency-key")
    if operation.method not in WRITES or principal is None or not key:
        return None
    if len(key) > 128 or not key.isascii() or not key.isprintable():
        raise BadInput("the Idempotency-Key must be 1 to 128 printable characters", hint="a UUID is a good key")
    from chalicelib.runtime.requests import RequestKey

    said = json.dumps([operation.method, operation.path, sorted(request.path_params.items()), sorted(request.query.items())])
    fingerprint = hashlib.sha256(said.encode() + b"\0" + request.body).hexdigest()
    return RequestKey(principal.name, key, fingerprint, now)


def _unexpected(correlation_id: str) -> AppError:
    return AppError("something broke on our side", hint=f"report it with the correlation id {correlation_id}", code="internal")
