"""What it takes to measure memory: extraction likelihood next to one prefix at a time, and one pass for all metrics of single tokens.

Run by hand on a quiet machine: ``OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/extraction.py``. The model is an untrained
GPT-2 of 4 layers, 256 wide, 8,000 pieces; texts are random ids. Hardly a prefix of them goes on as the model would say, so hardly one is
spared: a model that knows a text by heart is faster. With 32 sequences (``--sequences``) the second part takes most of an hour.

How to read it: seconds of wall time, the range over ``--rounds`` where there are several, in which the candidates take turns; ``ratio`` is
the candidate's median over the first's; ``by cpu`` the same by processor time, which neighbours on a shared machine disturb less;
``differs`` the largest difference of a value from the first candidate's, relative where values are above 1. More than a tie that
rounding breaks otherwise can do ends the run.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from palimpsest.generation import greedy_suffixes
from palimpsest.metrics.extraction import extraction_likelihood
from palimpsest.randomness import numpy_generator, seed_of
from palimpsest.scoring.causal import token_scores
from palimpsest.training.batches import collate
from palimpsest.training.language_modelling import LanguageModellingExamples

PIECES, BATCH = 8000, 16


def untrained() -> torch.nn.Module:
    """Wide of weights: with the usual ones, an untrained model says its last token again and again, whatever was before."""
    torch.manual_seed(seed_of("benchmark"))
    config = AutoConfig.for_model(
        "gpt2", vocab_size=PIECES, n_layer=4, n_embd=256, n_head=4, n_positions=512, bos_token_id=None, eos_token_id=None, pad_token_id=0,
        initializer_range=0.2,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config).eval()


def likelihoods(suffixes: list, sequences: list[list[int]]) -> list[list[float]]:
    """EL_10 of each sequence, and EL_1: of random ids the first is 0."""
    return [[extraction_likelihood(made, ids, n) for n in (1, 10)] for made, ids in zip(suffixes, sequences, strict=True)]


@torch.inference_mode()
def one_prefix_at_a_time(model: torch.nn.Module, sequences: list[list[int]], together: int) -> list[list[float]]:
    """The same by transformers' generate with its cache; the prefixes of one length of ``together`` sequences are a batch."""
    length, suffixes = len(sequences[0]), [[] for _ in sequences]
    for prefix in range(1, length):
        for start in range(0, len(sequences), together):
            ids = torch.tensor([row[:prefix] for row in sequences[start : start + together]])
            settings = {"max_new_tokens": length - prefix, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
            made = model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[:, prefix:].tolist()
            for row, suffix in enumerate(made, start=start):
                suffixes[row].append(suffix)
    return likelihoods(suffixes, sequences)


def lowest(values: np.ndarray) -> float:
    return np.sort(values)[: max(1, len(values) // 5)].mean()


# What each metric of one text takes of its tokens, and the metric; ids are those of the whole text.
METRICS: dict[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "perplexity": (("logp",), lambda ids, logp: np.exp(-logp.mean())),
    "probability": (("logp",), lambda ids, logp: np.exp(logp.mean())),
    "memorization accuracy": (("correct",), lambda ids, correct: correct.mean()),
    "extraction strength": (("correct",), lambda ids, correct: np.append(~correct[::-1], True).argmax() / len(correct)),
    "membership by loss": (("logp",), lambda ids, logp: -logp.mean()),
    "membership by zlib": (("logp",), lambda ids, logp: -logp.sum() / len(zlib.compress(np.array(ids).tobytes()))),
    "membership by min-k": (("logp",), lambda ids, logp: lowest(logp)),
    "membership by min-k++": (("logp", "mean", "deviation"), lambda ids, logp, mean, deviation: lowest((logp - mean) / deviation)),
}


def from_one_pass(model: torch.nn.Module, data: LanguageModellingExamples) -> np.ndarray:
    """(metrics, texts): all from stored scores."""
    scores = token_scores(model, data, BATCH)
    rows = [slice(*ends) for ends in zip(scores.offsets, scores.offsets[1:], strict=False)]
    return np.array([
        [metric(ids, *(getattr(scores, need)[row] for need in needs)) for ids, row in zip(data.token_ids, rows, strict=True)]
        for needs, metric in METRICS.values()
    ])  # fmt: skip


@torch.inference_mode()
def a_pass_each(model: torch.nn.Module, data: LanguageModellingExamples) -> np.ndarray:
    """(metrics, texts): each from its own pass, batches in the order given, logits of every position, and of them what it takes alone."""
    found = []
    for needs, metric in METRICS.values():
        values = []
        for start in range(0, len(data.token_ids), BATCH):
            ids, answers = data.token_ids[start : start + BATCH], data.answers[start : start + BATCH]
            logits = model(**collate(ids, 0), use_cache=False).logits
            for row, tokens, answer in zip(logits, ids, answers, strict=True):
                places = torch.tensor(answer).nonzero()[:, 0]
                values.append(metric(tokens, *taken(row[places - 1], torch.tensor(tokens)[places], needs)))
        found.append(values)
    return np.array(found)


def taken(logits: torch.Tensor, tokens: torch.Tensor, needs: tuple[str, ...]) -> list[np.ndarray]:
    if needs == ("correct",):
        return [(logits.argmax(-1) == tokens).numpy()]
    every = torch.log_softmax(logits, -1)
    found = {"logp": every.gather(1, tokens[:, None])[:, 0]}
    if "mean" in needs:
        p = every.exp()
        found["mean"] = (p * every).sum(-1)
        found["deviation"] = ((p * every.square()).sum(-1) - found["mean"].square()).clamp(min=0).sqrt()
    return [found[need].numpy() for need in needs]


def questions(count: int) -> LanguageModellingExamples:
    """Random ids, as long as questions with answers: 82 tokens, 60 per cent of them answer, which alone counts."""
    draw = numpy_generator("benchmark", "questions")
    lengths = np.clip(draw.normal(82, 16, count).round(), 30, 128).astype(int)
    answers = [[False] * asked + [True] * (length - asked) for asked, length in zip((0.4 * lengths).astype(int), lengths, strict=True)]
    return LanguageModellingExamples([draw.integers(1, PIECES, length).tolist() for length in lengths], 0, answers)


def compare(title: str, candidates: dict[str, Callable[[], object]], rounds: int, tolerance: float) -> None:
    """Print a line a candidate. RuntimeError where one gives other values than the first."""
    seconds, values = {name: [] for name in candidates}, {}
    for number in range(rounds):
        for name in list(candidates)[:: 1 if number % 2 == 0 else -1]:
            wall, cpu = time.perf_counter(), time.process_time()
            values[name] = np.array(candidates[name]())
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    first = next(iter(candidates))
    print(f"\n{title}\n{'':34}{'seconds':>10}{'range':>20}{'ratio':>8}{'by cpu':>8}{'differs':>10}")
    base = [median(taken) for taken in zip(*seconds[first], strict=True)]
    for name, measured in seconds.items():
        differs = np.max(np.abs(values[name] - values[first]) / np.maximum(1, np.abs(values[first])))
        (wall, cpu), walls = (median(taken) for taken in zip(*measured, strict=True)), sorted(wall for wall, _ in measured)
        found = f"{walls[0]:,.1f} - {walls[-1]:,.1f}"
        print(f"{name:34}{wall:>10,.1f}{found:>20}{wall / base[0]:>8.2f}{cpu / base[1]:>8.2f}{differs:>10.1e}", flush=True)
        if not differs <= tolerance:
            raise RuntimeError(f"{name} gives other values than {first}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sequences", type=int, default=32)
    parser.add_argument("--length", type=int, default=200, help="tokens of a sequence")
    parser.add_argument("--texts", type=int, default=400, help="of the second part")
    parser.add_argument("--rounds", type=int, default=3, help="of the second part; the first is measured once")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    model, draw = untrained(), numpy_generator("benchmark", "sequences")

    data = questions(wanted.texts)
    candidates = {"one pass for all": lambda: from_one_pass(model, data), "a pass for each": lambda: a_pass_each(model, data)}
    compare(f"{len(METRICS)} metrics of {wanted.texts} texts, batches of {BATCH}", candidates, wanted.rounds, 1e-3)

    sequences = draw.integers(0, PIECES, (wanted.sequences, wanted.length)).tolist()
    candidates = {
        "every prefix at once": lambda: likelihoods(greedy_suffixes(model, sequences), sequences),
        "generate, a sequence at a time": lambda: one_prefix_at_a_time(model, sequences, 1),
        "generate, sequences as a batch": lambda: one_prefix_at_a_time(model, sequences, len(sequences)),
    }
    compare(f"EL_10 of {wanted.sequences} sequences of {wanted.length} tokens", candidates, 1, 1e-2)


if __name__ == "__main__":
    main()
