"""Byte-level BPE (Radford et al. 2019), for causal models that are trained here."""

from __future__ import annotations

from collections.abc import Iterable

from palimpsest.errors import Problem, UserError
from palimpsest.models.tokenizers import PAD

END = "<|endoftext|>"
BYTES = 256


def train_bpe(texts: Iterable[str], vocab_size: int):
    """A byte-level BPE tokenizer of at most ``vocab_size`` tokens: END, PAD, the 256 bytes, then
    the merges. Equal texts give equal bytes.

    Every text can be encoded, so there is no unknown token, and decoding gives it back exactly. END
    is the end of text and never the pad token, so that the end of a text is not taken for padding;
    there is no token for the beginning, and none is added to a text. A word after a space is
    another piece than the word alone: train on sentences, and join the words of a lexicon by spaces
    first.

    Raises UserError where ``vocab_size`` has no room for the bytes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = [END, PAD]
    if vocab_size < BYTES + len(special):
        remedy = "set it to 2000 or more"
        raise UserError(
            Problem(
                "too few tokens",
                "vocab_size",
                str(vocab_size),
                f"{BYTES + len(special)} or more",
                remedy,
            )
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # all bytes, as a later text may hold one that these do not
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, clean_up_tokenization_spaces=False
    )
