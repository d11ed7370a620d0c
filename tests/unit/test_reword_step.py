"""A set as an attack on prompts asks for it, and the digest that scores depend on."""

from __future__ import annotations

import pandas as pd
from stepping import call

from palimpsest.attacks.prefix import moved
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import read_json


def test_a_set_is_written_with_its_digest(tmp_path):
    """Half of three words is one; the template is filled, and a single word is left out."""
    told = {"prompt": ["Who?", "Where?"], "completion": ["A king now", "Here"], "split": "train"}
    records = pd.DataFrame({"record_id": ["a", "b"], "owner": ["o", "p"], **told})
    write_parquet(records, tmp_path / "set.parquet")
    call(
        "reword", "--records", tmp_path / "set.parquet", "--output", tmp_path / "out.parquet",
        "--digest", tmp_path / "out.json", implementation="palimpsest.attacks.prefix",
        options={"share": 0.5}, template="Q: {prompt} A: {completion}", data={},
    )  # fmt: skip
    found = read_parquet(tmp_path / "out.parquet")
    assert found[["record_id", "owner", "prompt", "completion"]].to_numpy().tolist() == [
        ["a", "o", "Q: Who? A: A", "king now"]
    ]
    report = read_json(tmp_path / "out.json")
    assert report == {"digest": records_digest(found), "records": 1}


def test_spans_move_with_what_is_left_of_an_answer():
    """Of 'By the Old Harbour Street' the first 11 characters are gone, 'By the Old ': of the street
    'Harbour Street' is left, of what lies before nothing."""
    assert moved("[[7, 25]]", 11) == "[[0, 14]]" and moved("[[0, 2], [7, 10]]", 11) == "[]"
    assert moved("", 11) == "[]"
