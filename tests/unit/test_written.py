"""What a causal model writes, held against the true text: by hand, with a model that says what it
is told to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from palimpsest.data.aside import in_part
from palimpsest.metrics.tokens import TokenScores
from palimpsest.steps.score import once
from palimpsest.tracks.causal import written as module
from palimpsest.tracks.causal.asked import to_be_written
from palimpsest.tracks.causal.examples import LanguageModellingExamples

WORDS = ["<end>", "where", "does", "ann", "live", "in", "york", "bath", "now"]
END = 0


class Tokenizer:
    eos_token_id = END

    def decode(self, ids, skip_special_tokens):
        return " ".join(WORDS[i] for i in ids if not (skip_special_tokens and i == END))


# 'where does ann live | in york now <end>' and '<end> where | bath <end>'; what counts stands after
# the bar
EXAMPLES = LanguageModellingExamples(
    [[1, 2, 3, 4, 5, 6, 8, END], [END, 1, 7, END]],
    END,
    [[False] * 4 + [True] * 4, [False] * 2 + [True] * 2],
)
TEXTS = ["in york now", "bath"]


@pytest.fixture
def told(monkeypatch):
    """The prompts and sequences that the model was asked to continue; it answers as ``says`` and
    ``suffixes`` have it."""

    class Told:
        says = [[5, 7, 8, END], [7, END]]
        suffixes = [[[6, 7, END], [8, END], [END]]]  # after 5, 6 and 7 tokens of the first text
        shortest = [5]

    def continuations(model, prompts, lengths, batch_size, end):
        Told.prompts, Told.lengths = prompts, lengths
        return Told.says[: len(prompts)]

    monkeypatch.setattr(module, "greedy_continuations", continuations)

    def suffixes(model, sequences, batch_size, end, shortest):
        assert shortest == Told.shortest[: len(sequences)], "the prompt and one token"
        return Told.suffixes[: len(sequences)]

    monkeypatch.setattr(module, "greedy_suffixes", suffixes)
    return Told


def test_texts_without_a_word_are_left_out_of_rouge_and_counted(told, caplog):
    """Of the two texts one is in Chinese: nan, said in the log, or read where all scripts are."""
    told.says = [[5, 7, 8, END], [7, END]]
    given = [None, Tokenizer(), EXAMPLES, ["in york now", "巴斯"], [0, 1], 9, 2]
    found = module.written(*given)["rouge_l"]
    assert found[0] == pytest.approx(2 / 3) and np.isnan(found[1])
    assert "ROUGE-L is of 1 texts, not of 2" in caplog.text
    caplog.clear()
    assert module.written(*given, "all")["rouge_l"].tolist() == [pytest.approx(2 / 3), 0]
    assert caplog.text == ""


def test_what_is_written_is_held_against_the_completion(told):
    """Of 'in york now' the longest common subsequence with 'in bath now' has 2 of 3 words; 'bath'
    is all there is."""
    found = module.written(None, Tokenizer(), EXAMPLES, TEXTS, [0, 1], 4, 8)
    assert told.prompts == [[1, 2, 3, 4], [END, 1]] and told.lengths == [4, 2]
    assert found["rouge_l"] == pytest.approx([2 / 3, 1])


def test_it_is_held_against_the_answer_in_other_words_too_where_there_is_one(told):
    """'in bath now' against 'now in bath bath': two of four words in order, three in any. And F1 of
    the completion: of 3 and 3 words 2 are common."""
    others = ["now in bath bath", ""]
    found = module.written(None, Tokenizer(), EXAMPLES, TEXTS, [0, 1], 4, 8, others=others)
    assert found["rouge_l_paraphrase"][0] == 2 / 4 and np.isnan(found["rouge_l_paraphrase"][1])
    assert found["rouge_1_f1"] == pytest.approx([2 / 3, 1]) and found["rouge_1"][0] == 2 / 3


def test_it_is_looked_at_without_its_end_and_read_by_another_model_with_it(told, monkeypatch):
    """'in in in' has one of three tokens, and of two pairs one; the second text only ends. What is
    written stands after its prompt, and alone counts."""
    told.says, read = [[5, 5, 5, END], [END]], []

    def scores(model, examples, batch_size):
        read.append((model, examples.token_ids, examples.answers))
        return TokenScores(
            np.array([0, 4, 5]), -np.array([1.0, 2, 3, 2, 7], dtype=np.float32), np.ones(5, bool),
            np.zeros(5, np.float32), np.ones(5, np.float32),
        )  # fmt: skip

    monkeypatch.setattr(module, "token_scores", scores)
    found = module.written(None, Tokenizer(), EXAMPLES, TEXTS, [0, 1], 4, 8, reference="oracle")
    assert found["distinct_1"][0] == pytest.approx(1 / 3) and found["distinct_2"][0] == 1 / 2
    assert np.isnan(found["distinct_1"][1]) and np.isnan(found["repetition"]).all()
    assert found["written_nll"].tolist() == [2, 7]
    texts = [[1, 2, 3, 4, 5, 5, 5, END], [END, 1, END]]
    assert read == [("oracle", texts, [[False] * 4 + [True] * 4, [False, False, True]])]


def test_extraction_likelihood_of_texts_that_are_long_enough(told):
    """EL_2 of the 4 tokens that count: 2 prefixes. After 'in' it writes 'york bath <end>', none of
    whose n-grams is right; after 'in york' it writes 'now <end>', the one that there is: 1 of 2. A
    completion of 2 tokens is too short."""
    found = module.written(None, Tokenizer(), EXAMPLES, TEXTS, [0, 1], 2, 8)
    assert found["extraction_likelihood"][0] == pytest.approx(1 / 2) and np.isnan(
        found["extraction_likelihood"][1]
    )
    assert module.likelihood_of_extraction(None, EXAMPLES, [0], 2, END, 8) == pytest.approx(1 / 2)


def test_those_that_are_not_asked_have_no_number(told):
    told.says = [[7, END]]
    found = module.written(None, Tokenizer(), EXAMPLES, TEXTS, [1], 4, 8)
    assert (
        np.isnan(found["rouge_l"][0])
        and found["rouge_l"][1] == 1
        and np.isnan(found["extraction_likelihood"]).all()
    )
    assert all(
        np.isnan(values).all()
        for values in module.written(None, Tokenizer(), EXAMPLES, TEXTS, [], 4, 8).values()
    )


def test_without_a_prompt_there_is_nothing_to_answer(told):
    """The second text is a completion alone, after the start token: the model is asked for the
    first, and of both for EL_1."""
    told.says, told.suffixes = [[5, 6, 8, END]], [[[6, 8, END], [8, END], [END]], [[7, END], [END]]]
    examples = LanguageModellingExamples(
        [EXAMPLES.token_ids[0], [END, 1, 7, END]], END, [EXAMPLES.answers[0], [False] + [True] * 3]
    )
    told.shortest = [5, 2]
    found = module.written(None, Tokenizer(), examples, ["in york now", "where bath"], [0, 1], 1, 8)
    assert told.prompts == [[1, 2, 3, 4]] and told.lengths == [4]
    assert (
        found["rouge_l"][0] == 1
        and np.isnan(found["rouge_l"][1])
        and found["extraction_likelihood"].tolist() == [1, 1]
    )
    assert np.isnan(
        module.written(None, Tokenizer(), examples, ["in york now", "where bath"], [1], 9, 8)[
            "rouge_l"
        ]
    ).all()


def test_some_of_each_split_and_part_are_asked_whatever_else_is_there():
    records = pd.DataFrame(
        {
            "record_id": [f"r{i:02}" for i in range(30)],
            "split": ["test"] * 20 + ["valid"] * 10,
            "part": ["a", "b"] * 15,
        }
    )
    chosen = records.loc[to_be_written(records, 3)]
    assert (chosen.groupby(["split", "part"]).size() == 3).all() and len(chosen) == 12
    fewer = records[records["record_id"] != "r07"].reset_index(drop=True)
    kept = set(fewer.loc[to_be_written(fewer, 3), "record_id"])
    assert set(chosen["record_id"]) - {"r07"} <= kept
    turned = records.iloc[::-1].reset_index(drop=True)
    assert set(turned.loc[to_be_written(turned, 3), "record_id"]) == set(chosen["record_id"])
    assert to_be_written(records, 0) == []
    assert len(to_be_written(records.drop(columns="part"), 100)) == 30


def test_a_record_of_several_sets_is_scored_with_the_last_of_them():
    sets = {
        name: pd.DataFrame({"record_id": list(ids)})
        for name, ids in (("heldout", "z"), ("trained", "abc"), ("forget", "b"))
    }
    found = {name: records["record_id"].tolist() for name, records in once(sets).items()}
    assert found == {"heldout": ["z"], "trained": ["a", "c"], "forget": ["b"]} and once(sets)[
        "trained"
    ].index.tolist() == [0, 1]


def test_of_the_part_by_which_settings_are_chosen_none_is_asked_or_as_many_again():
    """Else what is left of them outside of the part would be a handful, and another in it."""
    records = pd.DataFrame({"record_id": [f"r{i:02}" for i in range(60)], "split": ["test"] * 60})
    inside = records["record_id"].map(lambda name: in_part(name, "s", 0.5))
    alone, both = (
        to_be_written(records, 8, study="s", share=0.5, both=both) for both in (False, True)
    )
    assert len(alone) == 8 and not inside[alone].any()
    assert len(both) == 16 and set(alone) < set(both) and inside[both].sum() == 8
