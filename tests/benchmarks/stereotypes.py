"""How long it takes to score a masked model on StereoSet and CrowS-Pairs, of similar length
together, against one text at a time.

    python tests/benchmarks/stereotypes.py MIRROR [MODEL_FOLDER] [--threads 2] [--some 200]

Without a folder it is a random ModernBERT of the size that the study `stereotypes` pretrains.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
import torch
from targets import verdict

from palimpsest.data.stereotypes import read_stereotypes
from palimpsest.models.masked import load_masked, make_masked
from palimpsest.models.tokenizers import load_tokenizer, train_wordpiece
from palimpsest.tracks.masked import model as track
from palimpsest.tracks.masked.score import score, texts

FILES = ("stereoset/dev.json", "crows_pairs/crows_pairs_anonymized.csv")
SHAPE = {"num_hidden_layers": 4, "hidden_size": 256, "intermediate_size": 512,
         "num_attention_heads": 4}  # fmt: skip
MINUTES = 5  # at most, for all of it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--some", type=int, default=200, help="records that are read one by one")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    records, candidates = read_stereotypes(
        [args.mirror / name for name in FILES], statistic="bergsma", held_out=[]
    )
    if args.folder:
        tokenizer = load_tokenizer(args.folder)
        model = load_masked(args.folder, tokenizer)
    else:
        words = [*records["prompt"], *records["completion"], *candidates["completion"]]
        tokenizer = train_wordpiece(words, 16_000, lowercase=True)
        settings = {"init": "scratch", "architecture": "modernbert", "config": SHAPE}
        model = make_masked(settings | {"max_length": 160}, tokenizer, "benchmark")
    whole = seconds(model, tokenizer, records, candidates, 256)
    names = records["record_id"].sample(args.some, random_state=1)
    part = records[records["record_id"].isin(names)].reset_index(drop=True)
    together, alone = (seconds(model, tokenizer, part, candidates, size) for size in (256, 1))
    print(f"{len(records):,} items, {args.threads} threads: {whole:.0f} s, at most {60 * MINUTES}")
    print(f"{len(part)} of them: {together:.1f} s by length, {alone:.1f} s one by one: "
          f"{verdict(alone / together, 1)}")  # fmt: skip


def seconds(model, tokenizer, records, candidates, size: int) -> float:
    began = time.perf_counter()
    every = texts(records, candidates[candidates["record_id"].isin(records["record_id"])])
    examples, _ = track.encode(pd.DataFrame(every), tokenizer, {"max_length": 160})
    score(model, tokenizer, examples, every, {"batch_size": size})
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
