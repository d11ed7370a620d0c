"""Where a job computes."""

from __future__ import annotations

import torch

from palimpsest.errors import Problem, UserError


def device_of(gpus: int) -> torch.device:
    """The device of a job that asks for so many GPUs; a UserError where torch sees none: on the CPU
    it might silently take weeks."""
    if gpus and not torch.cuda.is_available():
        remedy = (
            "run where torch sees a GPU, or set training.gpus to 0 to compute on the CPU, in the "
            "same precision"
        )
        raise UserError(Problem("there is no GPU", "training.gpus", str(gpus), "0 here", remedy))
    return torch.device("cuda" if gpus else "cpu")
