"""selective: selective forgetting (Wang et al. 2024, SeUL): ascent on the sensitive tokens alone.

    L = - nll(S),  nll the mean over all sensitive tokens of D_f; S = spans of its texts

`spans: offline` takes the spans that the data mark (`data.columns.spans`); texts without any are
left as they are. `spans: online` takes those tokens of each text that the model before this request
finds least likely: a ``share`` of them, one at least, or, with ``below``, those of a lower
probability. All else is gradient_ascent's, whose special case is a share of 1: one update for the
whole forget set, Adam at a constant rate, no retain term.

It stops once the model says the sensitive tokens of D_f by heart (the share that are the likeliest)
no more often than the model before this request those of unseen text, D_n, marked in the same way;
where D_n has none, after all epochs. Of large sets 200 texts are watched. The paper's code and full
text were not available: its share and threshold, and when it stops, are not known. Online tokens
are chosen once: after an update the least likely ones would be those that were just unlearnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods import gradient_ascent
from palimpsest.methods.contract import Method, Unchanged
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Share

if TYPE_CHECKING:
    import numpy as np
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.training.examples import Masked

BATCH = 32  # texts of a forward pass that trains nothing
WATCHED = 200


@dataclass(frozen=True)
class Settings(gradient_ascent.Settings):
    """share and below are of this project."""

    spans: Literal["online", "offline"] = "online"
    share: Share = 0.2
    below: Share | None = None


def least_likely(logp: np.ndarray, share: float, below: float | None) -> np.ndarray:
    """logp (T,) of a text's tokens -> (T,) bool: the ``share`` of them that are least likely,
    rounded up, the first of equal ones first; or those of a probability under ``below``."""
    import numpy as np

    if below is not None:
        return np.exp(logp) < below
    chosen = np.zeros(len(logp), dtype=bool)
    chosen[np.argsort(logp, kind="stable")[: max(1, int(np.ceil(share * len(logp))))]] = True
    return chosen


def sensitive(run: Run, settings: Settings, name: str) -> Masked | None:
    """The texts of a set that have sensitive tokens, which alone count; None where none has."""
    import numpy as np

    from palimpsest.training.examples import Masked

    examples = run.sets[name]
    if settings.spans == "offline":
        marks = _marked(run, name)
    else:
        from palimpsest.tracks.causal.tokens import token_scores

        with run.arithmetic():
            scores = token_scores(run.reference, examples, BATCH)
        cut = np.split(scores.logp, scores.offsets[1:-1])
        marks = [least_likely(logp, settings.share, settings.below) for logp in cut]
        run.spent(examples.lengths.sum())
    kept = [number for number, mark in enumerate(marks) if mark.any()]
    if not kept:
        return None
    return Masked(run.track.subset(examples, kept), np.concatenate([marks[i] for i in kept]))


def _marked(run: Run, name: str) -> list[np.ndarray]:
    from palimpsest.tracks.causal.spans import in_spans

    records = run.records[name]
    completions, spans = records["completion"].tolist(), records["spans"].tolist()
    return in_spans(run.tokenizer, completions, spans, run.sets[name])


def objective(run: Run, settings: Settings) -> Objective:
    chosen = sensitive(run, settings, "forget")
    if chosen is None:
        raise Unchanged("no text of the request has a sensitive token")
    return Objective(
        {"forget": Part(chosen, run.likelihood)},
        {"forget": -1.0},
        watched=lambda model, earlier: watched(run, settings, chosen, model, earlier),
        stops=stops,
    )


def watched(
    run: Run, settings: Settings, chosen: Masked, model: torch.nn.Module, earlier: list[dict]
) -> dict[str, float]:
    """S-MA of the forget set and, once, of unseen text by the model before this request."""
    numbers = {"sensitive_accuracy": _accuracy(run, model, chosen)}
    if earlier:
        unseen = {name: earlier[0][name] for name in ("unseen_accuracy",) if name in earlier[0]}
    else:
        others = sensitive(run, settings, "extra")
        unseen = {"unseen_accuracy": _accuracy(run, run.reference, others)} if others else {}
    return numbers | unseen


def _accuracy(run: Run, model: torch.nn.Module, examples: Masked) -> float:
    """Mean over texts, at most WATCHED of them, of the share of tokens that are the likeliest."""
    import numpy as np
    import torch

    from palimpsest.randomness import numpy_generator
    from palimpsest.training.losses import per_example

    count = len(examples.lengths)
    drawn = numpy_generator(*run.names, "sensitive").permutation(count)[:WATCHED]
    shares = []
    with torch.inference_mode(), run.arithmetic():
        for indices in np.split(drawn, range(BATCH, len(drawn), BATCH)):
            batch = {key: one.to(run.device) for key, one in examples.batch(indices).items()}
            said = run.predict(model, batch)
            right = (said.logits.argmax(dim=-1) == said.targets).float()
            right = per_example(right, said.rows, len(indices)).cpu().numpy()
            shares += (right / examples.counted[indices]).tolist()
    return float(np.mean(shares))


def stops(watched: list[dict]) -> bool:
    return watched[-1]["sensitive_accuracy"] <= watched[-1].get("unseen_accuracy", -1.0)


METHOD = Method(Settings, objective)
