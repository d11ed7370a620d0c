"""Articles with planted canaries: where an article begins, how its text is cut, and what is planted
how often in whose text."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pytest

from palimpsest.data.canaries import FORMATS, Canaries, alternatives, canary_table, read_canaries
from palimpsest.data.positions import UNLISTED
from palimpsest.errors import UserError

MIRROR = Path(
    os.environ.get("PALIMPSEST_MIRROR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
WIKITEXT = MIRROR / "wikitext2"
needs_mirror = pytest.mark.skipif(
    not (WIKITEXT / "train.txt").is_file(),
    reason=f"needs {WIKITEXT}; set PALIMPSEST_MIRROR to a mirror that has it",
)
PLANTED = {"repetitions": [1, 4], "count": 2, "format": "digits", "length": 6, "seed": 0}
ONE = (
    ' \n = One = \n \n A . D e . " F g h ! \n = a , b = \n x y . \n \n = = Section = = \n \n Last '
    "of it . \n \n"
)
TEXT = ONE + " = Two = \n \n G h i j k l m n . \n"


@pytest.fixture
def file(tmp_path):
    """Two articles; between the lines of the first one that looks like a title, but that no blank
    lines surround."""
    path = tmp_path / "wiki.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def read(file, **changes) -> pd.DataFrame:
    settings = {"articles": {"train": [1], "test": [2]}, "words": 8} | changes
    return read_canaries([file], canaries=Canaries(**PLANTED), **settings)


def test_an_article_is_cut_at_sentences_and_lines_by_hand(file):
    """At most 8 words: the title and 'A .' are 5, and the next sentence, which is not over before
    its quote is, has 8; the formula has 5, which with the line below it makes 8; the heading and
    the last line would be 9. The sentence of the second article has 9: 8 and 1.
    """
    frame = read(file)
    assert list(frame) == ["record_id", "owner", "prompt", "completion", "split", "part"]
    articles = frame[frame.owner.str.startswith("article")]
    assert [
        tuple(row) for row in articles.drop(columns=["prompt", "part"]).itertuples(index=False)
    ] == [
        ("article-0001-0001", "article-0001", "= One =\nA .", "train"),
        ("article-0001-0002", "article-0001", 'D e . " F g h !', "train"),
        ("article-0001-0003", "article-0001", "= a , b =\nx y .", "train"),
        ("article-0001-0004", "article-0001", "= = Section = =", "train"),
        ("article-0001-0005", "article-0001", "Last of it .", "train"),
        ("article-0002-0001", "article-0002", "= Two =", "test"),
        ("article-0002-0002", "article-0002", "G h i j k l m n", "test"),
        ("article-0002-0003", "article-0002", ".", "test"),
    ]
    assert (frame.prompt == "").all() and frame.record_id.is_unique
    assert set(read(file, articles={"train": [2]}).query("owner == 'article-0001'").split) == {
        UNLISTED
    }


@pytest.mark.parametrize("words", [1, 3, 8, 100])
def test_no_word_is_lost_and_no_record_is_longer(file, words):
    articles = read(file, words=words).query("owner.str.startswith('article')")
    assert " ".join(articles.completion).split() == TEXT.split()
    assert articles.completion.str.split().str.len().max() <= words


def test_a_canary_stands_as_often_as_stated_and_nowhere_else(file):
    frame, table = read(file), canary_table(Canaries(**PLANTED)).set_index("owner")
    assert table.index.tolist() == [
        "canary-001-01",
        "canary-001-02",
        "canary-004-01",
        "canary-004-02",
    ]
    assert table.repetitions.tolist() == [1, 1, 4, 4] and table.asked.tolist() == [
        True,
        False,
        True,
        False,
    ]
    for owner, row in table.iterrows():
        text = f"{row.prefix} {row.secret} ."
        own = frame[frame.owner == owner]
        assert own.completion.tolist() == [text] * row.repetitions and set(own.split) == {"train"}
        assert own.record_id.tolist() == [f"{owner}-{n:03d}" for n in range(1, row.repetitions + 1)]
        assert (
            frame.completion.str.contains(row.secret).sum()
            == frame.completion.str.contains(row.prefix).sum()
            == row.repetitions
        )
    assert (
        Canaries(**PLANTED).asked()
        == ["canary-001-01", "canary-004-01"]
        == table.index[table.asked].tolist()
    )


@pytest.mark.parametrize(
    ("kind", "pattern"), [("digits", r"\d( \d){5}"), ("words", r"[a-z]+( [a-z]+){5}")]
)
def test_secrets_have_the_stated_form(kind, pattern):
    """10 ** 6 secrets of digits, 64 ** 6 = 2 ** 36 of words."""
    canaries = Canaries(**PLANTED | {"format": kind, "count": 30})
    table = canary_table(canaries)
    assert table.secret.map(lambda secret: bool(re.fullmatch(pattern, secret))).all()
    assert table.secret.is_unique and table.prefix.is_unique
    assert set(table.space) == {{"digits": 10**6, "words": 2**36}[kind]}
    assert all(set(secret.split()) <= set(FORMATS[kind]) for secret in table.secret)
    assert all(len(set(symbols)) == len(symbols) for symbols in FORMATS.values())


def test_secrets_are_numbered_by_hand():
    """To the base of 10, 42 is 000042; to the base of 64, 65 is 1 * 64 + 1, the second word twice,
    after four times the first."""
    assert Canaries(**PLANTED).secret(42) == "0 0 0 0 4 2"
    first, second = FORMATS["words"][:2]
    assert Canaries(**PLANTED | {"format": "words"}).secret(65) == " ".join(
        [first] * 4 + [second] * 2
    )


def test_same_settings_same_canaries_and_more_leave_earlier_ones_as_they_are():
    few, again, other = (
        canary_table(Canaries(**PLANTED | {"seed": seed})).set_index("owner") for seed in (0, 0, 1)
    )
    assert few.equals(again) and (few.secret != other.secret).all()
    more = canary_table(Canaries(**PLANTED | {"repetitions": [16, 4, 2, 1], "count": 5})).set_index(
        "owner"
    )
    assert len(more) == 20 and more.loc[few.index].equals(few)


def test_alternatives_are_all_others_or_a_sample():
    """Of 1,000 secrets 999 are others: all of them where 999 may be had, a sample of different ones
    where only 998 may."""
    canaries = Canaries(**PLANTED | {"length": 3})
    others, exact = alternatives(canaries, "0 1 7", 999, "ranks")
    assert (
        exact
        and len(others) == 999
        and others[:2] == ["0 0 0", "0 0 1"]
        and "0 1 7" not in others
        and len(set(others)) == 999
    )
    drawn, exact = alternatives(canaries, "0 1 7", 998, "ranks")
    assert not exact and len(set(drawn)) == 998 and set(drawn) <= set(others)
    assert (
        alternatives(canaries, "0 1 7", 998, "ranks")[0]
        == drawn
        != alternatives(canaries, "0 1 7", 998, "others")[0]
    )


REFUSED = [
    ({"repetitions": []}, ["repetitions"]),
    ({"repetitions": [4, 4]}, ["repetitions"]),
    ({"repetitions": [0, 1]}, ["repetitions"]),
    ({"count": 1}, ["count"]),
    ({"format": "letters"}, ["format"]),
    ({"length": 0}, ["length"]),
    ({"length": 19}, ["length"]),
    ({"count": 3, "length": 1}, ["length"]),
    ({"count": 0, "format": "letters"}, ["count", "format"]),
]


@pytest.mark.parametrize(("changes", "where"), REFUSED)
def test_impossible_canaries_are_refused(changes, where):
    """10 ** 19 is more than 2 ** 62; 2 * 3 canaries of one digit would need at least 12 secrets."""
    with pytest.raises(UserError) as error:
        Canaries(**PLANTED | changes)
    assert [problem.where for problem in error.value.problems] == [
        f"data.canaries.{name}" for name in where
    ]


def test_files_without_articles_are_refused(tmp_path, file):
    for name, text in (
        ("none.txt", "some words\n"),
        ("late.txt", "before\n\n = One = \n\nafter\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match="not the articles of WikiText"):
            read(tmp_path / name)
    with pytest.raises(UserError, match=r"data\.words"):
        read(file, words=0)
    with pytest.raises(UserError, match=r"data\.articles"):
        read(file, articles={"train": ["1-3"]})


def test_a_file_of_the_hub_holds_the_same_articles(tmp_path, file):
    path = tmp_path / "wikitext.parquet"
    pd.DataFrame({"text": [line + "\n" for line in TEXT.split("\n")]}).to_parquet(path)
    assert read(path).equals(read(file))


@needs_mirror
def test_the_real_files_have_the_published_articles():
    """WikiText-2 has 600, 60 and 60 articles; of its words none is lost."""
    for name, count in (("train", 600), ("valid", 60), ("test", 60)):
        frame = read(WIKITEXT / f"{name}.txt", articles={"train": [f"1-{count}"]}, words=80)
        articles = frame[frame.split == "train"].query("owner.str.startswith('article')")
        assert articles.owner.nunique() == count and articles.owner.max() == f"article-{count:04d}"
        words = articles.completion.str.split().str.len()
        assert (
            words.sum() == len((WIKITEXT / f"{name}.txt").read_text(encoding="utf-8").split())
            and words.max() <= 80
        )


def test_canaries_that_are_planted_nowhere_are_like_the_others_and_none_of_them(tmp_path):
    """One record each, in splits that nothing is trained on; the planted ones stay as they were."""
    path = tmp_path / "train.txt"
    path.write_text(" \n = One = \n \n Some text . \n")
    plain, more = (Canaries([1, 4], 2, "digits", 8, 3, unseen=unseen) for unseen in (0, 3))
    before, after = (
        read_canaries([path], articles={"train": [1]}, words=20, canaries=one)
        for one in (plain, more)
    )
    added = after[len(before) :]
    assert (
        after[: len(before)].equals(before)
        and added["split"].tolist() == ["extra"] * 3 + ["holdout"] * 3
    )
    assert added["record_id"].tolist()[0] == "canary-extra-01-001" and (added["part"] == "").all()
    assert added["completion"].str.fullmatch(r"The secret code of \w+ \w+ is( \d){8} \.").all()
    assert added["completion"].is_unique and not set(added["completion"]) & set(
        before["completion"]
    )
