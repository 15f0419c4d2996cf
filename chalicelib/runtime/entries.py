"""What is done around every Lambda that is not an HTTP route? Settings, log context, numbers, a trace, and warming.

    @bp.lambda_function(name="launch_machine")       @bp.schedule(...)            @bp.on_cw_event(...)
    @task                                            @schedule                    @reaction
    def launch_machine(event, context): ...          def reconcile_labs(event)    def machine_state_changed(event)

These decorators stand inside Chalice's. A reaction and a schedule get the raw event as a dict. An event with
`{"warm": true}` (for reactions and schedules: in `detail`) makes clients and returns; nothing else happens.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, overload

from chalicelib.runtime import aws, metrics, settings
from chalicelib.runtime.errors import Retryable
from chalicelib.runtime.log import logger
from chalicelib.runtime.origin import Origin, coming_from

Event = dict[str, Any]
Task = Callable[[Event, Any], Any]
Heard = Callable[[Event], Any]


@overload
def task(handler: Task) -> Task: ...
@overload
def task(*, clients: tuple[str, ...] = (), door: str = "workflow") -> Callable[[Task], Task]: ...
def task(handler: Task | None = None, *, clients: tuple[str, ...] = (), door: str = "workflow") -> Task | Callable[[Task], Task]:
    """A plain function (event, context): a state machine's task, a stream's consumer, an operator's tool."""

    def decorate(handler: Task) -> Task:
        @functools.wraps(handler)
        def entry(event: Event, context: Any) -> Any:
            if event.get("warm"):
                return _warm(clients)
            with _around(handler.__name__, event, context, door):
                return handler(event, context)

        return entry

    return decorate(handler) if handler else decorate


@overload
def reaction(handler: Heard) -> Callable[[Any], Any]: ...
@overload
def reaction(*, clients: tuple[str, ...] = (), door: str = "reaction") -> Callable[[Heard], Callable[[Any], Any]]: ...
def reaction(handler: Heard | None = None, *, clients: tuple[str, ...] = (), door: str = "reaction") -> Any:
    """A function of one EventBridge event: a reaction to something that happened."""

    def decorate(handler: Heard) -> Callable[[Any], Any]:
        @functools.wraps(handler)
        def entry(received: Any) -> Any:
            event: Event = received if isinstance(received, dict) else received.to_dict()
            if (event.get("detail") or {}).get("warm"):
                return _warm(clients)
            with _around(handler.__name__, event.get("detail") or {}, getattr(received, "context", None), door):
                return handler(event)

        return entry

    return decorate(handler) if handler else decorate


@overload
def schedule(handler: Heard) -> Callable[[Any], Any]: ...
@overload
def schedule(*, clients: tuple[str, ...] = ()) -> Callable[[Heard], Callable[[Any], Any]]: ...
def schedule(handler: Heard | None = None, *, clients: tuple[str, ...] = ()) -> Any:
    """A function of a timer's event, which looks like any other."""
    decorate = reaction(clients=clients, door="schedule")
    return decorate(handler) if handler else decorate


def _warm(clients: tuple[str, ...]) -> Event:
    for service in clients:
        aws.client(service)
    from chalicelib.runtime import store

    _ = store.connection().client
    return {"warm": True}


@contextmanager
def _around(name: str, work: Event, context: Any, door: str) -> Iterator[None]:
    """Log with correlation and lab id, count success or failure, and trace when this invocation is sampled."""
    settings.seen(context)
    log, began = logger(), time.perf_counter()
    log.thread_safe_clear_keys()
    known = {"correlation_id": work.get("correlation_id", ""), "lab_id": work.get("lab_id", ""), "function": name}
    came_from = Origin(door, function=name, request=str(getattr(context, "aws_request_id", "")))
    context_keys = {key: value for key, value in known.items() if value}
    with coming_from(came_from), log.append_context_keys(**context_keys), _traced(name):
        outcome = "Failed"
        try:
            yield
            outcome = "Succeeded"
        except Exception as error:
            log.exception("failed")
            if aws.passing(error):
                raise Retryable(f"AWS was away or busy: {error}") from error
            raise
        finally:
            took = (time.perf_counter() - began) * 1000
            log.info(outcome.lower(), ms=round(took))
            metrics.count(outcome)
            metrics.milliseconds("Duration", took)
            metrics.flush(name)


@contextmanager
def _traced(name: str) -> Iterator[None]:
    """A subsegment on X-Ray; without sampling the X-Ray SDK (300 ms to import) is not touched."""
    if "Sampled=1" not in os.environ.get("_X_AMZN_TRACE_ID", "") or "AWS_XRAY_DAEMON_ADDRESS" not in os.environ:
        yield
        return
    from aws_lambda_powertools import Tracer

    with Tracer().provider.in_subsegment(f"## {name}"):
        yield
