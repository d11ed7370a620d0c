"""Byte-level BPE: every text can be written and comes back as it was, and equal texts give equal
bytes in every process."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from palimpsest.errors import UserError
from palimpsest.models.bpe import train_bpe
from palimpsest.models.tokenizers import load_tokenizer, save_tokenizer

SCRIPT = """
import hashlib, random
from palimpsest.models.bpe import train_bpe
generator = random.Random(3)
word = lambda: "".join(generator.choice("abcdefgh") for _ in range(4))
texts = [" ".join(word() for _ in range(12)) for _ in range(400)]
print(hashlib.sha256(train_bpe(texts, 600).backend_tokenizer.to_str().encode()).hexdigest())
"""
TEXTS = ["the cat sat on the mat", "the dog sat on the cat", "a dog, a cat and 12 mats"]


def test_equal_texts_give_equal_bytes_in_every_process():
    """Random words have many pairs of equal count: a trainer that breaks ties by chance differs
    between any two of four runs."""
    environments = [{**os.environ, "PYTHONHASHSEED": str(seed)} for seed in range(4)]
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=one
        )
        for one in environments
    ]
    assert len({run.stdout for run in runs}) == 1


def test_order_of_the_texts_does_not_matter():
    assert (
        train_bpe(TEXTS, 300).backend_tokenizer.to_str()
        == train_bpe(TEXTS[::-1], 300).backend_tokenizer.to_str()
    )


def test_tokens_by_hand():
    """Two special tokens, 256 bytes, then merges: of the pairs in "ab ab ab", ' a' and 'ab' stand 2
    and 3 times, so 'ab' comes first, and then ' ab'. There is nothing more to merge.
    """
    tokenizer = train_bpe(["ab ab ab"], 1000)
    assert len(tokenizer) == 2 + 256 + 2
    assert tokenizer.convert_ids_to_tokens([0, 1, 258, 259]) == [
        "<|endoftext|>",
        "<|pad|>",
        "ab",
        "Ġab",
    ]
    assert tokenizer("ab abc")["input_ids"] == [258, 259, tokenizer.convert_tokens_to_ids("c")]
    assert len(train_bpe(TEXTS, 265)) == 265


def test_any_text_comes_back_as_it_was(tmp_path):
    """Also after saving, and with letters, spaces and control characters that the tokenizer was not
    trained on."""
    save_tokenizer(train_bpe(TEXTS, 300), tmp_path / "tokenizer")
    tokenizer, generator = load_tokenizer(tmp_path / "tokenizer"), random.Random(0)
    texts = [
        "",
        " ",
        " the cat .  sat , don 't ! ",
        "\n\n<unk>\t= = x = = \r\n",
        "naïve 戦場 🙂\u200d\x00",
        *TEXTS,
    ]
    letters = [
        chr(code) for code in (*range(0x3000), *range(0xE000, 0xF000), *range(0x1F600, 0x1F700))
    ]
    texts += ["".join(generator.choices(letters, k=40)) for _ in range(50)]
    ids = tokenizer(texts)["input_ids"]
    assert [tokenizer.decode(row) for row in ids] == texts
    assert not {tokenizer.eos_token_id, tokenizer.pad_token_id} & {
        token for row in ids for token in row
    }


def test_the_end_is_not_the_padding_and_nothing_is_added(tmp_path):
    save_tokenizer(train_bpe(TEXTS, 270), tmp_path / "tokenizer")
    for tokenizer in (train_bpe(TEXTS, 270), load_tokenizer(tmp_path / "tokenizer")):
        assert (
            tokenizer.eos_token_id,
            tokenizer.pad_token_id,
            tokenizer.bos_token_id,
            tokenizer.unk_token_id,
        ) == (0, 1, None, None)
        assert tokenizer("")["input_ids"] == [] and len(tokenizer) == 270


def test_too_few_tokens_are_refused():
    assert len(train_bpe(TEXTS, 258)) == 258
    with pytest.raises(UserError, match="258 or more"):
        train_bpe(TEXTS, 257)
