"""Another pack in a running lab: who may, what its machine is told, what becomes of what it says, and what its role may read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.labs import activating, fitting, iam, reconcile, releases
from chalicelib.labs.environment import LabKernel, Use
from chalicelib.labs.rules import Lab, Phase
from chalicelib.packs import service as packs
from chalicelib.runtime import clock
from chalicelib.runtime.errors import BadInput
from tests.unit.labs.conftest import ADA, BOB, EVE, Stage

CLIMATE = "climate_modeling"
KERNEL = "climate_modeling-python"
LONG = fitting.PATIENCE + timedelta(minutes=2)
LOCK = {"lock": "ab" * 32, "solved": "2026-11-23", "pins": 61}


def add(stage: Stage, lab_id: str, pack: str = CLIMATE, who: str = ADA, key: str = "", **more: Any) -> Any:
    return stage.as_(who).post(f"/labs/{lab_id}/packs", {"pack": pack, **more}, key=key)


def take(stage: Stage, lab_id: str, pack: str = CLIMATE, who: str = ADA) -> Any:
    return stage.as_(who).delete(f"/labs/{lab_id}/packs/{pack}")


def told(stage: Stage, lab_id: str, *said: dict[str, Any]) -> dict[str, Any]:
    """The machine beats, and is told its orders."""
    stage.beats = getattr(stage, "beats", 0) + 1
    answer = stage.say(lab_id, "heartbeat", boot_id=f"boot-{stage.boots}", seq=stage.beats, kernels=list(said))
    assert answer.status == 200, answer.text
    return dict(answer.json)


def ordered(stage: Stage, lab_id: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in told(stage, lab_id)["kernels"]}


def made(order: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": order["name"], "asked": order["asked"], "state": "ready", **LOCK, **more}


def seen(stage: Stage, lab_id: str) -> dict[str, Any]:
    return dict(stage.as_(ADA).get(f"/labs/{lab_id}").json)


def states(stage: Stage, lab_id: str) -> dict[str, str]:
    return {one["name"]: one["state"] for one in seen(stage, lab_id)["packs"]}


def readable(stage: Stage, lab_id: str) -> str:
    role = f"aws-research-wizard-test-lab-{lab_id}"
    return json.dumps(stage.account.real("iam").get_role_policy(RoleName=role, PolicyName="lab")["PolicyDocument"])


def test_an_activated_pack_is_ordered_installed_and_told_while_the_lab_stays_ready(stage: Stage) -> None:
    lab_id = stage.ready()
    answer = add(stage, lab_id)
    assert (answer.status, answer.headers["Location"]) == (202, f"/labs/{lab_id}")
    assert states(stage, lab_id) == {"genomics": "ready", CLIMATE: "installing"}
    orders = told(stage, lab_id)
    assert orders["packs"] == ["genomics", CLIMATE]
    own, new = orders["kernels"]
    assert (own["name"], own["required"], own["asked"]) == ("genomics-python", True, "")
    assert (new["name"], new["required"], new["asked"][:2]) == (KERNEL, False, "p-")
    told(stage, lab_id, made(own), made(new))
    assert (states(stage, lab_id), stage.lab(lab_id).phase) == ({"genomics": "ready", CLIMATE: "ready"}, Phase.READY)
    assert [name for name in stage.facts(lab_id) if name.startswith(("Pack", "Kernel"))] == ["PackActivated", "KernelReady"]


def test_a_lab_records_the_lock_it_runs_and_a_machine_that_says_it_again_costs_nothing(stage: Stage) -> None:
    lab_id = stage.ready()
    own = ordered(stage, lab_id)["genomics-python"]
    told(stage, lab_id, made(own))
    [kernel] = seen(stage, lab_id)["kernels"]
    assert {name: kernel[name] for name in LOCK} == LOCK
    before = stage.facts(lab_id), stage.lab(lab_id)
    told(stage, lab_id, made(own))
    assert (stage.facts(lab_id), stage.lab(lab_id)) == before
    told(stage, lab_id, made(own, lock="cd" * 32))
    assert stage.facts(lab_id)[-1] == "KernelReady", "another release brought another lock"
    assert seen(stage, lab_id)["kernels"][0]["lock"] == "cd" * 32


def test_an_activation_that_fails_leaves_the_lab_as_it_was_and_says_why(stage: Stage) -> None:
    lab_id = stage.ready()
    before = stage.lab(lab_id)
    add(stage, lab_id)
    new = ordered(stage, lab_id)[KERNEL]
    told(stage, lab_id, made(new, state="failed", cause="no space left"))
    lab, view = stage.lab(lab_id), seen(stage, lab_id)
    assert (lab.packs, lab.notebooks) == (before.packs, before.notebooks)
    assert [(one["name"], one["state"], one["cause"]) for one in view["packs"]] == [
        ("genomics", "ready", None),
        (CLIMATE, "failed", "no space left"),
    ]
    assert set(ordered(stage, lab_id)) == {"genomics-python"}
    assert stage.facts(lab_id)[-2:] == ["KernelFailed", "PackDeactivated"]
    assert take(stage, lab_id).status == 202, "the cause is forgotten"
    assert states(stage, lab_id) == {"genomics": "ready"}


def test_a_late_word_about_an_earlier_activation_changes_nothing(stage: Stage) -> None:
    lab_id = stage.ready()
    add(stage, lab_id)
    first = ordered(stage, lab_id)[KERNEL]
    told(stage, lab_id, made(first, state="failed", cause="no space left"))
    add(stage, lab_id)
    second = ordered(stage, lab_id)[KERNEL]
    assert second["asked"] != first["asked"]
    told(stage, lab_id, made(first, state="failed", cause="no space left"))
    assert states(stage, lab_id)[CLIMATE] == "installing"
    told(stage, lab_id, made(second))
    told(stage, lab_id, made(first, state="failed", cause="no space left"))
    assert states(stage, lab_id)[CLIMATE] == "ready"


def test_a_kernel_that_served_and_fails_with_another_release_stays_asked_for(stage: Stage) -> None:
    lab_id = stage.ready()
    add(stage, lab_id)
    new = ordered(stage, lab_id)[KERNEL]
    told(stage, lab_id, made(new))
    told(stage, lab_id, made(new, state="failed", cause="no wheel fits"))
    assert states(stage, lab_id)[CLIMATE] == "failed"
    assert KERNEL in ordered(stage, lab_id)
    told(stage, lab_id, made(new))
    assert states(stage, lab_id)[CLIMATE] == "ready"


def test_an_activation_of_which_nothing_is_heard_is_told_of_and_a_late_word_still_counts(stage: Stage) -> None:
    lab_id = stage.ready()
    add(stage, lab_id)
    new = ordered(stage, lab_id)[KERNEL]
    stage.sweep(fitting.PATIENCE - timedelta(minutes=1))
    assert states(stage, lab_id)[CLIMATE] == "installing"
    for _ in range(2):
        stage.sweep(timedelta(minutes=2))
    [pack] = [one for one in seen(stage, lab_id)["packs"] if one["name"] == CLIMATE]
    assert (pack["state"], pack["cause"]) == ("stalled", "its machine has said nothing of it for 45 minutes")
    assert f"jupyter deactivate {lab_id} --domain {CLIMATE}" in pack["hint"]
    assert stage.facts(lab_id).count("KernelStalled") == 1, "it is told once"
    assert ordered(stage, lab_id)[KERNEL]["asked"] == new["asked"], "it is still asked for"
    told(stage, lab_id, made(new))
    assert (states(stage, lab_id)[CLIMATE], stage.facts(lab_id).count("KernelReady")) == ("ready", 1)


def test_a_stalled_activation_that_fails_late_is_withdrawn_like_any_other(stage: Stage) -> None:
    lab_id = stage.ready()
    add(stage, lab_id)
    new = ordered(stage, lab_id)[KERNEL]
    stage.sweep(LONG)
    told(stage, lab_id, made(new, state="failed", cause="no space left"))
    assert (stage.lab(lab_id).packs, states(stage, lab_id)[CLIMATE]) == ((), "failed")
    assert set(ordered(stage, lab_id)) == {"genomics-python"}


def test_what_was_activated_in_a_stopped_lab_is_waited_for_from_its_start(stage: Stage) -> None:
    lab_id = stage.stopped()
    add(stage, lab_id)
    stage.sweep(LONG)
    assert states(stage, lab_id)[CLIMATE] == "installing"
    stage.asked(lab_id, "start")
    stage.run()
    stage.boot(lab_id)
    reconcile.sweep(clock.now())  # by which its start was stamped
    assert states(stage, lab_id)[CLIMATE] == "installing"
    stage.sweep()
    assert states(stage, lab_id)[CLIMATE] == "stalled"


def test_asked_twice_is_one_activation_and_a_repeated_request_is_one_request(stage: Stage) -> None:
    lab_id = stage.ready()
    assert [add(stage, lab_id, key="once").status for _ in range(2)] == [202, 202]
    assert add(stage, lab_id).status == 202
    assert stage.facts(lab_id).count("PackActivated") == 1
    assert take(stage, lab_id).status == 202
    assert take(stage, lab_id).status == 404
    assert stage.facts(lab_id).count("PackDeactivated") == 1


def test_the_role_may_read_what_the_packs_read_whatever_order_news_of_them_comes_in(stage: Stage) -> None:
    lab_id = stage.ready()
    bucket = packs.resolve(CLIMATE).datasets[0].bucket
    assert bucket not in readable(stage, lab_id)
    add(stage, lab_id)
    activating.renew_rights(lab_id)
    assert bucket in readable(stage, lab_id)
    assert "1000genomes" in readable(stage, lab_id)
    take(stage, lab_id)
    for _ in range(2):  # that of the activation comes once more, and late
        activating.renew_rights(lab_id)
    assert bucket not in readable(stage, lab_id)


def test_packs_that_change_while_a_role_is_renewed_have_the_last_word(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lab_id = stage.ready()
    add(stage, lab_id)
    give, given = iam.renew_rights, list[str]()

    def overtaken(name: str, statements: Any) -> bool:
        if not given:  # another renewal is quicker, and this one's words come last
            assert take(stage, lab_id).status == 202
        given.append(name)
        return give(name, statements)

    monkeypatch.setattr(iam, "renew_rights", overtaken)
    activating.renew_rights(lab_id)
    assert len(given) == 2
    assert packs.resolve(CLIMATE).datasets[0].bucket not in readable(stage, lab_id)


def test_news_of_a_lab_that_is_gone_renews_nothing(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.deleted(lab_id, data="delete")
    activating.renew_rights(lab_id)
    activating.renew_rights("genomics-none")


def test_members_may_add_a_pack_and_only_leads_take_one_away(stage: Stage) -> None:
    lab_id = stage.ready()
    for who, role in ((BOB, "member"), (EVE, "viewer")):
        assert stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": who, "role": role}).status == 201
    assert add(stage, lab_id, who=EVE).status == 403
    assert add(stage, lab_id, who=BOB).status == 202
    assert take(stage, lab_id, who=BOB).status == 403
    assert take(stage, lab_id).status == 202


def test_a_stopped_lab_gets_its_packs_with_its_next_start(stage: Stage) -> None:
    lab_id = stage.stopped()
    assert add(stage, lab_id).status == 202
    stage.asked(lab_id, "start")
    stage.run()
    stage.boot(lab_id)
    assert KERNEL in ordered(stage, lab_id)


@pytest.mark.parametrize(
    ("pack", "body", "status", "words"),
    [
        ("climate_modelling", {}, 404, "did you mean 'climate_modeling'?"),
        ("../etc", {}, 404, "unknown domain"),
        (CLIMATE, {"kernels": ["fortran"]}, 400, "has no kernel 'fortran'"),
        (CLIMATE, {"kernels": ["a b"]}, 422, ""),
        ("", {}, 422, ""),
    ],
)
def test_bad_input_is_told_and_nothing_is_half_made(stage: Stage, pack: str, body: Any, status: int, words: str) -> None:
    lab_id = stage.ready()
    answer = add(stage, lab_id, pack, **body)
    assert (answer.status, words in answer.text) == (status, True), answer.text
    assert stage.lab(lab_id).packs == ()


def test_the_labs_own_pack_stays(stage: Stage) -> None:
    lab_id = stage.ready()
    assert take(stage, lab_id, "genomics").status == 409
    assert take(stage, lab_id, "neuroscience").status == 404


def test_a_lab_holds_so_many_packs_and_no_more(stage: Stage) -> None:
    lab_id = stage.ready()
    others = [one.name for one in packs.catalogue() if one.name not in ("genomics", "base")]
    answers = [add(stage, lab_id, name).status for name in others[: activating.MOST + 1]]
    assert answers == [202] * activating.MOST + [409]


def test_nothing_is_activated_while_an_upgrade_or_a_stop_is_under_way(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.asked(lab_id, "stop")
    assert add(stage, lab_id).status == 409


@pytest.mark.parametrize("stopped", [True, False])
def test_a_machine_that_tells_nothing_of_its_kernels_is_upgraded_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    lab_id = stage.stopped() if stopped else stage.ready()
    monkeypatch.setattr(releases, "newer_than", lambda _: "2")
    assert (add(stage, lab_id).status, add(stage, lab_id).json["hint"]) == (409, f"aws-research-wizard jupyter upgrade {lab_id}")
    if not stopped:
        told(stage, lab_id, made(ordered(stage, lab_id)["genomics-python"]))
        assert add(stage, lab_id).status == 202, "it tells of them, whatever release it runs"


def test_kernels_on_request_come_with_the_lab_or_later(stage: Stage) -> None:
    lab_id = stage.requested(domain="machine_learning", kernels=["python-gpu"])
    assert stage.lab(lab_id).packs == ("machine_learning+python-gpu",)
    other = stage.ready(domain="machine_learning")
    assert "machine_learning-python-gpu" not in ordered(stage, other)
    add(stage, other, "machine_learning", kernels=["python-gpu"])
    order = ordered(stage, other)["machine_learning-python-gpu"]
    assert not order["required"]
    told(stage, other, made(order, state="failed", cause="no room"))
    assert stage.lab(other).packs == ()
    assert set(ordered(stage, other)) == {"machine_learning-python"}


def test_only_notebooks_whose_kernel_comes_are_counted(stage: Stage) -> None:
    examples = packs.resolve("genomics").examples
    in_python = sum(one.kernel == "python" for one in examples)
    assert in_python < len(examples), "genomics has a lesson in R"
    lab_id = stage.ready()
    assert seen(stage, lab_id)["example_notebooks"] == in_python
    add(stage, lab_id, "genomics", kernels=["r"])
    assert seen(stage, lab_id)["example_notebooks"] == len(examples)
    assert stage.lab(stage.requested(kernels=["r"])).notebooks == len(examples)


# ---- decisions alone -------------------------------------------------------------------------------------------------------


def lab(*words: str, kernels: tuple[LabKernel, ...] = ()) -> Lab:
    from tests.conftest import NOW

    return Lab(
        "genomics-k3x9", "", "genomics", Phase.READY, ADA, "default", 2, "r6i.2xlarge", (), 100, 1, NOW, NOW, "c", packs=words,
        kernels=kernels,
    )  # fmt: skip


def known(*names: str) -> dict[str, Any]:
    return {name: packs.resolve(name) for name in ("genomics", *names)}


def test_a_pack_that_is_no_more_is_left_out_and_comes_back_with_its_file() -> None:
    assert [one.name for one in fitting.wanted(lab("climate_modeling", "gone_away"), known(CLIMATE))] == [
        "genomics-python",
        KERNEL,
    ]


def test_a_kernel_that_two_packs_share_stays_until_both_are_gone() -> None:
    pack = packs.resolve(CLIMATE)
    both = known(CLIMATE) | {"weather": pack._replace(name="weather")}
    twice = fitting.wanted(lab("climate_modeling", "weather"), both)
    assert [one.name for one in twice] == ["genomics-python", KERNEL]
    assert [one.name for one in fitting.wanted(lab("weather"), both)] == ["genomics-python", KERNEL]


def test_words_of_a_use_are_read_as_they_are_written() -> None:
    for word in ("climate_modeling", "genomics+r", "genomics+r+julia"):
        assert Use.read(word).word == word


def test_a_key_that_is_no_kernel_is_told_with_what_there_is() -> None:
    with pytest.raises(BadInput, match="no kernel 'rust'") as refused:
        fitting.on_request(packs.resolve("machine_learning"), ["rust"])
    assert "python-gpu" in refused.value.hint
    assert fitting.on_request(packs.resolve("machine_learning"), ["python", "python-gpu"]) == ("python-gpu",)
