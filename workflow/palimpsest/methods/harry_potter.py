"""harry_potter: generic predictions (Eldan and Russinovich 2023, "Who's Harry Potter?").

    L = mean over predictions i of -log p_theta(label_i | x_<i)
    label_i = argmax of v_i,   v_i = u_i - alpha * relu(r_i - u_i)

u: logits of the model before this request on the translated text, in which `anchors`, terms that
only D_f uses, are generic ones; r: logits of the reinforced model, which learnt D_f once more, on
the original text. anchors.py says where in the translation each token of the original is predicted,
and where none is. At places after a generic term began, tokens that begin it have the mean of u_i,
so that the model is not taught to introduce it twice. `labels: soft` minimises KL(softmax(v) ||
p_theta) instead. Without anchors a text is its own translation, and only what the reinforced model
says more than the base is taken away.

As in the authors' scripts alpha is 5, labels are hard, and logits are compared as they are, so that
a constant added to one model's matters. Departures: a record is a block, tokenised whole; all of
it is translated, and its completion counts. Where several anchors begin, the longest is taken, and
one value is drawn for each anchor in each text, by a seed; `matching: released` takes the first in
the list, draws for each form of its tokens, and drops anchors that consist of others. No records
are set aside to choose the best epoch. A text whose translation is longer than the model's context
learns from what fits. soft holds all logits of the forget set in memory.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Trained, Unchanged
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Moment, Norm, Rate, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.anchors import Translated
    from palimpsest.methods.run import Run
    from palimpsest.training.examples import WithConstants

ROWS = 16  # texts of a forward pass for labels


@dataclass(frozen=True)
class Settings(Trained):
    """anchors: term -> a generic one, or a list of which one is drawn for each text. lr, epochs and
    batch (8 x 16) are the paper's, betas those of the authors' scripts, which do not clip."""

    learning_rate: Rate = 1e-6
    epochs: Count = 2
    batch_size: Count | None = 128
    clip_norm: Norm | None = None
    betas: tuple[Moment, Moment] = (0.9, 0.98)
    alpha: Weight = 5.0
    anchors: dict[str, str | tuple[str, ...]] | None = None
    labels: Literal["argmax", "soft"] = "argmax"
    matching: Literal["longest", "released"] = "longest"


def generic(baseline: torch.Tensor, reinforced: torch.Tensor, alpha: float) -> torch.Tensor:
    """Logits (N, V) of both -> (N, V): lower by alpha times what the reinforced model says more."""
    return baseline - alpha * (reinforced - baseline).relu()


def without(logits: torch.Tensor, forbidden: list[list[int]]) -> torch.Tensor:
    """Logits (N, V), in which those of the tokens ``forbidden`` at each place are its mean."""
    import torch

    rows = torch.tensor([row for row, tokens in enumerate(forbidden) for _ in tokens]).long()
    columns = torch.tensor([token for tokens in forbidden for token in tokens]).long()
    changed = logits.clone()
    changed[rows, columns] = logits.mean(dim=-1)[rows]
    return changed


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.training.losses import cross_entropy_sum, kl_sum

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        logits, labels = run.predict(model, batch).logits, batch["labels"]
        if settings.labels == "soft":
            return kl_sum(labels, logits)
        return cross_entropy_sum(logits, labels)

    return Objective({"forget": Part(labelled(run, settings), loss)})


def labelled(run: Run, settings: Settings) -> WithConstants:
    """The forget set with a label for each prediction; those that have none do not count."""
    import numpy as np
    import torch

    from palimpsest.tracks.causal.examples import LanguageModellingExamples
    from palimpsest.training.examples import Masked, WithConstants
    from palimpsest.training.losses import wide

    forget, texts = run.sets["forget"], translations(run, settings)
    counted = [forget.batch(np.array([i]))["counted"][0].numpy() for i in range(len(texts))]
    # a token is predicted where the one before it stands
    places = [np.roll(text.places, 1)[asked] for text, asked in zip(texts, counted, strict=True)]
    kept = [i for i, one in enumerate(places) if (one >= 0).any()]
    if len(kept) < len(texts):
        left_out = len(texts) - len(kept)
        logging.warning("%d texts have no label in the context, and are left out", left_out)
        if not kept:
            raise Unchanged("no text has a label: their translations overflow the context")
        forget = run.track.subset(forget, kept)
        texts, places = ([some[i] for i in kept] for some in (texts, places))
    original = Masked(forget, np.concatenate(places) >= 0)
    places = [one[one >= 0] for one in places]
    predicted = [
        np.isin(np.arange(len(text.token_ids)) - 1, one).tolist()
        for text, one in zip(texts, places, strict=True)
    ]
    generics = LanguageModellingExamples([one.token_ids for one in texts], forget.pad_id, predicted)

    def labels(indices: np.ndarray) -> torch.Tensor:
        """Of these texts, one after another."""
        said = []
        for model, examples in ((run.reference, generics), (run.models["reinforced"], original)):
            batch = {key: one.to(run.device) for key, one in examples.batch(indices).items()}
            said.append(wide(run.predict(model, batch).logits).cpu())
        forbidden = [texts[i].forbidden(place) for i in indices for place in places[i]]
        logits = generic(without(said[0], forbidden), said[1], settings.alpha)
        return logits.log_softmax(-1) if settings.labels == "soft" else logits.argmax(-1)

    order = np.argsort(forget.lengths, kind="stable")
    batches = np.split(order, range(ROWS, len(order), ROWS))
    with torch.no_grad(), run.arithmetic():
        found = torch.cat([labels(indices) for indices in batches])
    rows = np.argsort(np.concatenate([original.predictions(indices) for indices in batches]))
    run.spent(forget.lengths.sum() + generics.lengths.sum())
    return WithConstants(original, every={"labels": found[torch.from_numpy(rows)]})


def translations(run: Run, settings: Settings) -> list[Translated]:
    """The texts of the forget set with generic terms, cut to the model's context."""
    from palimpsest.methods.anchors import DROPPED, anchors_of, not_split, translated
    from palimpsest.randomness import numpy_generator

    terms, longest = settings.anchors or {}, settings.matching == "longest"
    anchors = anchors_of(terms if longest else not_split(terms), run.tokenizer)
    context = getattr(run.reference.config, "max_position_embeddings", None)
    texts = []
    for token_ids in run.sets["forget"].token_ids:
        draw = numpy_generator(*run.names, "anchors", *token_ids)
        drawn = []
        for anchor in anchors:
            numbers = draw.integers(len(anchor.values), size=len(anchor.forms)).tolist()
            drawn.append(numbers[:1] * len(numbers) if longest else numbers)
        text = translated(token_ids, anchors, drawn, longest)
        fitting = [DROPPED if context and at + 1 >= context else at for at in text.places]
        texts.append(text._replace(token_ids=text.token_ids[:context], places=fitting))
    found = sum(bool(text.emitted) for text in texts)
    tell = logging.info if found else logging.warning
    tell("%d anchors; %d of %d texts have any", len(anchors), found, len(texts))
    return texts


METHOD = Method(Settings, objective)
