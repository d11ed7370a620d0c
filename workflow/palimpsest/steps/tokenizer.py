"""Train a tokenizer on text that nobody can ask to delete."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from pathlib import Path

from palimpsest.data.corpus import lines
from palimpsest.data.identity import identities
from palimpsest.files import write_json
from palimpsest.models.bpe import train_bpe
from palimpsest.models.tokenizers import save_tokenizer, train_wordpiece


def add_arguments(parser) -> None:
    parser.add_argument("--corpus", type=Path, nargs="*", default=[])
    parser.add_argument("--output", type=Path, required=True, help="folder")


def run(args) -> None:
    """settings is one entry of the study's `tokenizers`, with the modules of its lexicons."""
    settings = args.settings
    texts = list(_texts(settings, args.corpus))
    if settings["algorithm"] == "bpe":
        tokenizer = train_bpe(texts, settings["vocab_size"])
    else:
        tokenizer = train_wordpiece(texts, settings["vocab_size"], settings["lowercase"])
    files = save_tokenizer(tokenizer, args.output)
    write_json(args.output / "corpus.json", {"sources": identities(args.corpus), "files": files})
    logging.info("tokenizer of %d pieces", len(tokenizer))


def _texts(settings: dict, files: list[Path]) -> Iterator[str]:
    for source in settings["corpus"]:
        if "lexicon" in source:
            words = importlib.import_module(source["lexicon"]).lexicon()
            # joined by spaces: to BPE a word after a space is another piece
            yield from [" ".join(words)] if settings["algorithm"] == "bpe" else words
    columns = {source["column"] for source in settings["corpus"] if "column" in source}
    for path in files:
        yield from lines(path, columns)
