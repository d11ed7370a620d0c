"""Tokenizers: the same text gives the same bytes in every process, and a pad token is never a token
of a text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from palimpsest.models.tokenizers import encode, load_tokenizer, train_wordpiece

SCRIPT = """
import hashlib, random
from palimpsest.models.tokenizers import train_wordpiece
generator = random.Random(3)
letters = "abcdefghijklmnopqrstuvwxyz   "
texts = ["".join(generator.choice(letters) for _ in range(60)) for _ in range(400)]
trained = train_wordpiece(texts, 400, True).backend_tokenizer.to_str()
print(hashlib.sha256(trained.encode()).hexdigest())
"""


def test_equal_texts_give_equal_bytes_in_every_process():
    """Random words have many pairs of equal count: a trainer that breaks ties by chance differs
    between any two of six runs."""
    runs = [
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
        for _ in range(6)
    ]
    assert len({run.stdout for run in runs}) == 1


def test_a_trained_tokenizer_knows_its_words_and_wraps_a_text(tmp_path):
    train_wordpiece(["the cat sat", "the dog sat"], 200, True).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.convert_ids_to_tokens(tokenizer("The CAT sat zzz")["input_ids"]) == [
        "[CLS]",
        "the",
        "cat",
        "sat",
        "[UNK]",
        "[SEP]",
    ]
    assert tokenizer.convert_ids_to_tokens(range(5)) == [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
    ]


def test_long_texts_are_cut_and_counted_and_the_tokenizer_stays_as_it_was(tmp_path):
    tokenizer = train_wordpiece(["a b c d e f"], 100, True)
    before = tokenizer.backend_tokenizer.to_str()
    ids, cut = encode(tokenizer, ["a b", "a b c d e f"], max_length=5)
    assert [len(row) for row in ids] == [4, 5] and cut == 1
    assert ids[1][-1] == tokenizer.sep_token_id, "a text that is cut still ends as texts end"
    assert tokenizer.backend_tokenizer.to_str() == before


@pytest.fixture
def decoder_folder(tmp_path):
    """A tokenizer as gpt2 has it: an end of text, no pad token."""
    words = {"<|endoftext|>": 0, "hello": 1, "world": 2}
    backend = Tokenizer(models.WordLevel(words, unk_token="<|endoftext|>"))
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>").save_pretrained(
        tmp_path
    )
    return tmp_path


def test_a_tokenizer_without_a_pad_token_gets_one_of_its_own(decoder_folder):
    tokenizer = load_tokenizer(decoder_folder)
    assert tokenizer.pad_token_id == 3 and tokenizer.pad_token_id != tokenizer.eos_token_id
    assert len(tokenizer) == 4
