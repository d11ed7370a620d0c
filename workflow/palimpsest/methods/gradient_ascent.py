"""gradient_ascent (Jang et al. 2023): the loss on the forget set is maximised, and nothing else.

    L = - nll(D_f),  nll the mean over all predictions that count in D_f

Each update takes the whole forget set (the authors' code refuses anything else), so that epochs are
updates. Adam with betas (0.9, 0.98), constant rate, no weight decay, no clipping, no dropout. It
stops once the model remembers D_f no better than the base, before any request, remembered unseen
text of the same kind, D_n. For a causal model this is measured by memorization accuracy and
extraction likelihood, as in the paper; for a classifier by the log-likelihood of the true label.

Departures: "no better" is "at most", where the code has "less": for short unseen texts the
extraction likelihood is 0, and nothing is less. The rule is checked before the first update, too,
where the code makes an epoch first: forgetting earlier requests may have removed this one's text
already. Of large sets 200 texts are watched, drawn at random. The extraction likelihood is slow: it
is that of 16 of them that are longer than n tokens, is computed only where the accuracy alone would
stop, and is left out of the rule where either set has none. The paper forgets chunks of text one
after another; here these are requests of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Moment, Norm, Rate

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Trained):
    """From the authors' code: lr 5e-5 for GPT-Neo, at most 20 updates. A set that does not fit into
    memory at once needs micro_batch_size."""

    learning_rate: Rate = 5e-5
    epochs: Count = 20
    batch_size: None = None
    clip_norm: Norm | None = None
    schedule: Literal["linear", "constant", "cosine"] = "constant"
    betas: tuple[Moment, Moment] = (0.9, 0.98)
    dropout: bool = False


def stops(metrics: tuple[str, ...], watched: list[dict], unseen: dict[str, float]) -> bool:
    """Whether each of ``metrics`` is at most as high on the forget set as ``unseen``, the base's on
    unseen text."""
    now = watched[-1]
    compared = [name for name in metrics if f"forget_{name}" in now and name in unseen]
    return bool(compared) and all(now[f"forget_{name}"] <= unseen[name] for name in compared)


def objective(run: Run, settings: Settings) -> Objective:
    return Objective(
        {"forget": Part(run.sets["forget"], run.likelihood)},
        {"forget": -1.0},
        confirmed=lambda model: run.watch.extractable(model, ("forget", "extra")),
        stops=lambda watched: stops(run.watch.memorization_metrics, watched, run.watch.unseen),
    )


METHOD = Method(Settings, objective)
