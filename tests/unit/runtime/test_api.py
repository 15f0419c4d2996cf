"""The API as a whole: open routes, the OpenAPI document, and that both say what the app does."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from chalice import Chalice
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.runtime.http import OPERATIONS, WRITES
from tests.fakes.gateway import Gateway
from tools.openapi import DOCUMENT, document, outputs

OPEN = {"health", "openapi_document", "docs_page", "claim_machine", "open_page"}  # the last one proves itself in its body


@pytest.fixture
def gateway(tables: object) -> Gateway:
    return Gateway(app)


def routes(of: Chalice) -> set[tuple[str, str]]:
    return {(path, method) for path, methods in of.routes.items() for method in methods}


def test_health_says_where_it_is(gateway: Gateway) -> None:
    answer = gateway.get("/health")
    assert answer.json == {"status": "ok", "stage": "test", "access_mode": "local"}


def test_the_document_is_served_as_checked_in(gateway: Gateway) -> None:
    answer = gateway.get("/openapi.json")
    assert answer.json == json.loads(DOCUMENT.read_text())
    assert answer.headers["Content-Type"] == "application/json"


def test_the_page_needs_nothing_from_elsewhere(gateway: Gateway) -> None:
    answer = gateway.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r'(src|href)="(https?:)?//|<script', answer.text)
    HTMLParser().feed(answer.text)
    assert all(f'id="{operation.name}"' in answer.text for operation in OPERATIONS)


def test_every_generated_file_is_fresh() -> None:
    stale = [str(path) for path, text in outputs().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run python -m tools.openapi"


def test_the_document_is_valid_openapi_3_1() -> None:
    api = document()
    assert api["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []


def test_no_shape_carries_the_name_of_the_file_it_stands_in() -> None:
    """It does as soon as two shapes of the API have one name."""
    assert [name for name in document()["components"]["schemas"] if "__" in name] == []


def test_the_document_has_exactly_the_apps_routes() -> None:
    told = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    assert told == routes(app)
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_every_route_asks_who_it_is_except_those_that_are_open_on_purpose() -> None:
    assert {operation.name for operation in OPERATIONS if not operation.security} == OPEN


def test_every_write_takes_an_idempotency_key() -> None:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            writes = method.upper() in WRITES and bool(operation["security"])
            assert ("Idempotency-Key" in names) == writes, (method, path)


def test_every_operation_tells_its_errors_as_problems() -> None:
    for item in document()["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert response["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
            if operation["security"]:
                assert {"401", "403", "500"} <= set(operation["responses"])


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.security], ids=lambda one: one.name)
def test_nobody_gets_in_without_a_token(gateway: Gateway, operation: object) -> None:
    method, path = operation.method, re.sub(r"\{\w+\}", "x", operation.path)  # type: ignore[attr-defined]
    for headers in ({}, {"Authorization": "Bearer awr_" + "x" * 32}, {"Authorization": "Bearer awm_" + "x" * 32}):
        answer = gateway.send(method, path, {} if method in WRITES else None, headers=headers)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
