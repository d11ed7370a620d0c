"""Tables on disk: whatever happens to the bytes of one, it is named or reads as it was written."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from palimpsest.data.storage import damage, read_parquet, write_parquet
from palimpsest.errors import UserError


@pytest.fixture
def frame():
    """All kinds of columns that steps write; a text that looks like the digest, and values that are
    missing."""
    draw = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "record_id": [f"record {number}" for number in range(300)],
            "text": ["sha256:" + "0" * 64, "", "ü\n\0", *draw.choice(["warm", "calm"], 297)],
            "label": draw.integers(0, 2, 300),
            "score": draw.normal(size=300).astype("float32"),
            "value": np.where(draw.random(300) < 0.1, np.nan, draw.normal(size=300)),
            "fine": draw.random(300) < 0.5,
        }
    )


@pytest.fixture
def written(frame, tmp_path):
    path = tmp_path / "table.parquet"
    write_parquet(frame, path)
    return path


def test_a_table_reads_as_it_was_written_and_equal_frames_are_equal_bytes(frame, written, tmp_path):
    pd.testing.assert_frame_equal(read_parquet(written), frame)
    write_parquet(frame.set_index(np.arange(300)[::-1]), tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == written.read_bytes()
    other = frame.assign(label=frame["label"].where(frame.index > 0, 1 - frame["label"]))
    write_parquet(other, tmp_path / "other.parquet")
    assert (
        pq.read_metadata(tmp_path / "other.parquet").metadata[b"digest"]
        != pq.read_metadata(written).metadata[b"digest"]
    )


def test_the_digest_is_that_of_the_bytes_with_its_own_digits_as_zeros(written):
    import hashlib

    digest = pq.read_metadata(written).metadata[b"digest"]
    zeroed = written.read_bytes().replace(digest, b"sha256:" + b"0" * 64)
    assert digest == b"sha256:" + hashlib.sha256(zeroed).hexdigest().encode()


def test_other_readers_read_it(frame, written):
    pd.testing.assert_frame_equal(pd.read_parquet(written), frame)


def test_a_frame_without_rows(tmp_path):
    write_parquet(
        pd.DataFrame({"a": pd.Series(dtype="str"), "b": pd.Series(dtype="int64")}),
        tmp_path / "none.parquet",
    )
    assert list(read_parquet(tmp_path / "none.parquet").columns) == ["a", "b"]


def refused(path, *said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_parquet(path)
    for part in (str(path), *said):
        assert part in str(caught.value)


def test_any_flipped_bit_is_named(written):
    """No bit is out of the digest's reach: at both ends, in the digest and its name, and at 150
    random places."""
    whole, draw = written.read_bytes(), random.Random(1)
    digest = whole.rfind(b"sha256:")
    places = [*range(8), *range(digest, digest + 71), *range(len(whole) - 16, len(whole))]
    for place in places + [draw.randrange(len(whole)) for _ in range(150)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        written.write_bytes(damaged)
        refused(written, "damaged", "remove the file")
    written.write_bytes(whole)
    assert damage(written) is None


def test_a_table_cut_anywhere_or_grown_is_named(written):
    whole, draw = written.read_bytes(), random.Random(2)
    for length in (0, 1, 4, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(20))):
        written.write_bytes(whole[:length])
        refused(written, "damaged", "remove the file")
    for more in (b"\0", whole):
        written.write_bytes(whole + more)
        refused(written, "damaged")


def test_a_table_of_somebody_else_is_not_taken_for_ours(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "theirs.parquet")
    refused(tmp_path / "theirs.parquet", "no step of this workflow wrote it")
    refused(tmp_path / "none.parquet", "missing")


def test_a_write_that_fails_leaves_what_was_there(written):
    before = written.read_bytes()
    with pytest.raises(pa.ArrowException):
        write_parquet(pd.DataFrame({"a": [object()]}), written)
    assert written.read_bytes() == before and [path.name for path in written.parent.iterdir()] == [
        written.name
    ]
