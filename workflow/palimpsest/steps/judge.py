"""Train a judge, a classifier of text, on public text; studies that name it have it judge what
their models write."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.identity import identities
from palimpsest.judges.examples import divided, labelled
from palimpsest.judges.judge import HEAD, probabilities
from palimpsest.metrics.classification import accuracy, auroc
from palimpsest.models.making import check_context, save_model_folder
from palimpsest.models.tokenizers import train_wordpiece
from palimpsest.randomness import seed_of
from palimpsest.tracks.classification import model as classifier
from palimpsest.training import resume
from palimpsest.training.loop import train
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood
from palimpsest.training.report import installed_versions, write_reports
from palimpsest.training.settings import OfJudge, settings_from


def add_arguments(parser) -> None:
    parser.add_argument(
        "--examples",
        type=Path,
        nargs="+",
        action="append",
        required=True,
        help="files of an entry of the settings' `examples`; once for each, in their order",
    )
    resume.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder")


def run(args) -> None:
    """settings: `name` and one entry of the study's `judges`, its `training`, and `threads`,
    `gpus`, `precision`.

    training.json also has `held_out`: of the texts that it did not learn from their number, how
    many have label 1, accuracy and AUROC.
    """
    settings = args.settings
    names, versions = ("judges", settings["name"]), installed_versions()
    sources = identities({path for files in args.examples for path in files})
    frames = [
        labelled(entry, files)
        for entry, files in zip(settings["examples"], args.examples, strict=True)
    ]
    frame = pd.concat(frames, ignore_index=True)
    learnt, held_out = divided(frame, settings["held_out"], *names)
    tokenizer = train_wordpiece(
        learnt["text"].tolist(), settings["vocab_size"], settings["lowercase"]
    )
    examples, cut = classifier.encode(learnt, tokenizer, settings)
    logging.info("%d texts to learn, %d of them cut; %d held out", len(learnt), cut, len(held_out))
    model = classifier.make(settings | {"init": "scratch"}, tokenizer, HEAD, *names, "init")
    check_context(model, settings["max_length"])
    given = settings["training"] | {"checkpoint_seconds": args.checkpoint_seconds}
    given |= {key: settings[key] for key in ("threads", "gpus", "precision")}
    training, computing = settings_from(given, OfJudge)
    digests = sorted(digest for *_, digest in sources.values())
    fingerprint = str(
        seed_of(sorted(settings.items()), digests, args.code, sorted(versions.items()))
    )
    objective = Objective({"train": Part(examples, negative_log_likelihood(classifier.predict))})
    states = args.output / "resume"
    model, report = train(model, objective, training, computing, names, states, fingerprint)
    unseen, _ = classifier.encode(held_out, tokenizer, settings)
    said = probabilities(model, unseen.token_ids, unseen.pad_id)
    files = save_model_folder(model, tokenizer, args.output)
    details = {
        "names": list(names),
        "max_length": settings["max_length"],
        "records": len(learnt),
        "positive": int(learnt["label"].sum()),
        "cut": cut,
        "held_out": quality(held_out["label"].to_numpy(), said),
        "sources": sources,
        "versions": versions,
        "code": args.code,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": files.pop("model.safetensors"),
        "files": files,
    }
    logging.info("held out: %s", details["held_out"])
    write_reports(args.output, report | details, states)


def quality(labels: np.ndarray, said: np.ndarray) -> dict:
    """How well probabilities of label 1 tell the labels, (n,) each; decided at 0.5."""
    decided = np.eye(2)[(said >= 0.5).astype(int)]
    return {
        "texts": len(labels),
        "positive": int(labels.sum()),
        "accuracy": float(accuracy(labels, decided)),
        "auroc": float(auroc(labels, said)),
    }
