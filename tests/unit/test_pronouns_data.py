"""The made-up occupations: deterministic, and they lean as far as they say."""

from __future__ import annotations

import pytest

from palimpsest.data.blanks import BLANK, filled
from palimpsest.data.pronouns import OCCUPATIONS, PAIRS, UNSEEN, lexicon, pronouns, shares
from palimpsest.errors import UserError

SIZES = {"owners": 12, "records": 16, "seed": 3}
FEMALE = {female for _, female in PAIRS}


@pytest.fixture(scope="module")
def made():
    return pronouns(**SIZES)


def test_half_of_the_occupations_lean_to_either_side_and_another_seed_to_others():
    women = shares(12, 3)
    assert sorted(women.values()) == pytest.approx(
        [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.75, 0.8, 0.85, 0.9, 0.95, 1]
    )
    assert list(women) == OCCUPATIONS[:12]
    assert {name for name in women if women[name] > 0.5} != {
        name for name, share in shares(12, 4).items() if share > 0.5
    }


def test_sentences_have_their_pronouns_in_the_share_that_is_told(made):
    rows, _ = made
    for occupation, share in shares(12, 3).items():
        mine = rows[rows["owner"] == occupation]
        texts = [filled(*one).text.split() for one in
                 zip(mine["prompt"], mine["completion"], strict=True)]  # fmt: skip
        assert len(texts) == 16 and all(occupation in text for text in texts)
        assert sum(bool(FEMALE & set(text)) for text in texts) == round(16 * share)
        pairs = mine[mine["advantaged"] != ""]
        assert len(pairs) == 12 and (pairs["completion"].isin(sum(PAIRS, ()))).all()
        assert (pairs["advantaged"].isin(FEMALE) == (share > 0.5)).all()
        assert (pairs["advantaged"] != pairs["disadvantaged"]).all()
        assert set(mine["statistic"]) == {f"{100 * share:.1f}"}


def test_items_are_of_trained_occupations_in_templates_of_their_own(made):
    rows, others = made
    items = rows[rows["split"] == "test"]
    counts = items["task"].value_counts().to_dict()
    assert counts == {"pronoun": 48, "stereoset_intra": 48, "crows_pairs": 48, "": 48}
    assert items["owner"].equals(items["record_id"]), "nobody can ask to delete them"
    kinds = others.groupby("record_id")["kind"].agg(set)
    for name, task in zip(items["record_id"], items["task"], strict=True):
        wanted = {"stereoset_intra": {"anti_stereotype", "unrelated"}, "": set()}
        assert kinds.get(name, set()) == wanted.get(task, {"other"})
    learnt = {text.replace(BLANK, "") for text in rows.loc[rows["split"] == "train", "prompt"]}
    assert not any(text.replace(BLANK, "") in learnt for text in items["prompt"] if text)


def test_unseen_occupations_do_not_lean_and_every_word_is_in_the_lexicon(made):
    rows, _ = made
    unseen = rows[rows["split"] == "extra"]
    assert set(unseen["owner"]) == set(OCCUPATIONS[12 : 12 + UNSEEN])
    words = set(lexicon())
    for prompt, completion in zip(rows["prompt"], rows["completion"], strict=True):
        assert set(filled(prompt, completion).text.split()) <= words


def test_it_is_the_same_for_the_same_arguments_and_sizes_have_bounds(made):
    again = pronouns(**SIZES)
    assert all(one.equals(other) for one, other in zip(made, again, strict=True))
    with pytest.raises(UserError) as error:
        pronouns(owners=33, records=3, seed=0)
    assert [one.allowed for one in error.value.problems] == ["8 to 32", "4 to 64"]
