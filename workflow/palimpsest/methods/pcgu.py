"""pcgu: partitioned contrastive gradient unlearning (Yu et al. 2023): of two words that could stand
in a sentence, lower the advantaged one, in the blocks of weights that tell them apart.

    S_a = mean over pairs of z(advantaged)       S_d = mean over pairs of z(disadvantaged)

    side: lower      against  grad S_a
    side: raise      against  - grad S_d
    side: dynamic    against  grad of the mean of |z(advantaged) - z(disadvantaged)|: whichever is
                     higher now is lowered, the other raised; in a tie the advantaged rises

z is the word's logit where it is masked (`of: logit`, the released code), or its log-probability
(`of: probability`, the paper's text); of a causal model the sum over the tokens of the completion.
Weights are parted into blocks: the rows of every matrix (`rows`, the paper's input aggregation:
what a unit takes in) or its columns (`columns`, output aggregation); a vector is one block. GPT-2
stores its matrices the other way round: there rows are what a unit gives out. Only the k blocks
with the lowest cosine between grad S_a and grad S_d are updated, of all tensors together: those
that say the same of both words are left alone. `rank: step` chooses them at each update, `once`
before the first, by all pairs. `share: 1` updates everything: the paper's run without a partition.
In `dynamic` the cosine is that of the gradients with their signs, as in the released code.

A block in which both gradients are 0, such as the embedding of a token that no pair of the batch
has, has cosine 0: as in the released code it stands before all that agree, takes one of the k
places and is not changed (`idle: ranked`). Of an encoder most rows can be such embeddings, and a
wide range of k is then one and the same update; `idle: left_out` gives their places to others. Of
blocks with cosine 0 those with a gradient come first.

The step is the rate times the gradient (SGD), constant, without clipping, so that a block that is
not chosen keeps its bits. The released code sums over a batch where this takes the mean: its rate
of 1e-5 at 16 pairs is 1.6e-4 here. Pairs are records with an `advantaged` and a `disadvantaged`
word (data/blanks.py), each prompt once, whose texts have equally many tokens and differ in one,
which alone is masked. Others are left out: training.json counts the pairs and lists the ids of
these, with the reason, and how many blocks of each tensor were changed (`noted`). The authors' code
leaves special tokens out, and takes the piece of a bracket for RoBERTa's mask; here the tokenizer's
own are used.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from palimpsest.errors import Problem, UserError
from palimpsest.methods.contract import Method, Trained
from palimpsest.methods.pairs import ADVANTAGED, DISADVANTAGED, SIDES, pair_rows, where
from palimpsest.training.objective import Gradients, Objective, Part
from palimpsest.training.settings import TINY, Bounds, Count, Norm, Rate

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.training.examples import Examples

# How the update is made of the two gradients.
WEIGHTS = {
    "lower": {ADVANTAGED: 1.0, DISADVANTAGED: 0.0},
    "raise": {ADVANTAGED: 0.0, DISADVANTAGED: -1.0},
    "dynamic": {ADVANTAGED: -1.0, DISADVANTAGED: -1.0},
}
FEWEST = 2  # pairs
# Why a pair is left out.
LENGTHS, SEVERAL, SAME, UNKNOWN = (
    "different lengths",
    "several differing tokens",
    "the same tokens",
    "an unknown word",
)
AFTER_ZERO = 1e-30  # cosine by which an idle block comes behind all others whose cosine is 0
SMALLEST = 1e-8  # length that a block's gradient is taken to have at least, as in torch's cosine


@dataclass(frozen=True)
class Settings(Trained):
    """5 epochs, 16 pairs an update and 10,000 of BERT-base's 115,646 rows from the released code:
    `share` of all blocks, where no number `k` is given."""

    learning_rate: Rate = 1.6e-4
    epochs: Count = 5
    batch_size: Count | None = 16
    clip_norm: Norm | None = None
    schedule: Literal["linear", "constant", "cosine"] = "constant"
    k: Annotated[int, Bounds(1, 10**9)] | None = None
    share: Annotated[float, Bounds(TINY, 1)] = 0.0865
    blocks: Literal["rows", "columns"] = "rows"
    of: Literal["logit", "probability"] = "logit"
    side: Literal["lower", "raise", "dynamic"] = "lower"
    rank: Literal["step", "once"] = "step"
    idle: Literal["ranked", "left_out"] = "ranked"


# --- blocks of weights ----------------------------------------------------------------------------


def axis_of(tensor: torch.Tensor, blocks: str) -> int:
    """The axis along which a block lies; a vector is one block."""
    return -2 if blocks == "columns" and tensor.ndim > 1 else -1


def block_counts(tensors: Mapping[str, torch.Tensor], blocks: str) -> dict[str, int]:
    """How many blocks each tensor has."""
    return {name: one.numel() // one.shape[axis_of(one, blocks)] for name, one in tensors.items()}


def block_cosines(
    one: torch.Tensor, other: torch.Tensor, blocks: str, idle: str = "ranked"
) -> torch.Tensor:
    """Cosine of two gradients of a tensor in each of its blocks: the tensor's shape without the
    axis of a block, () for a vector; 0 where either is 0, and AFTER_ZERO where both are. Infinite
    where both are 0 in the whole tensor, on which nothing depends, or with `left_out` in the
    block."""
    import torch

    axis = axis_of(one, blocks)
    lengths = [torch.linalg.vector_norm(side, dim=axis) for side in (one, other)]
    products = torch.linalg.vecdot(one, other, dim=axis)
    cosines = products / (lengths[0].clamp_min(SMALLEST) * lengths[1].clamp_min(SMALLEST))
    still = (lengths[0] + lengths[1]) == 0
    cosines = torch.where(still, torch.inf if idle == "left_out" else AFTER_ZERO, cosines)
    return torch.where(still.all(), torch.inf, cosines)


def lowest(cosines: Mapping[str, torch.Tensor], k: int) -> dict[str, torch.Tensor]:
    """Which blocks are the k with the lowest cosines of all tensors together: bool, shaped as the
    cosines. Of equal ones those of earlier tensors come first; infinite ones never do."""
    import torch

    every = torch.cat([one.flatten() for one in cosines.values()])
    order = torch.argsort(every, stable=True)[:k]
    chosen = torch.zeros(len(every), dtype=torch.bool, device=every.device)
    chosen[order] = every[order] < torch.inf
    parts = chosen.split([one.numel() for one in cosines.values()])
    return {
        name: part.view(one.shape) for (name, one), part in zip(cosines.items(), parts, strict=True)
    }


def ranked(
    gradients: Mapping[str, Gradients], settings: Settings, k: int
) -> dict[str, torch.Tensor]:
    """The k blocks in which the gradients of both sides are least alike."""
    one, other = (gradients[side] for side in SIDES)
    how = settings.blocks, settings.idle
    return lowest({name: block_cosines(one[name], other[name], *how) for name in one}, k)


def direction(
    settings: Settings,
    k: int,
    gradients: Mapping[str, Gradients],
    chosen: Mapping[str, torch.Tensor] | None = None,
) -> Gradients:
    """What an update goes against: the weighted gradients in the k lowest blocks, or in those that
    were ``chosen``, 0 in all others. The gradients are changed in place."""
    weights = {side: weight for side, weight in WEIGHTS[settings.side].items() if weight}
    chosen = ranked(gradients, settings, k) if chosen is None else chosen
    (first, weight), *rest = weights.items()
    for name, total in gradients[first].items():
        total.mul_(weight)
        for side, factor in rest:
            total.add_(gradients[side][name], alpha=factor)
        total.mul_(chosen[name].unsqueeze(axis_of(total, settings.blocks)))
    return gradients[first]


def changed(
    before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor], blocks: str
) -> list[dict]:
    """Of each tensor, how many `blocks` it has, and how many differ in any bit (`changed`)."""
    import torch

    as_bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    counts, found = block_counts(after, blocks), []
    for name, one in after.items():
        kind = as_bits[one.element_size()]
        bits = [side.detach().contiguous().view(kind) for side in (one, before[name])]
        moved = (bits[0] != bits[1]).any(dim=axis_of(one, blocks))
        found.append({"tensor": name, "changed": int(moved.sum()), "blocks": counts[name]})
    return found


# --- pairs ----------------------------------------------------------------------------------------


def pairs(run: Run) -> dict[str, Examples]:
    """Both sides of all pairs of the forget set, one for one."""
    rows = pair_rows(run, "pcgu")
    sides = {name: run.encode(rows.assign(completion=rows[name])) for name in SIDES}
    unknown = getattr(run.tokenizer, "unk_token_id", None)
    both = zip(*(sides[name].token_ids for name in SIDES), strict=True)
    places = [differing(*pair, unknown) for pair in both]
    kept = [number for number, place in enumerate(places) if isinstance(place, int)]
    left_out = {n: place for n, place in enumerate(places) if not isinstance(place, int)}
    reasons = ", ".join(f"{count} with {why}" for why, count in Counter(left_out.values()).items())
    if len(kept) < FEWEST:
        what, found = "too few pairs are left", f"{len(kept)} of {len(rows)}"
        found += f"; left out: {reasons}" if left_out else ""
        remedy = "ask for owners with more pairs, or take a tokenizer that has these words whole"
        raise UserError(Problem(what, where("pcgu"), found, f"{FEWEST} or more", remedy))
    if left_out:
        listed = f"{run.folder}/training.json lists them under noted.left_out"
        told = (len(left_out), len(rows), reasons, listed)
        logging.warning("%d of %d pairs are left out: %s; %s", *told)
    named = [{"record_id": rows["record_id"][n], "why": why} for n, why in left_out.items()]
    run.note("pairs", len(kept))
    run.note("left_out", named)
    sides = {name: run.track.subset(side, kept) for name, side in sides.items()}
    if hasattr(sides[ADVANTAGED], "hiding"):  # a masked model: of a word of several pieces one
        at = [places[number] for number in kept]
        sides = {name: side.hiding(at) for name, side in sides.items()}
    return sides


def differing(one: list[int], other: list[int], unknown: int | None = None) -> int | str:
    """The only place at which two texts of equally many tokens differ, or why there is none.

    ``unknown`` is the id of a word that the tokenizer does not know. Nothing but the two words
    differs, so what else is unknown is so in both texts.
    """
    if unknown in (*one, *other) and (one == other or one.count(unknown) != other.count(unknown)):
        return UNKNOWN
    if len(one) != len(other):
        return LENGTHS
    apart = [place for place, ids in enumerate(zip(one, other, strict=True)) if ids[0] != ids[1]]
    return apart[0] if len(apart) == 1 else SEVERAL if apart else SAME


def word_scores(
    run: Run, settings: Settings, model: torch.nn.Module, batch: dict[str, torch.Tensor]
) -> torch.Tensor:
    """z (B,) of each example."""
    import torch

    from palimpsest.training.losses import per_example, wide

    logits, targets, rows = run.predict(model, batch)
    logits = wide(logits)
    said = torch.log_softmax(logits, dim=-1) if settings.of == "probability" else logits
    return per_example(said.gather(1, targets[:, None])[:, 0], rows, len(batch["input_ids"]))


def parts(run: Run, settings: Settings) -> dict[str, Part]:
    from palimpsest.training.examples import Paired, other_of

    sides = pairs(run)

    def plain(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return word_scores(run, settings, model, batch).sum()

    def signed(side: str, model: torch.nn.Module, batch: dict) -> torch.Tensor:
        import torch

        own = word_scores(run, settings, model, batch)
        with torch.no_grad():
            other = word_scores(run, settings, model, other_of(batch))
        rises = own.detach() < other if side == DISADVANTAGED else own.detach() <= other
        return torch.where(rises, own, -own).sum()

    if settings.side != "dynamic":
        losses = dict.fromkeys(SIDES, plain)
    else:
        losses = {side: partial(signed, side) for side in SIDES}
        one, other = (sides[side] for side in SIDES)
        sides = {ADVANTAGED: Paired(one, other), DISADVANTAGED: Paired(other, one)}
    return {
        side: Part(sides[side], losses[side], per="example", alongside=side == DISADVANTAGED)
        for side in SIDES
    }


def objective(run: Run, settings: Settings) -> Objective:
    trained = dict(run.model.named_parameters())
    count = sum(block_counts(trained, settings.blocks).values())
    k = max(1, round(settings.share * count)) if settings.k is None else settings.k
    if k > count:
        what, remedy = "there are fewer blocks", "lower k; or `share: 1` for all of them"
        raise UserError(Problem(what, "options.pcgu.k", str(k), f"1 to {count}", remedy))
    both = parts(run, settings)
    chosen = None
    if settings.rank == "once":
        chosen = run.kept("blocks", lambda: by_all_pairs(run, settings, both, k))
    logging.info("%d pairs; %d of %d blocks are updated", len(both[ADVANTAGED].examples.lengths),
                 k, count)  # fmt: skip
    directed = partial(direction, settings, k, chosen=chosen)
    return Objective(both, WEIGHTS[settings.side], direction=directed, plain=True)


def by_all_pairs(
    run: Run, settings: Settings, both: dict[str, Part], k: int
) -> dict[str, torch.Tensor]:
    """The k lowest blocks by the gradients over all pairs, of the model without dropout."""
    import numpy as np
    import torch

    named = dict(run.model.named_parameters())
    run.model.eval()
    gradients = {}
    for side, part in both.items():
        lengths, size = part.examples.lengths, settings.batch_size or 32
        order, totals = np.argsort(lengths, kind="stable"), None
        for start in range(0, len(order), size):
            batch = part.examples.batch(order[start : start + size])
            inputs = {key: value.to(run.device) for key, value in batch.items()}
            with run.arithmetic():
                value = part.loss(run.model, inputs)
            found = torch.autograd.grad(value, list(named.values()), allow_unused=True)
            found = [torch.zeros_like(one) if grad is None else grad
                     for one, grad in zip(named.values(), found, strict=True)]  # fmt: skip
            if totals is None:
                totals = list(found)
            else:
                torch._foreach_add_(totals, found)
        gradients[side] = dict(zip(named, totals, strict=True))
        run.spent(int(lengths.sum()))
    return ranked(gradients, settings, k)


def after(run: Run, settings: Settings) -> None:
    """What was changed; blocks that were never chosen have kept their bits."""
    models = (run.reference, run.model)
    run.note("blocks", changed(*(dict(one.named_parameters()) for one in models), settings.blocks))


METHOD = Method(Settings, objective, after=after)
