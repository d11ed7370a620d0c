"""Pretrain a model on public text by a recipe; studies that name the recipe start from it."""

from __future__ import annotations

import importlib
import logging
import math
from pathlib import Path

import numpy as np

from palimpsest.data.corpus import lines
from palimpsest.data.identity import identities
from palimpsest.errors import Problem, UserError
from palimpsest.models.folder import check_tokenizer
from palimpsest.models.making import save_model_folder
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.randomness import numpy_generator, seed_of
from palimpsest.training import resume
from palimpsest.training.loop import train
from palimpsest.training.report import installed_versions, write_reports
from palimpsest.training.settings import OfRecipe, settings_from


def add_arguments(parser) -> None:
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder")
    resume.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder")


def run(args) -> None:
    """settings: `name` and one entry of the study's `pretraining`, `learns` (the module that says
    what is learnt), `columns` of the corpus, `threads`, `gpus`, `precision`."""
    settings = args.settings
    learns = importlib.import_module(settings["learns"])
    start = check_tokenizer(args.tokenizer)
    tokenizer = load_tokenizer(args.tokenizer)
    sources = identities(args.corpus)
    names, versions = ("pretrained", settings["name"]), installed_versions()
    chosen, epochs = budgeted(
        blocks(
            args.corpus,
            set(settings["columns"]),
            tokenizer,
            settings["block"],
            learns.marks(tokenizer),
        ),  # fmt: skip
        settings["tokens"],
        *names,
    )
    model_settings = {
        "init": "scratch",
        "max_length": settings["block"],
        **{key: settings[key] for key in ("architecture", "config")},
    }
    model = learns.make(model_settings, tokenizer, *names, "init")
    logging.info("%d blocks of %d tokens, %d epochs", len(chosen), settings["block"], epochs)
    given = settings["training"] | {"epochs": epochs, "checkpoint_seconds": args.checkpoint_seconds}
    given |= {key: settings[key] for key in ("threads", "gpus", "precision")}
    training, computing = settings_from(given, OfRecipe)
    digests = sorted(digest for *_, digest in sources.values())
    fingerprint = str(
        seed_of(sorted(settings.items()), digests, start, args.code, sorted(versions.items()))
    )
    objective = learns.objective(chosen, tokenizer, *names)
    states = args.output / "resume"
    model, report = train(model, objective, training, computing, names, states, fingerprint)
    files = save_model_folder(model, tokenizer, args.output)
    details = {
        "names": list(names),
        "epochs": epochs,
        "blocks": len(chosen),
        "sources": sources,
        "versions": versions,
        "code": args.code,
        "sha256": files.pop("model.safetensors"),
        "files": files,
    }
    write_reports(args.output, report | details, states)


def blocks(corpus: list[Path], columns: set[str], tokenizer, size: int, marks: tuple) -> np.ndarray:
    """(n, size) ids: the lines of all files, an end of text after each file, cut into blocks; the
    remaining tokens are dropped. marks: ids at the beginning of a block, the end of text, and ids
    at the end of a block."""
    first, end, last = marks
    ids: list[int] = []
    for path in corpus:
        texts = [f"{line}\n" for line in lines(path, columns)]
        for start in range(0, len(texts), 1000):
            for encoded in tokenizer(
                texts[start : start + 1000], add_special_tokens=False, verbose=False
            )["input_ids"]:
                ids += encoded
        ids.append(end)
    inner = size - len(first) - len(last)
    count = len(ids) // inner if inner > 0 else 0
    if not count:
        found, remedy = f"{len(ids)} tokens", "give more text, or shorter blocks"
        raise UserError(
            Problem(
                "the corpus does not fill a block",
                ", ".join(map(str, corpus)),
                found,
                f"{max(inner, 1)} or more, in blocks of {len(first) + len(last) + 1} or more",
                remedy,
            )
        )
    parts = np.array(ids[: count * inner]).reshape(count, inner)
    around = [np.tile(np.array(marks, dtype=parts.dtype), (count, 1)) for marks in (first, last)]
    return np.hstack([around[0], parts, around[1]])


def budgeted(corpus_blocks: np.ndarray, tokens: int, *names: object) -> tuple[np.ndarray, int]:
    """(blocks to train on, epochs) that make ``tokens`` tokens together; where not all blocks are
    needed, ``names`` seed the draw."""
    needed = max(1, tokens // corpus_blocks.shape[1])
    epochs = math.ceil(needed / len(corpus_blocks))
    chosen = np.sort(
        numpy_generator(*names, "blocks").permutation(len(corpus_blocks))[
            : math.ceil(needed / epochs)
        ]
    )
    return corpus_blocks[chosen], epochs
