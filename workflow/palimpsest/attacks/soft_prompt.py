"""soft_prompt: learn embeddings before the prompt on some of what was forgotten; does the model
then say the rest?

Prompt tuning (Lester et al. 2021) on one half of the forget set, judged on the other half, which is
`relearn`'s. Only the embeddings of n new tokens are trained, the model's own weights stay as they
are: what comes back was still in it. Guo et al. 2024 call an attack so that prepends nothing: their
released code adds an attention from each position to learnt keys, with a rate at which it hardly
moves.

The embeddings are saved as those of n tokens of the tokenizer, so that the folder is an ordinary
model, which is attacked by writing these tokens before the prompt; scores do. A folder of peft's
prompt tuning holds no model, and neither `from_pretrained` nor what generates here would read it.
Two things differ from it. New tokens can be predicted, too: where the head shares the embeddings,
training them pushes that down, as any loss does; else their rows of the head are the mean of all,
which gives them no more probability than an average token has (Jensen), n / V at most. And the
first of them takes the place of the start token, whose embedding it starts from: one token moves no
word to another position. A small model that learnt its texts at fixed positions is lost when they
are moved, whatever stands before them: give such a model one token.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from palimpsest.attacks.contract import WeightAttack
from palimpsest.attacks.relearn import check, chosen
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import torch_generator
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Bounds, Count, Rate, Share, Training

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.tracks.causal.examples import LanguageModellingExamples


@dataclass(frozen=True)
class Settings(Training):
    """tokens: how many are learnt; share: of the forget set that they are learnt on. Rate and batch
    are those of peft's guide to prompt tuning, which learns 8 tokens in 50 epochs; one is safe for
    every model, as said above."""

    tokens: Annotated[int, Bounds(1, 1000)] = 1
    share: Share = 0.5
    learning_rate: Rate = 3e-2
    epochs: Count = 20
    batch_size: Count | None = 8


def names(count: int) -> list[str]:
    """What the new tokens are called."""
    return [f"<|soft-{number}|>" for number in range(1, count + 1)]


def template(settings: Settings, plain: str) -> str:
    """The study's template with the new tokens before all else, but the first, which is the
    tokenizer's start token now."""
    return "".join(names(settings.tokens)[1:]) + plain


def change(run: Run, settings: Settings) -> list[str]:
    records = run.records["forget"]
    learnt = chosen(records["record_id"].tolist(), settings.share)
    check(learnt, rest=True)
    refuse(run, settings.tokens)
    plain = {
        "forget": run.track.subset(run.sets["forget"], np.flatnonzero(~learnt)),
        "relearnt": run.track.subset(run.sets["forget"], np.flatnonzero(learnt)),
    }
    run.watch.draw(plain, run.names)
    run.look()
    ids = add_tokens(run, settings.tokens)
    asked = {name: before_all(examples, ids) for name, examples in plain.items()}
    run.watch.draw(asked, run.names)
    objective = Objective({"relearnt": Part(asked["relearnt"], run.likelihood)})
    run.train(objective, settings, masks=rows(run.model, ids), goes_on=False)
    return records["record_id"][learnt].tolist()


def refuse(run: Run, count: int) -> None:
    """A UserError where there is no prompt to stand before, or no room for more tokens."""
    where = f"attack {' '.join(map(str, run.names))}"
    empty = int((run.records["forget"]["prompt"] == "").sum())
    if empty:
        what = "there is no prompt that learnt embeddings could stand before"
        remedy = "leave the attack out"
        raise UserError(Problem(what, where, f"{empty} records without a prompt", remedy=remedy))
    longest = int(run.sets["forget"].lengths.max()) + count - 1
    room = getattr(run.model.config, "max_position_embeddings", longest)
    if longest > room:
        what = "with the learnt embeddings texts are longer than the model's context"
        remedy = "learn fewer `tokens`, or raise `model.max_length`, with which the base is trained"
        raise UserError(Problem(what, where, f"{longest} tokens", f"at most {room}", remedy))


def add_tokens(run: Run, count: int) -> list[int]:
    """Give tokenizer and model so many tokens more, and return their ids. The first is the start of
    a text from now on, and has its embedding; the others start as tokens that are drawn."""
    import torch

    model, known, (first, *others) = run.model, len(run.tokenizer), names(count)
    run.tokenizer.add_special_tokens({"bos_token": first, "additional_special_tokens": others})
    ids = run.tokenizer.convert_tokens_to_ids(names(count))
    if model.get_input_embeddings().num_embeddings <= max(ids):
        model.resize_token_embeddings(max(ids) + 1, mean_resizing=False)
    embeddings, head = _embeddings(model), model.get_output_embeddings().weight
    draw = torch.randint(known, (count,), generator=torch_generator(*run.names, "soft_prompt"))
    draw[0] = run.sets["forget"].token_ids[0][0]
    with torch.no_grad():
        if head is not embeddings:
            head[ids] = head[:known].mean(dim=0)
        embeddings[ids] = embeddings[draw.to(embeddings.device)]
    return ids


def before_all(examples: LanguageModellingExamples, ids: list[int]) -> LanguageModellingExamples:
    """The texts with these tokens in place of the start token; they do not count."""
    texts = [[*ids, *rest] for _, *rest in examples.token_ids]
    counted = [[False] * len(ids) + rest for _, *rest in examples.answers]
    return replace(examples, token_ids=texts, answers=counted)


def rows(model: torch.nn.Module, ids: list[int]) -> dict[str, torch.Tensor]:
    """A mask of the embeddings of these tokens, by the name of the parameter."""
    import torch

    embeddings = _embeddings(model)
    (name,) = [name for name, one in model.named_parameters() if one is embeddings]
    mask = torch.zeros_like(embeddings, dtype=torch.bool)
    mask[ids] = True
    return {name: mask}


def _embeddings(model: torch.nn.Module) -> torch.nn.Parameter:
    return model.get_input_embeddings().weight


ATTACK = WeightAttack(Settings, change, template)
