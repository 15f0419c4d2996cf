"""The typed client, the mock it ships with, and both against the API's own document."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aws_research_wizard.client import Client, Conflict, LabFailed, MockCloud, NotFound, OverLimit, models
from aws_research_wizard.client.calls import Calls
from tools import client_models


@pytest.fixture
def cloud() -> MockCloud:
    return MockCloud()


@pytest.fixture
def client(cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("aws_research_wizard.client.watching.FIRST_PAUSE", 0.0)
    monkeypatch.setattr("aws_research_wizard.client.watching.LONGEST_PAUSE", 0.0)
    return Client("https://mock.test", "awr_test", transport=cloud.transport, sleep=lambda _: None)


def test_a_lab_is_asked_for_waited_for_and_entered(client: Client) -> None:
    lab = client.create_lab("genomics", users=5)
    assert lab.phase is models.Phase.PROVISIONING
    lab = client.wait(lab.id)
    assert lab.phase is models.Phase.READY
    assert lab.price_per_hour is not None
    assert Decimal(lab.price_per_hour.amount) == Decimal("0.504")
    assert client.login(lab.id).url.startswith("http://127.0.0.1:8000/hub/login?ticket=")


def test_a_token_for_another_person_is_asked_for_by_their_name_and_never_becomes_the_askers() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(201, json={})

    calls = Calls("https://x.test", "awr_admin", httpx.MockTransport(answer))
    calls.create_token({}, person="grace@example.org")
    calls.create_token({})
    assert asked == ["https://x.test/tokens?email=grace%40example.org", "https://x.test/tokens"]


def test_a_failed_lab_raises_with_its_cause(client: Client, cloud: MockCloud) -> None:
    cloud.fails_with = "no capacity for r6i.2xlarge"
    with pytest.raises(LabFailed, match="no capacity") as caught:
        client.wait(client.create_lab("genomics").id)
    assert caught.value.lab_id == "genomics-k3x1"


def test_watching_gives_models(client: Client) -> None:
    updates = list(client.watch(client.create_lab("genomics").id))
    assert updates[-1].at_rest
    assert updates[-1].events[-1].name == "LabReady"
    assert updates[-1].events[0].at.tzinfo is not None
    assert [event.id for update in updates for event in update.news] == [event.id for event in updates[-1].events]


def test_a_request_whose_answer_was_lost_makes_one_lab(client: Client, cloud: MockCloud) -> None:
    send = cloud.transport.handler
    lost = [True]

    def lossy(request: httpx.Request) -> httpx.Response:
        answer = send(request)
        assert isinstance(answer, httpx.Response)
        if lost.pop() if lost else False:
            raise httpx.ReadError("cut")
        return answer

    client.calls.wire._http._transport = httpx.MockTransport(lossy)
    assert client.create_lab("genomics").id == "genomics-k3x1"
    assert len(cloud.labs) == 1


def test_the_life_of_a_lab(client: Client) -> None:
    lab_id = client.wait(client.create_lab("genomics", name="demo", shared_storage="1TB").id).id
    with pytest.raises(Conflict):
        client.start_lab(lab_id)
    assert client.wait(client.stop_lab(lab_id).id).phase is models.Phase.STOPPED
    assert client.scale_lab(lab_id, users=20).users == 20
    assert client.wait(client.start_lab(lab_id).id).shared_storage_gb == 1000
    assert client.wait(client.scale_lab(lab_id, instance_type="r6i.4xlarge").id).instance_type == "r6i.4xlarge"
    gone = client.wait(client.delete_lab(lab_id).id)
    assert gone.receipt is not None
    assert [kept.kind for kept in gone.receipt.kept] == ["file_system"]
    assert list(client.labs()) == []


def test_people_and_tokens(client: Client) -> None:
    lab_id = client.create_lab("genomics").id
    client.add_user(lab_id, "mira@university.edu")
    client.set_user_role(lab_id, "mira@university.edu", "lead")
    assert {user.email: user.role for user in client.users(lab_id)}["mira@university.edu"] is models.LabRole.lead
    client.remove_user(lab_id, "mira@university.edu")
    assert [user.owner for user in client.users(lab_id)] == [True]
    token = client.create_token("laptop", ["labs:read"])
    assert [one.token_id for one in client.tokens()] == [token.token_id]
    client.revoke_token(token.token_id)
    assert list(client.tokens()) == []
    client.put_person("mira@university.edu", "lead", ["lovelace"])
    assert [person.teams for person in client.people()] == [["lovelace"]]


def test_what_is_not_there_and_what_is_too_much(client: Client, cloud: MockCloud) -> None:
    with pytest.raises(NotFound, match="unknown domain"):
        client.create_lab("genomcs")
    cloud.limit = 0
    with pytest.raises(OverLimit):
        client.create_lab("genomics")


def test_whoever_names_a_strange_thing_stays_in_its_place(client: Client, cloud: MockCloud) -> None:
    with pytest.raises(NotFound):
        client.lab("../tokens?x=1#y")
    assert cloud.asked[-1].url.raw_path == b"/labs/..%2Ftokens%3Fx%3D1%23y"


PAGES = {("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/open/{lab_id}")}
OF_A_PAGE = {("POST", f"/open/{{lab_id}}/{verb}") for verb in ("look", "start", "enter")}  # asked by the lab's page itself


def test_every_operation_of_the_api_can_be_called_and_every_call_is_one() -> None:
    """Calls every method of `Calls` once, and compares what was asked with the API's document."""
    said: set[tuple[str, str]] = set()

    def answer(request: httpx.Request) -> httpx.Response:
        said.add((request.method, re.sub(r"([a-z_]+)__", r"{\1}", request.url.path)))
        return httpx.Response(200, json={"items": [], "cursor": None, "entries": [], "next": None})

    calls = Calls("https://mock.test", "awr_test", httpx.MockTransport(answer), attempts=1)
    for name, method in inspect.getmembers(Calls, inspect.isfunction):
        if not name.startswith("_") and name != "close":
            wanted = list(inspect.signature(method).parameters.values())[1:]
            answered = method(calls, **{one.name: _any(one) for one in wanted if one.default is one.empty})
            _ = list(answered) if isinstance(answered, Iterator) else answered
    assert said == client_models.operations() - PAGES - OF_A_PAGE


def _any(parameter: inspect.Parameter) -> Any:
    """Something that fits; of a word, its parameter's name can be told from where it lands in the address."""
    kinds = {"str": f"{parameter.name}__", "shapes.LabRole": "lead", "int": 1, "bool": True}
    return kinds.get(str(parameter.annotation), {})


def test_the_generated_types_are_what_the_document_says_today() -> None:
    for name in client_models.OUTPUTS:
        assert (client_models.CLIENT / name).read_text() == client_models.generate(name), "run: python -m tools.client_models"


def test_the_mock_answers_in_the_shapes_of_the_api(client: Client, cloud: MockCloud) -> None:
    """Each answer of the mock has exactly the fields of the model, so that it cannot drift from the API."""
    lab = client.wait(client.create_lab("genomics").id)
    backup = client.wait_for_backup(lab.id, client.backup_lab(lab.id).id)
    assert set(cloud.backups[lab.id][0]) == set(models.BackupView.model_fields)
    restore = client.wait_for_restore(lab.id, client.restore(lab.id, backup.id, "a.ipynb").id)
    assert set(cloud.restores[restore.id]) == set(models.RestoreView.model_fields)
    assert set(client.calls.drill_lab(lab.id)) == set(models.DrillView.model_fields)
    assert set(next(client.calls.all_backups())) == set(models.StockView.model_fields)
    assert set(next(client.calls.backup_files(lab.id, backup.id))) == set(models.FileView.model_fields)
    client.delete_lab(lab.id, data="delete")
    assert set(cloud.labs[lab.id]) == set(models.LabView.model_fields)
    assert set(cloud.events[lab.id][0]) == set(models.EventView.model_fields)
    assert set(client.calls.pack("genomics")) == set(models.PackView.model_fields)
    assert set(client.calls.whoami()) == set(models.Whoami.model_fields)
    assert set(client.calls.account()) == set(models.AccountView.model_fields)
    assert set(client.calls.limits()) == set(models.LimitsView.model_fields)
    assert set(client.calls.put_person({"email": "m@x.edu"})) == set(models.PersonView.model_fields)
    assert set(client.calls.create_token({})) == set(models.TokenMade.model_fields)
    assert set(next(client.calls.tokens())) == set(models.TokenView.model_fields)
    assert set(next(client.calls.users(lab.id))) == set(models.UserView.model_fields)
    assert set(next(client.calls.packs())) == set(models.PackSummaryView.model_fields)


def test_importing_the_package_does_not_import_what_the_command_line_must_not_pay_for() -> None:
    code = "import sys, json, aws_research_wizard.client, aws_research_wizard.cli.main; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "httpx", "rich", "boto3", "typer"} & set(json.loads(done.stdout))
    assert heavy == set()
