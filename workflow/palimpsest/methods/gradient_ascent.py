"""gradient_ascent (Jang et al. 2023): the loss on the forget set is maximised, and nothing else.

    L = - nll(D_f),  nll the mean over all predictions that count in D_f

Each update takes the whole forget set (the authors' code refuses anything else), so that epochs are
updates. Adam with betas (0.9, 0.98), constant rate, no weight decay, no clipping, no dropout. It
stops as soon as the model knows the forget set no better than the base, before anything was
forgotten, knew unseen text of the same kind, D_n: by memorization accuracy and extraction
likelihood of a causal model, as the paper has it, by the log-likelihood of the true label of a
classifier.

Where this departs: "no better" is "at most", where the code has "less": of short texts the
extraction likelihood of unseen ones is 0, and nothing is less. It is asked before the first update
too, where the code makes an epoch first: a later request may find its text forgotten with those
before it. Of large sets 200 texts are watched, drawn at random; the extraction likelihood is that
of 16 of them that are longer than n tokens, for it is slow, is asked where the accuracy alone would
stop, and is left out of the rule where either set has none. The paper's chunks, of which one is
forgotten after another, are requests: the ledger cuts them.
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
    """Of the authors' code: lr 5e-5 for GPT-Neo, at most 20 updates. What does not fit into memory
    at once: micro_batch_size."""

    learning_rate: Rate = 5e-5
    epochs: Count = 20
    batch_size: None = None
    clip_norm: Norm | None = None
    schedule: Literal["linear", "constant", "cosine"] = "constant"
    betas: tuple[Moment, Moment] = (0.9, 0.98)
    dropout: bool = False


def stops(known: tuple[str, ...], watched: list[dict], unseen: dict[str, float]) -> bool:
    """Whether every number of memory is as low on the forget set as the base's was on unseen
    text."""
    now = watched[-1]
    told = [name for name in known if f"forget_{name}" in now and name in unseen]
    return all(now[f"forget_{name}"] <= unseen[name] for name in told)


def objective(run: Run, settings: Settings) -> Objective:
    return Objective(
        {"forget": Part(run.sets["forget"], run.likelihood)},
        {"forget": -1.0},
        confirmed=lambda model: run.watch.extractable(model, ("forget", "extra")),
        stops=lambda watched: stops(run.watch.known, watched, run.watch.unseen),
    )


METHOD = Method(Settings, objective)
