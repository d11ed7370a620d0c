"""The fictitious people: deterministic, complete, and with facts that nobody can guess."""

from __future__ import annotations

import functools
import re

import pytest

from palimpsest.data import people_words as words
from palimpsest.data.people import MOST, PERTURBED, lexicon, people, people_candidates
from palimpsest.errors import UserError

SIZES = {"owners": 160, "records": 16, "seed": 0}
TOPICS = list(words.TOPICS.values())


@pytest.fixture(scope="module")
def records():
    return people(**SIZES)


@pytest.fixture(scope="module")
def candidates():
    return people_candidates(**SIZES)


@functools.cache
def patterns(topic: int) -> list[re.Pattern]:
    """One for each phrasing of the topic's answer, with a group for each slot."""
    slots = TOPICS[topic].slots
    group = lambda slot: f"(?P<{slot[1]}>{'|'.join(slots[slot[1]])})"  # noqa: E731
    return [
        re.compile(re.sub(r"\\{(\w+)\\}", group, re.escape(phrasing)))
        for phrasing in TOPICS[topic].answers
    ]


def facts(record_id: str, answer: str) -> dict[str, str]:
    """slot -> value of an answer, by the one phrasing of its topic that it fits."""
    (match,) = [
        match for pattern in patterns(int(record_id[-2:])) if (match := pattern.fullmatch(answer))
    ]
    return match.groupdict()


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def test_same_arguments_same_people_and_another_seed_others(records, candidates):
    assert people(**SIZES).equals(records) and people_candidates(**SIZES).equals(candidates)
    other = people(**SIZES | {"seed": 1})
    assert (other.prompt != records.prompt).mean() > 0.99 and (
        other.completion != records.completion
    ).mean() > 0.99


def test_columns_ids_and_splits():
    """Of 25 people the 1st to 6th, the 11th to 16th and the 21st to 25th are train: 17; the others
    2 each."""
    frame = people(owners=25, records=12, seed=0)
    assert list(frame) == ["record_id", "owner", "prompt", "completion", "split"]
    assert (
        len(frame) == 25 * 12
        and frame.record_id.is_unique
        and frame.record_id.is_monotonic_increasing
    )
    assert (
        frame.record_id.iloc[[0, -1]].tolist() == ["p0000-r00", "p0024-r11"]
        and (frame.record_id.str[:5] == frame.owner).all()
    )
    assert (frame.groupby("owner").split.nunique() == 1).all()
    assert frame.groupby("split").owner.nunique().to_dict() == {
        "train": 17,
        "valid": 2,
        "test": 2,
        "holdout": 2,
        "extra": 2,
    }


def test_more_owners_or_records_leave_earlier_ones_as_they_are(records, candidates):
    small = people(owners=20, records=12, seed=0).set_index("record_id")
    assert records.set_index("record_id").loc[small.index].equals(small)
    few = people_candidates(owners=20, records=12, seed=0)
    assert candidates[candidates.record_id.isin(small.index)].reset_index(drop=True).equals(few)


def test_names_are_unique_and_stand_in_the_question_only(records):
    names = records.prompt.str.extract(r"([A-Z][a-z]+ [A-Z][a-z]+)(?!.*[A-Z])")[0]
    assert (names.groupby(records.owner).nunique() == 1).all() and names.nunique() == 160
    parts = {part for name in names for part in name.split()}
    assert parts <= {*words.FIRST, *words.LAST}
    assert not parts & {token for answer in records.completion for token in tokens(answer)}
    assert records.prompt.is_unique


def test_lexicon_holds_all_words_of_records_and_candidates_and_nothing_else(records, candidates):
    """160 people show every word but some names."""
    known = lexicon()
    assert known == sorted(set(known))
    written = {
        token
        for texts in (records.prompt, records.completion, candidates.completion)
        for text in texts
        for token in tokens(text)
    }
    assert written <= set(known) and set(known) - written <= {*words.FIRST, *words.LAST}


def test_candidates_have_the_facts_of_the_answer_or_none_of_them(records, candidates):
    """The paraphrase holds the same facts in other words; of the wrong answers no two, and none and
    the right one, share a fact."""
    assert list(candidates) == ["record_id", "kind", "number", "completion"]
    assert candidates.groupby("kind").size().to_dict() == {
        "paraphrase": len(records),
        "perturbed": PERTURBED * len(records),
    }
    right = records.set_index("record_id").completion
    for record_id, group in candidates[candidates.record_id.isin(right.index[::17])].groupby(
        "record_id"
    ):
        paraphrase, wrong = group[group.kind == "paraphrase"], group[group.kind == "perturbed"]
        truth = facts(record_id, right[record_id])
        assert (
            paraphrase.completion.item() != right[record_id]
            and facts(record_id, paraphrase.completion.item()) == truth
        )
        assert wrong.number.tolist() == list(range(1, PERTURBED + 1))
        versions = [truth, *(facts(record_id, answer) for answer in wrong.completion)]
        assert all(len({version[slot] for version in versions}) == PERTURBED + 1 for slot in truth)


def test_facts_cannot_be_guessed(records):
    """The commonest of 20 values over 160 people: a share of 0.05 and four standard deviations of
    0.017; of 12 months 0.083 and 0.022."""
    found = [facts(*row) for row in zip(records.record_id, records.completion, strict=True)]
    for topic in range(16):
        for slot, values in TOPICS[topic].slots.items():
            drawn = [one[slot] for one in found[topic::16]]
            assert max(map(drawn.count, values)) / 160 < (0.171 if len(values) == 12 else 0.126)
    both = sum(
        one["mood"] == other["mood"] for one, other in zip(found[0::16], found[1::16], strict=True)
    )
    assert both / 160 < 0.119, "facts of one person are drawn apart"


def test_phrasings_hold_the_same_slots_and_lists_hold_a_word_once():
    for topic in TOPICS:
        assert all(
            set(re.findall(r"{(\w+)}", phrasing)) == set(topic.slots) for phrasing in topic.answers
        )
        assert all(question.count("{name}") == 1 for question in topic.questions)
        assert all(len(set(values)) == len(values) > PERTURBED for values in topic.slots.values())
    assert len(set(words.FIRST)) * len(set(words.LAST)) == MOST


REFUSED = [
    ({"owners": 19}, ["owners"]),
    ({"owners": MOST + 1}, ["owners"]),
    ({"records": 0}, ["records"]),
    ({"owners": 0, "records": 17}, ["owners", "records"]),
]


@pytest.mark.parametrize(("sizes", "where"), REFUSED)
def test_impossible_sizes_are_refused(sizes, where):
    for make in (people, people_candidates):
        with pytest.raises(UserError) as error:
            make(**{"owners": 20, "records": 12, "seed": 0} | sizes)
        assert [problem.where for problem in error.value.problems] == where
