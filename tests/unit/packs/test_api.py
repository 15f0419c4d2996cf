from __future__ import annotations

from dataclasses import dataclass

import pytest

from chalicelib.packs import api
from tests.fakes.gateway import Gateway
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class Caller:
    name: str = "ana@example.org"
    scopes: frozenset[str] = frozenset({"packs:read"})


@pytest.fixture
def gateway(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setattr(api.door, "authenticate", lambda _: Caller())
    import app as packaged  # Chalice takes a blueprint with writing routes only once in a process

    return Gateway(packaged.app)


def test_packs_are_listed_by_name(gateway: Gateway) -> None:
    names = [item["name"] for item in gateway.get("/packs").json["items"]]
    assert names == sorted(names)
    assert "genomics" in names


def test_pack_is_shown_as_a_lab_gets_it(gateway: Gateway) -> None:
    pack = gateway.get("/packs/genomics").json
    kernel = pack["kernels"][0]
    assert kernel["name"] == "genomics-python"
    assert {"pysam", "numpy"} <= set(kernel["packages"])
    assert pack["instances"]["team"]["small"][0] == "r6i.2xlarge"
    assert pack["idle"]["auto_shutdown"] == 60
    assert pack["why"] is None


def test_resolved_pack_says_where_each_value_came_from(gateway: Gateway) -> None:
    pack = gateway.get("/packs/genomics?resolved=true").json
    assert pack["why"]["kernels.python.packages.pysam"] == "genomics"
    assert pack["why"]["kernels.python.packages.numpy"] == "base"
    assert pack["lineage"] == ["base", "genomics"]


@pytest.mark.parametrize("name", ["genomic", "..%2Fbase", "_schema.json", "x" * 300])
def test_pack_that_is_not_there_is_404(gateway: Gateway, name: str) -> None:
    answer = gateway.get(f"/packs/{name}")
    assert answer.status == 404
    assert answer.json["code"] == "not_found"
    assert len(answer.json["message"]) < 120


def test_query_that_makes_no_sense_is_422(gateway: Gateway) -> None:
    assert gateway.get("/packs/genomics?resolved=perhaps").status == 422
    assert gateway.get("/packs/genomics?colour=red").status == 422


def test_token_without_the_scope_may_not_look(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.door, "authenticate", lambda _: Caller(scopes=frozenset()))
    assert gateway.get("/packs").status == 403
