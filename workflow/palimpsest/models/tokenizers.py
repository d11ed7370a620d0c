"""Tokenizers: trained on text that nobody can ask to delete, or those of a pretrained model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import file_digests, replacing_files

PAD = "<|pad|>"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def train_wordpiece(texts: list[str], vocab_size: int, lowercase: bool):
    """A WordPiece tokenizer of at most ``vocab_size`` pieces; it wraps a text in [CLS] ... [SEP].
    Equal texts give equal bytes.

    The trainer numbers the pieces that continue a word ("##a") in the order of a hash map, which
    differs from run to run, and breaks ties by these numbers. So a first training finds which there
    are, and a second is given them in order.
    """
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    def pieces(first: list[str]) -> dict[str, int]:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size, special_tokens=first, show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer.get_vocab()

    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    splitter = pre_tokenizers.BertPreTokenizer()
    continuing = sorted(
        piece for piece in pieces(SPECIAL) if len(piece) == 3 and piece.startswith("##")
    )
    vocabulary = pieces(SPECIAL + continuing)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    ends = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends
    )
    roles = dict(
        zip(
            ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True
        )
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)


def save_tokenizer(tokenizer, folder: Path) -> dict[str, str]:
    """Write a tokenizer's files, whole or not at all, and return the SHA-256 of each."""
    with replacing_files(folder) as beside:
        tokenizer.save_pretrained(beside)
        digests = file_digests(beside)
    return digests


def load_tokenizer(source: str | Path):
    """The tokenizer of a folder.

    One without a pad token (gpt2, distilgpt2) gets a new token for it: if it were the end of text,
    the end of a text would be taken for padding.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(source), trust_remote_code=False, local_files_only=True
        )
    except MemoryError:
        raise
    except Exception as error:  # a damaged one is told by errors of several packages
        found = f"{source} ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
        remedy = "give a folder with the tokenizer.json that belongs to the model"
        raise UserError(
            Problem("the tokenizer cannot be loaded", "model.init", found, remedy=remedy)
        ) from None
    # would be saved as HF_HUB_OFFLINE has it, which is no part of a tokenizer
    if "local_files_only" in tokenizer.init_kwargs:
        tokenizer.init_kwargs["local_files_only"] = False
    if tokenizer.pad_token_id is None:
        tokenizer.add_special_tokens({"pad_token": PAD})
    tokenizer.padding_side = "right"
    return tokenizer


def encode(tokenizer, texts: list[str], max_length: int) -> tuple[list[list[int]], int]:
    """Ids of each text, cut to ``max_length`` tokens, and how many texts were cut."""
    whole = tokenizer(texts, add_special_tokens=True, verbose=False)["input_ids"] if texts else []
    cut = sum(len(ids) > max_length for ids in whole)
    if cut:
        whole = tokenizer(texts, add_special_tokens=True, truncation=True, max_length=max_length)[
            "input_ids"
        ]
        tokenizer.backend_tokenizer.no_truncation()  # else it would be saved with the model
    return whole, cut


def pieces(tokenizer, token_ids: list[list[int]]) -> tuple[int, int]:
    """Pieces of encoded texts, without tokens that mark their beginning, end or the like, and how
    many of them the tokenizer does not know. Those of bytes know all; GPT-2's calls its end of text
    the unknown token, which stands for nothing unknown."""
    roles = ("bos", "eos", "pad", "sep", "cls", "mask")
    marks = {getattr(tokenizer, f"{role}_token_id") for role in roles}
    counts = Counter(token for ids in token_ids for token in ids if token not in marks)
    return counts.total(), 0 if tokenizer.unk_token_id in marks else counts[tokenizer.unk_token_id]
