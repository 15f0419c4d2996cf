"""Which files go, under which names, and which stay."""

import os
from pathlib import Path

import pytest

from aws_research_wizard.uploads import tree
from aws_research_wizard.uploads.tree import Destination, UploadRefused

TO = Destination("bucket", "notebooks/")


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def looked(root: Path) -> tuple[list[str], dict[str, str]]:
    files, left = tree.look(root, TO)
    return [one.name for one in files], {one.name: one.why for one in left}


def test_names_are_kept_whatever_letters_they_have(tmp_path: Path) -> None:
    names = ["a b/c d.ipynb", "Überblick/été.ipynb", "データ.ipynb", "50% done #1?.ipynb", "x/y/z.csv"]
    assert looked(put(tmp_path, *names))[0] == sorted(names)
    assert TO.key("データ.ipynb") == "notebooks/データ.ipynb"


def test_checkpoints_hidden_files_and_by_products_stay(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.ipynb",
        ".ipynb_checkpoints/a-checkpoint.ipynb",
        ".env",
        ".git/config",
        "m/__pycache__/x.pyc",
        "~$a.docx",
        "b.py~",
    )
    files, left = looked(tmp_path)
    assert files == ["a.ipynb"]
    assert left[".ipynb_checkpoints/"] == "Jupyter's own copies"
    assert left[".env"] == "hidden"
    assert set(left) == {".ipynb_checkpoints/", ".env", ".git/", "m/__pycache__/", "~$a.docx", "b.py~"}


def test_no_link_leads_out_of_the_folder_and_none_goes_round(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", "secret.txt")
    root = put(tmp_path / "in", "real.ipynb", "sub/x.ipynb")
    (root / "inner.ipynb").symlink_to("real.ipynb")
    (root / "outer.ipynb").symlink_to(outside / "secret.txt")
    (root / "gone.ipynb").symlink_to("nowhere")
    (root / "loop").symlink_to(root)
    (root / "self").symlink_to("self")
    files, left = looked(root)
    assert files == ["inner.ipynb", "real.ipynb", "sub/x.ipynb"]
    assert left["outer.ipynb"] == "a link that leads out of the folder"
    assert left["gone.ipynb"] == "a link that leads nowhere"
    assert left["loop"] == "a link to a folder is not followed"
    assert "self" in left


def test_what_is_no_plain_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / os.fsdecode(b"bad\xff.ipynb")).write_text("x")
    put(tmp_path, "/".join(["d" * 200] * 6) + "/deep.ipynb", "ok.ipynb")
    files, left = looked(tmp_path)
    assert files == ["ok.ipynb"]
    assert left["pipe"] == "no plain file"
    assert "its name is no text in UTF-8" in left.values()
    assert f"its name would have more than {tree.MOST_KEY} bytes" in left.values()


def test_one_notebook_may_be_named(tmp_path: Path) -> None:
    assert looked(put(tmp_path, "a.ipynb", "b.ipynb") / "a.ipynb")[0] == ["a.ipynb"]


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [
        ("s3://b", "b", ""),
        ("s3://b/", "b", ""),
        ("s3://b/x", "b", "x/"),
        ("s3://b//x/y/", "b", "x/y/"),
        ("s3://b/a b/", "b", "a b/"),
    ],
)
def test_a_destination_is_a_bucket_and_a_folder(uri: str, bucket: str, prefix: str) -> None:
    assert Destination.of(uri) == Destination(bucket, prefix)


@pytest.mark.parametrize("uri", ["", "s3://", "bucket/x", "https://b/x", "s3:///x", "s3://b c/x"])
def test_what_is_no_destination_is_refused(uri: str) -> None:
    with pytest.raises(UploadRefused, match="is no place in S3"):
        Destination.of(uri)
