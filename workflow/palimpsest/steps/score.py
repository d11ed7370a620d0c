"""Score a set of records with one or several models: one log-probability a class."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from palimpsest.data.storage import read_parquet
from palimpsest.files import replacing
from palimpsest.models.classifier import load_classifier
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

    Rows: sharding, shard, record_id, logp_0 .. logp_{C-1} in nats.
    """
    wanted = args.settings
    torch.set_num_threads(wanted["threads"])
    device = "cuda" if wanted["gpus"] else "cpu"
    records = read_parquet(args.records)
    tables = []
    for shard, folder in zip(wanted["shards"], args.model, strict=True):
        tokenizer = load_tokenizer(folder)
        token_ids, _ = encode(tokenizer, records["text"].tolist(), wanted["max_length"]) if len(records) else ([], 0)
        model = load_classifier(folder, tokenizer, wanted["classes"]).to(device)
        examples = ClassificationExamples(token_ids, records["label"].tolist(), tokenizer.pad_token_id)
        rows = log_probabilities(model, examples, wanted["batch_size"])
        columns = {"sharding": [wanted["sharding"]] * len(records), "shard": [shard] * len(records)}
        columns["record_id"] = records["record_id"].tolist()
        columns |= {f"logp_{label}": rows[:, label] for label in range(wanted["classes"])}
        tables.append(pa.table(columns))
    with replacing(args.output) as beside:
        pq.write_table(pa.concat_tables(tables), beside, compression="zstd")
