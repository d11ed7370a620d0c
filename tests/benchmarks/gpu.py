"""How much of a GPU the training loop uses: tokens a second and the share of the device's peak, for
GPT-2 of 124 M parameters in bf16.

Run by hand where there is a GPU: ``PYTHONPATH=workflow python tests/benchmarks/gpu.py``. ``--tiny``
tries the script on the processor, with a model of 2 layers and blocks of 64 tokens: its share says
nothing. The text is blocks of random ids, all of which count.

How to read it: a few updates come first and are not timed. A token takes 6 N + 12 L d T
floating-point operations forward and backward (Chowdhery et al. 2022, PaLM, appendix B: N
parameters, L layers of width d, T tokens a block; attention to tokens that are masked counts as
done). N leaves out the parameters of positions, which are looked up and not multiplied; those of
tokens are the head's too. The share is of ``--peak``, by default that of an H100 or H200 in dense
bf16.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from throughput import TRAINING
from transformers import AutoConfig, AutoModelForCausalLM

from palimpsest.randomness import numpy_generator, seed_of
from palimpsest.tracks.causal import model as causal
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.training.loop import train
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood
from palimpsest.training.settings import settings_from

SMALL = {"n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257, "n_positions": 1024}
TINY = {"n_layer": 2, "n_embd": 64, "n_head": 2, "vocab_size": 500, "n_positions": 64}
WARM_UP = 5


def make(shape: dict) -> torch.nn.Module:
    torch.manual_seed(seed_of("benchmark"))
    others = {
        "bos_token_id": None,
        "eos_token_id": None,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    }
    return AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **shape, **others))


def flops_per_token(model: torch.nn.Module) -> int:
    """6 N + 12 L d T."""
    config = model.config
    parameters = (
        sum(parameter.numel() for parameter in model.parameters())
        - model.transformer.wpe.weight.numel()
    )
    return 6 * parameters + 12 * config.n_layer * config.n_embd * config.n_positions


def tokens_per_second(shape: dict, batch_size: int, updates: int, gpus: int) -> float:
    """Of an epoch of ``updates`` full batches."""
    size = updates * batch_size, shape["n_positions"]
    blocks = numpy_generator("benchmark", "blocks").integers(0, shape["vocab_size"], size).tolist()
    objective = Objective(
        {
            "train": Part(
                LanguageModellingExamples(blocks, 0), negative_log_likelihood(causal.predict)
            )
        }
    )
    settings = TRAINING | {"gpus": gpus, "precision": "bf16", "batch_size": batch_size}
    training, computing = settings_from(settings | {"epochs": 1})
    with tempfile.TemporaryDirectory() as folder:
        _, report = train(
            make(shape), objective, training, computing, ("benchmark",), Path(folder), "benchmark"
        )
    return report["tokens"] / report["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--peak", type=float, default=989, help="of the device in bf16 without sparsity, in TFLOPS"
    )
    parser.add_argument(
        "--batch-size", type=int, default=32, help="blocks an update; fewer need less memory"
    )
    parser.add_argument("--updates", type=int, default=100, help="that are timed")
    parser.add_argument(
        "--tiny", action="store_true", help="a tiny model on the processor, to try this script"
    )
    wanted = parser.parse_args()
    if not wanted.tiny and not torch.cuda.is_available():
        sys.exit(
            "this benchmark needs a GPU, and torch finds none; --tiny tries the script on the "
            "processor"
        )
    shape, gpus, device = (
        (TINY, 0, "the processor") if wanted.tiny else (SMALL, 1, torch.cuda.get_device_name())
    )
    tokens_per_second(shape, wanted.batch_size, WARM_UP, gpus)
    rate = tokens_per_second(shape, wanted.batch_size, wanted.updates, gpus)
    model = make(shape)
    flops = flops_per_token(model)
    print(
        f"GPT-2 of {model.num_parameters() / 1e6:.1f} M parameters in bf16 on {device}, "
        f"{flops / 1e9:.3f} GFLOPs a token"
    )
    print(
        f"{wanted.updates} updates of {wanted.batch_size} blocks of {shape['n_positions']} tokens: "
        f"{rate:,.0f} tokens/s"
    )
    print(
        f"{rate * flops / 1e12:.3g} TFLOPS, {rate * flops / 1e12 / wanted.peak:.1%} of a peak of "
        f"{wanted.peak:g}"
    )


if __name__ == "__main__":
    main()
