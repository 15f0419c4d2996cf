"""What looks like a credential is told by its place and kind; never the thing itself, and never a traceback."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_research_wizard.uploads import credentials

AWS = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def notebook(*cells: dict[str, object]) -> bytes:
    return json.dumps({"cells": list(cells), "nbformat": 4}).encode()


def code(source: object, *outputs: dict[str, object]) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


@pytest.mark.parametrize(
    ("cell", "where"),
    [
        (code([f"aws_secret_access_key = '{AWS}'\n", "print(1)"]), "source"),
        (code(f"import os\npassword = '{AWS}'"), "source"),
        (code("x", {"output_type": "stream", "text": [f"AWS_SECRET_ACCESS_KEY='{AWS}'\n"]}), "output"),
        (code("x", {"output_type": "execute_result", "data": {"text/plain": f"password = '{AWS}'"}}), "output"),
        (code("x", {"output_type": "error", "traceback": ["url = 'https://me:hunter2hunter@example.org/x'"]}), "output"),
        ({"cell_type": "markdown", "source": "-----BEGIN RSA PRIVATE KEY-----"}, "source"),
        (code("token = 'ghp_" + "a1" * 18 + "'"), "source"),
    ],
)
def test_it_is_found_in_cells_and_in_what_they_printed(cell: dict[str, object], where: str) -> None:
    found = credentials.look(notebook(code("print('hello')"), cell))
    assert found
    assert {(one.cell, one.where) for one in found} == {(2, where)}
    assert not [one for one in found if AWS in one.words or "hunter2" in one.words or "ghp_" in one.words]


@pytest.mark.parametrize(
    "source",
    [
        "password = os.environ['DB_PASSWORD']",
        "df['token'] = df.text.str.split()",
        "model.fit(data, epochs=10)",
        "secret = getpass()",
        "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
    ],
)
def test_ordinary_cells_are_left_in_peace(source: str) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo" + "Qx7" * 500}}
    assert credentials.look(notebook(code(source, picture))) == []


def test_notebooks_of_before_2014_are_read() -> None:
    old = {"worksheets": [{"cells": [{"source": f"password = '{AWS}'"}]}]}
    assert [one.cell for one in credentials.look(json.dumps(old).encode())] == [1]


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "source", "outputs", "text", "data", "text/plain", "worksheets"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=200), JSONS.map(lambda value: json.dumps(value).encode())))
def test_no_notebook_ends_in_a_traceback(content: bytes) -> None:
    credentials.look(content)
