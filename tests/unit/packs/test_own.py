"""A team's own pack: whatever is uploaded is a pack or is refused in one line; a lock says pins and sums, and nothing else."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.packs import adding, own
from chalicelib.packs.own import OwnPack
from chalicelib.packs.rules import Kernel, Pack
from chalicelib.runtime.errors import PackBroken

NOW = datetime(2026, 11, 29, tzinfo=UTC)
KEYS = (
    "name",
    "title",
    "purpose",
    "extends",
    "kernels",
    "python",
    "r",
    "display_name",
    "packages",
    "system",
    "env",
    "language",
    "version",
)
MORE = (
    "widgets",
    "resources",
    "cpus",
    "on_request",
    "examples",
    "datasets",
    "instances",
    "team",
    "small",
    "idle",
    "thresholds",
    "1",
)
LEAVES = st.sampled_from(
    ["mine", "base", "genomics", "python", "r", "3.11", "numpy", "../x", "", 1, 2.5, True, None, datetime(2026, 1, 1)]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.one_of(st.sampled_from([*KEYS, *MORE]), st.integers(0, 2), st.none()), inner, max_size=4)
    ),
    max_leaves=12,
)
PACKS = st.dictionaries(st.sampled_from([*KEYS, *MORE]), VALUES, max_size=8).map(
    lambda said: yaml.safe_dump({"name": "mine", "title": "Mine", "purpose": "Ours.", "extends": "base"} | said)
)


def pack(text: str) -> OwnPack:
    return OwnPack("mine", "", "default", "ada@example.org", NOW, {}, text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(PACKS, st.text(max_size=200)))
def test_whatever_is_uploaded_is_a_pack_or_is_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        assert isinstance(adding.check(pack(text)), Pack)
    except PackBroken as broken:
        said = broken.message
    assert "\n" not in said


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    text = "name: mine\ntitle: Mine\npurpose: Ours.\nextends: base\nkernels:\n  python: {packages: [tidy]}\n"
    return adding.check(pack(text)).kernels[0]


def lock(kernel: Kernel, *more: str) -> str:
    names = [*kernel.requirements]
    return "\n".join([*(f"{name}==1.0 --hash=sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in names), *more])


def test_a_lock_of_pins_and_sums_is_taken(kernel: Kernel) -> None:
    own.check_lock(
        kernel,
        "lock.txt",
        lock(kernel, "# a comment", "", "extra[a,b]==2.0+local ; os_name == 'posix' \\", f"  --hash=sha256:{'0' * 64}"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "-r more.txt",
        "-e .",
        "evil @ https://example.org/evil.whl",
        "https://example.org/evil.whl",
        "./evil.whl",
        "evil",
        "evil>=1",
        "evil==1.0",
        f"evil==1.0 --hash=md5:{'0' * 32}",
        f"evil==1.0 --hash=sha256:{'0' * 64} --hash=md5:{'0' * 32}",
        f"evil==1.0 --hash=sha256:{'0' * 64} --global-option=x",
        f"evil==1.0 --config-settings=x=y --hash=sha256:{'0' * 64}",
        f"evil==1.0 \\\n--index-url https://example.org \\\n--hash=sha256:{'0' * 64}",
    ],
)
def test_anything_else_in_a_lock_is_refused_with_its_line(kernel: Kernel, line: str) -> None:
    with pytest.raises(PackBroken, match=rf"lock.txt, line {len(kernel.requirements) + 1}: "):
        own.check_lock(kernel, "lock.txt", lock(kernel, line))


WORDS = st.sampled_from(
    ["numpy==1.0", "--hash=sha256:" + "0" * 64, "\\", "\n", " ", "-r", "--index-url", "https://x/", "@", ";", "#", "=="]
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=100), st.lists(WORDS, max_size=15).map("".join)))
def test_no_text_in_a_lock_ends_in_a_traceback_or_brings_a_host(kernel_text: str) -> None:
    text = "name: mine\ntitle: Mine\npurpose: Ours.\nextends: base\nkernels:\n  python: {packages: [tidy]}\n"
    found = adding.check(pack(text)).kernels[0]
    try:
        own.check_lock(found, "lock.txt", lock(found) + "\n" + kernel_text)
    except PackBroken:
        return
    said = [line for line in kernel_text.splitlines() if not line.strip().startswith("#")]
    assert not [line for line in said if "://" in line or "--index" in line or line.strip().startswith("-r")]
