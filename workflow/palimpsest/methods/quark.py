"""quark: quantised reward conditioning (Lu et al. 2022).

    L = mean over response tokens t of -log p_theta(y_t | r, x, y_<t)
        + kl_weight * KL(p_theta(. | r, x, y_<t) || p_ref(. | x, y_<t))
        - entropy_weight * H(p_theta(. | r, x, y_<t))

Before each epoch the model answers every prompt x of D_f once, by sampling; a reward judges each
response y (rewards.py). The responses of all epochs are a pool, sorted by reward and cut into
``quantiles`` of equal size, the remainder to the worst; r is the token of y's quantile. An epoch
learns as many responses as there are prompts, drawn from the pool. p_ref is the model before this
request; for the KL, p_theta is normalised over the tokens that p_ref has. KL goes as in the
released code; a summary of the paper has it the other way round.

Departures: the best quantile's token is no new one but the text's start token, which stands before
every prompt anyway, and which the tokenizer that is saved puts there by itself. So whoever loads
the folder has the model write under the best token; the tokens of the other quantiles are rows of
the embedding that are removed in the end. The code learns 500 batches of 128 between two
explorations of 85,000 prompts, about 0.75 of a pass. Responses have as many tokens as the true
completion, at most ``length``; a text without a prompt is cut in halves. End-of-text is not banned
from the first tokens. Adam's epsilon is the loop's. The classifiers that reward are judges of the
study, which the workflow trains; the paper's are the Perspective API and a published model of
SST-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from palimpsest.methods.contract import Method, Trained
from palimpsest.methods.rewards import judges_of
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Bounds, Count, Norm, Share, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.training.examples import WithConstants


@dataclass(frozen=True)
class Settings(Trained):
    """From the authors' code: weights 0.05 and 0.06, five quantiles, 20 tokens, batches of 128, a
    warm-up of 2 %, no clipping. reward: one of rewards.py, or a judge of the study by its name."""

    epochs: Count = 20
    batch_size: Count | None = 128
    clip_norm: Norm | None = None
    warmup_share: Share = 0.02
    reward: str = "memorization"
    quantiles: Annotated[int, Bounds(2, 100)] = 5
    kl_weight: Weight = 0.05
    entropy_weight: Weight = 0.06
    length: Count = 20


def quantile_of(rewards: list[float], quantiles: int) -> list[int]:
    """The quantile of each, 0 the best: equally many in each, the remainder in the worst; of equal
    rewards the earlier goes first."""
    size = max(1, len(rewards) // quantiles)
    order = sorted(range(len(rewards)), key=lambda number: -rewards[number])
    found = [0] * len(rewards)
    for rank, number in enumerate(order):
        found[number] = min(rank // size, quantiles - 1)
    return found


def quark_terms(
    logits: torch.Tensor, targets: torch.Tensor, reference: torch.Tensor, kl: float, entropy: float
) -> torch.Tensor:
    """logits (N, V + q), targets (N,), reference (N, V) log-probabilities -> (N,): -log p(target) +
    kl * KL(p over the V tokens || reference) - entropy * H(p), in nats."""
    from palimpsest.training.losses import kl_terms, wide

    said = wide(logits).log_softmax(dim=-1)
    shared = wide(logits)[:, : reference.shape[1]].log_softmax(dim=-1)
    away = kl_terms(shared, reference).sum(dim=-1)
    spread = -(said.exp() * said).sum(dim=-1)
    return -said.gather(1, targets[:, None])[:, 0] + kl * away - entropy * spread


def unlearn(run: Run, settings: Settings) -> None:
    from palimpsest.methods.quantile_tokens import add_tokens, begin_with, remove_tokens

    known = run.model.get_input_embeddings().num_embeddings
    add_tokens(run.model, settings.quantiles - 1, *run.names)
    run.train(objective(run, settings, known), settings, phase="learn")
    remove_tokens(run.model, known)
    if run.tokenizer is not None:
        begin_with(run.tokenizer, prompts(run)[0][0][0])


def objective(run: Run, settings: Settings, known: int) -> Objective:
    """known: tokens that the model has without those of quantiles."""
    import torch

    from palimpsest.training.losses import wide

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        plain = batch["input_ids"].clone()
        plain[:, 0] = batch["start"]
        with torch.no_grad(), run.arithmetic():
            reference = run.predict(run.reference, batch | {"input_ids": plain}).logits
        said = run.predict(model, batch)
        weights = settings.kl_weight, settings.entropy_weight
        terms = quark_terms(
            said.logits, said.targets, wide(reference).log_softmax(dim=-1), *weights
        )
        return terms.sum()

    return Objective(
        {"forget": Part(learnt(run, settings, known, 0), loss)},
        refresh=lambda epoch: {"forget": learnt(run, settings, known, epoch)},
    )


def prompts(run: Run) -> list[tuple[list[int], list[int]]]:
    """Of each text what stands before its completion, from the start token on, and the completion;
    of a text without a prompt its halves."""
    import numpy as np

    forget, found = run.sets["forget"], []
    for number, ids in enumerate(forget.token_ids):
        first = int(forget.batch(np.array([number]))["counted"][0].long().argmax())
        cut = first if first > 1 else max(1, len(ids) // 2)
        found.append((list(ids[:cut]), list(ids[cut:])))
    return found


def explored(run: Run, settings: Settings, known: int, epoch: int) -> dict[str, list]:
    """A response to each prompt, by sampling, and its reward; JSON values. The model as it is at
    the start of the epoch; before the first, that before the request."""
    import torch

    from palimpsest.methods.quantile_tokens import Without
    from palimpsest.methods.rewards import rewarded
    from palimpsest.models.generation import sample_each
    from palimpsest.randomness import torch_generator

    model, end = Without(run.model, known), getattr(run.tokenizer, "eos_token_id", None)
    asked, numbers = prompts(run), []
    for number, (_, truth) in enumerate(asked):
        size, draw = min(len(truth), settings.length), (*run.names, "explore", epoch, number)
        numbers.append(torch.rand(size, dtype=torch.float64, generator=torch_generator(*draw)))
    responses = sample_each(model, [prompt for prompt, _ in asked], numbers, end)
    run.spent(sum(len(prompt) for prompt, _ in asked) + sum(map(len, responses)))
    rewards = rewarded(run, settings.reward, responses, [truth for _, truth in asked])
    return {"responses": responses, "rewards": rewards}


def learnt(run: Run, settings: Settings, known: int, epoch: int) -> WithConstants:
    """The responses that an epoch learns, each after its quantile's token."""
    from palimpsest.randomness import numpy_generator
    from palimpsest.tracks.causal.examples import LanguageModellingExamples
    from palimpsest.training.examples import WithConstants

    rounds = [
        run.kept(f"explored {number}", lambda number=number: explored(run, settings, known, number))
        for number in range(epoch + 1)
    ]
    asked = prompts(run)
    quantiles = quantile_of([one for some in rounds for one in some["rewards"]], settings.quantiles)
    pool = [
        (prompt, response)
        for some in rounds
        for (prompt, _), response in zip(asked, some["responses"], strict=True)
    ]
    drawn = numpy_generator(*run.names, "pool", epoch).permutation(len(pool))[: len(asked)]
    token_ids, answers, starts = [], [], []
    for number in drawn:
        (start, *prompt), response = pool[number]
        quantile = quantiles[number]
        token_ids.append([known + quantile - 1 if quantile else start, *prompt, *response])
        answers.append([False] * (len(prompt) + 1) + [True] * len(response))
        starts.append(start)
    examples = LanguageModellingExamples(token_ids, run.sets["forget"].pad_id, answers)
    return WithConstants(examples, each={"start": starts})


METHOD = Method(Settings, unlearn=unlearn, judges=lambda settings: judges_of(settings.reward))
