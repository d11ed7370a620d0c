"""What each figure shows, on a small invented study: what each selects from the tidy table."""

from __future__ import annotations

import importlib
from itertools import product

import numpy as np
import pandas as pd
import pytest
from stepping import MOVED, PARTED, SHOWN, tidy

from palimpsest.methods.registry import METHODS, method_of
from palimpsest.plots.choice import over_seeds, shardings
from palimpsest.plots.registry import FIGURES
from palimpsest.report.blocks import changed_blocks
from palimpsest.report.tables import row, table
from palimpsest.steps.draw import WATCHED_COLUMNS, of_trials
from palimpsest.tracks import track_of

GROUPS = {"identity": ["none", "p", "q", "t"], "place_of_birth": ["none", "targeted"]}
SETTINGS = {
    "states": ["r0", "r1", "r2"],
    "families": list(GROUPS),
    "eps": 0.1,
    "methods": SHOWN,
    "orders": {"npo": "sequential", "npo-batch": "batch"},
    "attacks": {"relearn": {"label": "relearning"}, "relearn-other": {"label": "other text"}},
    "partitions": {
        name: {
            "blocks": "columns" if "columns" in name else "rows", "k": None, "learning_rate": 0.03,
            "share": {"few": 0.01, "some": 0.3}.get(name.rpartition("_")[2], 1.0),
            "whole": name == "pcgu-whole",
        }
        for name in PARTED
    } | {
        "pcgu": {"blocks": "rows", "k": None, "learning_rate": 0.03, "share": 0.1, "whole": False}
    },
    "directions": {
        name: {"side": name[5:-2], "epochs": int(name[-1]), "learning_rate": 0.03}
        for name in MOVED
    } | {"pcgu": {"side": "lower", "epochs": 5, "learning_rate": 0.03}},
}  # fmt: skip
ENSEMBLES = ("1x1", "3x1", "3x2", "5x2")
# figures of masked models alone, and of them or causal ones
MASKED = tuple(
    name
    for name, figure in FIGURES.items()
    if figure.further == "blocks"
    or figure.metric in track_of("masked").metrics
    and figure.metric not in track_of("causal").metrics
)
TEXTUAL = MASKED + tuple(
    name
    for name, figure in FIGURES.items()
    if figure.metric in track_of("causal").metrics
    and figure.metric not in track_of("classification").metrics
)
SELECTIONS = {name: importlib.import_module(f"palimpsest.plots.{name}").select for name in FIGURES}


def example(families=tuple(GROUPS), ensembles=ENSEMBLES, seeds=(1, 2), states=("r0", "r1", "r2")):
    """(metrics, epsilon) of an invented study; the same numbers at each call."""
    rng = np.random.default_rng(7)
    rows = [
        one
        for seed in seeds
        for state in states
        for one in _state(rng, seed, state, families, ensembles)
    ]
    return tidy([table(rows)], level=0.95), _epsilon(rng, seeds, families, ensembles)


def _state(rng, seed, state, families, ensembles):
    for name, method in METHODS.items():
        if "classification" not in method.tracks or (name == "oracle" and state == "r0"):
            continue
        for sharding in ensembles if method.needs == "teachers" else ("1x1",):
            where = {
                "study": "example",
                "seed": seed,
                "request": state,
                "method": name,
                "shards": sharding,
                "model": "gpt2",
            }
            yield from _numbers(rng, where, method.fitted, int(sharding[0]), families)
    for sharding in ensembles if state != "r0" else ():
        where = {
            "study": "example",
            "seed": seed,
            "request": state,
            "shards": sharding,
            "model": "gpt2",
        }
        single = sharding == "1x1"
        share = 1.0 if single else rng.uniform(0.5, 1.2) / int(sharding[0])
        cost = where | {"method": "oracle" if single else "sisa"}
        yield row(cost, "train", "retrained_share", share, 2)
        yield row(cost, "train", "expected_share", 1.0 if single else 0.8 / int(sharding[0]), 2)
        for owners in (1, 2, 4, 8):
            curve = 1.0 if single else 1 - (1 - 0.8 / int(sharding[0])) ** owners
            yield row(cost, "train", "expected_curve", curve, owners, group=f"owners={owners}")
        member = where | {"method": "oracle" if single else "sisa_mean"}
        for set_, value in (("forget_before", 0.62), ("forget", 0.51)):
            value += rng.normal(0, 0.02)
            yield row(member, set_, "membership_auroc", value, 31, (value - 0.09, value + 0.08))


def _numbers(rng, where, fitted, size, families):
    def near(value, half):
        value = value + rng.normal(0, half / 3)
        return value, (value - half, value + half)

    for set_, drop in (("test", 0.02), ("valid", 0.0)):
        for family in families if fitted else [""]:
            for metric, value in (("accuracy", 0.86), ("auroc", 0.9), ("agreement", 0.93)):
                value, ends = near(value - drop - size / 100 - 0.05 * fitted, 0.02)
                yield row(where, set_, metric, value, 300, ends, family)
            value, ends = near(0.16 + drop + size / 100, 0.02)
            yield row(where, set_, "fit_cost", value, 300, ends, family)
        for family in families:
            value, ends = near(0.03 + drop if fitted else 0.2, 0.02)
            yield row(where, set_, "equalized_odds_max", value, 300, ends, family)
            for place, group in enumerate(GROUPS[family]):
                for metric, middle in (("tpr", 0.8), ("fpr", 0.2)):
                    value, ends = near(middle + (0.01 if fitted else 0.05) * (place - 1), 0.04)
                    yield row(where, set_, metric, value, 80, ends, f"{family}={group}")
    for family in families if fitted else ():
        yield row(where, "valid", "patterns_per_record", 2**size / 300, 300, group=family)
        yield row(where, "valid", "random_share", 0.4, 300, group=family)
        yield row(where, "valid", "cost_by_chance", 0.2 + size / 100, 300, group=family)
        yield row(where, "valid", "gap_by_chance", 0.08, 300, group=family)


def _epsilon(rng, seeds, families, ensembles):
    keys = [
        (seed, method, sharding, family, eps, set_)
        for seed in seeds
        for method in METHODS
        if METHODS[method].fitted and METHODS[method].needs == "teachers"
        for sharding in ensembles
        for family in families
        for eps in (0.0, 0.05, 0.1, 0.2, 0.5)
        for set_ in ("valid", "test")
    ]
    frame = pd.DataFrame(keys, columns=["seed", "method", "shards", "family", "eps", "set"])
    base = frame["method"].map(list(METHODS).index) * 0.01
    held_out = (frame["set"] == "test") * 0.02
    noise = rng.normal(0, 0.003, len(frame))
    return frame.assign(
        cost=0.2 - 0.1 * np.minimum(frame["eps"], 0.2) - base + held_out + noise, gap=frame["eps"]
    )


# Methods of causal models, and one that forgets all requests at once.
OF_TEXT = [
    "base", "oracle", "gradient_ascent", "gradient_difference", "npo", "loo_ensemble", "kga",
    "sham", "npo-batch",
]  # fmt: skip


def causal(seeds=(1, 2), states=("r1", "r2"), methods=OF_TEXT):
    """(metrics, watched) of an invented study of a causal model; the same at each call. Method k of
    K stands k/K of the way from the base to the oracle."""
    rng = np.random.default_rng(8)
    rows, watched = [], []
    for seed, state, (number, method) in (
        (seed, state, one) for seed in seeds for state in states for one in enumerate(methods)
    ):
        way = 1.0 if method == "oracle" else number / len(methods)
        where = {
            "study": "example",
            "seed": seed,
            "request": state,
            "method": method,
            "shards": "1x1",
            "model": "gpt2",
        }
        for (set_, metric), (base, oracle) in REMEMBERED.items():
            value = base + (oracle - base) * way + rng.normal(0, 0.01)
            rows.append(row(where, set_, metric, value, 60, (value - 0.02, value + 0.03)))
        for set_, repetitions in (
            (set_, count) for set_ in ("forget", "controls") for count in (1, 4, 16)
        ):
            value = (
                1.4 + repetitions / 4 * (1 - way if set_ == "forget" else 1) + rng.uniform(0, 0.2)
            )
            interval = (value - 0.3, value + 0.4)
            rows.append(
                row(
                    where,
                    set_,
                    "exposure_sampled",
                    value,
                    4,
                    interval,
                    f"repetitions={repetitions}",
                )
            )
        if method_of(method).trains and not method_of(method).others:
            for update in range(0, 50, 10):
                told = (
                    ("forget", 1.5 + update * way),
                    ("retain", 1.4 + update * way / 20),
                    ("extra", 30.0),
                )
                where, rest = (seed, state, method, "", update), (60, method == "kga")
                watched += [(*where, set_, "perplexity", value, *rest) for set_, value in told]
                watched += [(*where, set_, "memorization_accuracy", 0.9, *rest) for set_, _ in told]
        if method not in ("sham", "npo-batch"):
            for attack, speed in (("relearn", 1.0), ("relearn-other", 0.2)):
                for update in range(0, 30, 10):
                    known = (
                        1 - way + way * speed * (0.1 if method == "oracle" else 0.8) * update / 20
                    )
                    where = (seed, state, method, attack, update)
                    told = (("forget", known + seed / 100, 35), ("relearnt", 1.0, 25))
                    watched += [
                        (*where, set_, "memorization_accuracy", value, n, False)
                        for set_, value, n in told
                    ]
    return tidy([table(rows)], level=0.95), pd.DataFrame(watched, columns=WATCHED_COLUMNS)


def truths(seeds=(1, 2), states=("r1", "r2")):
    """Truth ratios item by item of the same study: the base prefers the truth on what it knows, the
    oracle not on the forgotten."""
    rng, frames = np.random.default_rng(9), []
    for seed, state, method, set_ in product(seeds, states, OF_TEXT, ("forget", "retain")):
        known = 2.0 if set_ == "retain" or method in ("base", "sham") else 0.0
        preference = np.sort(1 / (1 + np.exp(-rng.normal(known, 1, 40))))
        frames.append(
            pd.DataFrame(
                {
                    "seed": seed,
                    "request": state,
                    "method": method,
                    "set": set_,
                    "preference": preference,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def choices():
    """What was chosen among the trials of the same study: the more is lost, the less is left; the
    last trial of each method ruined its model."""
    rng, made = np.random.default_rng(11), []
    for number, method in enumerate(name for name in OF_TEXT if method_of(name).trains):
        trials = []
        for place in range(6):
            lost = float(rng.uniform(0, 0.6))
            left = float(1 - lost + rng.normal(0, 0.1) + number / 40)
            trials.append(
                {"trial": f"{method}-trial{place + 1}", "settings": {"learning_rate": 10.0**-place},
                 "edges": {}, "tokens": 1000, "updates": 10 + place, "ruined": "", "left": left,
                 "lost": lost, "divergence": lost / 2, "score": left + lost}
            )  # fmt: skip
        trials[-1] |= {"ruined": "the loss is not finite"}
        trials[-1] |= dict.fromkeys(("left", "lost", "divergence", "score"))
        best = min(trials[:-1], key=lambda one: one["score"])
        made.append({"method": method, "trial": best["trial"], "trials": trials,
                     "n": {"forgetting": 12, "utility": 30, "retain": 30}})  # fmt: skip
    return made


def judged(seeds=(1, 2), states=("r1", "r2")):
    """Scores of StereoSet of an invented study of a masked model; the same at each call. The
    number of a method says how far its score is from the base's 0.7."""
    rng, rows = np.random.default_rng(12), []
    methods = ["base", "oracle", "npo", "pcgu", *PARTED, *MOVED]
    for seed, state, (number, method) in product(seeds, states, [*enumerate(methods)]):
        where = {"study": "example", "seed": seed, "request": state, "method": method}
        where |= {"shards": "1x1", "model": "bert"}
        for group, n in (("", 60), ("domain=gender", 20), ("domain=profession", 40)):
            ss = 0.7 - 0.013 * number + rng.normal(0, 0.01)
            lms = 0.9 - 0.02 * number + rng.normal(0, 0.01)
            scores = {"stereotype_score": ss, "language_modeling_score": lms}
            for metric, value in (scores | {"icat": 2 * lms * min(ss, 1 - ss)}).items():
                ends = (value - 0.03, value + 0.02)
                rows.append(row(where, "stereoset", metric, value, n, ends, group))
        gap = 0.3 - 0.012 * number
        ends, group = (gap - 0.02, gap + 0.02), "about=forgotten"
        rows.append(row(where, "pronouns", "pronoun_preference", gap, 160, ends, group))
    return tidy([table(rows)], level=0.95)


def noted(seeds=(1, 2)):
    """Reports of the trainings of the same study: of each matrix of ten rows, how many were
    changed."""
    tensors = ["embeddings.words.weight", "layers.0.mlp.weight", "layers.10.mlp.weight"]
    tensors += ["layers.0.mlp.bias", "layers.2.attention.weight", "head.dense.weight"]
    return [
        {
            "names": ["example", str(seed), method, "r2"],
            "noted": {
                "blocks": [
                    {"tensor": tensor, "changed": (seed + 2 * place) % 8, "blocks": 10}
                    for place, tensor in enumerate(tensors)
                ]
            },
        }
        for seed, method in product(seeds, ("pcgu", "pcgu-columns_some"))
    ]


def text_study(name, **wanted):
    """What the figure of this name is selected from."""
    if name in MASKED:
        seeds = {key: wanted[key] for key in ("seeds",) if key in wanted}
        return judged(**wanted), changed_blocks(noted(**seeds))
    metrics, watched = causal(**wanted)
    if name == "truth_ratio":
        return metrics, truths(**wanted)
    if name == "depth":
        known = metrics[(metrics["set"] == "forget") & (metrics["metric"] == "probability")]
        known = known.assign(n=35, value=known["value"] + 0.02)
        return metrics, pd.concat(known.assign(attack=one) for one in SETTINGS["attacks"])
    if name == "tuning":
        return metrics, of_trials(choices())
    attacked = watched["attack"] != ""
    return metrics, watched[attacked if name == "recovery" else ~attacked]


# (set, metric) -> what the base has, and the oracle
REMEMBERED = {
    ("forget", "probability"): (0.95, 0.2), ("forget", "perplexity"): (1.1, 9.0),
    ("forget", "memorization_accuracy"): (0.98, 0.5), ("forget", "extraction_strength"): (0.9, 0.2),
    ("forget", "truth_ratio_indifference"): (0.3, 0.7), ("forget", "membership_auroc"): (0.9, 0.5),
    ("forget", "kl"): (3.0, 0.0), ("forget", "forget_quality"): (0.001, 0.99),
    ("retain", "probability"): (0.95, 0.94), ("retain", "perplexity"): (1.1, 1.2),
    ("holdout", "probability"): (0.22, 0.21), ("holdout", "perplexity"): (8.0, 8.5),
    ("forget", "reliability"): (0.1, 0.2), ("forget", "generality"): (0.1, 0.2),
    ("forget", "locality"): (1.0, 0.8),
    ("test", "perplexity"): (8.1, 8.4), ("test", "truth_ratio_preference"): (0.6, 0.58),
}  # fmt: skip


@pytest.fixture(scope="module")
def study():
    return example()


def select(name, study):
    return SELECTIONS[name](*study, SETTINGS)


@pytest.mark.parametrize("name", FIGURES)
def test_every_selection_shows_something_and_is_small(name, study):
    shown = select(name, text_study(name) if name in TEXTUAL else study)
    assert len(shown), "give the invented study rows of the metrics that the figure shows"
    # an interval at one gap alone; what never comes back
    sparse = {"epsilon": ["ci_low", "ci_high"], "recovery": ["half"]}.get(name, [])
    assert not shown.drop(columns=sparse).isna().any(axis=None)
    assert len(shown.to_csv(index=False)) < 200_000


def value(study, metric, group="", **where):
    frame = study[0]
    where = (
        {"seed": "all", "request": "r2", "set": "test"} | where | {"metric": metric, "group": group}
    )
    (found,) = frame.loc[
        np.logical_and.reduce([frame[key] == wanted for key, wanted in where.items()]), "value"
    ]
    return found


def test_one_sharding_for_each_number_of_shards():
    assert shardings(["5x2", "1x1", "10x1", "3x2", "3x1", "5x2"]) == ["1x1", "3x1", "5x2", "10x1"]
    assert shardings([f"{count}x1" for count in (2, 4, 8, 16, 32)], most=3) == [
        "2x1",
        "8x1",
        "32x1",
    ]


def test_tradeoff_pairs_each_method_with_its_own_family(study):
    """What is not fitted has one accuracy for all families, a fitted method one for each."""
    shown = select("tradeoff", study).set_index(["family", "method", "shards"])
    for family in GROUPS:
        row_ = shown.loc[(family, "base", "1x1")]
        assert row_["accuracy"] == value(study, "accuracy", method="base")
        assert row_["gap"] == value(study, "equalized_odds_max", family, method="base")
        row_ = shown.loc[(family, "fairsisa_ensemble", "5x2")]
        where = {"method": "fairsisa_ensemble", "shards": "5x2"}
        assert row_["accuracy"] == value(study, "accuracy", family, **where)
        assert row_["gap"] == value(study, "equalized_odds_max", family, **where)
    assert shown.index.is_unique


def test_tradeoff_shows_single_models_and_the_least_sliced_ensembles(study):
    shown = select("tradeoff", study)
    of_teachers = shown["method"].map(lambda name: METHODS[name].needs == "teachers")
    assert set(shown.loc[of_teachers, "shards"]) == {"3x1", "5x2"}
    approximate = {
        name
        for name, method in METHODS.items()
        if method.trains and "classification" in method.tracks
    }
    assert set(shown.loc[~of_teachers, "method"]) == {
        "base",
        "oracle",
        "base_postprocessed",
        *approximate,
    }


def test_single_shards_are_shown_where_there_is_nothing_else():
    shown = select("tradeoff", example(ensembles=("1x1",)))
    assert set(shown["shards"]) == {"1x1"} and "sisa_vote" in set(shown["method"])


def test_groups_shows_the_largest_ensemble_before_and_after(study):
    shown = select("groups", study)
    assert set(shown["method"]) == {
        "base",
        "oracle",
        "sisa_vote",
        *(name for name, method in METHODS.items() if method.fitted),
    }
    assert set(shown.loc[shown["method"] == "sisa_vote", "shards"]) == {"5x2"}
    assert list(shown["group"].unique()) == ["none", "p", "q", "t", "targeted"]
    one = shown[(shown["group"] == "q") & (shown["method"] == "base") & (shown["metric"] == "fpr")]
    assert one["value"].item() == value(study, "fpr", "identity=q", method="base")


def test_groups_takes_a_name_with_an_equals_sign_apart_at_the_first(study):
    metrics = study[0].assign(group=study[0]["group"].replace("identity=q", "identity=a=b"))
    assert "a=b" in set(select("groups", (metrics, study[1]))["group"])


def test_of_many_groups_the_largest_are_shown(study):
    metrics = study[0]
    base = metrics[(metrics["group"] == "identity=p") & metrics["metric"].isin(["tpr", "fpr"])]
    more = [base.assign(group=f"identity=g{n}", n=100 + n) for n in range(12)]
    shown = select("groups", (pd.concat([metrics, *more]), study[1]))
    assert set(shown.loc[shown["family"] == "identity", "group"]) == {f"g{n}" for n in range(4, 12)}


def test_shards_shows_what_was_not_fitted_for_all_shardings(study):
    shown = select("shards", study)
    assert set(shown["method"]) == {"base", "oracle", "sisa_vote", "sisa_mean"}
    assert list(shown["family"].unique()) == ["", *GROUPS]
    votes = shown[(shown["method"] == "sisa_vote") & (shown["family"] == "")].set_index("shards")[
        "value"
    ]
    assert dict(votes) == {
        name: value(study, "accuracy", method="sisa_vote", shards=name) for name in ENSEMBLES
    }


def test_shards_leaves_the_oracle_by_another_name_out_where_no_line_needs_it():
    shown = select("shards", example(ensembles=("1x1", "3x2", "5x2")))
    assert set(shown.loc[shown["method"] == "sisa_vote", "shards"]) == {"3x2", "5x2"}


def test_cost_sets_each_seed_beside_the_curve_that_was_expected(study):
    shown = select("cost", study)
    assert list(shown["shards"].unique()) == ["3x1", "3x2", "5x2"]
    trained = shown[shown["metric"] == "retrained_share"].set_index(["request", "shards", "seed"])
    assert set(trained.index.get_level_values("seed")) == {"1", "2", "all"}
    one, two, mean = (trained.loc[("r2", "3x2", seed)] for seed in ("1", "2", "all"))
    assert mean["value"] == pytest.approx((one["value"] + two["value"]) / 2) and mean["n"] == 2
    curve = shown[(shown["metric"] == "expected_curve") & (shown["shards"] == "5x2")]
    assert list(curve["n"]) == [1, 2, 4, 8] and set(curve["request"]) == {""}
    np.testing.assert_allclose(curve["value"], 1 - (1 - 0.8 / 5) ** curve["n"])


def test_cost_shows_a_single_model_where_there_is_nothing_else():
    assert set(select("cost", example(ensembles=("1x1",)))["shards"]) == {"1x1"}


def test_of_many_requests_the_newest_are_shown():
    states = ("r0", *(f"r{n}" for n in range(1, 9)))
    tables = example(states=states, seeds=(1,), ensembles=("1x1", "3x1"))
    for name in ("cost", "membership"):
        shown = SELECTIONS[name](*tables, SETTINGS | {"states": list(states)})
        assert [request for request in shown["request"].unique() if request] == [
            f"r{n}" for n in range(3, 9)
        ]
    shown = SELECTIONS["frontier"](*causal((1,), states[1:]), SETTINGS | {"states": list(states)})
    assert list(shown["request"].unique()) == [f"r{n}" for n in range(3, 9)]


def test_epsilon_merges_seeds_by_hand(study):
    shown = select("epsilon", study)
    where = {
        "method": "fairsisa_ensemble",
        "shards": "3x1",
        "family": "identity",
        "eps": 0.1,
        "set": "test",
    }
    costs = study[1].loc[
        np.logical_and.reduce([study[1][key] == wanted for key, wanted in where.items()]), "cost"
    ]
    one = shown.loc[
        np.logical_and.reduce([shown[key] == wanted for key, wanted in where.items()])
    ].squeeze()
    assert len(costs) == one["seeds"] == 2
    np.testing.assert_allclose(
        [one["cost"], one["cost_low"], one["cost_high"]], [costs.mean(), costs.min(), costs.max()]
    )


def test_membership_before_and_after(study):
    shown = select("membership", study).set_index(["request", "who", "when"])
    for when, set_ in (("before", "forget_before"), ("after", "forget")):
        expected = value(study, "membership_auroc", request="r1", set=set_, shards="3x2")
        assert shown.loc[("r1", "3x2", when), "value"] == expected


def test_the_frontier_pairs_forgetting_with_utility():
    metrics, watched = causal()
    shown = SELECTIONS["frontier"](metrics, watched, SETTINGS).set_index(["request", "method"])
    where = {"method": "npo", "request": "r1", "set": "forget"}
    assert shown.loc[("r1", "npo"), "forget"] == value((metrics, None), "probability", **where)
    assert shown.loc[("r1", "npo"), "retain"] == value(
        (metrics, None), "probability", **where | {"set": "retain"}
    )
    assert shown.index.is_unique and set(shown.index.get_level_values(1)) == set(OF_TEXT)


def test_a_profile_is_0_at_the_oracle_and_of_one_scale_in_all_columns():
    shown = SELECTIONS["profile"](*causal(), SETTINGS).set_index(["method", "set", "metric"])[
        "distance"
    ]
    assert (shown["oracle"] == 0).all() and shown.abs().max() <= 1
    for set_ in ("forget", "retain"):
        npo, oracle = (
            value(causal(), "probability", method=name, set=set_) for name in ("npo", "oracle")
        )
        assert shown[("npo", set_, "probability")] == pytest.approx((npo - oracle) / 0.5)


def test_an_infinite_number_is_far_and_takes_no_colour_from_the_others():
    """Perplexities of the forgotten: the base has 1, the oracle 9, npo 15.6 = 9 * sqrt(3) and kga
    infinity: the first and the last are farther than three times, npo half of that in logarithms.
    Of the retained all have 1 but kga."""
    metrics = causal((1,), ("r2",), ["base", "oracle", "npo", "kga"])[0].query(
        "metric == 'perplexity' and set in ['forget', 'retain']"
    )
    told = {"base": 1.0, "oracle": 9.0, "npo": 9 * np.sqrt(3), "kga": np.inf}
    values = (
        metrics["method"]
        .map(told)
        .where((metrics["set"] == "forget") | (metrics["method"] == "kga"), 1.0)
    )
    shown = SELECTIONS["profile"](metrics.assign(value=values), None, SETTINGS).set_index(
        ["set", "method"]
    )["distance"]
    np.testing.assert_allclose(
        shown["forget"].loc[["base", "oracle", "npo", "kga"]], [-1, 0, 0.5, 1]
    )
    np.testing.assert_allclose(shown["retain"].loc[["base", "oracle", "npo", "kga"]], [0, 0, 0, 1])
    flipped = metrics.assign(value=values.where(metrics["method"] != "oracle", np.inf))
    shown = SELECTIONS["profile"](flipped, None, SETTINGS).set_index(["set", "method"])["distance"]
    np.testing.assert_allclose(
        shown["forget"].loc[["base", "oracle", "npo", "kga"]], [-1, 0, -1, 0]
    )


def test_recovery_is_of_what_the_attack_does_not_show_by_attack_and_method():
    """By hand: method k of nine stands k/9 of the way; by the last update relearning brings back
    0.8 of that, other text a fifth of it; the mean of the seeds adds 0.015."""
    shown = SELECTIONS["recovery"](*text_study("recovery"), SETTINGS)
    assert list(shown["attack"].unique()) == ["relearning", "other text"]
    way = OF_TEXT.index("npo") / len(OF_TEXT)
    for attack, speed in (("relearning", 1.0), ("other text", 0.2)):
        points = shown[(shown["attack"] == attack) & (shown["method"] == "npo")]
        assert list(points["update"]) == [0, 10, 20]
        assert points["value"].iloc[0] == pytest.approx(1 - way + 0.015)
        assert points["value"].iloc[-1] == pytest.approx(1 - way + 0.8 * way * speed + 0.015)
        assert (points["high"] - points["low"]).to_numpy() == pytest.approx(0.01)
    assert not {"sham", "npo-batch"} & set(shown["method"])


def test_recovery_tells_when_half_of_what_the_oracle_lacks_is_back():
    """Before the attack the base knows 1.015 and the oracle 0.015: half way is 0.515. By hand, as
    above: npo starts at 0.57; loo_ensemble at 0.46, and relearning brings back 0.22 of it in ten
    updates, other text 0.04; kga at 0.35, with 0.27 and 0.05; the oracle gains 0.1 in all."""
    shown = SELECTIONS["recovery"](*text_study("recovery"), SETTINGS)
    assert shown["level"].to_numpy() == pytest.approx(0.515)
    half = shown.groupby(["attack", "method"])["half"].first().unstack("attack")
    half = half.loc[["base", "npo", "loo_ensemble", "kga", "oracle"]]
    assert half["relearning"].fillna(-1).tolist() == [0, 0, 10, 10, -1]
    assert half["other text"].fillna(-1).tolist() == [0, 0, 20, -1, -1]
    without = text_study("recovery")[1].query("method != 'oracle'")
    assert SELECTIONS["recovery"](None, without, SETTINGS)[["level", "half"]].isna().all(axis=None)


def test_depth_sets_each_method_before_an_attack_beside_it_and_the_oracle_after():
    """After the attack, all are likelier by 0.02; of 35 records, of 60 before."""
    metrics, attacked = text_study("depth")
    shown = SELECTIONS["depth"](metrics, attacked, SETTINGS)
    assert list(shown["attack"].unique()) == ["relearning", "other text"]
    assert shown["value"].to_numpy() == pytest.approx(shown["before"].to_numpy() + 0.02)
    oracle = value((metrics, None), "probability", method="oracle", set="forget")
    assert shown["oracle"].to_numpy() == pytest.approx(oracle + 0.02)
    assert (shown["n"] == 35).all() and (shown["seeds"] == 2).all()
    assert set(shown["method"]) == set(OF_TEXT)
    without = attacked[attacked["method"] != "oracle"]
    shown = SELECTIONS["depth"](metrics, without, SETTINGS)
    assert shown["oracle"].isna().all() and "oracle" not in set(shown["method"])


def test_curves_are_the_mean_of_the_seeds_at_each_update():
    metrics, watched = causal()
    watched.loc[(watched["seed"] == 2) & (watched["set"] == "forget"), "value"] += 1.0
    shown = SELECTIONS["curves"](metrics, watched, SETTINGS).set_index(["method", "set", "update"])
    one = watched[(watched["seed"] == 1) & (watched["request"] == "r2")].set_index(
        ["method", "set", "update", "metric"]
    )["value"]
    cell = ("npo", "forget", 20)
    assert shown.loc[cell, "value"] == pytest.approx(one[(*cell, "perplexity")] + 0.5)
    assert shown.loc[cell, "high"] - shown.loc[cell, "low"] == pytest.approx(1)
    assert shown.loc[cell, "oracle"] == value(
        (metrics, None), "perplexity", method="oracle", set="forget"
    )


def test_in_curves_a_seed_that_stopped_stays_where_it_was():
    """The line ends at the mean of what the seeds end with; an update that no seed of a method made
    is none of its line."""
    metrics, watched = causal()
    watched.loc[watched["seed"] == 2, "value"] += 1.0
    stopped = (watched["seed"] == 2) & (watched["method"] == "npo") & (watched["update"] > 10)
    shown = SELECTIONS["curves"](metrics, watched[~stopped], SETTINGS).set_index(
        ["method", "set", "update"]
    )
    chosen = watched[(watched["request"] == "r2") & (watched["metric"] == "perplexity")]
    ends = chosen.set_index(["seed", "method", "set", "update"])["value"]
    assert shown.loc[("npo", "forget", 20), "value"] == pytest.approx(
        (ends[1, "npo", "forget", 20] + ends[2, "npo", "forget", 10]) / 2
    )
    none = SELECTIONS["curves"](
        metrics, watched[(watched["method"] != "npo") | (watched["update"] <= 10)], SETTINGS
    )
    assert none.loc[none["method"] == "npo", "update"].max() == 10 and none["update"].max() > 10


def test_exposure_is_shown_by_repetitions_of_both_kinds_of_secrets():
    metrics, watched = causal()
    shown = SELECTIONS["canaries"](metrics, watched, SETTINGS).set_index(
        ["set", "method", "repetitions"]
    )
    where = {"set": "controls", "method": "kga"}
    assert shown.loc[("controls", "kga", 16), "value"] == value(
        (metrics, None), "exposure_sampled", "repetitions=16", **where
    )
    assert shown.index.is_unique and list(shown.index.get_level_values(0).unique()) == [
        "forget",
        "controls",
    ]


def test_edits_are_shown_of_all_sources_by_number_and_method():
    metrics, watched = causal()
    shown = SELECTIONS["edits"](metrics, watched, SETTINGS).set_index(["metric", "method"])
    where = {"set": "forget", "method": "kga"}
    assert shown.loc[("locality", "kga"), "value"] == value((metrics, None), "locality", **where)
    order = ["reliability", "generality", "locality"]
    assert shown.index.is_unique and list(shown.index.get_level_values(0).unique()) == order


def test_truth_ratios_are_quantiles_over_items():
    """Of five items by hand: the quantiles 1/4, 1/2 and 3/4 are the middle ones, 1/20 lies a fifth
    of the way from the first to the second and 19/20 as near to the last; of two seeds the mean."""
    items = np.array([0.1, 0.2, 0.4, 0.7, 0.9])
    frames = [
        pd.DataFrame(
            {"seed": s, "request": "r2", "method": "npo", "set": "forget"}
            | {"preference": items + s / 100}
        )
        for s in (1, 3)
    ]
    (shown,) = SELECTIONS["truth_ratio"](None, pd.concat(frames), SETTINGS).to_dict("records")
    told = [shown[name] for name in ("low", "quarter", "median", "three_quarters", "high")]
    assert told == pytest.approx(np.array([0.12, 0.2, 0.4, 0.7, 0.86]) + 0.02)
    assert (shown["n"], shown["seeds"]) == (5, 2)


def test_seeds_are_those_that_have_a_number():
    """Of two seeds one has no number of npo: it is of one seed, and undefined for none."""
    told = {"study": "s", "request": "r2", "shards": "1x1", "model": "m"}
    rows = [
        row(told | {"seed": seed, "method": method}, "forget", "membership_auroc", number, 30)
        for method, numbers in {"npo": (0.6, np.nan), "kga": (0.6, 0.7)}.items()
        for seed, number in enumerate(numbers, 1)
    ]
    found = over_seeds(tidy([table(rows)]))
    assert found.set_index("method")["seeds"].to_dict() == {"kga": 2, "npo": 1}
    assert set(found["seed"]) == {"all"}


def test_the_cost_at_the_allowed_gap_is_that_of_the_tidy_table(study):
    shown = select("epsilon", study)
    one = shown[(shown["method"] == "fairsisa_ensemble") & (shown["shards"] == "3x1")]
    one = one[(one["family"] == "identity") & (one["set"] == "test")].set_index("eps")
    assert one["ci_low"].notna().tolist() == [eps == SETTINGS["eps"] for eps in one.index]
    where = (study[0]["metric"] == "fit_cost") & (study[0]["group"] == "identity")
    where &= (study[0]["method"] == "fairsisa_ensemble") & (study[0]["shards"] == "3x1")
    where &= (study[0]["set"] == "test") & (study[0]["request"] == "r2")
    (told,) = study[0][where & (study[0]["seed"] == "all")].to_dict("records")
    assert (one["ci_low"][0.1], one["n"][0.1]) == (told["ci_low"], told["n"])


def test_curves_count_where_seeds_end_and_which_stop_by_themselves():
    """Seed 2 of KGA stops at update 10 by its own rule; seed 1 goes on to 40."""
    metrics, watched = causal()
    stopped = (watched["method"] == "kga") & (watched["seed"] == 2)
    watched = watched[~stopped | (watched["update"] <= 10)]
    watched = watched.assign(stopped=(watched["method"] == "kga") & (watched["seed"] == 2))
    shown = SELECTIONS["curves"](metrics, watched, SETTINGS)
    shown = shown[(shown["method"] == "kga") & (shown["set"] == "forget")].set_index("update")
    assert shown["ended"].to_dict() == {0: 0, 10: 1, 20: 0, 30: 0, 40: 1}
    assert shown["stopped"].to_dict() == {0: 0, 10: 1, 20: 0, 30: 0, 40: 0}
    assert set(shown["seeds"]) == {2} and set(shown["n"]) == {60}
