"""PCGU's blocks and its update: by hand, and against a loop over blocks."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from palimpsest.data.blanks import BLANK, filled
from palimpsest.errors import UserError
from palimpsest.methods import pcgu
from palimpsest.methods.pcgu import Settings, block_cosines, block_counts, direction, lowest
from palimpsest.tracks.masked import model as track
from palimpsest.tracks.masked.examples import MaskedExamples

# Of a matrix: rows agree and disagree; of a vector: at 60 degrees.
ADVANTAGED = {"matrix": [[1.0, 0.0], [3.0, 4.0]], "vector": [1.0, 0.0]}
DISADVANTAGED = {"matrix": [[2.0, 0.0], [-4.0, 3.0]], "vector": [1.0, math.sqrt(3)]}


def gradients(**others) -> dict[str, dict[str, torch.Tensor]]:
    sides = {"advantaged": ADVANTAGED, "disadvantaged": DISADVANTAGED}
    return {
        side: {name: torch.tensor(value, dtype=torch.float64) for name, value in one.items()}
        | {name: pair[number].clone() for name, pair in others.items()}
        for number, (side, one) in enumerate(sides.items())
    }


def test_cosines_of_rows_and_columns_by_hand():
    """Rows: 1 and 0. Columns: (1, 3) with (2, -4) is -10 / sqrt(10 * 20), (0, 4) with (0, 3) is 1.
    A vector is one block: 1 / 2."""
    one, other = (side["matrix"] for side in gradients().values())
    assert block_cosines(one, other, "rows").tolist() == pytest.approx([1, 0])
    found = block_cosines(one, other, "columns").tolist()
    assert found == pytest.approx([-10 / math.sqrt(200), 1])
    vectors = [side["vector"] for side in gradients().values()]
    for blocks in ("rows", "columns"):
        assert float(block_cosines(*vectors, blocks)) == pytest.approx(0.5)
    assert block_counts(gradients()["advantaged"], "rows") == {"matrix": 2, "vector": 1}


def test_the_update_is_the_gradient_in_the_lowest_blocks_alone():
    """k = 2 by rows: the second row (0) and the vector (0.5); the first row (1) is left alone."""
    sides = {
        "lower": ([[0, 0], [3, 4]], [1, 0]),
        "raise": ([[0, 0], [4, -3]], [-1, -math.sqrt(3)]),
        "dynamic": ([[0, 0], [1, -7]], [-2, -math.sqrt(3)]),
    }
    for side, (matrix, vector) in sides.items():
        found = direction(Settings(side=side), 2, gradients())
        torch.testing.assert_close(found["matrix"], torch.tensor(matrix).double())
        torch.testing.assert_close(found["vector"], torch.tensor(vector).double())
    found = direction(Settings(blocks="columns"), 1, gradients())
    torch.testing.assert_close(found["matrix"], torch.tensor([[1, 0], [3, 0]]).double())
    assert not found["vector"].any()


def test_all_blocks_are_the_plain_gradient():
    found, plain = direction(Settings(), 3, gradients()), gradients()["advantaged"]
    assert all(torch.equal(found[name], plain[name]) for name in plain)


def test_what_nothing_depends_on_is_never_chosen_and_equal_gradients_come_last():
    """A tensor without a gradient would have cosine 0, before all that agree; single blocks of 0
    do have it, as in the released code."""
    idle, same = torch.zeros(2, 2).double(), torch.tensor([[1.0, 2.0], [0.0, 0.0]]).double()
    found = gradients(idle=(idle, idle), same=(same, same))
    chosen = pcgu.ranked(found, Settings(), 3)
    assert chosen["matrix"].tolist() == [False, True] and not chosen["idle"].any()
    assert chosen["same"].tolist() == [False, True] and chosen["vector"].item()
    assert sum(int(one.sum()) for one in pcgu.ranked(found, Settings(), 7).values()) == 5


def test_what_is_idle_comes_behind_other_zeros_or_has_no_place():
    """Rows: idle; of one word alone, 0; a half; 1. Two places of the four."""
    one = torch.tensor([[0.0, 0.0], [0.0, 3.0], [1.0, 0.0], [1.0, 1.0]]).double()
    other = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, math.sqrt(3)], [2.0, 2.0]]).double()
    found = {side: {"words": rows} for side, rows in zip(pcgu.SIDES, (one, other), strict=True)}

    def chosen(k: int, **how) -> list[int]:
        return pcgu.ranked(found, Settings(**how), k)["words"].nonzero()[:, 0].tolist()

    assert chosen(1) == [1], "the word that differs, not the first of all zeros"
    assert chosen(2) == [0, 1] and chosen(2, idle="left_out") == [1, 2]
    assert chosen(4, idle="left_out") == [1, 2, 3]


def test_ties_go_to_earlier_tensors():
    cosines = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([0.0, 0.0])}
    assert {name: one.tolist() for name, one in lowest(cosines, 2).items()} == {
        "a": [True, False], "b": [True, False],
    }  # fmt: skip


@pytest.mark.parametrize("blocks", ["rows", "columns"])
@pytest.mark.parametrize("side", ["lower", "raise", "dynamic"])
def test_it_is_what_a_loop_over_blocks_finds(blocks, side):
    """Block by block, with torch's own cosine, sorted in Python."""
    generator = torch.Generator().manual_seed(1)
    shapes = {"embedding": (11, 4), "linear": (5, 7), "norm": (6,), "three": (2, 3, 4)}
    sides = {
        name: {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
        for name in pcgu.SIDES
    }
    every = []
    for key in shapes:
        one, other = (sides[name][key] for name in pcgu.SIDES)
        axis = -2 if blocks == "columns" and one.ndim > 1 else -1
        moved = [
            tensor.movedim(axis, -1).reshape(-1, tensor.shape[axis]) for tensor in (one, other)
        ]
        for place, pair in enumerate(zip(*moved, strict=True)):
            every.append((float(torch.cosine_similarity(*pair, dim=0)), key, place))
    k = 9
    wanted = {key: torch.zeros(shape) for key, shape in shapes.items()}
    for _, key, place in sorted(every)[:k]:
        one, other = (sides[name][key] for name in pcgu.SIDES)
        update = {"lower": one, "raise": -other, "dynamic": -(one + other)}[side]
        axis = -2 if blocks == "columns" and one.ndim > 1 else -1
        view = wanted[key].movedim(axis, -1)
        rows = view.reshape(-1, view.shape[-1]).clone()
        rows[place] = update.movedim(axis, -1).reshape(rows.shape)[place]
        wanted[key] = rows.reshape(view.shape).movedim(-1, axis)
    copies = {name: {key: one.clone() for key, one in of.items()} for name, of in sides.items()}
    found = direction(Settings(side=side, blocks=blocks), k, copies)
    for key in shapes:
        torch.testing.assert_close(found[key], wanted[key])


def test_pairs_differ_in_one_token_or_are_none():
    assert pcgu.differing([1, 2, 3], [1, 5, 3]) == 1
    assert pcgu.differing([1, 2, 3], [0, 2, 3]) == 0
    assert pcgu.differing([1, 2], [1, 2]) == "the same tokens"
    assert pcgu.differing([1, 2, 3], [1, 5]) == "different lengths"
    assert pcgu.differing([1, 2, 3], [4, 5, 3]) == "several differing tokens"


def test_a_pair_of_which_a_word_is_unknown_is_none():
    """9 is what the tokenizer does not know: a word of one side, or both words, but not what stands
    around them in both."""
    for pair in (([1, 9], [1, 5]), ([1, 5], [1, 9]), ([1, 9], [1, 9]), ([1, 9], [1, 5, 6])):
        assert pcgu.differing(*pair, unknown=9) == "an unknown word"
    assert pcgu.differing([9, 2, 3], [9, 5, 3], unknown=9) == 1
    assert pcgu.differing([9, 2], [9, 5, 3], unknown=9) == "different lengths"
    assert pcgu.differing([1, 9], [1, 5]) == 1  # of a tokenizer that knows everything


def test_blocks_that_differ_in_any_bit_are_counted():
    """Of the matrix the first row differs, which lies in both columns; of the vector the sign of a
    zero alone."""
    before = {"matrix": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "vector": torch.tensor([0.0, 1.0])}
    before["same"] = torch.tensor([[1.0, float("nan")]])
    after = {name: one.clone() for name, one in before.items()}
    after["matrix"][0] = torch.tensor([5.0, 2.5])
    after["vector"][0] = -0.0
    counts = {"rows": {"matrix": (1, 2), "vector": (1, 1), "same": (0, 1)}}
    counts["columns"] = {"matrix": (2, 2), "vector": (1, 1), "same": (0, 2)}
    for blocks, wanted in counts.items():
        found = pcgu.changed(before, after, blocks)
        assert {one["tensor"]: (one["changed"], one["blocks"]) for one in found} == wanted
        halves = ({name: one.half() for name, one in some.items()} for some in (before, after))
        assert pcgu.changed(*halves, blocks) == found


def asked(*rows: tuple[str, str, str]) -> SimpleNamespace:
    """A run that forgets records of (prompt, advantaged, disadvantaged), a letter a token."""

    def encode(frame: pd.DataFrame) -> MaskedExamples:
        texts = [filled(*one) for one in zip(frame["prompt"], frame["completion"], strict=True)]
        ids = [[ord(letter) for letter in one.text] for one in texts]
        marks = [[one.start <= n < one.end for n in range(len(one.text))] for one in texts]
        return MaskedExamples(ids, marks, marks, 0, 1)

    records = pd.DataFrame(rows, columns=["prompt", *pcgu.SIDES])
    records = records.assign(completion="x", record_id=[f"r{n}" for n in range(len(rows))])
    noted: dict = {}
    return SimpleNamespace(
        records={"forget": records}, encode=encode, track=track, model=torch.nn.Linear(3, 2),
        tokenizer=SimpleNamespace(unk_token_id=ord("?")), folder="made", noted=noted,
        note=noted.__setitem__,
    )  # fmt: skip


def test_pairs_are_taken_once_and_only_the_token_that_differs_is_hidden(caplog):
    """`him` and `hem` differ in one letter; `he` and `she` have other lengths; one has no words.
    Those left out are noted by id, and the log says how many they are and where that is."""
    run = asked(
        (f"a {BLANK} b", "him", "hem"), (f"a {BLANK} b", "him", "hem"), (f"c {BLANK}", "he", "she"),
        (f"d {BLANK}", "", ""), (f"e {BLANK}", "k", "q"), (f"f {BLANK}", "?", "q"),
        (f"g {BLANK}", "ab", "cd"), (f"h {BLANK}", "ba", "dc"),
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        sides = pcgu.pairs(run)
    texts = {name: ["".join(map(chr, ids)) for ids in one.token_ids] for name, one in sides.items()}
    assert texts == {"advantaged": ["a him b", "e k"], "disadvantaged": ["a hem b", "e q"]}
    for side in sides.values():
        assert [one.index(True) for one in side.hidden] == [3, 2]
        assert side.counted.tolist() == [1, 1]
    reasons = {"r2": "different lengths", "r5": "an unknown word"}
    reasons |= dict.fromkeys(("r6", "r7"), "several differing tokens")
    left_out = [{"record_id": name, "why": why} for name, why in reasons.items()]
    assert run.noted == {"pairs": 2, "left_out": left_out}
    (told,) = caplog.messages
    assert told == (
        "4 of 6 pairs are left out: 1 with different lengths, 1 with an unknown word, 2 with "
        "several differing tokens; made/training.json lists them under noted.left_out"
    )


def test_too_few_pairs_and_too_many_blocks_are_refused():
    few = asked((f"a {BLANK}", "he", "she"), (f"b {BLANK}", "k", "q"))
    with pytest.raises(UserError, match="too few pairs are left") as error:
        pcgu.pairs(few)
    assert error.value.problems[0].found == "1 of 2; left out: 1 with different lengths"
    run = asked((f"a {BLANK}", "k", "q"), (f"b {BLANK}", "k", "q"))
    with pytest.raises(UserError) as error:  # a matrix of two rows, and a vector
        pcgu.objective(run, Settings(k=4))
    assert error.value.problems[0].allowed == "1 to 3"
    assert set(pcgu.objective(run, Settings(k=3)).parts) == set(pcgu.SIDES)
    del run.records["forget"]["advantaged"]
    with pytest.raises(UserError, match="no words to set against each other"):
        pcgu.objective(run, Settings())
