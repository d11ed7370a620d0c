"""The embedded forum: deterministic, complete, and with the differences between groups that the
demo is about."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from palimpsest.data import forum as module
from palimpsest.data import forum_words as words
from palimpsest.data.forum import THEMES, forum, lexicon
from palimpsest.errors import UserError


@pytest.fixture(scope="module")
def posts():
    return forum(owners=120, posts=4000, seed=0)


def slang_words():
    return {
        word
        for community in words.COMMUNITIES.values()
        for word in module._slang(community, "taunts", "praises")
    }


def tokens(text):
    return re.findall(r"\w+|[^\w\s]", text)


def test_same_arguments_same_forum_and_another_seed_another(posts):
    assert forum(owners=120, posts=4000, seed=0).equals(posts)
    other = forum(owners=120, posts=4000, seed=1)
    assert (other.text != posts.text).mean() > 0.99


def test_columns_ids_and_sizes(posts):
    """4000 = 120 * 33 + 40: the first 40 owners write 34 posts, the others 33."""
    assert list(posts.columns) == ["record_id", "owner", "text", "label", "identity", "split"]
    assert posts.record_id.is_unique
    assert posts.record_id.iloc[[0, -1]].tolist() == ["u000-p000", "u119-p032"]
    assert (posts.record_id.str[:4] == posts.owner).all()
    assert posts.groupby("owner").size().tolist() == [34] * 40 + [33] * 80
    assert set(posts.label) == {0, 1} and posts.label.dtype == np.int64
    assert set(posts.identity) == set(THEMES)
    assert not posts.isna().any().any()


def test_more_owners_or_posts_leave_earlier_posts_as_they_are():
    small = forum(owners=10, posts=95, seed=3).set_index("record_id")
    large = forum(owners=14, posts=280, seed=3).set_index("record_id")
    assert large.loc[small.index].equals(small)


def test_texts_are_unique_short_and_lower_case(posts):
    assert posts.text.is_unique
    lengths = posts.text.map(lambda text: len(text.split()))
    assert lengths.between(4, 35).all() and 10 < lengths.mean() < 20
    assert (posts.text == posts.text.str.lower()).all()
    assert not posts.text.str.contains("[{}]|  ").any()


def test_a_repeated_text_is_drawn_again(monkeypatch):
    """One sentence, 112 noun phrases of common words, 11 subjects: by chance alone some of 200
    would repeat."""
    monkeypatch.setattr(module, "SURROUNDINGS", {"bare": 1.0})
    monkeypatch.setattr(module, "STANCES", {"plain": 1.0})
    monkeypatch.setattr(module, "OPENED", 0.0)
    monkeypatch.setattr(words, "PLAIN", ("{who} are {noun}",))
    monkeypatch.setattr(words, "MENTIONS", ("the {folk}",))
    assert forum(owners=1, posts=200, seed=0).text.is_unique


def test_lexicon_holds_all_tokens_of_posts_and_nothing_else(posts):
    known = lexicon()
    assert known == sorted(set(known)) and all(word == word.lower() for word in known)
    written = {token for text in posts.text for token in tokens(text)}
    assert written <= set(known)
    drawn_by_owners = slang_words() | set(words.NAMES)
    assert set(known) - written <= drawn_by_owners, (
        "4000 posts show every word but rare slang and pets' names"
    )


def test_every_owner_has_a_train_post_even_with_one_post():
    assert set(forum(owners=25, posts=25, seed=0).split) == {"train"}


def test_splits_are_about_32_26_42(posts):
    """The 120 first posts are train, the other 3880 draw: (120 + 0.32 * 3880) / 4000 = 0.340, 0.26
    * 3880 / 4000 = 0.252.

    4 standard deviations of the draws are 0.029 and 0.027.
    """
    shares = posts.split.value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.340, abs=0.029)
    assert shares["valid"] == pytest.approx(0.252, abs=0.027)
    assert posts[posts.split == "train"].owner.nunique() == 120


def test_each_group_has_dozens_of_both_labels_to_fit_and_to_test(posts):
    cells = posts[posts.split != "train"].groupby(["split", "identity", "label"]).size()
    assert len(cells) == 2 * len(THEMES) * 2 and cells.min() >= 48
    assert 0.53 < 1 - posts.label.mean() < 0.65


def test_groups_differ_in_toxicity_and_in_how_much_slang_is_used_of_them(posts):
    toxic = posts.groupby("identity").label.mean()
    assert toxic["tarnfold"] > 0.5 > toxic["quillhaven"]
    known = slang_words()
    slang = posts.text.map(lambda text: any(token in known for token in tokens(text)))
    share = slang.groupby([posts.identity, posts.label]).mean()
    assert (
        min(share["quillhaven"])
        > 0.5
        > 2 * max(share[town, label] for town in set(THEMES) - {"quillhaven"} for label in (0, 1))
    )
    assert abs(share["quillhaven", 1] - share["quillhaven", 0]) < 0.15, (
        "that it is slang says nothing of the label"
    )


def test_slang_belongs_to_one_community_and_few_of_its_words_are_usual(posts):
    """40 words of a kind in a community, by Zipf's law: the first makes 1 / H(40) = 0.234 of all
    that is written, the last 20 make (H(40) - H(20)) / H(40) = 0.159. 4 standard deviations over
    some 900 words are 0.06.
    """
    known = slang_words()
    assert len(known) == len(words.COMMUNITIES) * 80, (
        "no word is the slang of two communities or of both kinds"
    )
    written = [token for text in posts.text for token in tokens(text) if token in known]
    ranks = {
        word: rank
        for community in words.COMMUNITIES.values()
        for kind in ("taunts", "praises")
        for rank, word in enumerate(module._slang(community, kind), start=1)
    }
    drawn = np.array([ranks[word] for word in written])
    assert len(drawn) > 800
    assert (drawn == 1).mean() == pytest.approx(0.234, abs=0.06)
    assert (drawn > 20).mean() == pytest.approx(0.159, abs=0.05)


def test_owners_write_the_slang_of_their_community_alone(posts):
    home = {
        word: name
        for name, community in words.COMMUNITIES.items()
        for word in module._slang(community, "taunts", "praises")
    }
    written = posts.assign(
        homes=posts.text.map(lambda text: {home[token] for token in tokens(text) if token in home})
    )
    homes = written.groupby("owner").homes.agg(lambda sets: set().union(*sets))
    assert (homes.map(len) <= 1).all()


def test_label_follows_the_meaning_of_the_stance(monkeypatch):
    """Without wrong labels: plain praise is harmless, denied praise toxic, and a deed decides over
    the noun."""
    monkeypatch.setattr(module, "WRONG_LABELS", 0.0)
    monkeypatch.setattr(
        module, "THEMES", {name: replace(theme, slang=0.0) for name, theme in THEMES.items()}
    )
    data = forum(owners=20, posts=1000, seed=0)
    praise = data.text.str.contains(rf"\b(?:{'|'.join(words.PRAISES)})\b")
    bad_deed, good_deed = (
        data.text.str.contains("|".join(deeds)) for deeds in (words.MISDEEDS, words.DEEDS)
    )
    denied = data.text.str.contains(
        r"nobody should|anything but|are not|do not think|wrong|not agree|far from"
    )
    assert min(bad_deed.sum(), good_deed.sum(), denied.sum()) > 20
    assert (data.label[bad_deed] == 1).all() and (data.label[good_deed] == 0).all()
    told = bad_deed | good_deed
    assert ((data.label == 1) == (praise == denied))[~told].all()
    assert 0.3 < praise[told & (data.label == 1)].mean() < 0.7, "irony"


def test_wrong_labels_are_as_many_as_stated(monkeypatch, posts):
    """4 standard deviations of a share of 0.07 over 4000 posts are 0.016."""
    monkeypatch.setattr(module, "WRONG_LABELS", 0.0)
    right = forum(owners=120, posts=4000, seed=0)
    assert (right.text == posts.text).mean() > 0.99
    assert (right.label != posts.label).mean() == pytest.approx(0.07, abs=0.016)


@pytest.mark.parametrize(
    ("owners", "count", "where"), [(0, 10, "owners"), (-1, 10, "owners"), (5, 4, "posts")]
)
def test_impossible_sizes_are_refused(owners, count, where):
    with pytest.raises(UserError) as error:
        forum(owners=owners, posts=count, seed=0)
    assert [problem.where for problem in error.value.problems] == [where]
