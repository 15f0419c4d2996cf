"""Each command as a person meets it: what it asks, what it says, how it ends."""

import json

import httpx
import pytest
from syrupy.assertion import SnapshotAssertion

from aws_research_wizard.cli import doorway
from aws_research_wizard.client import watching
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw

QUICK = "jupyter quick-start --domain genomics"


# ---- making --------------------------------------------------------------------------------------------------------------


def test_quick_start_shows_its_steps_and_ends_with_the_card(arw: Arw, snapshot: SnapshotAssertion) -> None:
    ended = arw(f"{QUICK} --name demo --team-size 5 --notebook-examples")
    assert ended.code == 0
    assert ended.out == snapshot(name="card")
    assert ended.err == snapshot(name="steps")


def test_json_is_the_lab_alone_and_nothing_else_is_said(arw: Arw) -> None:
    ended = arw(f"{QUICK} --output json")
    assert json.loads(ended.out)["phase"] == "READY"
    assert ended.err == ""


def test_deploy_asks_for_exactly_what_was_said(arw: Arw, cloud: MockCloud) -> None:
    line = (
        "jupyter deploy --domain genomics --users 10 --instance-type r6i.4xlarge --shared-storage 1tb --name big --team default"
    )
    assert arw(f"{line} --no-notebook-examples").code == 0
    asked = next(request for request in cloud.asked if request.method == "POST")
    assert json.loads(asked.content) == {
        "domain": "genomics",
        "users": 10,
        "instance_type": "r6i.4xlarge",
        "shared_storage": "1TB",
        "name": "big",
        "team": "default",
        "notebook_examples": False,
    }
    assert asked.headers["Idempotency-Key"]


def test_no_wait_says_how_to_watch(arw: Arw) -> None:
    ended = arw(f"{QUICK} --no-wait")
    watch = "aws-research-wizard jupyter status genomics-k3x1 --watch"
    assert (ended.code, ended.out) == (0, f"Lab genomics-k3x1 is PROVISIONING. Watch it: {watch}\n")


def test_reuse_takes_the_lab_that_is_there(arw: Arw, cloud: MockCloud, lab: str) -> None:
    ended = arw(f"{QUICK} --name demo --reuse")
    assert (ended.code, len(cloud.labs)) == (0, 1)
    assert f"Lab {lab} ready" in ended.out


def test_reuse_starts_a_stopped_lab(arw: Arw, cloud: MockCloud, lab: str) -> None:
    arw(f"jupyter stop {lab}")
    assert arw(f"{QUICK} --name demo --reuse").code == 0
    assert (len(cloud.labs), cloud.labs[lab]["phase"]) == (1, "READY")


def test_reuse_waits_for_a_lab_that_is_stopping(arw: Arw, cloud: MockCloud, lab: str) -> None:
    arw(f"jupyter stop {lab} --no-wait")
    assert arw(f"{QUICK} --name demo --reuse").code == 0
    assert (len(cloud.labs), cloud.labs[lab]["phase"]) == (1, "READY")


def test_reuse_makes_another_when_the_old_one_failed_or_has_another_name(arw: Arw, cloud: MockCloud, lab: str) -> None:
    assert arw(f"{QUICK} --name other --reuse").code == 0
    cloud.labs[lab]["phase"] = "FAILED"
    assert arw(f"{QUICK} --name demo --reuse").code == 0
    assert len(cloud.labs) == 3


def test_a_lab_that_fails_says_why_with_the_machines_last_words(arw: Arw, cloud: MockCloud, snapshot: SnapshotAssertion) -> None:
    cloud.fails_with = "kernel genomics-python could not be installed"

    class Lines(dict[str, list[str]]):
        def __getitem__(self, key: str) -> list[str]:
            return ["uv: resolving", "uv: No space left on device"]

    cloud.logs = Lines()
    ended = arw(QUICK)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == snapshot


def test_an_unknown_domain_ends_in_one_line_and_a_hint(arw: Arw) -> None:
    ended = arw("jupyter deploy --domain genomcs")
    assert (ended.code, ended.out, ended.err) == (1, "", "✘ unknown domain 'genomcs'\n  → did you mean 'genomics'?\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("jupyter deploy --domain x --users 0", "0 is not in the range 1<=x<=200"),
        ("jupyter deploy --domain x --users 10000", "10000 is not in the range"),
        ("jupyter deploy --domain x --shared-storage 1XB", "'1XB' is not a size; write 500GB or 1TB"),
        ("jupyter deploy", "Missing option '--domain'"),
        ("jupyter scale some-lab", "nothing to change"),
        ("jupyter stop", "Missing argument 'LAB'"),
        ("jupyter lst", "no command 'lst': did you mean 'list'?"),
        ("jupytr", "no command 'jupytr': did you mean 'jupyter'?"),
        ("jupyter list --output yaml", "'yaml' is not one of 'table', 'json'"),
        ("jupyter users add lab someone@x.edu --role king", "'king' is not one of"),
    ],
)
def test_misuse_is_one_line_and_the_way_to_the_help(arw: Arw, cloud: MockCloud, line: str, said: str) -> None:
    ended = arw(line)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.strip().splitlines()[1].endswith("--help")
    assert len(ended.err.splitlines()) == 2
    assert cloud.asked == []


# ---- looking -------------------------------------------------------------------------------------------------------------


def test_list(arw: Arw, lab: str, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    arw("jupyter deploy --domain machine_learning --users 12 --no-wait")
    assert arw("jupyter list").out == snapshot(name="80 columns")
    monkeypatch.setenv("COLUMNS", "120")
    assert arw("jupyter list").out == snapshot(name="120 columns")
    monkeypatch.setenv("COLUMNS", "40")
    assert arw("jupyter list").out == snapshot(name="40 columns")


def test_an_empty_list_says_how_to_begin(arw: Arw) -> None:
    assert "quick-start" in arw("jupyter list").out
    assert arw("jupyter list -o json").out == "[]\n"


def test_status(arw: Arw, cloud: MockCloud, lab: str, snapshot: SnapshotAssertion) -> None:
    cloud.labs[lab]["steps"] = [{"name": "install hub", "seconds": 4.2}, {"name": "start hub", "seconds": 5.1}]
    cloud.labs[lab]["storage"]["used_bytes"] = 12_000_000
    assert arw(f"jupyter status {lab}").out == snapshot


def test_status_with_watch_follows_to_the_end(arw: Arw) -> None:
    arw(f"{QUICK} --no-wait")
    ended = arw("jupyter status --watch")
    assert "READY" in ended.out
    assert "✔ Lab ready" in ended.err


@pytest.mark.parametrize("word", ["", "demo", "genomics-k3x1", "gen", "de"])
def test_a_lab_is_found_by_id_name_beginning_or_by_being_the_only_one(arw: Arw, lab: str, word: str) -> None:
    assert json.loads(arw(f"jupyter status {word} -o json").out)["id"] == lab


def test_a_beginning_that_fits_several_names_them(arw: Arw, lab: str) -> None:
    arw(f"{QUICK} --no-wait")
    ended = arw("jupyter status gen")
    assert (ended.code, ended.err) == (1, "✘ 'gen' may be any of: genomics-k3x1, genomics-k3x2\n  → say more of its id\n")
    assert "which lab? You have: genomics-k3x1, genomics-k3x2" in arw("jupyter status").err


def test_a_lab_nobody_knows_gets_a_near_miss(arw: Arw, lab: str) -> None:
    assert "did you mean 'genomics-k3x1'?" in arw("jupyter stop genomics-k3x7").err
    assert "jupyter list" in arw("jupyter stop something").err


def test_events(arw: Arw, lab: str, snapshot: SnapshotAssertion) -> None:
    assert arw("jupyter events").out == snapshot


def test_logs(arw: Arw, cloud: MockCloud, lab: str) -> None:
    assert "has not written anything yet" in arw("jupyter logs").err
    cloud.logs[lab] = ["hub started", "ready"]
    assert arw("jupyter logs").out == "09:00:41  hub started\n09:00:41  ready\n"
    assert arw("jupyter logs --newest-first").out == "09:00:41  ready\n09:00:41  hub started\n"
    assert arw("jupyter logs --tail 1").out == "09:00:41  ready\n"
    assert arw("jupyter logs --tail 0").out == "09:00:41  hub started\n09:00:41  ready\n"
    assert arw("jupyter logs --follow --newest-first").code == 2


def test_following_ends_with_ctrl_c_and_is_no_failure(
    arw: Arw, cloud: MockCloud, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = iter([None, KeyboardInterrupt])

    def sleep(_: float) -> None:
        cloud.logs[lab].append("more")
        if next(pauses) is KeyboardInterrupt:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    ended = arw("jupyter logs --follow -o json")
    assert (ended.code, [json.loads(line)["text"] for line in ended.out.splitlines()]) == (0, ["more"])


def test_open_prints_the_link_and_starts_no_browser_without_a_screen(arw: Arw, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: pytest.fail("a browser was started"))
    assert arw("jupyter open").out == "http://127.0.0.1:8000/hub/login?ticket=mock\n"


def test_open_in_tunnel_mode_says_the_command(arw: Arw, cloud: MockCloud, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link = {"url": "http://127.0.0.1:8000/hub/login?ticket=t", "expires_at": "2026-11-23T09:02:00Z"}
    tunnel = {"instance_id": "i-0abc", "port": 8000}
    monkeypatch.setattr("aws_research_wizard.client.calls.Calls.login", lambda _self, _lab: link | {"tunnel": tunnel})
    monkeypatch.setattr(doorway, "_free_port", lambda wanted: wanted + 1)
    ended = arw("jupyter open --no-browser")
    first, second = ended.out.splitlines()
    assert first.startswith("1. aws ssm start-session --target i-0abc --document-name AWS-StartPortForwardingSession")
    assert '"localPortNumber":["8001"]' in first
    assert second == "2. http://127.0.0.1:8001/hub/login?ticket=t"
    assert "start-session" in json.loads(arw("jupyter open -o json").out)["tunnel"]["command"]


# ---- changing ------------------------------------------------------------------------------------------------------------


def test_stop_start_scale_and_delete(arw: Arw, lab: str, snapshot: SnapshotAssertion) -> None:
    for line in (
        "stop demo",
        "start demo",
        "scale demo --users 20",
        "scale demo --instance-type r6i.4xlarge",
        "delete demo --yes",
    ):
        ended = arw(f"jupyter {line}")
        assert ended.code == 0
        assert ended.out == snapshot(name=line)


def test_kept_data_is_on_the_receipt_with_its_cost(arw: Arw, cloud: MockCloud, lab: str) -> None:
    ended = arw("jupyter delete demo --keep-data --yes")
    assert "Kept: file_system fs-0mock, $0.30/month" in ended.out
    assert [one.url.params["data"] for one in cloud.asked if one.method == "DELETE"] == ["keep"]


def test_files_are_not_deleted_where_nobody_can_be_asked(arw: Arw, cloud: MockCloud, lab: str) -> None:
    ended = arw("jupyter delete demo")
    assert ended.code == 2
    assert "add --yes" in ended.err
    assert cloud.labs[lab]["phase"] == "READY"


@pytest.mark.parametrize(("typed", "code"), [("demo", 0), ("genomics-k3x1", 0), ("yes", 1), ("", 1)])
def test_whoever_lets_files_go_types_the_labs_name(arw: Arw, cloud: MockCloud, lab: str, typed: str, code: int) -> None:
    ended = arw("jupyter delete demo", stdin=f"{typed}\n", at_keyboard=True)
    assert ended.code == code
    assert (cloud.labs[lab]["phase"] == "DELETED") == (code == 0)
    assert "with all its files" in ended.err


def test_a_change_that_does_not_fit_the_phase_says_what_would(arw: Arw, lab: str) -> None:
    ended = arw("jupyter start demo")
    assert (ended.code, ended.err) == (1, "✘ a lab that is READY cannot start\n  → wait until it rests\n")


def test_a_wait_that_somebody_elses_change_ends_is_told(arw: Arw, cloud: MockCloud, lab: str) -> None:
    stop = cloud.begin

    def deleted_meanwhile(word: str, found: dict[str, object]) -> dict[str, object]:
        answer = stop(word, found)
        cloud.pending[lab] = ([], "DELETED")
        return answer

    cloud.begin = deleted_meanwhile  # type: ignore[method-assign]
    assert "is DELETED now: somebody changed it meanwhile" in arw("jupyter stop demo").err


# ---- interrupted ---------------------------------------------------------------------------------------------------------


def test_ctrl_c_while_waiting_says_that_the_lab_goes_on(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    defaults = watching.follow.__kwdefaults__ | {"sleep": sleep}
    monkeypatch.setattr(watching.follow, "__kwdefaults__", defaults)
    ended = arw(QUICK)
    assert ended.code == 130
    assert (
        "Lab genomics-k3x1 is still being made. Watch it: aws-research-wizard jupyter status genomics-k3x1 --watch" in ended.err
    )


def test_ctrl_c_while_asking_says_that_it_may_have_been_accepted(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aws_research_wizard.client.calls.Calls.create_lab", interrupted)
    ended = arw(QUICK)
    assert ended.code == 130
    assert "may have been accepted" in ended.err


def test_a_control_plane_that_goes_away_while_waiting_does_not_end_the_wait(arw: Arw, cloud: MockCloud) -> None:
    answers = cloud.transport.handler
    count = [0]

    def flaky(request: httpx.Request) -> httpx.Response:
        count[0] += 1
        if 6 < count[0] < 11:
            raise httpx.ConnectError("refused")
        answer = answers(request)
        assert isinstance(answer, httpx.Response)
        return answer

    from aws_research_wizard.cli.session import session

    session.transport = httpx.MockTransport(flaky)
    ended = arw(QUICK)
    assert ended.code == 0
    assert "the lab goes on, still trying" in ended.err
