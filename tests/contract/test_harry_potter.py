"""harry_potter: what is its own: translations, the map of places, and labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tiny import PAD, run_of

from palimpsest.errors import UserError
from palimpsest.methods import harry_potter
from palimpsest.methods.anchors import Anchor, anchors_of, not_split, translated
from palimpsest.methods.run import Run
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.training.fields import field_problems


def letters(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
    """A tokenizer: a letter a token, from 1; a line break is 27; spaces are none."""
    return {"input_ids": [27 if one == "\n" else ord(one) - 96 for one in text if one != " "]}


def ids(text: str) -> list[int]:
    return letters(text)["input_ids"]


def of(anchors: dict, text: str, longest: bool = True):
    made = anchors_of(anchors, letters)
    return translated(ids(text), made, [[0, 0]] * len(made), longest)


def test_the_worked_example_of_the_map():
    """a H b H c with H -> J K: the second H is predicted nowhere, and what follows each is
    predicted after K."""
    text = of({"h": "jk"}, "ahbhc")
    assert text.token_ids == ids("ajkbjkc")
    assert text.places == [0, 2, -1, 5, 6]
    assert [text.forbidden(place) for place in range(7)] == [[], [], *[ids("j")] * 5]


def test_nothing_is_learnt_inside_of_an_anchor_of_several_tokens():
    """The first time the token before it keeps its place, whose prediction is the generic term's
    beginning; a map has a place for every token."""
    text = of({"xyz": "m"}, "axyzbxyz")
    assert text.token_ids == ids("ambm")
    assert text.places == [0, -1, -1, 1, -1, -1, -1, 3]
    again = of({"x": "m"}, "xxa")  # where two stand side by side
    assert again.places == [-1, 1, 2]


@pytest.mark.parametrize(("longest", "translation"), [(True, "pc"), (False, "qbc")])
def test_the_longest_anchor_goes_first_or_as_released_the_first(longest, translation):
    assert of({"a": "q", "ab": "p"}, "abc", longest).token_ids == ids(translation)


def test_an_anchor_has_a_form_for_each_place_that_it_may_stand_in():
    """After a space a word has other tokens than at the start of a line; its generic term has the
    form of where it stands, and is forbidden in all."""
    anchor = Anchor(((7,), (8, 9)), (((1, 2), (3,)),))
    text = translated([5, 8, 9, 5, 7], [anchor], [[0, 0]])
    assert text.token_ids == [5, 3, 5, 1, 2]
    assert text.places == [0, -1, 1, -1, 4]
    assert text.forbidden(2) == [1, 3]


def test_the_released_code_drops_terms_that_consist_of_others():
    terms = {"a b": "x", "a": "y", "b": "z", "a's": "w", "a c": "v", "d's": "u"}
    assert list(not_split(terms)) == ["a", "b", "a c", "d's"]


@pytest.mark.parametrize("terms", [{"": "a"}, {"a": " "}, {"a": []}, {"a": ["b", ""]}])
def test_blank_terms_are_refused(terms):
    with pytest.raises(UserError, match="option anchors"):
        anchors_of(terms, letters)


def with_texts(*texts: str) -> Run:
    forget = LanguageModellingExamples([ids(text) for text in texts], PAD)
    return dataclasses.replace(
        run_of("causal"), sets={"forget": forget}, tokenizer=letters, names=("anchors",)
    )


def logits(model, text: str) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([ids(text)])).logits[0]


def test_labels_are_what_the_base_says_of_the_translation_less_what_the_reinforced_adds():
    """Of a H b H c: after a, H, H; each by hand. Padding and other texts in the batch change
    nothing."""
    run = with_texts("bcdefgbcd", "ahbhc")
    settings = harry_potter.Settings(anchors={"h": "jk"}, alpha=5.0)
    labelled = harry_potter.labelled(run, settings)
    assert labelled.counted.tolist() == [8, 3]
    u = logits(run.reference, "ajkbjkc")
    r = logits(run.models["reinforced"], "ahbhc")
    wanted = []
    for original, place in ((0, 0), (1, 2), (3, 5)):
        said = u[place].clone()
        if place > 1:
            said[ids("j")] = u[place].mean()
        more = (r[original] - said).clamp(min=0)
        wanted.append(int((said - 5.0 * more).argmax()))
    batch = labelled.batch(np.array([1]))
    assert batch["labels"].tolist() == wanted
    assert batch["counted"].tolist() == [[False, True, True, False, True]]


def test_without_reinforcement_a_label_is_what_the_base_says_of_the_translation():
    """alpha 0, or a reinforced model that is the base: no anchor, no change."""
    run = with_texts("bcdef")
    same = dataclasses.replace(run, models={"reinforced": run.reference})
    wanted = logits(run.reference, "bcdef")[:-1].argmax(-1).tolist()
    for given, alpha in ((run, 0.0), (same, 5.0)):
        labelled = harry_potter.labelled(given, harry_potter.Settings(alpha=alpha))
        assert labelled.batch(np.array([0]))["labels"].tolist() == wanted


def test_a_value_is_drawn_for_each_text_by_a_seed_and_is_the_same_in_all_of_it():
    texts = [f"ah{one}hh" for one in "bcdefgijklmnopq"]
    run = with_texts(*texts)
    settings = harry_potter.Settings(anchors={"h": ["x", "y"]})
    first, again = (harry_potter.translations(run, settings) for _ in range(2))
    assert first == again
    drawn = [{text.token_ids[place] for place in (1, 3, 4)} for text in first]
    assert {one for some in drawn for one in some} == set(ids("xy"))
    assert all(len(some) == 1 for some in drawn)
    alone = harry_potter.translations(with_texts(texts[3]), settings)
    assert alone == [first[3]]  # whatever else is forgotten


def test_a_translation_longer_than_the_context_learns_from_what_fits():
    """The context has 16 places; predictions at its last one are of a token that was cut."""
    run = with_texts("hbcdefg")
    labelled = harry_potter.labelled(run, harry_potter.Settings(anchors={"h": "a" * 12}))
    assert labelled.counted.tolist() == [4]  # after h (place 11), b, c, d


def test_forbidden_tokens_have_the_mean_and_others_what_they_had():
    given = torch.tensor([[1.0, 2.0, 6.0], [0.0, 3.0, 3.0]])
    changed = harry_potter.without(given, [[2, 0], []])
    assert changed.tolist() == [[3.0, 2.0, 3.0], [0.0, 3.0, 3.0]]
    assert given[0].tolist() == [1.0, 2.0, 6.0]


def test_what_the_reinforced_model_says_less_changes_nothing():
    said = harry_potter.generic(torch.tensor([[2.0, 5.0]]), torch.tensor([[3.0, 1.0]]), 5.0)
    assert said.tolist() == [[-3.0, 5.0]]


@pytest.mark.parametrize("anchors", [{"Ann": ["Jo", 3]}, {1: "Jo"}, ["Ann", "Jo"]])
def test_anchors_are_a_mapping(anchors):
    """Told while the graph is built."""
    (problem,) = field_problems(harry_potter.Settings, {"anchors": anchors}, "options")
    assert problem.what == "wrong type"
    assert problem.allowed == "a mapping of text to text or a list of text or null"
    good = {"anchors": {"Ann": "Jo", "Ben": ["Tom", "Tim"]}}
    assert not list(field_problems(harry_potter.Settings, good, "options"))
