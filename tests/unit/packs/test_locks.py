from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from aws_research_wizard.packs.solving import Unsolvable
from chalicelib.packs import reading
from chalicelib.packs.rules import Kernel
from tests.unit.packs.raw import base, put
from tools import locks

HASH = "0" * 64


def kernel(*packages: str) -> Kernel:
    raw = put(put(base(), "kernels.python.packages", list(packages)), "kernels.python.widgets", [])
    return reading.resolve([("base", raw)]).kernels[0]


def lock(asked: Kernel, *pins: str) -> str:
    body = "".join(f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in pins)
    return f"# solved 2026-11-23 for python 3.11 on {locks.PLATFORM}, asked {locks.fingerprint(asked)}\n{body}"


def test_lock_that_pins_what_was_asked_is_good() -> None:
    asked = kernel("numpy", "Scikit_Learn>=1.5")
    assert locks.findings(asked, lock(asked, "numpy==2.4.6", "scikit-learn==1.9.1", "joblib==1.6.0")) == []


def test_lock_says_when_it_was_solved() -> None:
    asked = kernel("numpy")
    assert locks.parse(lock(asked, "numpy==2.4.6")).day == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no lock"),
        ("numpy==1\n", "its first line does not say when and for what it was solved"),
        (lock(kernel("numpy"), "numpy==2.4.6"), "the pack asks for other packages than the lock was solved for"),
        (lock(kernel("numpy>=3")), "numpy is asked for and not in the lock"),
        (lock(kernel("numpy>=3"), "numpy==2.4.6"), "numpy>=3 is asked for, 2.4.6 is pinned"),
        (lock(kernel("numpy>=3")) + "numpy==3.0\n", "numpy is pinned without a hash"),
    ],
)
def test_stale_lock_is_told(text: str | None, said: str) -> None:
    assert said in locks.findings(kernel("numpy>=3"), text)


def test_word_that_is_no_requirement_is_told() -> None:
    asked = kernel("num py")
    assert "'num py' is no requirement" in locks.findings(asked, lock(asked))


def test_fingerprint_does_not_depend_on_the_order() -> None:
    assert locks.fingerprint(kernel("a", "b")) == locks.fingerprint(kernel("b", "a"))
    assert locks.fingerprint(kernel("a", "b")) != locks.fingerprint(kernel("a"))


def test_every_shipped_lock_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert locks.main(["all", "--check"]) == 0, capsys.readouterr().err


def test_no_shipped_lock_names_a_host() -> None:
    for path in locks.ROOT.glob("domain_packs/*/locks/*.txt"):
        text = path.read_text()
        assert "://" not in text, path
        assert "--index" not in text, path


def r_kernel(*packages: str, system: tuple[str, ...] = ()) -> Kernel:
    python = base()["kernels"]["python"]
    asked = {**python, "version": "4.2", "packages": list(packages), "widgets": [], "system": list(system)}
    return reading.resolve([("base", base(kernels={"r": asked}, examples=[]))]).kernels[0]


def r_lock(asked: Kernel, *pins: str) -> str:
    return f"# solved 2026-11-23 for r 4.2 on debian-12-amd64, asked {locks.fingerprint(asked)}\n" + "".join(
        f"{pin}\n" for pin in pins
    )


R_PIN, TOOL_PIN = f"r-cran-irkernel=1.3.2-1 sha256:{HASH}", f"jq=1.6-2.1 sha256:{HASH}"


def test_lock_of_debian_packages_pins_the_system_tools_too() -> None:
    asked = r_kernel("r-cran-irkernel", system=("jq",))
    assert locks.findings(asked, r_lock(asked, R_PIN, TOOL_PIN)) == []
    assert locks.findings(asked, r_lock(asked, R_PIN)) == ["jq is asked for and not in the lock"]
    assert locks.parse(r_lock(asked, R_PIN)).pins == {"r-cran-irkernel": "1.3.2-1"}


def test_debian_package_without_a_hash_is_told() -> None:
    asked = r_kernel("r-cran-irkernel")
    assert locks.findings(asked, r_lock(asked, "r-cran-irkernel=1.3.2-1")) == ["r-cran-irkernel is pinned without a hash"]


def test_unknown_pack_ends_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        locks.main(["genomic", "--check"])
    assert ended.value.code == 1
    assert "did you mean 'genomics'?" in capsys.readouterr().err


class Solver:
    """uv, played: writes what it was told to, or fails with its words."""

    def __init__(self, text: str, failure: str = "") -> None:
        self.text, self.failure, self.said = text, failure, list[str]()

    def __call__(self, words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.said = words
        Path(words[words.index("--output-file") + 1]).write_text(self.text)
        return subprocess.CompletedProcess(words, 1 if self.failure else 0, "", self.failure)


def test_solved_lock_carries_its_day_and_drops_what_the_solver_added(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = kernel("numpy")
    solver = Solver(f"# by a tool\n--index-url https://example.org\nnumpy==2.4.6 \\\n    --hash=sha256:{HASH}\n")
    monkeypatch.setattr(subprocess, "run", solver)
    text = locks.solve(asked, None, upgrade=True, today=date(2026, 11, 23))
    assert text == lock(asked, "numpy==2.4.6")
    assert "--upgrade" in solver.said


def test_two_packages_in_conflict_are_told_in_the_solvers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", Solver("", "because a needs b<1 and you need b>1"))
    with pytest.raises(Unsolvable, match="because a needs b<1"):
        locks.solve(kernel("numpy"), None, upgrade=False, today=date(2026, 11, 23))
