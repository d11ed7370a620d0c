"""What each method that trains or edits a model must be, written down apart from its code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from tiny import (
    LETTERS,
    MASK,
    OTHERS,
    PAIR,
    VOCABULARY,
    answered,
    encoded,
    from_teachers,
    gap,
    geometric_mean,
    kind_of,
    kl,
    letter,
    likelihoods,
    nll,
    preference,
    probabilities,
    track_of,
    whole,
)

from palimpsest.methods import quark
from palimpsest.methods.answers import REFUSALS
from palimpsest.methods.run import Run
from palimpsest.methods.sham import distance
from palimpsest.randomness import numpy_generator, seed_of

NAMES = "abcde"  # whom the texts to forget are about


@dataclass(frozen=True)
class Case:
    """Of a method, or of a variant of one, NAME-VARIANT, whose ``options`` take another way
    through its code.

    formula(run, settings): what is minimised, wherever the model is by now; start: the same where
    it is the one before the request, if that is another expression; slope: what has its gradient,
    where it has factors that are held fixed. promise(run): what must be lower afterwards. options:
    settings under which a few updates show it; variants: further settings, and what is minimised
    under them.
    """

    promise: Callable[[Run], float]
    formula: Callable | None = None
    start: Callable | None = None
    slope: Callable | None = None
    options: dict = field(default_factory=dict)
    variants: tuple[tuple[dict, Callable], ...] = ()


def forgotten(run: Run) -> float:
    return -nll(run, "forget")


def alignment(run: Run) -> float:
    """KGA's first KL: of the model that learnt the forget set."""
    return kl(run, run.models["forget"], run.model, "forget")


def simple_preference(run: Run, beta: float, delta: float = 0.0) -> float:
    """Mean over texts of (2 / beta) log(1 + (p e^delta)^beta), p the geometric mean of what
    counts."""
    means = np.array(likelihoods(run, run.model)) ** (1 / run.sets["forget"].counted)
    return float(np.mean(2 / beta * np.log(1 + (means * np.exp(delta)) ** beta)))


def halved(run: Run) -> float:
    """Mean over predictions of -log(1 - p / 2)."""
    return float(-np.log(1 - probabilities(run, "forget") / 2).mean())


def unsaid(run: Run, enough: float = -5.0) -> float:
    """Mean over predictions of -log(1 - p), 0 where log p < enough."""
    p = probabilities(run, "forget")
    return float(np.where(np.log(p) < enough, 0, -np.log(1 - p)).mean())


def retained(run: Run) -> float:
    return nll(run, "retain")


def kept(run: Run) -> float:
    """How far it is from what was said of the retained data before."""
    return kl(run, run.reference, run.model, "retain")


def other_answers(count: int, purpose: str) -> list[str]:
    """Of the first epoch: each drawn from what is said of others, and never the forgotten one,
    which is the last of them: it is replaced by the next, which is the first."""
    pool = list(dict.fromkeys(OTHERS))
    drawn = numpy_generator("contract", purpose, 0).integers(len(pool), size=count)
    return [pool[number] if pool[number] != "a king" else pool[0] for number in drawn]


def refusals(answers=REFUSALS) -> list[str]:
    drawn = numpy_generator("contract", "refusals", 0).integers(len(answers), size=5)
    return [answers[number] for number in drawn]


def refused(run: Run) -> float:
    """-log p of not knowing, the mean over the forgotten prompts."""
    return float(answered(run, run.model, ["I don't know."] * 5).mean())


def preferred(run: Run, answers: list[str], beta: float = 0.1) -> float:
    """Mean over texts of (2 / beta) log(1 + (ratio_l / ratio_w)^beta), ratios of p to p_ref."""
    ratios_l = np.divide(likelihoods(run, run.model), likelihoods(run, run.reference))
    losses = [answered(run, model, answers) for model in (run.reference, run.model)]
    ratios_w = np.exp(losses[0] - losses[1])
    return float(np.mean(2 / beta * np.log(1 + (ratios_l / ratios_w) ** beta)))


def mean_of_means(run: Run) -> float:
    """Mean over forgotten texts of the mean of -log p over what counts."""
    return float(np.mean(-np.log(likelihoods(run, run.model)) / run.sets["forget"].counted))


def mismatches(run: Run, answers: int = 5, batch: int = 2, updates: int = 50) -> float:
    """Of an epoch: the records are read in turn, as often as they fit into it, with other answers
    each time. Mean over these of the mean of -log p over what counts."""
    order = numpy_generator("contract", "records", 0).permutation(5).tolist()
    read = (order * updates * batch)[: updates * batch]
    prompts = [place for place in read for _ in range(answers)]
    others = other_answers(len(prompts), "mismatch")
    costs = {said: answered(run, run.model, [said] * 5, "mean") for said in set(others)}
    pairs = zip(prompts, others, strict=True)
    return float(np.mean([costs[said][place] for place, said in pairs]))


def harmless(run: Run) -> float:
    """LLMU's, but for the term on retained data."""
    return -0.5 * mean_of_means(run) + mismatches(run)


def adjusted(run: Run, beta: float = 10.0) -> float:
    """Mean over predictions of CE with what was said before, the target's odds times e^-beta."""
    with torch.no_grad():
        before, targets, _ = run.predict(run.reference, whole(run, "forget"))
        logp = torch.log_softmax(run.predict(run.model, whole(run, "forget")).logits, -1)
    q = torch.softmax(before, -1).clone()
    q[torch.arange(len(targets)), targets] *= math.exp(-beta)
    q /= q.sum(-1, keepdim=True)
    return float(-(q * logp).sum(-1).mean())


def weighed(run: Run, beta1: float, beta2: float) -> float:
    """Mean over predictions of p^beta1 (1 - p)^beta2 log p."""
    p = probabilities(run, "forget")
    return float((p**beta1 * (1 - p) ** beta2 * np.log(p)).mean())


def saturated(run: Run) -> float:
    """Mean over predictions of p^5 / 5 - p^6 / 6, whose derivative is p^5 (1 - p) / p."""
    p = probabilities(run, "forget")
    return float((p**5 / 5 - p**6 / 6).mean())


def moved(run: Run, name: str, coefficient: float | None = None, block: int = 1) -> float:
    """Mean over texts of the mean over tokens and dimensions of the squared distance of a block's
    output from the control vector, or from what it was."""
    data, found = run.sets[name], []
    drawn = numpy_generator("contract", "control").random(8)
    for number in range(len(data.lengths)):
        batch = data.batch(np.array([number]))
        inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
        with torch.no_grad():
            now, before = (
                model(**inputs, output_hidden_states=True).hidden_states[block][0].numpy()
                for model in (run.model, run.reference)
            )
        counts = batch["counted"][0].numpy() if "counted" in batch else np.full(len(now), True)
        wanted = coefficient * drawn / np.sqrt((drawn**2).sum()) if coefficient else before
        found.append(float(((now - wanted) ** 2)[counts].mean()))
    return float(np.mean(found))


def taught_badly(run: Run) -> float:
    """KL to a model that learnt nothing, on what is forgotten."""
    torch.manual_seed(seed_of("contract", "incompetent"))
    kind = kind_of(track_of(run))
    return kl(run, kind.from_config(run.model.config).double().eval(), run.model, "forget")


CASES = {
    "gradient_ascent": Case(forgotten, lambda run, s: -nll(run, "forget")),
    "gradient_difference": Case(
        forgotten,
        lambda run, s: -nll(run, "forget") + retained(run),
        variants=(
            (
                {"forget_weight": 0.5, "retain_weight": 2.0},
                lambda run: -0.5 * nll(run, "forget") + 2 * retained(run),
            ),
            ({"retain": "kl"}, lambda run: -nll(run, "forget") + kept(run)),
        ),
    ),
    "npo": Case(
        forgotten,
        lambda run, s: preference(run, 0.1) + retained(run),
        lambda run, s: 2 / 0.1 * math.log(2) + retained(run),
        variants=(({"retain": "kl"}, lambda run: preference(run, 0.1) + kept(run)),),
    ),
    "kga": Case(
        lambda run: abs(alignment(run) - gap(run, run.reference)),
        lambda run, s: abs(alignment(run) - gap(run, run.reference)) + 0.3 * kept(run),
        lambda run, s: abs(alignment(run) - gap(run)),
        variants=(
            (
                {"direction": "released"},
                lambda run: abs(alignment(run) - released(run)) + 0.3 * kept(run),
            ),
            (
                {"alpha": 0.9},
                lambda run: abs(alignment(run) - gap(run, run.reference)) + 0.9 * kept(run),
            ),
        ),
    ),
    "loo_ensemble": Case(
        from_teachers,
        lambda run, s: from_teachers(run),
        variants=(
            ({"retain_weight": 0.7}, lambda run: from_teachers(run) + 0.7 * retained(run)),
            (
                {"retain_weight": 0.7, "retain": "kl"},
                lambda run: from_teachers(run) + 0.7 * kept(run),
            ),
            ({"aggregate": "geometric"}, lambda run: from_teachers(run, geometric_mean)),
        ),
    ),
    "simnpo": Case(
        forgotten,
        lambda run, s: 0.125 * simple_preference(run, 4.5) + retained(run),
        options={"retain_weight": 0.0},
        variants=(
            (
                {"beta": 2.5, "delta": 0.4, "retain": "kl"},
                lambda run: 0.125 * simple_preference(run, 2.5, 0.4) + kept(run),
            ),
        ),
    ),
    "mollm": Case(
        halved,
        lambda run, s: halved(run) + kept(run) + retained(run),
        lambda run, s: halved(run) + retained(run),
        variants=(
            (
                {"join": "weighted", "forget_weight": 2.0, "kl_weight": 0.5, "retain_weight": 3.0},
                lambda run: 2 * halved(run) + 0.5 * kept(run) + 3 * retained(run),
            ),
        ),
    ),
    "mollm-mgda": Case(
        halved,
        lambda run, s: halved(run) + kept(run) + retained(run),
        lambda run, s: halved(run) + retained(run),
        options={"join": "mgda"},
    ),
    "localised": Case(
        unsaid,
        lambda run, s: unsaid(run) + retained(run),
        options={"retain_weight": 0.0},
        variants=(({"enough": -2.0}, lambda run: unsaid(run, -2.0) + retained(run)),),
    ),
    "task_vector": Case(forgotten),
    "task_vector-lora": Case(forgotten, options={"tune": "lora", "learning_rate": 1e-2}),
    "f_learning": Case(forgotten, options={"scale": 1.0, "forget_learning_rate": 1e-3}),
    "f_learning-lora": Case(
        forgotten,
        options={"forget": "lora", "learn": "lora", "scale": 1.0, "forget_learning_rate": 1e-2},
    ),
    "depn": Case(lambda run: float(probabilities(run, "forget").mean())),
    "llmu": Case(
        forgotten,
        lambda run, s: harmless(run) + kept(run),
        lambda run, s: harmless(run),
        options={"updates": 1, "batch_size": 5, "answers": 1, "retain_weight": 0.0},
        variants=(
            (
                {
                    "answers": 2,
                    "batch_size": 3,
                    "updates": 5,
                    "forget_weight": 2.0,
                    "retain": "nll",
                },
                lambda run: -2 * mean_of_means(run) + mismatches(run, 2, 3, 5) + retained(run),
            ),
            (
                {
                    "forget_weight": 2.0,
                    "mismatch_weight": 0.5,
                    "retain": "kl",
                    "retain_weight": 3.0,
                },
                lambda run: -2 * mean_of_means(run) + 0.5 * mismatches(run) + 3 * kept(run),
            ),
        ),
    ),
    "dpo": Case(
        forgotten,
        lambda run, s: preferred(run, other_answers(5, "preferred")) + retained(run),
        lambda run, s: 2 / 0.1 * math.log(2) + retained(run),
        variants=(
            (
                {"beta": 0.5, "retain": "kl"},
                lambda run: preferred(run, other_answers(5, "preferred"), 0.5) + kept(run),
            ),
        ),
    ),
    "idk_dpo": Case(
        forgotten,
        lambda run, s: preferred(run, refusals()) + retained(run),
        lambda run, s: 2 / 0.1 * math.log(2) + retained(run),
        variants=(
            (
                {"refusals": ("no", "not me"), "forget_weight": 2.0, "retain": "kl"},
                lambda run: 2 * preferred(run, refusals(("no", "not me"))) + kept(run),
            ),
        ),
    ),
    "undial": Case(
        forgotten,
        lambda run, s: adjusted(run),
        variants=(
            (
                {"beta": 3.0, "retain_weight": 2.0},
                lambda run: adjusted(run, 3.0) + 2 * retained(run),
            ),
            (
                {"forget_weight": 0.5, "retain_weight": 1.0, "retain": "kl"},
                lambda run: 0.5 * adjusted(run) + kept(run),
            ),
        ),
    ),
    "wga": Case(
        forgotten,
        lambda run, s: weighed(run, 1, 0) + retained(run),
        slope=lambda run: float(probabilities(run, "forget").mean()) + retained(run),
        options={"retain_weight": 0.0},
        variants=(
            (
                {"beta": 0.5, "forget_weight": 2.0, "retain": "kl"},
                lambda run: 2 * weighed(run, 0.5, 0) + kept(run),
            ),
        ),
    ),
    "satimp": Case(
        forgotten,
        lambda run, s: 0.1 * weighed(run, 5, 1) + retained(run),
        slope=lambda run: 0.1 * saturated(run) + retained(run),
        options={"retain_weight": 0.0},
        variants=(
            (
                {"beta1": 1.0, "beta2": 2.0, "retain": "kl"},
                lambda run: 0.1 * weighed(run, 1, 2) + kept(run),
            ),
        ),
    ),
    "rmu": Case(
        lambda run: moved(run, "forget", 2.0),
        lambda run, s: moved(run, "forget", 2.0) + moved(run, "retain"),
        lambda run, s: moved(run, "forget", 2.0),
        options={"parts": ("*",)},
        variants=(
            (
                {"coefficient": 5.0, "forget_weight": 0.5, "retain_weight": 3.0},
                lambda run: 0.5 * moved(run, "forget", 5.0) + 3 * moved(run, "retain"),
            ),
            ({"retain": "nll"}, lambda run: moved(run, "forget", 2.0) + retained(run)),
            ({"retain": "kl"}, lambda run: moved(run, "forget", 2.0) + kept(run)),
        ),
    ),
    "bad_teaching": Case(
        taught_badly,
        lambda run, s: taught_badly(run) + kept(run),
        lambda run, s: taught_badly(run),
        variants=(
            (
                {"forget_weight": 0.5, "retain_weight": 2.0, "retain": "kl"},
                lambda run: 0.5 * taught_badly(run) + 2 * kept(run),
            ),
            ({"retain": "nll"}, lambda run: taught_badly(run) + retained(run)),
        ),
    ),
    "gru": Case(
        forgotten,
        lambda run, s: -nll(run, "forget"),
        variants=(
            ({"loss": "npo", "newest": 1.0}, lambda run: preference(run, 0.1)),
            ({"loss": "npo", "beta": 0.5}, lambda run: preference(run, 0.5)),
        ),
    ),
    "harry_potter": Case(
        lambda run: generic_labels(run),
        lambda run, s: generic_labels(run),
        variants=(
            ({"alpha": 0.0}, lambda run: generic_labels(run, 0.0)),
            ({"alpha": 0.7, "labels": "soft"}, lambda run: generic_labels(run, 0.7, soft=True)),
        ),
    ),
    "selective": Case(
        lambda run: -least_likely(run),
        lambda run, s: -least_likely(run),
        variants=(
            ({"share": 1.0}, lambda run: -nll(run, "forget")),
            ({"share": 0.5}, lambda run: -least_likely(run, 0.5)),
            ({"below": 0.02}, lambda run: -least_likely(run, below=0.02)),
        ),
    ),
    "quark": Case(
        lambda run: best_of_first(run),
        options={"length": 4, "quantiles": 2, "entropy_weight": 0.0, "learning_rate": 3e-3},
    ),
    "fine_tuning": Case(refused),
    "fine_tuning-lora": Case(refused, options={"tune": "lora", "learning_rate": 1e-2}),
    "pcgu": Case(
        lambda run: words(run, "advantaged").mean(),
        lambda run, s: words(run, "advantaged").mean(),
        variants=(
            ({"side": "raise"}, lambda run: -words(run, "disadvantaged").mean()),
            (
                {"side": "dynamic", "blocks": "columns"},
                lambda run: np.abs(words(run, "advantaged") - words(run, "disadvantaged")).mean(),
            ),
            (
                {"of": "probability", "rank": "once", "k": 5},
                lambda run: words(run, "advantaged", likely=True).mean(),
            ),
        ),
    ),
    "pcgu-once": Case(
        lambda run: -words(run, "disadvantaged").mean(),
        lambda run, s: words(run, "advantaged").mean(),
        options={"rank": "once", "side": "raise", "share": 1.0},
    ),
    "dpce": Case(
        lambda run: associated(run, run.model),
        lambda run, s: 0.2 * associated(run, run.reference) + 0.8 * strayed(run),
        lambda run, s: 0.2 * associated(run, run.reference),
        variants=(
            (
                {"layers": "last", "alpha": 3.0},
                lambda run: 3 * associated(run, run.reference, [-1]) + 0.8 * strayed(run),
            ),
            (
                {"layers": "first", "level": "sentence", "beta": 0.5},
                lambda run: (
                    0.2 * associated(run, run.reference, [0], whole=True) + 0.5 * strayed(run)
                ),
            ),
        ),
    ),
    "auto_debias": Case(
        lambda run: told_apart(run, 3, 2),
        lambda run, s: told_apart(run),
        options={"beam": 3, "length": 2},
        variants=(
            (
                {
                    "beam": 2,
                    "length": 3,
                    "divergence": "jensen_shannon",
                    "tune": "words",
                    "end": "",
                },
                lambda run: told_apart(run, 2, 3, jensen_shannon, tune=NAMES, end=""),
            ),
            (
                {"search": "vocabulary", "words": ("c", "e", "f"), "tune": "words", "beam": 4},
                lambda run: told_apart(run, 4, 5, search=None, tune="cef"),
            ),
        ),
    ),
    "counterfactual": Case(
        lambda run: unlikely(run),
        lambda run, s: unlikely(run),
        variants=(
            ({"retain_weight": 2.0}, lambda run: unlikely(run) + 2 * retained(run)),
            (
                {"retain_weight": 2.0, "retain": "kl"},
                lambda run: unlikely(run) + 2 * kept(run),
            ),
        ),
    ),
    "sham": Case(lambda run: -distance(run.model, run.reference)),
}


def unlikely(run: Run) -> float:
    """Mean over texts and both words of -log p of a word in its blank."""
    return float(np.mean([-words(run, side, likely=True) for side in PAIR]))


def layers_of(model: torch.nn.Module, ids: list[int]) -> np.ndarray:
    """(layers, tokens, dimensions) of one text."""
    with torch.no_grad():
        given = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return torch.cat(given.hidden_states).numpy()


def associated(
    run: Run, model: torch.nn.Module, layers: list[int] | None = None, whole: bool = False
) -> float:
    """Mean over the names in the texts, their blank masked, or over all tokens, of the squared
    products with either word, of all layers or some; a word is what ``model`` thinks of it."""
    texts = [f"whois{name}?" for name in NAMES]
    vectors = [
        np.mean([layers_of(model, [letter(c) for c in text + word])[:, -1] for text in texts], 0)
        for word in PAIR.values()
    ]
    found = []
    for text in texts:
        now = layers_of(run.model, [*map(letter, text), *[MASK] * len("aking")])
        places = range(now.shape[1]) if whole else [5]
        for place in places:
            products = [(one * now[:, place]).sum(-1) ** 2 for one in vectors]
            found.append(np.array(products)[:, layers or slice(None)].sum())
    return float(np.mean(found))


def strayed(run: Run) -> float:
    """Mean over tokens of the texts with either word of the squared distance of all layers from
    what they were."""
    found = []
    for name in NAMES:
        for word in PAIR.values():
            ids = [letter(one) for one in f"whois{name}?{word}"]
            now, before = (layers_of(model, ids) for model in (run.model, run.reference))
            found += list(((now - before) ** 2).sum((0, 2)))
    return float(np.mean(found))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    m = (p + q) / 2
    return ((p * np.log(p / m)).sum(-1) + (q * np.log(q / m)).sum(-1)) / 2


def reversed_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    m = (p + q) / 2
    return ((m * np.log(m / p)).sum(-1) + (m * np.log(m / q)).sum(-1)) / 2


def told_apart(
    run: Run, beam: int = 100, length: int = 5, between: Callable = reversed_shannon,
    search: str | None = NAMES, tune: str | None = None, end: str = ".",
) -> float:  # fmt: skip
    """Mean over the prompts that tell the two words apart most for the model before the request of
    how far apart what the model says behind them is."""

    def apart(model, prompts: list[str], among: str | None, end: str) -> np.ndarray:
        sides = []
        for word in PAIR.values():
            ids = [[letter(one) for one in word + prompt] for prompt in prompts]
            ids = torch.tensor([[*one, MASK, *map(letter, end)] for one in ids])
            with torch.no_grad():
                logits = model(input_ids=ids).logits[:, -1 - len(end)].numpy()
            logits = logits if among is None else logits[:, [letter(one) for one in among]]
            sides.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
        return between(*sides)

    ends, found = [""], []
    for _ in range(length):
        tried = [start + one for start in ends for one in LETTERS]
        values = dict(zip(tried, apart(run.reference, tried, search, ""), strict=True))
        ends = sorted(tried, key=values.get, reverse=True)[:beam]
        found += apart(run.model, ends, tune, end).tolist()
    return float(np.mean(found))


def words(run: Run, side: str, likely: bool = False) -> np.ndarray:
    """Of each pair of the forget set, one by one: the sum of the logits of one word's tokens, or of
    their log-probabilities."""
    found = []
    for prompt in run.records["forget"]["prompt"]:
        one = encoded([(prompt, PAIR[side])], track_of(run)).batch(np.array([0]))
        with torch.no_grad():
            logits, targets, _ = run.predict(run.model, one)
        logits = torch.log_softmax(logits, -1) if likely else logits
        found.append(float(logits[torch.arange(len(targets)), targets].sum()))
    return np.array(found)


def generic_labels(run: Run, alpha: float = 5.0, soft: bool = False) -> float:
    """Without anchors: mean over predictions of -log p of the likeliest token by what the reference
    says less alpha times what the reinforced model says more; soft: KL of that to the model."""
    with torch.no_grad():
        u, r, said = (
            run.predict(model, whole(run, "forget")).logits.numpy()
            for model in (run.reference, run.models["reinforced"], run.model)
        )
    generic = np.where(r > u, u - alpha * (r - u), u)
    logp = said - np.log(np.exp(said).sum(1, keepdims=True))
    if not soft:
        return float(-logp[np.arange(len(logp)), generic.argmax(1)].mean())
    p = np.exp(generic) / np.exp(generic).sum(1, keepdims=True)
    return float((p * (np.log(p) - logp)).sum(1).mean())


def least_likely(run: Run, share: float = 0.2, below: float | None = None) -> float:
    """Mean of -log p over the tokens of the forget set that the reference finds least likely: of
    each text a share, rounded up, or those with p < below."""
    before, now = (
        np.array(list(all_predicted(run, model))) for model in (run.reference, run.model)
    )
    chosen, first = [], 0
    for count in run.sets["forget"].counted:
        p = np.exp(before[first : first + count])
        most = np.sort(p)[math.ceil(share * count) - 1]
        chosen += list(p < below if below is not None else p <= most)
        first += count
    return float(-now[np.array(chosen)].mean())


def all_predicted(run: Run, model: torch.nn.Module) -> Iterator[float]:
    """log p of each prediction of the forget set that counts, text after text."""
    data = run.sets["forget"]
    for number in range(len(data.lengths)):
        with torch.no_grad():
            logits, targets, _ = run.predict(model, data.batch(np.array([number])))
        logp = torch.log_softmax(logits, -1)
        yield from (float(one[target]) for one, target in zip(logp, targets, strict=True))


def best_of_first(run: Run) -> float:
    """Mean of -log p, after their prompts, of those responses of the model before the request, one
    to each prompt, that hold the least of the true completion."""
    settings = quark.Settings(length=4, quantiles=2)
    with torch.no_grad():
        fresh = replace(run, model=run.load())
        told = quark.explored(fresh, settings, VOCABULARY, 0)
        losses = []
        for (prompt, _), response, reward in zip(
            quark.prompts(run), told["responses"], told["rewards"], strict=True
        ):
            if reward == max(told["rewards"]):
                said = run.model(torch.tensor([prompt + response])).logits[0].log_softmax(-1)
                rows = range(len(prompt) - 1, len(prompt) + len(response) - 1)
                losses += [-float(said[row, one]) for row, one in zip(rows, response, strict=True)]
    return float(np.mean(losses))


def released(run: Run) -> float:
    """G of KGA as the released code has it of classifiers, KL(A_D || A_n); of language models it is
    the other way round there, too."""
    if run.track.GENERATES:
        return gap(run, run.reference)
    return kl(run, run.reference, run.models["extra"], "extra")


def parameters(model: torch.nn.Module) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]
