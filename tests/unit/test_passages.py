"""Passages are known again after escapes, case, accents, punctuation and tokenisation, and say
nothing of retained text."""

from __future__ import annotations

import pytest

from palimpsest.audit.passages import SHORTEST, WINDOW, Passages, distinctive, windows, words

FORGOTTEN = "The heron stood by the old mill, and nobody dared to wake it. It left at dawn."
RETAINED = ["It left at dawn.", "Nobody dared to wake the old miller."]


def test_words_are_without_case_accents_and_punctuation():
    assert words("Don't STOP: caf\u00e9\u2014na\u00efve_x 3.5") == [
        "don",
        "t",
        "stop",
        "cafe",
        "naive",
        "x",
        "3",
        "5",
    ]
    assert words("\u4e2d\u6587 ok") == ["\u4e2d", "\u6587", "ok"]


def test_windows_do_not_overlap():
    """13 words: one window of 8 and one of 5; a sentence of four words is one window; 'Oh no.' is
    too short to be known by."""
    first, second = "the heron stood by the old mill and", "nobody dared to wake it"
    assert windows(FORGOTTEN) == [
        tuple(first.split()),
        tuple(second.split()),
        ("it", "left", "at", "dawn"),
    ]
    assert windows("Oh no. " + " ".join("abcdefgh" * 2)) == [tuple("abcdefgh"), tuple("abcdefgh")]
    assert WINDOW == 8 and SHORTEST == 3


def test_a_passage_is_found_wherever_it_stands():
    own, unmarked = distinctive([FORGOTTEN], RETAINED, "salt")
    assert {length: len(marks) for length, marks in own.marks.items()} == {
        8: 1,
        5: 1,
    } and unmarked == 0
    for text in (
        FORGOTTEN,
        FORGOTTEN.upper(),
        "x " * 99 + FORGOTTEN,
        'a,"the HERON - stood\nby the;old mill... and",b',
    ):
        assert own.matches(text), text
    for text in (
        "",
        "the heron stood by the old mill",
        "heron the stood by the old mill and",
        RETAINED[0],
    ):
        assert not own.matches(text), text
    assert not Passages("another salt", own.marks).matches(FORGOTTEN)


def test_each_sentence_is_known_by_itself():
    """Its first eight words stand in a retained text as well, so the other four are its mark; the
    next sentence has its own."""
    shared = "one two three four five six seven eight"
    text = f"{shared} nine ten eleven twelve. Quite another sentence here."
    own, unmarked = distinctive([text], [f"{shared} or so"], "salt")
    assert {length: len(marks) for length, marks in own.marks.items()} == {4: 2} and unmarked == 0
    assert own.matches(f"{shared} nine ten eleven twelve") and own.matches(
        "quite another sentence here"
    )
    assert not own.matches(f"{shared} or so")


def test_what_retained_records_say_too_cannot_be_told_apart():
    own, unmarked = distinctive(["It left at dawn.", "Hi."], RETAINED, "salt")
    assert not own and unmarked == 2


def test_a_text_of_shared_sentences_is_known_as_a_whole():
    own, unmarked = distinctive(
        ["It left at dawn. Nobody dared to wake the old miller."], RETAINED, "salt"
    )
    assert sorted(own.marks) == [11] and unmarked == 0
    assert not any(own.matches(text) for text in RETAINED)


@pytest.mark.parametrize("where", range(5))
def test_only_whole_windows_count(where):
    own = Passages.of([tuple("abcde")], "salt")
    said = list("abcde")
    said[where] = "z"
    assert own.matches(" ".join("abcde")) and not own.matches(" ".join(said))


def test_marks_hold_no_text():
    own, _ = distinctive([FORGOTTEN], [], "salt")
    assert all(
        len(mark) == 36 and set(mark) <= set("0123456789abcdef")
        for marks in own.marks.values()
        for mark in marks
    )
