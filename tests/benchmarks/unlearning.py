"""What it takes to unlearn and to score: this project's loop next to a plain transformers.Trainer
that minimises the same loss, a direction that no loss grows on next to the gradient of a sum, token
scores next to a plain loop over texts, and one pass for all metrics of single tokens next to a pass
for each.

Run by hand on a quiet machine: ``OMP_NUM_THREADS=1 PYTHONPATH=workflow python
tests/benchmarks/unlearning.py --mirror FOLDER``, which takes TOFU's questions and the text of their
tokenizer from there; without it, texts are invented ids as long as these. The model is an untrained
GPT-2 of 4 layers, 256 wide, 8,000 pieces, without dropout. Before anything is timed, both must give
the same loss of a batch, for a model that is not the reference any more.

How to read it: each contender runs in a process of its own, on one thread, after a try on a single
batch; they take turns, and a line has the median of ``--rounds``. Tokens are those of the texts,
prompts included, never padding: of both sets in all epochs. ``ratio`` is the first contender's
tokens a second over this one's, and ``target`` whether it reaches what is promised; ``by cpu`` is
the ratio by processor time, which neighbours on a shared machine disturb less. ``MB`` is the most
memory that the process held, ``above`` how much more than once its modules were there.

What makes the loop faster than Trainer: the head and the softmax over the vocabulary are taken at
the tokens that count alone, not at prompts and padding; the batches of the forget set hold texts of
like length; and the reference of npo is asked once before the training, where the released code
asks it in every step, for which it keeps a second model. ``reference once`` is a Trainer that is
spared the latter. What is asked before the training is part of the time. Trainer's pairs of a text
to forget and one to retain are the same in every epoch, its tensors are made beforehand, and its
cross entropy is of flattened logits: quicker than of transposed ones, as the released code has it.

Directions are compared step by step with the plain step of gradient_difference on batches of as
many texts: so ``ratio`` is how many times as long a step takes (tokens are counted as if each text
were read once), and ``target`` that it is at most 3.3 times. mollm reads the retained text three
times, once under the reference, as its weighted sum does, too. In memory are the gradients of its
three losses and what they are joined to, each as large as the weights, where the plain step has
one; and the reference. Then, of each way to join the losses, how the updates of a run go that
starts from a model which learnt all texts: the largest cosine between an update and the gradient of
a loss on its batch (above 0 that loss grows, to first order), and in what share of the updates it
is above 1e-6; for the direction itself, and for what AdamW makes of it. The first update is left
out, at which KL has no gradient.

Of the scores, ``the same values`` gives whether each token is the likeliest, and the mean and the
deviation of what could stand there, as token scores do; ``log-probabilities`` gives those alone,
which is less work.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import psutil
import torch
from targets import verdict, within
from texts import LONGEST, PIECES, questions
from torch.nn.functional import cross_entropy, logsigmoid
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from palimpsest.methods import gradient_difference, gru, mollm, npo
from palimpsest.methods.run import Run
from palimpsest.metrics import memorization
from palimpsest.metrics.membership import zlib_sizes
from palimpsest.randomness import seed_of
from palimpsest.tracks.causal import model as causal
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.numbers import ATTACKS, MEMORY
from palimpsest.tracks.causal.tokens import token_scores
from palimpsest.training.directions import combined
from palimpsest.training.loop import train
from palimpsest.training.objective import Gradients, Objective, Part
from palimpsest.training.predictions import negative_log_likelihood
from palimpsest.training.settings import Computing, Training

TARGET = 1.3  # for the loop and the scores
AT_MOST = 3.3  # times a plain step, for a direction
BATCH, RATE = 32, 1e-5
LEARNT, MOVING = 10, 3e-4  # epochs of learning, and a rate that forgets, where updates are watched
BETA = npo.Settings().beta
SETS = ("forget", "retain")
IMPORTED = [
    "palimpsest.tracks.causal.measure",
    "palimpsest.training.loop",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.trainer",
]


@dataclasses.dataclass(frozen=True)
class Work:
    """texts: n / 2 to forget, n / 2 to retain; completions: of the texts, as they are written;
    config: of the model."""

    texts: LanguageModellingExamples
    completions: list[str]
    epochs: int
    config: dict

    @property
    def halves(self) -> dict[str, np.ndarray]:
        return dict(zip(SETS, np.split(np.arange(len(self.completions)), 2), strict=True))

    @property
    def sets(self) -> dict[str, LanguageModellingExamples]:
        return {name: causal.subset(self.texts, half) for name, half in self.halves.items()}

    def one_batch(self) -> Work:
        """An epoch on a batch of each set."""
        chosen = np.concatenate([half[:BATCH] for half in self.halves.values()])
        return Work(
            causal.subset(self.texts, chosen), [self.completions[i] for i in chosen], 1, self.config
        )

    def model(self) -> torch.nn.Module:
        torch.manual_seed(seed_of("benchmark"))
        return AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **self.config))


def objective_of(
    method: str, model: torch.nn.Module, work: Work, folder: str, **options
) -> tuple[Objective, Training]:
    """A method's objective, the reference asked where it has one, and its settings. folder: where
    it keeps what a resume needs."""
    module, common = MODULES[method], {"epochs": work.epochs, "batch_size": BATCH}
    settings = module.Settings(**{"learning_rate": RATE} | common | options)
    start = copy.deepcopy(model)
    run = Run(model, work.sets, causal, ("benchmark",), load=lambda: start, folder=Path(folder))
    return module.objective(run, settings), settings


def loop(method: str, model: torch.nn.Module, work: Work) -> tuple[int, None]:
    """Unlearn by this project's loop -> tokens."""
    with tempfile.TemporaryDirectory() as folder:
        objective, settings = objective_of(method, model, work, folder)
        return trained(model, objective, settings)["tokens"], None


def trained(model: torch.nn.Module, objective: Objective, settings: Training) -> dict:
    """The report of a training."""
    computing = Computing(checkpoint_seconds=1e9)
    with tempfile.TemporaryDirectory() as folder:
        return train(
            model, objective, settings, computing, ("benchmark",), Path(folder), "benchmark"
        )[1]


def steps(method: str, options: dict, model: torch.nn.Module, work: Work) -> tuple[int, None]:
    """As many steps of any method -> tokens of both sets, each text read once."""
    with tempfile.TemporaryDirectory() as folder:
        trained(model, *objective_of(method, model, work, folder, **options))
    return work.epochs * int(work.texts.lengths.sum()), None


def joined(method: str, options: dict) -> Callable[[Objective, dict[str, Gradients]], Gradients]:
    """(objective, gradients of its parts) -> what an update goes against."""
    if method == "mollm" and options["join"] == "weighted":
        return lambda objective, found: combined(found, list(objective.weights.values()))
    return lambda objective, found: objective.direction(found)


class Watched(NamedTuple):
    """Of each update but the first, the largest cosine between the way it goes and the gradient of
    one of its losses: of the direction, and of what AdamW makes of it."""

    directions: list[float]
    updates: list[float]


def watched(method: str, options: dict, learnt: dict, work: Work) -> Watched:
    """Of a model that starts with the weights ``learnt``."""
    model, found = work.model(), Watched([], [])
    model.load_state_dict(learnt)
    join, before = joined(method, options), {}

    def moved() -> None:
        """What the update before has made of the weights."""
        if before:
            way = {name: value - before["at"][name] for name, value in weights().items()}
            found.updates.append(steepest(way, before["losses"]))

    def weights() -> Gradients:
        return {name: value.detach().clone() for name, value in model.named_parameters()}

    def watching(gradients: dict[str, Gradients]) -> Gradients:
        moved()
        chosen = join(objective, gradients)
        way = {name: -value for name, value in chosen.items()}
        found.directions.append(steepest(way, gradients))
        before.update(at=weights(), losses=gradients)
        return chosen

    with tempfile.TemporaryDirectory() as folder:
        objective, settings = objective_of(method, model, work, folder, **options)
        trained(model, dataclasses.replace(objective, direction=watching), settings)
    moved()
    return Watched(*(values[1:] for values in found))


def steepest(way: Gradients, losses: dict[str, Gradients]) -> float:
    """The largest cosine between a way and the gradients of losses."""
    way, *losses = (
        torch.cat([value.flatten() for value in one.values()]).double()
        for one in (way, *losses.values())
    )
    return max(float(way @ loss / (way.norm() * loss.norm())) for loss in losses)


class GradientDifference(Trainer):
    """Of pairs of texts: descent on those to retain, ascent on those to forget, by the model's own
    loss."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return model(**inputs["retain"]).loss - model(**inputs["forget"]).loss


class NegativePreference(Trainer):
    """Of pairs of texts. ``frozen``: the reference, asked in each step, unless the pairs hold what
    it said (`known`)."""

    frozen: torch.nn.Module | None = None

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        losses = summed(model, inputs["forget"])
        with torch.no_grad():
            known = (
                inputs["known"] if self.frozen is None else summed(self.frozen, inputs["forget"])
            )
        return (
            -2 / BETA * logsigmoid(BETA * (losses - known)).mean() + model(**inputs["retain"]).loss
        )


MODULES = {
    "gradient_difference": gradient_difference,
    "npo": npo,
    "mollm": mollm,
    "gru": gru,
}
TRAINERS = {"gradient_difference": GradientDifference, "npo": NegativePreference}
# Ways to join what is lost: name -> method, options
JOINS = {
    "mollm, dual": ("mollm", {"join": "dual"}),
    "mollm, mgda": ("mollm", {"join": "mgda"}),
    "mollm, weighted sum": ("mollm", {"join": "weighted"}),
    "gru": ("gru", {}),
}


def summed(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B,) summed negative log-likelihood of each text's answer, in nats."""
    logits, labels = (
        model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1],
        batch["labels"][:, 1:],
    )
    return (
        cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        .view(labels.shape)
        .sum(dim=1)
    )


def padded(texts: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """To the longest of them; (B, T) each."""
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    return {
        key: pad_sequence([text[key] for text in texts], batch_first=True, padding_value=value)
        for key, value in fill.items()
    }


def collate(pairs: list[dict]) -> dict:
    known = {"known": torch.stack([pair["known"] for pair in pairs])} if "known" in pairs[0] else {}
    return {name: padded([pair[name] for pair in pairs]) for name in SETS} | known


def labelled(examples: LanguageModellingExamples) -> list[dict[str, torch.Tensor]]:
    """As Trainer wants texts: what does not count has the label -100."""
    found = []
    for tokens, answers in zip(examples.token_ids, examples.answers, strict=True):
        ids = torch.tensor(tokens)
        found.append(
            {
                "input_ids": ids,
                "attention_mask": torch.ones_like(ids),
                "labels": ids.where(torch.tensor(answers), -100),
            }
        )
    return found


def trainer_of(method: str, model: torch.nn.Module, work: Work, once: bool = False) -> Trainer:
    """once: the reference is asked here, not in each step."""
    pairs = [
        dict(zip(SETS, pair, strict=True))
        for pair in zip(*map(labelled, work.sets.values()), strict=True)
    ]
    if once:
        with torch.inference_mode():
            known = [
                summed(model.eval(), padded([pair["forget"] for pair in pairs[i : i + BATCH]]))
                for i in range(0, len(pairs), BATCH)
            ]
        pairs = [
            pair | {"known": value} for pair, value in zip(pairs, torch.cat(known), strict=True)
        ]
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),
        per_device_train_batch_size=BATCH,
        num_train_epochs=work.epochs,
        learning_rate=RATE,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    trainer = TRAINERS[method](model, arguments, train_dataset=pairs, data_collator=collate)
    trainer.remove_callback(PrinterCallback)
    if method == "npo" and not once:
        trainer.frozen = copy.deepcopy(model).eval().requires_grad_(False)
    return trainer


def plain(method: str, once: bool, model: torch.nn.Module, work: Work) -> tuple[int, None]:
    """Unlearn by Trainer -> tokens."""
    trainer_of(method, model, work, once).train()
    return work.epochs * int(work.texts.lengths.sum()), None


def check_losses(work: Work) -> None:
    """AssertionError unless the loop and Trainer minimise the same: of one batch, under a model
    that moved away from the reference."""
    work = work.one_batch()
    start, moved = work.model(), work.model()
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    every = np.arange(len(work.completions) // 2)
    for method, once in (("gradient_difference", False), ("npo", False), ("npo", True)):
        with tempfile.TemporaryDirectory() as folder:
            objective, _ = objective_of(method, start, work, folder)
            means = {
                name: part.loss(moved, part.examples.batch(every)) / part.divisor(every)
                for name, part in objective.parts.items()
            }
        ours, trainer = (
            objective.joined(means).float().detach(),
            trainer_of(method, start, work, once),
        )
        theirs = trainer.compute_loss(moved, collate(trainer.train_dataset)).detach()
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-4)
        print(
            f"{method}{' (reference once)' if once else ''}: a loss of {ours:.5f} nats here, "
            f"{theirs:.5f} by Trainer"
        )


def scores(model: torch.nn.Module, work: Work) -> tuple[int, np.ndarray]:
    """Tokens, and log-probabilities of what counts."""
    return int(work.texts.lengths.sum()), token_scores(model, work.texts, BATCH).logp


@torch.inference_mode()
def plain_scores(moments: bool, model: torch.nn.Module, work: Work) -> tuple[int, np.ndarray]:
    """The same from batches in the order of the texts, with logits of every position; ``moments``:
    all that token scores hold."""
    found, texts = [], labelled(work.texts)
    model.eval()
    for start in range(0, len(texts), BATCH):
        batch = padded(texts[start : start + BATCH])
        logits, labels = (
            model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1],
            batch["labels"][:, 1:],
        )
        every = torch.log_softmax(logits, dim=-1)
        values = [every.gather(2, labels.clamp(min=0)[..., None])[..., 0]]
        if moments:
            p = every.exp()
            mean = (p * every).sum(dim=-1)
            values += [
                logits.argmax(dim=-1) == labels,
                mean,
                (p * (every - mean[..., None]).square()).sum(dim=-1).sqrt(),
            ]
        found.append([value[labels != -100] for value in values])
    return int(work.texts.lengths.sum()), torch.cat([values[0] for values in found]).numpy()


# Metrics of single tokens; the mean NLL of a text is what its truth ratio takes.
METRICS: list[Callable] = [
    *(lambda scores, sizes, metric=metric: metric(scores) for metric in MEMORY),
    *ATTACKS.values(),
    lambda scores, sizes: memorization.nll_per_text(scores),
]


def metrics(together: bool, model: torch.nn.Module, work: Work) -> tuple[int, np.ndarray]:
    """Tokens, and all metrics, from one pass or from a pass for each."""
    sizes = zlib_sizes(work.completions)
    passed = partial(token_scores, model, work.texts, BATCH)
    known = passed() if together else None
    return int(work.texts.lengths.sum()), np.hstack(
        [metric(known or passed(), sizes) for metric in METRICS]
    )


class Measured(NamedTuple):
    """Seconds by the clock and of the processor, tokens, MB at most, how many more than at the
    start, and what was computed."""

    wall: float
    cpu: float
    tokens: int
    mb: float
    above: float
    values: np.ndarray | None


def measured(contender: Callable, work: Work) -> Measured:
    """In a process that does nothing else: modules that load late, and first calls, stay out of the
    time."""
    torch.set_num_threads(1)
    start = psutil.Process().memory_info().rss / 2**20
    contender(work.one_batch().model(), work.one_batch())
    model = work.model()
    wall, cpu = time.perf_counter(), time.process_time()
    tokens, values = contender(model, work)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return Measured(wall, cpu, tokens, peak, peak - start, values)


def compare(
    title: str,
    contenders: dict[str, Callable],
    work: Work,
    rounds: int,
    target: float | None = None,
    tolerance: float = 0.0,
    reached: Callable[[float, float], str] = verdict,
) -> None:
    """Print a line a contender. AssertionError where one computes other values than the first."""
    context, found = get_context("forkserver"), {name: [] for name in contenders}
    context.set_forkserver_preload(IMPORTED)
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as processes:
        for number in range(rounds):
            for name in list(contenders)[:: 1 if number % 2 == 0 else -1]:
                found[name].append(processes.submit(measured, contenders[name], work).result())
    columns = (
        f"{'seconds':>9}{'tokens/s':>10}{'range':>18}{'ratio':>8}{'by cpu':>8}{'target':>14}"
        f"{'MB':>7}{'above':>7}"
    )
    print(f"\n{title}\n{'':38}{columns}")
    first, first_rates = next(iter(found)), None
    for name, runs in found.items():
        if runs[0].values is not None:
            np.testing.assert_allclose(
                runs[0].values, found[first][0].values, rtol=tolerance, atol=tolerance
            )
        rates = [
            median(run.tokens / seconds for run, seconds in zip(runs, taken, strict=True))
            for taken in list(zip(*runs, strict=True))[:2]
        ]
        first_rates = first_rates or rates
        ratios = [ours / theirs for ours, theirs in zip(first_rates, rates, strict=True)]
        walls = sorted(run.tokens / run.wall for run in runs)
        spread = f"{walls[0]:,.0f} - {walls[-1]:,.0f}"
        told = "" if name == first or target is None else reached(ratios[0], target)
        line = (
            f"{name:38}{median(run.wall for run in runs):>9.2f}{rates[0]:>10,.0f}{spread:>18}"
            f"{ratios[0]:>8.2f}{ratios[1]:>8.2f}"
        )
        print(
            f"{line}{told:>14}{median(run.mb for run in runs):>7,.0f}"
            f"{median(run.above for run in runs):>7,.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--mirror", type=Path, help="folder with tofu/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--records", type=int, default=200, help="to forget, and as many to retain")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--of", nargs="+", choices=OF, default=OF, help="what is measured")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    shape = {
        "n_layer": wanted.layers,
        "n_embd": wanted.width,
        "n_head": 4,
        "vocab_size": PIECES,
        "n_positions": LONGEST,
    }
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    config = shape | special | {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    texts, completions, _ = questions(2 * wanted.records, wanted.mirror)
    work = Work(texts, completions, wanted.epochs, config)
    lengths, counted = work.texts.lengths, work.texts.counted
    print(
        f"{len(lengths)} texts of {lengths.mean():.0f} tokens (at most {lengths.max()}), "
        f"{counted.mean():.0f} of which count"
    )
    title = (
        f"GPT-2 {wanted.layers} x {wanted.width}, batches of {BATCH} and as many to retain, "
        f"{wanted.epochs} epochs"
    )
    for measuring in wanted.of:
        OF[measuring](work, title, wanted.rounds)


def losses(work: Work, title: str, rounds: int) -> None:
    check_losses(work)
    contenders = {
        "this loop": partial(loop, "gradient_difference"),
        "Trainer": partial(plain, "gradient_difference", False),
    }
    compare(f"gradient_difference, {title}", contenders, work, rounds, TARGET)
    contenders = {
        "this loop": partial(loop, "npo"),
        "Trainer": partial(plain, "npo", False),
        "Trainer, reference once": partial(plain, "npo", True),
    }
    compare(f"npo, {title}", contenders, work, rounds, TARGET)


def directions(work: Work, title: str, rounds: int) -> None:
    contenders = {"gradient_difference": partial(steps, "gradient_difference", {})}
    contenders |= {name: partial(steps, *join) for name, join in JOINS.items()}
    compare(f"Directions, {title}", contenders, work, rounds, AT_MOST, reached=within)
    model = work.model()
    texts = {"texts": Part(work.texts, negative_log_likelihood(causal.predict))}
    trained(model, Objective(texts), Training(learning_rate=2e-3, epochs=LEARNT, batch_size=BATCH))
    learnt = {name: value.clone() for name, value in model.state_dict().items()}
    columns = f"{'direction':>14}{'rise':>8}{'AdamW':>14}{'rise':>8}"
    print(f"\n{'Largest cosine with a loss':38}{columns}")
    for name, (method, options) in JOINS.items():
        found = watched(method, options | {"learning_rate": MOVING}, learnt, work)
        told = (
            f"{max(values):>14.1e}{sum(value > 1e-6 for value in values) / len(values):>8.0%}"
            for values in found
        )
        print(f"{name:38}{''.join(told)}", flush=True)


def of_tokens(work: Work, title: str, rounds: int) -> None:
    count = len(work.completions)
    contenders = {
        "token scores": scores,
        "plain loop, log-probabilities": partial(plain_scores, False),
        "plain loop, the same values": partial(plain_scores, True),
    }
    title = f"Scores of {count} texts, batches of {BATCH}"
    compare(title, contenders, work, rounds, TARGET, 1e-4)
    contenders = {
        "one pass for all": partial(metrics, True),
        "a pass for each": partial(metrics, False),
    }
    title = f"{len(METRICS)} metrics of {count} texts, batches of {BATCH}"
    compare(title, contenders, work, rounds)


OF = {"losses": losses, "directions": directions, "scores": of_tokens}


if __name__ == "__main__":
    main()
