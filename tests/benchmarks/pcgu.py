"""What PCGU's choice of blocks costs: an update against one forward and backward pass of the same
pairs, and the choice against a plain loop over blocks.

    python tests/benchmarks/pcgu.py [small|base]
"""

from __future__ import annotations

import resource
import sys
import time

import torch
from targets import verdict
from transformers import AutoConfig, AutoModelForMaskedLM

from palimpsest.methods.pcgu import SIDES, Settings, axis_of, block_counts, direction

SIZES = {
    "small": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
              "intermediate_size": 1024, "vocab_size": 16000},
    "base": {},
}  # fmt: skip
PAIRS, LENGTH = 16, 20
LOOP, PASSES = 10, 2.6  # targets: at least so much faster; at most so many passes


def seconds(call, times: int) -> float:
    call()
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def by_loop(gradients: dict, k: int) -> dict[str, torch.Tensor]:
    """The same update, block by block."""
    one, other = (gradients[side] for side in SIDES)
    cosines = []
    for name in one:
        axis = axis_of(one[name], "rows")
        rows, others = (side[name].reshape(-1, side[name].shape[axis]) for side in (one, other))
        for place in range(len(rows)):
            cosine = torch.cosine_similarity(rows[place], others[place], dim=0)
            cosines.append((float(cosine), name, place))
    update = {name: torch.zeros_like(gradient) for name, gradient in one.items()}
    for _, name, place in sorted(cosines)[:k]:
        width = one[name].shape[-1]
        update[name].view(-1, width)[place] = one[name].reshape(-1, width)[place]
    return update


def main(size: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = AutoConfig.for_model("bert", **SIZES[size])
    model = AutoModelForMaskedLM.from_config(config).eval()
    ids = torch.randint(config.vocab_size, (PAIRS, LENGTH))
    named = dict(model.named_parameters())

    def passed(token: int) -> dict[str, torch.Tensor]:
        model.zero_grad()
        model(input_ids=ids).logits[:, LENGTH // 2, token].sum().backward()
        return {name: torch.zeros_like(one) if one.grad is None else one.grad
                for name, one in named.items()}  # fmt: skip

    def both() -> dict:
        return {side: passed(token) for token, side in enumerate(SIDES, 5)}

    settings = Settings()
    count = sum(block_counts(named, settings.blocks).values())
    k = round(settings.share * count)
    once = seconds(lambda: passed(5), 5)
    update = seconds(lambda: direction(settings, k, both()), 5)
    gradients = both()
    chosen = seconds(lambda: direction(settings, k, gradients), 5)
    loop = seconds(lambda: by_loop(gradients, k), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{size}: {count:,} blocks, {k:,} updated; {peak:,.0f} MB at most")
    print(f"a forward and backward pass of {PAIRS} pairs: {once:.3f} s")
    print(f"an update: {update:.3f} s, {update / once:.2f} passes; at most {PASSES}")
    ratio = loop / chosen
    print(f"the choice: {chosen:.4f} s; a loop: {loop:.2f} s, {ratio:.0f}x: {verdict(ratio, LOOP)}")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["small"]))
