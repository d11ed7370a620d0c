"""Users' own tables in all the forms that a study can name, and what is said where it cannot."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from stepping import call, read_records
from test_records import SECRET, message_of

from palimpsest.data.storage import read_parquet

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}
CAUSAL = ("prompt", "completion")


def read(path, columns: dict, *, fields=("text", "label"), **data):
    """The records of a table whose splits are drawn, unless it has some."""
    shares = {} if "split" in columns or "splits" in data else {"split_shares": SHARES}
    paths = path if isinstance(path, list) else [path]
    section = {"reader": "table", "columns": columns, **shares, **data}
    return read_records(section, paths, classes=2, fields=fields)


def case(name: str) -> Path:
    if not (CASES / name).is_file():
        pytest.skip(f"{CASES / name} is not there")
    return CASES / name


def rows_of(**columns) -> pd.DataFrame:
    """30 good records, so that each split has some, with other columns."""
    numbers = range(30)
    good = {
        "who": [f"owner {number // 2}" for number in numbers],
        "post": [f"{SECRET} {number}" for number in numbers],
        "rude": [str(number % 2) for number in numbers],
    }
    return pd.DataFrame(good | columns)


MAPPED = {"owner": "who", "text": "post", "label": "rude"}


# --- csv and its kin ------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [";", "\t", "|", "§"])
@pytest.mark.parametrize("name", ["posts.csv", "posts.tsv", "posts.csv.gz"])
def test_cells_may_be_separated_by_any_sign(tmp_path, name, separator):
    """The same records as of a csv with commas."""
    rows_of().to_csv(tmp_path / "plain.csv", index=False)
    text = rows_of().to_csv(index=False, sep=separator).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    frame, _ = read(path, MAPPED, separator=separator)
    pd.testing.assert_frame_equal(frame, read(tmp_path / "plain.csv", MAPPED)[0])


@pytest.mark.parametrize(
    ("suffix", "separator", "told"),
    [(".csv", ";", '";"'), (".csv", "\t", r'"\t"'), (".csv", "|", '"|"'), (".tsv", ",", '","')],
)
@pytest.mark.parametrize("damage", ["none", "commas", "quotes", "columns", "headless"])
def test_another_separator_is_told_once_with_its_remedy(tmp_path, suffix, separator, told, damage):
    """Also where the other reading ends earlier: by signs in the texts that make rows of different
    lengths, by quotes, by names of columns that are not there either."""
    sign = "," if suffix == ".csv" else "\t"
    text = [f"{SECRET}{sign * (n % 3)} {n}" for n in range(30)] if damage == "commas" else None
    frame, path = rows_of(**({"post": text} if text else {})), tmp_path / f"posts{suffix}"
    quoting = {"quoting": 1} if damage == "quotes" else {}
    headless = {"header": False} if damage == "headless" else {}
    frame.to_csv(path, index=False, sep=separator, **quoting, **headless)
    columns = {**MAPPED, "label": "label"} if damage == "columns" else MAPPED
    columns = {"owner": "1", "text": "2", "label": "3"} if headless else columns
    message = message_of(read, path, columns, **headless)
    assert message.startswith("1 problem") and f"set `separator: {told}`" in message
    assert f"3 columns by {separator!r}" in message


def test_a_file_that_is_separated_as_told_is_damaged_as_before(tmp_path):
    """Its texts hold semicolons in every row."""
    path = tmp_path / "posts.csv"
    rows_of(post=[f"{SECRET}; {n}" for n in range(30)]).to_csv(path, index=False)
    assert "no column 'whom'" in message_of(read, path, {**MAPPED, "owner": "whom"})
    path.write_text(path.read_text() + "one cell\n")
    assert "rows of another length" in message_of(read, path, MAPPED)


def test_a_file_without_a_header_is_read_from_its_first_line(tmp_path):
    """Columns by number; the same records as with a header."""
    rows_of().to_csv(tmp_path / "plain.csv", index=False)
    path = tmp_path / "headless.csv"
    rows_of().to_csv(path, index=False, header=False)
    numbers = {"owner": "1", "text": "2", "label": "3"}
    frame, report = read(path, numbers, header=False, keep=["1"])
    assert report.read == 30 and frame["1"].tolist() == frame["owner"].tolist()
    pd.testing.assert_frame_equal(frame.drop(columns="1"), read(tmp_path / "plain.csv", MAPPED)[0])
    message = message_of(read, path, {**numbers, "label": "4"}, header=False)
    assert "no column '4', which data.columns.label names" in message and "1 to 3" in message
    assert "3 columns without names" in message
    message = message_of(read, path, MAPPED)
    assert message.count("set `header: false` and name each by its number, 1 to 3") == 1
    assert message.startswith("3 problems"), "the rows say nothing of what columns are"


def test_a_column_whose_name_is_an_empty_cell_is_called_by_its_number(tmp_path):
    """pandas writes its index so. A column that has a name has no number."""
    path = tmp_path / "posts.csv"
    rows_of().to_csv(path)
    frame, _ = read(path, {**MAPPED, "record_id": "1"})
    assert sorted(frame["record_id"], key=int) == [str(number) for number in range(30)]
    message = message_of(read, path, {**MAPPED, "record_id": "id", "label": "4"})
    assert "1 called by number: 1" in message and "no column '4'" in message
    assert "name one that is there, one without a name by its number;" in message


def test_a_role_and_its_column_are_told_apart(tmp_path):
    """The file has a column of the name of a role that is mapped to another one."""
    path = tmp_path / "posts.csv"
    frame = rows_of(text=["x"] * 30, who=["", *["b"] * 29], rude=["9", *["1"] * 29])
    frame.to_csv(path, index=False)
    message = message_of(read, path, MAPPED, labels={0: 0, 1: 1})
    assert "owner is empty (column 'who')" in message
    assert "unknown label (column 'rude')" in message
    assert "(column 'text')" not in message


# --- texts of several columns, fields inside of columns -------------------------------------------


def test_a_text_may_be_made_of_several_columns(tmp_path):
    """One below the other; what is blank or missing leaves no line."""
    path = tmp_path / "posts.jsonl"
    titles = ["A lamp", " ", None, 7] + ["A"] * 26
    rows = [{"title": title, "body": f"b{n}", "rude": n % 2} for n, title in enumerate(titles)]
    path.write_text("\n".join(map(json.dumps, rows)))
    frame, _ = read(path, {"text": ["title", "body"], "label": "rude"})
    assert {"A lamp\nb0", "b1", "b2", "7\nb3", "A\nb4"} <= set(frame["text"])
    pairs, _ = read(path, {"prompt": ["title"], "completion": ["body", "rude"]}, fields=CAUSAL)
    assert ("A lamp", "b0\n0") in set(zip(pairs["prompt"], pairs["completion"], strict=True))
    message = message_of(read, path, {"text": ["title", "boddy"], "label": "rude"})
    assert "no column 'boddy', which data.columns.text names" in message
    assert "did you mean 'body'?" in message
    message = message_of(read, path, {"text": ["title", "body"], "label": "body"}, keep=["title"])
    assert "columns.label: is the column of the text" in message and "cannot be kept" in message


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".ndjson", ".ndjson.gz", ".parquet"])
def test_fields_inside_of_columns_have_names_of_both(tmp_path, suffix):
    rows = [
        {
            "user": {"id": f"u{n}", "home.town": {"name": "east"}},
            "messages": [{"content": f"q{n}"}, {"content": f"a{n}"}],
        }
        for n in range(30)
    ]
    path = tmp_path / f"posts{suffix}"
    if suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        lines = [json.dumps(row) for row in rows]
        text = f"[{','.join(lines)}]" if suffix == ".json" else "\n".join(lines)
        path.write_bytes(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode())
    columns = {
        "owner": "user.id",
        "prompt": "messages.0.content",
        "completion": "messages.1.content",
    }
    frame, _ = read(path, columns, fields=CAUSAL, keep=["user.home.town.name"])
    first = frame[frame["owner"] == "u3"].iloc[0]
    assert [first["prompt"], first["completion"]] == ["q3", "a3"]
    assert set(frame["user.home.town.name"]) == {"east"}
    message = message_of(read, path, {**columns, "owner": "user.name"}, fields=CAUSAL)
    assert "no column 'user.name'" in message
    message = message_of(read, path, {**columns, "owner": "user"}, fields=CAUSAL)
    assert "column 'owner' holds lists, objects or bytes (column 'user')" in message
    assert "name a field inside of it" in message


def test_a_column_that_is_called_like_a_field_goes_first(tmp_path):
    """In every file for itself; where neither is in a row, the cell is empty."""
    both, inside = tmp_path / "both.jsonl", tmp_path / "inside.jsonl"
    rows = [{"user.id": f"a{n}", "user": {"id": "b"}, "t": f"t{n}", "l": n % 2} for n in range(30)]
    both.write_text("\n".join(map(json.dumps, rows)))
    others = [{"user": {"id": f"c{n}"}, "t": f"s{n}", "l": 0} for n in range(3)]
    inside.write_text("\n".join(map(json.dumps, [*others, {"user": None, "t": "s", "l": 0}])))
    columns = {"owner": "user.id", "text": "t", "label": "l"}
    frame, _ = read(both, columns)
    assert set(frame["owner"]) == {f"a{n}" for n in range(30)}
    assert "owner is empty (column 'user.id')" in message_of(read, [both, inside], columns)
    frame, report = read([both, inside], columns, drop={"empty": True})
    assert {"c0", "c2"} < set(frame["owner"]) and report.dropped == {"owner is empty": 1}


# --- plain text -----------------------------------------------------------------------------------


def written_texts(folder: Path) -> list[Path]:
    """good/ana.txt, good/ben.txt, bad/cleo.txt: ten lines each, and a blank one."""
    paths = [folder / name for name in ("good/ana.txt", "good/ben.txt", "bad/cleo.txt")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        lines = [f"{SECRET} {path.stem} {n}\r\n" for n in range(10)]
        path.write_bytes("".join([*lines[:5], " \n", *lines[5:]]).encode())
    return paths


def test_a_line_of_a_text_file_may_be_a_record(tmp_path):
    paths = written_texts(tmp_path)
    columns = {"owner": "file", "text": "text", "label": "folder"}
    frame, report = read(paths, columns, txt="line", labels={"good": 0, "bad": 1})
    assert report.read == 30 and set(frame["owner"]) == {"ana", "ben", "cleo"}
    assert set(frame.loc[frame["owner"] == "cleo", "label"]) == {1}
    assert f"{SECRET} ana 9" in set(frame["text"])


def test_a_text_file_may_be_a_record(tmp_path):
    paths = written_texts(tmp_path)
    columns = {"record_id": "file", "owner": "folder", "completion": "text"}
    splits = dict(zip(paths, ("train", "valid", "test"), strict=True))
    data = {"reader": "table", "columns": columns, "txt": "file"}
    frame, _ = read_records(data, paths, fields=CAUSAL, splits=splits)
    assert frame["record_id"].tolist() == ["ana", "ben", "cleo"]
    assert frame["owner"].tolist() == ["good", "good", "bad"]
    assert frame["completion"].map(lambda text: text.count("\n")).tolist() == [10] * 3
    assert frame["split"].tolist() == ["train", "valid", "test"]


def test_what_is_a_record_of_a_text_file_must_be_said(tmp_path):
    paths = written_texts(tmp_path)
    message = message_of(read, paths, {"text": "text", "label": "folder"})
    assert message.count("nothing says what is a record") == 3 and "`txt: line`" in message
    message = message_of(read, paths, {"text": "post", "label": "folder"}, txt="line")
    assert "found: 'text', 'file', 'folder'" in message


def test_files_of_one_name_are_not_one_owner(tmp_path):
    """1.txt of ana and 1.txt of ben."""
    for name in ("ana", "ben"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("text")
    paths = sorted(tmp_path.rglob("*.txt"))
    columns = {"owner": "file", "completion": "text"}
    message = message_of(read, paths, columns, fields=CAUSAL, txt="line")
    assert "files of one name" in message and "map `owner: folder`" in message


# --- rows that are left out -----------------------------------------------------------------------


def test_rows_are_left_out_and_counted_by_the_first_reason(tmp_path):
    """Of 30 rows 15 are of east or north (of north there are none), of the rest 2 have no text and
    1 no label, and of the 12 others the texts of 2 are longer than 30 characters; of the 10 left
    one label is mapped to none."""
    path = tmp_path / "posts.csv"
    texts = [f"{SECRET} {n}" for n in range(30)]
    labels = [str(n % 2) for n in range(30)]
    texts[15], texts[16], labels[17] = "", " \n", ""
    texts[18], texts[19], texts[20] = "é" * 31, "x" * 31, "x" * 30
    labels[21], labels[0] = "?", "not mapped, and left out before"
    towns = ["east"] * 15 + ["west"] * 15
    parts = [("train", "valid", "test")[n % 3] for n in range(30)]
    rows_of(post=texts, rude=labels, town=towns, part=parts).to_csv(path, index=False)
    drop = {"where": {"town": ["east", "north"]}, "empty": True, "longer_than": 30}
    labels = {"0": 0, "1": 1, "?": None}
    frame, report = read(path, {**MAPPED, "split": "part"}, drop=drop, labels=labels)
    assert report.dropped == {
        "town is 'east'": 15,
        "town is 'north'": 0,
        "text is empty": 2,
        "label is empty": 1,
        "longer than 30 characters": 2,
        "label '?'": 1,
    }
    assert len(frame) == 9 and list(frame) == ["record_id", "owner", "text", "label", "split"]
    assert "15 dropped: town is 'east'" in str(report)


def test_the_ids_of_what_stays_do_not_depend_on_what_is_left_out(tmp_path):
    path = tmp_path / "posts.csv"
    rows_of(town=["east"] * 5 + [""] * 25).to_csv(path, index=False)
    whole, _ = read(path, MAPPED)
    for value in ("east", "", None):
        some, report = read(path, MAPPED, drop={"where": {"town": [value]}})
        assert len(some) == (25 if value == "east" else 5) == 30 - sum(report.dropped.values())
        merged = some.merge(whole, how="left", indicator=True)
        assert (merged["_merge"] == "both").all()


def test_prompt_and_completion_are_measured_together_and_a_prompt_may_be_empty(tmp_path):
    """Ten characters each is twenty."""
    path = tmp_path / "posts.csv"
    ask, answer = ["a" * 10] * 30, [f"{n:010}" for n in range(30)]
    ask[0], ask[1], answer[2] = "", "a" * 11, " "
    pd.DataFrame({"ask": ask, "answer": answer}).to_csv(path, index=False)
    columns = {"prompt": "ask", "completion": "answer"}
    drop = {"empty": True, "longer_than": 20}
    frame, report = read(path, columns, fields=CAUSAL, drop=drop)
    assert report.dropped == {"completion is empty": 1, "longer than 20 characters": 1}
    assert len(frame) == 28 and "" in set(frame["prompt"])


def test_values_are_compared_as_the_table_has_them(tmp_path):
    """True, 1.0 and null of json are those of YAML; the column may be mapped, too, and lie inside
    of another."""
    path = tmp_path / "posts.jsonl"
    rows = [
        {"m": {"bot": n < 3, "v": [1.0, None, 2][n % 3]}, "who": f"o{n}", "t": f"t{n}", "l": n % 2}
        for n in range(30)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    where = {"m.bot": [True], "m.v": [1, None], "who": ["o29"]}
    columns = {"owner": "who", "text": "t", "label": "l"}
    _, report = read(path, columns, drop={"where": where})
    assert list(report.dropped.values()) == [3, 9, 9, 1]


def test_a_slip_in_a_value_that_leaves_rows_out_is_told(tmp_path):
    path = tmp_path / "posts.csv"
    rows_of(town=["eastern", "West ", "z"] * 10).to_csv(path, index=False)
    where = {"town": ["easten", "west", "gone"]}
    message = message_of(read, path, MAPPED, drop={"where": where})
    assert message.startswith("2 problems") and "data.drop.where.town" in message
    assert "did you mean 'eastern'?" in message
    assert 'write it as it stands in the file: "West "' in message
    rows_of(post=["Hello"] * 30).to_csv(path, index=False)
    assert read(path, MAPPED, drop={"where": {"post": ["hello"]}})[1].read == 30, "it is a text"
    message = message_of(read, path, MAPPED, drop={"where": {"twon": ["x"]}})
    assert "no column 'twon', which data.drop.where names" in message


def test_where_all_is_left_out_there_are_no_records(tmp_path):
    path = tmp_path / "posts.csv"
    rows_of().to_csv(path, index=False)
    assert "at what is dropped" in message_of(read, path, MAPPED, drop={"longer_than": 1})


def test_what_was_left_out_stands_in_the_report_and_the_log(tmp_path, caplog):
    """Of two files with official splits."""
    paths = [tmp_path / f"{name}.csv" for name in ("train", "valid", "test")]
    for path in paths:
        rows_of().assign(post=[f"{path.stem} {n}" for n in range(30)]).to_csv(path, index=False)
    caplog.set_level("INFO")
    files = ("--records", tmp_path / "records.parquet", "--report", tmp_path / "records.json")
    call(
        "records", "--source", *paths, "--splits", "train", "valid", "test", *files,
        reader="palimpsest.data.readers.table", columns=MAPPED, keep=[], classes=2,
        fields=["text", "label"], drop={"where": {"who": ["owner 3", "owner 4"]}},
    )  # fmt: skip
    report = json.loads((tmp_path / "records.json").read_text())
    assert report["dropped"] == {"who is 'owner 3'": 6, "who is 'owner 4'": 6}
    assert report["by_split"] == {"train": 26, "valid": 26, "test": 26} and report["read"] == 90
    assert "who is 'owner 3'" in caplog.text and SECRET not in caplog.text
    assert len(read_parquet(tmp_path / "records.parquet")) == 78


# --- labels that are almost those that are mapped -------------------------------------------------


@pytest.mark.parametrize(
    ("found", "mapped", "shown"),
    [
        ("toxic ", "toxic", "'toxic ', where 'toxic' is mapped"),
        ("Toxic", "toxic", "'Toxic', where 'toxic' is mapped"),
        ("toxic\xa0", "toxic", r"'toxic\xa0', where 'toxic' is mapped"),
        ("\u200btoxic", "toxic", r"'\u200btoxic', where 'toxic' is mapped"),
        ("very toxic ", "very toxic", "'very toxic ', where 'very toxic' is mapped"),
        ("1.0", 1.0, "'1.0', where '1' is mapped"),
        ("1", "1.0", "'1', where '1.0' is mapped"),
        ("01", "1", "'01', where '1' is mapped"),
        ("TRUE", "true", "'TRUE', where 'true' is mapped"),
    ],
)
def test_a_label_that_is_almost_mapped_is_shown_as_it_stands(tmp_path, found, mapped, shown):
    """With the entry that maps it; one that is not is not shown."""
    path = tmp_path / "posts.csv"
    rows_of(rude=[found, f"{SECRET}!", *["fine"] * 28]).to_csv(path, index=False)
    message = message_of(read, path, MAPPED, labels={"fine": 0, mapped: 1})
    assert f"{shown}; 1 different value in 2 records" in message
    assert f"as in {json.dumps(found)}: 1;" in message
    assert read(path, MAPPED, labels={"fine": 0, found: 1, f"{SECRET}!": 1})[1].read == 30


def test_a_split_that_is_almost_known_is_shown_as_it_stands(tmp_path):
    path = tmp_path / "posts.csv"
    parts = [("Train", "valid ", "test")[number % 3] for number in range(30)]
    rows_of(part=parts).to_csv(path, index=False)
    message = message_of(read, path, {**MAPPED, "split": "part"})
    assert "unknown split (column 'part')" in message
    assert "'Train', where 'train' is mapped; 'valid ', where 'valid' is mapped in 20" in message
    assert 'by `data.splits`, as in "Train": train, "valid ": valid;' in message
    splits = {"Train": "train", "valid ": "valid", "test": "test"}
    assert read(path, {**MAPPED, "split": "part"}, splits=splits)[1].read == 30


def test_an_empty_label_can_be_left_out(tmp_path):
    path = tmp_path / "posts.csv"
    rows_of(rude=["", "  ", *["0", "1"] * 14]).to_csv(path, index=False)
    message = message_of(read, path, MAPPED, labels={0: 0, 1: 1})
    assert "label is missing (column 'rude')" in message and "drop: {empty: true}" in message
    assert """unknown label (column 'rude')""" in message and '"  ": null' in message
    for data in (
        {"labels": {0: 0, 1: 1, "": None, "  ": None}},
        {"labels": {0: 0, 1: 1}, "drop": {"empty": True}},
        {"drop": {"empty": True}},
    ):
        frame, report = read(path, MAPPED, **data)
        assert len(frame) == 28 and sum(report.dropped.values()) == 2


# --- the cases that were found --------------------------------------------------------------------


def test_cases_are_read_or_told():
    columns, labels = {name: name for name in ("owner", "text", "label")}, {"good": 0, "bad": 1}
    assert 'separator: ";"' in message_of(read, case("semicolon.csv"), columns, labels=labels)
    assert read(case("semicolon.csv"), columns, labels=labels, separator=";")[1].read == 200
    numbers = {"label": "1", "text": ["2", "3"]}
    raw = {str(number): number % 2 for number in range(1, 9)}
    assert read(case("no-header.csv"), numbers, labels=raw, header=False)[1].read == 200
    nested = {"owner": "user.id", "text": ["title", "body"], "label": "label"}
    assert read(case("nested.jsonl"), nested, labels=labels)[1].read == 200
    message = message_of(read, case("labels.csv"), columns, labels={1.0: 1, 0.0: 0, "toxic": 1})
    assert "'toxic ', where 'toxic' is mapped" in message and "'1.0', where '1'" in message
    raw = {"1.0": 1, "0.0": 0, "toxic ": 1}
    _, report = read(case("labels.csv"), columns, labels=raw, drop={"empty": True})
    assert report.dropped == {"label is empty": 44} and sum(report.by_split.values()) == 156
