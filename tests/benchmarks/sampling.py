"""What quark takes to sample: responses to all prompts as a batch, next to transformers' generate
with the same batch, and next to one prompt at a time.

Run by hand on a quiet machine: ``OMP_NUM_THREADS=1 PYTHONPATH=workflow python
tests/benchmarks/sampling.py``. The model is an untrained GPT-2 of 4 layers, 256 wide, 8,000 pieces;
prompts are invented ids, 8 to 60 of them, and responses have 20, none of which ends them. Batches
hold prompts of like length in all contenders, with the padding on the left.

How to read it: contenders take turns, and a line has the median of ``--rounds``, on one thread.
``tokens/s`` counts those that were written, ``ratio`` is the first contender's over this one's, and
``target`` whether it reaches what is promised; ``by cpu`` is the ratio by processor time, which
neighbours on a shared machine disturb less. Each of the first contender's responses must be that
of one prompt at a time, token by token, but where rounding moved a draw from one of the 8,000
tokens to its neighbour, about once in a thousand: ``differ`` counts responses with such a token.
generate draws by another generator, so that its responses are others.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from extraction import untrained
from targets import verdict
from texts import PIECES

from palimpsest.models.generation import sample, sample_each
from palimpsest.randomness import numpy_generator, torch_generator

TARGET = 1.0  # as quick as generate
STEPS, BATCH = 20, 64


def by_generate(model: torch.nn.Module, prompts: list[list[int]]) -> list[list[int]]:
    made = [[]] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        width = max(len(prompts[number]) for number in some)
        pads = [width - len(prompts[number]) for number in some]
        ids = [[0] * pad + prompts[number] for pad, number in zip(pads, some, strict=True)]
        mask = torch.arange(width)[None] >= torch.tensor(pads)[:, None]
        settings = {"do_sample": True, "top_k": 0, "eos_token_id": None, "pad_token_id": 0}
        said = model.generate(
            torch.tensor(ids), attention_mask=mask.long(), max_new_tokens=STEPS, **settings
        )
        for number, row in zip(some, said[:, width:].tolist(), strict=True):
            made[number] = row
    return made


def as_a_batch(model: torch.nn.Module, prompts: list[list[int]]) -> list[list[int]]:
    uniform = [
        torch.rand(STEPS, dtype=torch.float64, generator=torch_generator("benchmark", number))
        for number in range(len(prompts))
    ]
    return sample_each(model, prompts, uniform, batch_size=BATCH)


def one_at_a_time(model: torch.nn.Module, prompts: list[list[int]]) -> list[list[int]]:
    return [
        sample(model, prompt, STEPS, 1, torch_generator("benchmark", number))[0]
        for number, prompt in enumerate(prompts)
    ]


CONTENDERS = {
    "a batch, as quark does": as_a_batch,
    "generate, the same batch": by_generate,
    "one prompt at a time": one_at_a_time,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    model, draw = untrained(), numpy_generator("benchmark", "prompts")
    prompts = [
        draw.integers(0, PIECES, int(draw.integers(8, 61))).tolist() for _ in range(wanted.prompts)
    ]
    walls, cpus, made = {}, {}, {}
    for _ in range(wanted.rounds):
        for name, contender in CONTENDERS.items():
            wall, cpu = time.perf_counter(), time.process_time()
            made[name] = contender(model, prompts)
            walls.setdefault(name, []).append(time.perf_counter() - wall)
            cpus.setdefault(name, []).append(time.process_time() - cpu)
    first, single = made["a batch, as quark does"], made["one prompt at a time"]
    differ = sum(ours != theirs for ours, theirs in zip(first, single, strict=True))
    print(f"{wanted.prompts} responses of {STEPS} tokens; differ: {differ}")
    print(f"{'':28}{'tokens/s':>10}{'ratio':>8}{'by cpu':>8}{'target':>14}")
    wall, cpu = (median(next(iter(one.values()))) for one in (walls, cpus))
    for number, name in enumerate(CONTENDERS):
        mine = median(walls[name])
        reached = verdict(mine / wall, TARGET) if number else ""
        rate = wanted.prompts * STEPS / mine
        by_cpu = median(cpus[name]) / cpu
        print(f"{name:28}{rate:>10,.0f}{mine / wall:>8.2f}{by_cpu:>8.2f}{reached:>14}")


if __name__ == "__main__":
    main()
