"""Score a set of records with one or several models: one log-probability a class."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import torch

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.models.classifier import load_classifier
from palimpsest.models.folder import check_model
from palimpsest.models.tokenizers import encode, load_tokenizer
from palimpsest.scoring.classification import log_probabilities
from palimpsest.training.classification import ClassificationExamples

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="folders, one a shard")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `sharding`, `shards` (of the models, in order), `classes`, `max_length`, `batch_size`, `threads`, `gpus`.

    Rows: record_id, sharding, shard, logp_0 .. logp_{C-1} in nats.
    """
    wanted = args.settings
    torch.set_num_threads(wanted["threads"])
    device = "cuda" if wanted["gpus"] else "cpu"
    records = read_parquet(args.records)
    for folder in args.model:
        check_model(folder)
    frames = []
    for shard, folder in zip(wanted["shards"], args.model, strict=True):
        tokenizer = load_tokenizer(folder)
        token_ids, _ = encode(tokenizer, records["text"].tolist(), wanted["max_length"]) if len(records) else ([], 0)
        model = load_classifier(folder, tokenizer, wanted["classes"]).to(device)
        examples = ClassificationExamples(token_ids, records["label"].tolist(), tokenizer.pad_token_id)
        rows = log_probabilities(model, examples, wanted["batch_size"])
        frame = records[["record_id"]].assign(sharding=wanted["sharding"], shard=shard)
        frames.append(frame.assign(**{f"logp_{label}": rows[:, label] for label in range(wanted["classes"])}))
    write_parquet(pd.concat(frames, ignore_index=True), args.output)
