"""Extraction likelihood (EL_10) by this project, which continues all prefixes of a text together,
next to one prefix at a time.

Run by hand on a quiet machine: ``OMP_NUM_THREADS=1 PYTHONPATH=workflow python
tests/benchmarks/extraction.py``, which takes an hour or two. The model is an untrained GPT-2 of 4
layers, 256 wide, 8,000 pieces. Texts take turns of 10 to 40 random ids and 30 that the model itself
says after them, with a random one slipped in. So EL_10 is neither 0 nor 1: from a prefix before the
slip, the model writes what stands after it. A prefix after which the model says the true token
costs this project nothing; the title says what share of the tokens that is, and between which
values EL_10 of the texts is.

How to read it: seconds of wall time; ``ratio`` is the candidate's over the first's, and ``target``
whether it reaches what is promised; ``by cpu`` is the ratio by processor time, which neighbours on
a shared machine disturb less. ``EL_10`` is the mean. Each continuation must be the first
candidate's, token by token, and so EL_10 of each text the very same number. The one exception is a
tie, two tokens whose logits differ by less than 0.0001, between which rounding chooses: ``ties``
counts the prefixes that go on otherwise after one, ``differ`` the texts whose EL_10 is another
number for it. Any other difference ends the run.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from targets import verdict
from texts import PIECES
from transformers import AutoConfig, AutoModelForCausalLM

from palimpsest.metrics.extraction import extraction_likelihood
from palimpsest.models.generation import greedy_suffixes
from palimpsest.randomness import numpy_generator, seed_of

TARGET, TIE = 5.0, 1e-4
Suffixes = list[list[list[int]]]  # of each text, of each of its prefixes


def untrained() -> torch.nn.Module:
    """Wide of weights: with the usual ones, an untrained model says its last token again and again,
    whatever was before."""
    torch.manual_seed(seed_of("benchmark"))
    config = AutoConfig.for_model(
        "gpt2",
        vocab_size=PIECES,
        n_layer=4,
        n_embd=256,
        n_head=4,
        n_positions=512,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
        initializer_range=0.2,
    )
    return AutoModelForCausalLM.from_config(config).eval()


def continued(model: torch.nn.Module, prefixes: list[list[int]], count: int) -> list[list[int]]:
    """``count`` tokens after prefixes of one length, by transformers' generate with its cache."""
    ids = torch.tensor(prefixes)
    settings = {
        "max_new_tokens": count,
        "do_sample": False,
        "eos_token_id": None,
        "pad_token_id": 0,
    }
    return model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[
        :, ids.shape[1] :
    ].tolist()


def partly_known(model: torch.nn.Module, length: int, draw: np.random.Generator) -> list[int]:
    """A text in which what the model says stands in places, with a slip in each."""
    ids: list[int] = []
    while len(ids) < length:
        ids += draw.integers(0, PIECES, draw.integers(10, 41)).tolist()
        said, slip = continued(model, [ids], 30)[0], draw.integers(1, 16)
        ids += [*said[:slip], int(draw.integers(PIECES)), *said[slip:]]
    return ids[:length]


def one_prefix_at_a_time(model: torch.nn.Module, texts: list[list[int]], together: int) -> Suffixes:
    """The prefixes of one length of ``together`` texts are a batch."""
    length, suffixes = len(texts[0]), [[] for _ in texts]
    for prefix in range(1, length):
        for start in range(0, len(texts), together):
            made = continued(
                model, [ids[:prefix] for ids in texts[start : start + together]], length - prefix
            )
            for text, suffix in enumerate(made, start=start):
                suffixes[text].append(suffix)
    return suffixes


@torch.inference_mode()
def count_ties(
    model: torch.nn.Module, texts: list[list[int]], ours: Suffixes, theirs: Suffixes
) -> int:
    """Prefixes that go on otherwise after a tie. RuntimeError where they do so after anything
    else."""
    exact, count = copy.deepcopy(model).double(), 0
    for ids, *suffixes in zip(texts, ours, theirs, strict=True):
        for prefix, (one, other) in enumerate(zip(*suffixes, strict=True), start=1):
            if one == other:
                continue
            place = next(
                place
                for place, pair in enumerate(zip(one, other, strict=True))
                if len(set(pair)) == 2
            )
            logits = exact(torch.tensor([ids[:prefix] + one[:place]])).logits[0, -1]
            below = float(logits.max() - logits[[one[place], other[place]]].min())
            if below > TIE:
                raise RuntimeError(
                    f"token {place + 1} after {prefix} is {one[place]} and {other[place]}, "
                    f"{below:.2g} below the likeliest"
                )
            count += 1
    return count


def compare(
    model: torch.nn.Module, texts: list[list[int]], candidates: dict[str, Callable[[], Suffixes]]
) -> None:
    """Print a line a candidate. RuntimeError where one continues a prefix otherwise than the
    first."""
    measured = {}
    for name, candidate in candidates.items():
        wall, cpu = time.perf_counter(), time.process_time()
        suffixes = candidate()
        values = [
            extraction_likelihood(made, ids) for made, ids in zip(suffixes, texts, strict=True)
        ]
        measured[name] = time.perf_counter() - wall, time.process_time() - cpu, suffixes, values
    first = next(iter(measured))
    first_wall, first_cpu, first_suffixes, first_values = measured[first]
    own = np.mean(
        [
            suffix[0] == ids[place]
            for ids, made in zip(texts, first_suffixes, strict=True)
            for place, suffix in enumerate(made, 1)
        ]
    )
    found = f"{min(first_values):.4f} - {max(first_values):.4f}"
    print(
        f"EL_10 ({found}) of {len(texts)} texts of {len(texts[0])} tokens, {own:.0%} of whose "
        "tokens are the likeliest"
    )
    print(
        f"{'':34}{'seconds':>10}{'ratio':>8}{'by cpu':>8}{'target':>14}"
        f"{'EL_10':>9}{'ties':>6}{'differ':>8}"
    )
    for name, (wall, cpu, suffixes, values) in measured.items():
        ties = count_ties(model, texts, suffixes, first_suffixes)
        differ = sum(ours != theirs for ours, theirs in zip(values, first_values, strict=True))
        reached = "" if name == first else verdict(wall / first_wall, TARGET)
        line = (
            f"{name:34}{wall:>10,.1f}{wall / first_wall:>8.2f}{cpu / first_cpu:>8.2f}{reached:>14}"
        )
        print(f"{line}{np.mean(values):>9.5f}{ties:>6}{differ:>8}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=32)
    parser.add_argument("--length", type=int, default=200, help="tokens of a text")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    model, draw = untrained(), numpy_generator("benchmark", "texts")
    texts = [partly_known(model, wanted.length, draw) for _ in range(wanted.texts)]
    candidates = {
        "every prefix at once": lambda: greedy_suffixes(model, texts),
        "generate, a text at a time": lambda: one_prefix_at_a_time(model, texts, 1),
        "generate, texts as a batch": lambda: one_prefix_at_a_time(model, texts, len(texts)),
    }
    compare(model, texts, candidates)


if __name__ == "__main__":
    main()
