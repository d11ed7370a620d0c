"""localised: unlearning in named parts of the model alone (Guo et al. 2024, mechanistic
unlearning).

    L = forget_weight * mean over D_f of -log(1 - p) + retain_weight * nll(D_r)

p is that of each token that counts. Where log p is below ``enough`` a token's term is 0, as in the
authors' code, so that forgetting stops there; it still counts in the mean. Only weights that match
``parts``, patterns of names of modules or parameters, are trained; all others keep their bits.
Choosing them is up to the study: the authors locate the blocks that look facts up by probes and
path patching; the default is their `all_mlps`, the feed-forward layers of all blocks.

The authors' other terms, on an injected false answer (`inject`) and on text from the Pile, are left
out: a study has no such data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Bounds, Count, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """From the authors' scripts: weights of 1, AdamW at 1e-5 (swept from 2e-6 to 1e-4), no decay,
    cosine, clipping at 1, 64 texts an update, 50 updates."""

    batch_size: Count | None = 64
    schedule: Literal["linear", "constant", "cosine"] = "cosine"
    forget_weight: Weight = 1.0
    parts: tuple[str, ...] | None = None
    enough: Annotated[float, Bounds(-1e3, 0)] = -5.0


def unsaid_sum(logits: torch.Tensor, targets: torch.Tensor, enough: float) -> torch.Tensor:
    """logits (N, K), targets (N,) -> (): sum of -log(1 - p(target)), 0 where log p < ``enough``.

    1 - p is the sum of the probabilities of all other tokens, so that it is not 0 where p rounds to
    1.
    """
    import torch

    from palimpsest.training.losses import wide

    said = wide(logits)
    everything = torch.logsumexp(said, dim=-1)
    rows = torch.arange(len(targets), device=targets.device)
    others = torch.logsumexp(said.index_put((rows, targets), said.new_tensor(-torch.inf)), dim=-1)
    forgotten = said[rows, targets] - everything < enough
    return (everything - others).masked_fill(forgotten, 0).sum()


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import retain_part

    def forget(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        predictions = run.predict(model, batch)
        return unsaid_sum(predictions.logits, predictions.targets, settings.enough)

    parts = {"forget": Part(run.sets["forget"], forget), "retain": retain_part(run, settings)}
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


def masks(run: Run, settings: Settings) -> dict[str, bool]:
    from palimpsest.models.parts import feed_forward_layers, parameters_named

    parts = feed_forward_layers(run.model) if settings.parts is None else settings.parts
    return dict.fromkeys(parameters_named(run.model, parts), True)


METHOD = Method(Settings, objective, masks=masks)
