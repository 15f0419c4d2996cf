"""What a lab's machine may say, who may say it, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.labs import sts
from chalicelib.labs.rules import Phase
from chalicelib.runtime.errors import Unauthenticated, Unavailable
from tests.unit.labs.conftest import Stage

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=A/20261123/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date;x-wizard-lab, Signature=0"
)
HEADERS = {"Authorization": SIGNED, "X-Amz-Date": "20261123T090000Z", "X-Wizard-Lab": "genomics-k3x9", "Host": "evil.example"}


# ---- the claim


def test_only_the_journalled_machine_may_claim(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    assert stage.claim(lab_id, "i-0123456789abcdef0").status == 404
    answer = stage.claim(lab_id)
    assert answer.status == 200
    assert answer.json["orders"]["storage"] == {"file_system_id": stage.lab(lab_id).file_system_id}
    assert answer.json["orders"]["phase"] == "PROVISIONING"


def test_a_machine_of_another_lab_may_not_claim(stage: Stage) -> None:
    lab_id, other = stage.requested(), stage.requested()
    stage.run()
    proof = {"headers": {"X-Wizard-Lab": lab_id, "X-Signer": stage.lab(other).instance_id}, "body": "-"}
    body = {"lab_id": lab_id, "instance_id": stage.lab(lab_id).instance_id, "proof": proof}
    assert stage.gateway.post("/machine/claim", body).status == 401


def test_a_lost_answer_may_be_asked_for_again_until_the_machine_was_ready(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.claim(lab_id)
    lost = stage.tokens[lab_id]
    assert stage.claim(lab_id).status == 200
    assert stage.tokens[lab_id] == lost  # two claims that crossed: whichever the machine heard of counts
    stage.say_ready(lab_id)
    assert stage.claim(lab_id).status == 409


def test_every_machine_has_a_token_of_its_own(stage: Stage) -> None:
    tokens = []
    for lab_id in (stage.requested(), stage.requested()):
        stage.run()
        stage.claim(lab_id)
        tokens.append(stage.tokens[lab_id].partition(".")[2])
    assert tokens[0] != tokens[1]
    assert all(len(token) == 43 for token in tokens)


@pytest.mark.parametrize("token", ["", "awr_person", "awm_", "awm_genomics-k3x9.wrong", "awm_../../x.y", "awm_genomics-zzzz.x"])
def test_no_other_token_opens_the_machines_door(stage: Stage, token: str) -> None:
    assert stage.gateway.as_(token).post("/machine/heartbeat", {"boot_id": "b"}).status == 401


def test_a_persons_token_does_not_open_it_either(stage: Stage) -> None:
    assert stage.as_("root").post("/machine/ready", {"boot_id": "b", "address": "http://127.0.0.1:1"}).status == 401


def test_the_tokens_of_a_deleted_lab_count_no_more(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.deleted(lab_id)
    assert stage.say(lab_id, "heartbeat", boot_id="b").status == 401


def test_the_table_keeps_only_the_hash_of_a_token(stage: Stage) -> None:
    lab_id = stage.ready()
    secret = stage.tokens[lab_id].split(".", 1)[1]
    assert secret not in str(stage.tables("labs"))
    assert secret not in str(stage.tables("facts"))


# ---- steps


def test_steps_are_told_as_facts(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.claim(lab_id)
    assert stage.say(lab_id, "steps", step="install hub", state="done", seconds=3.2, detail="").status == 204
    events = stage.as_("root").get(f"/labs/{lab_id}/events?order=newest&limit=1").json["items"]
    assert events[0]["name"] == "MachineStep"
    assert events[0]["data"] == {"step": "install hub", "state": "done", "seconds": 3.2, "detail": ""}


def test_ready_said_twice_opens_once(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.claim(lab_id)
    assert [stage.say_ready(lab_id, "b1").status, stage.say_ready(lab_id, "b1").status] == [204, 204]
    stage.run()
    assert stage.say_ready(lab_id, "b1").status == 204
    stage.run()
    assert stage.facts(lab_id).count("LabReady") == 1


def test_ready_heard_after_the_answer_was_lost_still_opens_the_lab(stage: Stage, monkeypatch: Any) -> None:
    from chalicelib.runtime import workflows

    lab_id = stage.requested()
    stage.run()
    stage.claim(lab_id)
    with monkeypatch.context() as patch:
        patch.setattr(workflows, "succeed", lambda *_: (_ for _ in ()).throw(RuntimeError("died here")))
        assert stage.say_ready(lab_id, "b1").status == 500
    assert stage.say_ready(lab_id, "b1").status == 204
    stage.run()
    assert stage.lab(lab_id).phase is Phase.READY


def test_a_machine_that_comes_up_elsewhere_by_itself_moves_the_address(stage: Stage) -> None:
    lab_id = stage.ready()
    body = {"boot_id": "by-itself", "address": "http://127.0.0.1:9999", "steps": [], "kernels": []}
    assert stage.say(lab_id, "ready", **body).status == 204
    assert stage.lab(lab_id).address == "http://127.0.0.1:9999"
    assert stage.lab(lab_id).phase is Phase.READY


def test_a_failure_of_a_running_lab_is_told_but_does_not_fail_it(stage: Stage) -> None:
    lab_id = stage.ready()
    assert stage.say(lab_id, "failed", step="start hub", cause="x", log_tail=[]).status == 204
    assert stage.lab(lab_id).phase is Phase.READY
    assert stage.facts(lab_id)[-1] == "MachineStep"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://user@host", "ftp://x", "http://x/y?z", ""])
def test_an_address_that_is_none_is_refused(stage: Stage, address: str) -> None:
    lab_id = stage.ready()
    assert stage.say(lab_id, "ready", boot_id="b", address=address, steps=[], kernels=[]).status == 422


# ---- the proof


def test_proof_must_be_for_this_lab_and_signed_over_its_name() -> None:
    unsigned = SIGNED.replace(";x-wizard-lab", "")
    for headers, body in (
        (HEADERS | {"X-Wizard-Lab": "genomics-zzzz"}, sts.BODY),
        (HEADERS | {"Authorization": unsigned}, sts.BODY),
        (HEADERS, "Action=AssumeRole"),
        ({}, sts.BODY),
    ):
        with pytest.raises(Unauthenticated):
            sts.caller("genomics-k3x9", headers, body)


def test_proof_goes_to_our_own_sts_with_nothing_but_what_was_signed(aws_account: str, monkeypatch: Any) -> None:
    sent: list[Any] = []
    answer = "<R><Arn>arn:aws:sts::1:assumed-role/r/i-1</Arn></R>"

    class Session:
        def __init__(self, timeout: int) -> None: ...

        def send(self, request: Any) -> Any:
            sent.append(request)
            return type("Answer", (), {"status_code": 200, "content": answer.encode()})

    monkeypatch.setattr("botocore.httpsession.URLLib3Session", Session)
    assert sts.caller("genomics-k3x9", HEADERS | {"X-Evil": "1"}, sts.BODY) == "arn:aws:sts::1:assumed-role/r/i-1"
    assert sent[0].url == "https://sts.us-east-1.amazonaws.com/"
    names = {name.lower() for name in sent[0].headers}
    assert "host" not in names
    assert "x-evil" not in names


@pytest.mark.parametrize(
    ("status", "text", "raised"),
    [(403, "<Error/>", Unauthenticated), (200, "", Unauthenticated), (503, "", Unavailable), (429, "", Unavailable)],
)
def test_what_sts_does_not_confirm_is_not_believed(monkeypatch: Any, status: int, text: str, raised: type[Exception]) -> None:
    monkeypatch.setattr(sts, "_sent", lambda _headers: (status, text))
    with pytest.raises(raised):
        sts.caller("genomics-k3x9", HEADERS, sts.BODY)
