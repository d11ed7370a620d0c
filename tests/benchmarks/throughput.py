"""Training tokens a second: this project's loop next to transformers.Trainer, on the same model,
data, batch size and one thread.

Run by hand on a quiet machine: ``OMP_NUM_THREADS=1 PYTHONPATH=workflow python
tests/benchmarks/throughput.py``. Texts are invented ids as long as the real ones; ``--mirror
FOLDER`` takes HateXplain's posts, TOFU's questions and the text of their tokenizer from there
instead.

How to read it: tokens are those of the texts, never padding, over the wall time of one epoch; the
median of ``--rounds``, in which the candidates take turns, and its range. ``ratio`` is the loop's
median over the candidate's, and ``target`` whether it reaches what is promised; ``by cpu`` is the
ratio by processor time, which neighbours on a shared machine disturb less. Trainer runs with its
defaults (random batches, each padded to its longest text) and with its batches grouped by length,
as the loop's are; it keeps no checkpoint and draws no bar.
"""

from __future__ import annotations

import argparse
import copy
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from targets import verdict
from texts import LONGEST, PIECES, invented, questions, word_tokenizer
from transformers import DataCollatorForSeq2Seq, DataCollatorWithPadding, Trainer, TrainingArguments

from palimpsest.models.causal import make_causal
from palimpsest.models.classifier import make_classifier
from palimpsest.models.tokenizers import encode, train_wordpiece
from palimpsest.randomness import numpy_generator
from palimpsest.tracks.causal import model as causal_track
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.classification import model as classification
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.training.loop import train
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood
from palimpsest.training.settings import settings_from

TARGET = 1.3
# of the hatexplain study
CLASSIFIER = {"n_layer": 2, "n_embd": 192, "n_head": 4, "activation_function": "gelu_pytorch_tanh"}
CAUSAL = {
    "n_layer": 4,
    "n_embd": 256,
    "n_head": 4,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
}
TRAINING = {
    "micro_batch_size": None,
    "learning_rate": 1e-3,
    "warmup_share": 0.0,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "precision": "no",
    "threads": 1,
    "gpus": 0,
    "checkpoint_seconds": 1e9,
}


def posts(count: int, mirror: Path | None) -> tuple[list[list[int]], list[int], object]:
    """Ids, labels and tokenizer: posts of 34 tokens, cut at 64."""
    draw = numpy_generator("benchmark", "posts")
    if mirror is None:
        lengths = np.clip(draw.lognormal(3.4, 0.5, count).round(), 5, 64).astype(int)
        return invented(draw, lengths), draw.integers(0, 2, count).tolist(), word_tokenizer()
    with open(mirror / "hatexplain" / "hatexplain.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    rows = [rows[i] for i in draw.permutation(len(rows))[:count]]
    texts = [row["comment"] for row in rows]
    tokenizer = train_wordpiece(texts, PIECES, True)
    return (
        encode(tokenizer, texts, 64)[0],
        [int(row["majority_label"] != "normal") for row in rows],
        tokenizer,
    )


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def loop_epoch(
    start: torch.nn.Module, examples, loss: Callable, batch_size: int
) -> tuple[float, float]:
    """Seconds of one epoch of this project's loop."""
    model = copy.deepcopy(start)
    training, computing = settings_from(TRAINING | {"batch_size": batch_size, "epochs": 1})
    with tempfile.TemporaryDirectory() as folder:
        return timed(
            lambda: train(
                model,
                Objective({"train": Part(examples, loss)}),
                training,
                computing,
                ("benchmark",),
                Path(folder),
                "benchmark",
            )
        )


def trainer_epoch(
    start: torch.nn.Module, rows: list[dict], tokenizer, batch_size: int, sampling: str
) -> tuple[float, float]:
    """Seconds of one epoch of transformers.Trainer; labels are padded with -100, as it wants
    them."""
    # which the loop asks for and Trainer by itself does not
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(1)
    collator = (
        DataCollatorForSeq2Seq(tokenizer)
        if isinstance(rows[0]["labels"], list)
        else DataCollatorWithPadding(tokenizer)
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch_size,
            num_train_epochs=1,
            learning_rate=TRAINING["learning_rate"],
            weight_decay=TRAINING["weight_decay"],
            train_sampling_strategy=sampling,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = Trainer(
            copy.deepcopy(start), arguments, train_dataset=rows, data_collator=collator
        )
        return timed(trainer.train)


def compare(
    title: str, candidates: dict[str, Callable[[], tuple[float, float]]], tokens: int, rounds: int
) -> None:
    """Print a line a candidate; the first is the loop."""
    seconds = {name: [] for name in candidates}
    for number in range(rounds):
        for name in list(candidates)[:: 1 if number % 2 == 0 else -1]:
            seconds[name].append(candidates[name]())
    print(
        f"\n{title}, {tokens:,} tokens an "
        f"epoch\n{'':26}{'tokens/s':>10}{'range':>18}{'ratio':>8}{'by cpu':>8}{'target':>14}"
    )
    loop = next(iter(seconds))
    first = [median(values) for values in zip(*seconds[loop], strict=True)]
    for name, values in seconds.items():
        (wall, cpu), rates = (
            (median(value) for value in zip(*values, strict=True)),
            sorted(tokens / wall for wall, _ in values),
        )
        found = f"{rates[0]:,.0f} - {rates[-1]:,.0f}"
        reached = "" if name == loop else verdict(wall / first[0], TARGET)
        print(
            f"{name:26}{tokens / wall:>10,.0f}{found:>18}{wall / first[0]:>8.2f}"
            f"{cpu / first[1]:>8.2f}{reached:>14}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mirror", type=Path, help="folder with hatexplain/ and tofu/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--texts",
        type=int,
        default=3200,
        help="texts an epoch of classification; of language modelling a quarter of them",
    )
    wanted = parser.parse_args()
    samplings = {"Trainer": "random", "Trainer, by length": "group_by_length"}

    ids, labels, tokenizer = posts(wanted.texts, wanted.mirror)
    settings = {"init": "scratch", "architecture": "gpt2", "config": CLASSIFIER, "max_length": 64}
    ours = ClassificationExamples(ids, labels, tokenizer.pad_token_id)
    rows = [{"input_ids": row, "labels": label} for row, label in zip(ids, labels, strict=True)]
    model = make_classifier(settings, tokenizer, 2, "benchmark")
    candidates = {
        "this loop": lambda: loop_epoch(
            model, ours, negative_log_likelihood(classification.predict), 32
        )
    }
    for name, sampling in samplings.items():
        candidates[name] = lambda sampling=sampling: trainer_epoch(
            model, rows, tokenizer, 32, sampling
        )
    compare(
        "Classification, GPT-2 2 x 192, batches of 32",
        candidates,
        sum(map(len, ids)),
        wanted.rounds,
    )

    texts, _, tokenizer = questions(wanted.texts // 4, wanted.mirror)
    ids = texts.token_ids
    settings = {"init": "scratch", "architecture": "gpt2", "config": CAUSAL, "max_length": LONGEST}
    causal = make_causal(settings, tokenizer, "benchmark")
    everything = [[True] * len(row) for row in ids]
    for what, counted in (
        ("answers alone count", texts.answers),
        ("every token counts", everything),
    ):
        ours = LanguageModellingExamples(ids, tokenizer.pad_token_id, counted)
        rows = [
            {
                "input_ids": row,
                "labels": [
                    token if counts else -100 for token, counts in zip(row, mask, strict=True)
                ],
            }
            for row, mask in zip(ids, counted, strict=True)
        ]
        candidates = {
            "this loop": lambda ours=ours: loop_epoch(
                causal, ours, negative_log_likelihood(causal_track.predict), 16
            )
        }
        for name, sampling in samplings.items():
            candidates[name] = lambda sampling=sampling, rows=rows: trainer_epoch(
                causal, rows, tokenizer, 16, sampling
            )
        compare(
            f"Language modelling, GPT-2 4 x 256, batches of 16, {what}",
            candidates,
            sum(map(len, ids)),
            wanted.rounds,
        )


if __name__ == "__main__":
    main()
