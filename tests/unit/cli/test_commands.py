"""Each command as a person meets it: what it asks, what it says, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from syrupy.assertion import SnapshotAssertion

from aws_research_wizard.cli import doorway, labs
from aws_research_wizard.client import profiles, watching
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw

QUICK = "jupyter quick-start --domain genomics"


@pytest.fixture
def lab(arw: Arw) -> str:
    """A READY lab called demo."""
    ended = arw(f"{QUICK} --name demo --output json")
    assert ended.code == 0, ended.err
    return str(json.loads(ended.out)["id"])


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


# ---- people, packs, tokens, signing in -----------------------------------------------------------------------------------


def test_people_of_a_lab(arw: Arw, lab: str, snapshot: SnapshotAssertion) -> None:
    assert arw("jupyter users add demo mira@university.edu").code == 0
    assert arw("jupyter users role demo mira@university.edu viewer").code == 0
    assert arw("jupyter users list demo").out == snapshot
    assert arw("jupyter users remove demo mira@university.edu").code == 0
    assert arw("jupyter users remove demo mira@university.edu").code == 1


def test_people_of_the_control_plane(arw: Arw) -> None:
    assert arw("people add mira@university.edu --role lead --team lovelace").code == 0
    assert "lovelace" in arw("people list").out


def test_packs(arw: Arw, snapshot: SnapshotAssertion) -> None:
    assert arw("packs list").out == snapshot(name="list")
    assert arw("packs show genomics").out == snapshot(name="show")
    assert arw("packs show genomcs").err == "✘ unknown domain 'genomcs'\n  → did you mean 'genomics'?\n"


def test_a_token_is_shown_once_and_alone_on_stdout(arw: Arw) -> None:
    ended = arw("tokens create --label laptop --scope labs:read --days 30")
    assert ended.out == "awr_mock1\n"
    assert "awr_mock1" not in arw("tokens list -o json").out
    assert arw("tokens revoke tok-1").code == 0
    assert arw("tokens revoke tok-1").code == 1


def test_a_token_whose_secret_was_lost_on_the_way_is_named(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "aws_research_wizard.client.calls.Calls.create_token", lambda *_, **__: {"token_id": "tok-9", "token": None}
    )
    ended = arw("tokens create")
    assert (ended.code, "tokens revoke tok-9" in ended.err) == (1, True)


def test_limits_and_whoami(arw: Arw, snapshot: SnapshotAssertion) -> None:
    assert arw("limits").out == snapshot(name="limits")
    assert arw("whoami").out == snapshot(name="whoami")


def test_login_takes_the_token_from_stdin_and_keeps_it_for_its_owner_alone(nobody: Arw) -> None:
    ended = nobody("login --url https://abc.execute-api.eu-west-1.amazonaws.com/api --profile dev", stdin="awr_secret\n")
    assert ended.code == 0, ended.err
    assert "awr_secret" not in ended.out + ended.err
    assert profiles.current().token == "awr_secret"
    assert nobody("whoami").code == 0
    assert nobody("logout").code == 0
    assert nobody("whoami").code == 1


def test_a_token_that_opens_nothing_is_not_kept(nobody: Arw, cloud: MockCloud) -> None:
    cloud.trouble = [401]
    assert nobody("login --url https://abc/api", stdin="awr_wrong\n").code == 1
    assert not profiles.path().exists()


def test_a_token_is_not_sent_over_plain_http(nobody: Arw, cloud: MockCloud) -> None:
    ended = nobody("login --url http://abc.example.org/api", stdin="awr_secret\n")
    assert (ended.code, "only sent over https" in ended.err, cloud.asked) == (2, True, [])


def test_nobody_signed_in_is_told_how_to_start(nobody: Arw) -> None:
    ended = nobody("jupyter list")
    assert ended.code == 1
    assert "local up" in ended.err
    assert "login" in ended.err


def test_an_expired_token_names_the_way_back(arw: Arw, cloud: MockCloud) -> None:
    cloud.trouble = [401]
    assert arw("jupyter list").code == 1


def test_the_environment_and_the_profile_are_both_doors(nobody: Arw, cloud: MockCloud) -> None:
    profiles.save("dev", "https://dev.test/api", "awr_dev", make_current=False)
    assert nobody("--profile dev jupyter list").code == 0
    assert cloud.asked[-1].headers["Authorization"] == "Bearer awr_dev"
    assert "no profile 'nope'" in nobody("--profile nope jupyter list").err


# ---- the door ------------------------------------------------------------------------------------------------------------


def test_an_unexpected_error_is_one_line_and_a_traceback_only_on_request(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("boom\nwith more lines")

    monkeypatch.setattr("aws_research_wizard.client.calls.Calls.whoami", broken)
    ended = arw("whoami")
    assert (ended.code, ended.err.splitlines()[0]) == (1, "✘ unexpected ValueError: boom")
    assert "Traceback" not in ended.err
    assert "Traceback" in arw("whoami --debug").err


def _commands() -> list[str]:
    from importlib import import_module

    import click

    from aws_research_wizard.cli.main import DOORS

    found: list[str] = []

    def walk(path: str, one: click.Command) -> None:
        if isinstance(one, click.Group):
            for name, inner in one.commands.items():
                walk(f"{path} {name}", inner)
        else:
            found.append(path)

    for name, (module, whole, _) in DOORS.items():
        group = import_module(f"aws_research_wizard.cli.{module}").app
        walk(name, group if whole else group.commands[name])
    return found


@pytest.mark.parametrize("line", _commands())
def test_every_command_has_help_with_an_example_and_an_output_format(nobody: Arw, line: str) -> None:
    ended = nobody(f"{line} --help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Example:\n  aws-research-wizard {line}" in ended.out.replace("    aws-", "  aws-").replace("  Example", "Example")
    assert "--output [table|json" in ended.out


@pytest.mark.parametrize("line", ["", "jupyter", "jupyter users", "packs", "local", "tokens", "people"])
def test_every_group_lists_its_commands_in_whole_sentences(nobody: Arw, line: str, snapshot: SnapshotAssertion) -> None:
    shown = nobody(f"{line} --help").out
    assert "..." not in shown.partition("Commands:")[2]
    assert shown == snapshot


def test_version(nobody: Arw) -> None:
    assert nobody("version").out.startswith("aws-research-wizard 0.")
    assert set(json.loads(nobody("version -o json").out)) == {"version", "python"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(nobody: Arw, shell: str) -> None:
    ended = nobody(f"completion {shell}")
    assert ended.code == 0
    assert "_AWS_RESEARCH_WIZARD_COMPLETE" in ended.out


def test_the_shell_completes_commands_and_lab_names(arw: Arw, lab: str) -> None:
    assert labs._complete(None, None, "gen") == [lab]
    env = os.environ | {
        "_AWS_RESEARCH_WIZARD_COMPLETE": "bash_complete",
        "COMP_WORDS": "aws-research-wizard jup",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "aws_research_wizard.cli.main"], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "plain,jupyter\n"


def test_completion_stays_silent_when_the_api_is_away(arw: Arw, cloud: MockCloud) -> None:
    cloud.trouble = [httpx.ConnectError("refused")] * 9
    assert labs._complete(None, None, "gen") == []


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    line = f"{sys.executable} -m aws_research_wizard.cli.main --help | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
