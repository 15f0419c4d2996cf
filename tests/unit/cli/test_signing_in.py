"""Who may use a lab and the control plane, as the commands show it: people, tokens, signing in."""

import pytest
from syrupy.assertion import SnapshotAssertion

from aws_research_wizard.client import profiles
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw


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
