"""What a study says in sentences, on invented numbers."""

from __future__ import annotations

import numpy as np
import pytest
from stepping import tidy

from palimpsest.report.findings import Number, apart, leading, listed, share, spanned
from palimpsest.report.summary import as_findings, as_html, as_markdown, summarise
from palimpsest.report.tables import row, table
from palimpsest.tracks.causal import summary as of_causal
from palimpsest.tracks.classification import summary as of_classifiers

NONE = (np.nan, np.nan)
SETTINGS = {
    "states": ["r0", "r1"],
    "families": ["city"],
    "attacks": {"relearn": {"label": "relearning"}},
}


def one(method, set_, metric, value, spread=0.01, n=100, shards="1x1", group="", **further):
    """A row of the newest state, with an interval of that much either way, or none."""
    where = {
        "study": "s",
        "seed": 1,
        "request": "r1",
        "method": method,
        "shards": shards,
        "model": "m",
    }
    interval = NONE if spread is None else (value - spread, value + spread)
    return row(where | further, set_, metric, value, n, interval, group)


def points(track, rows, **settings) -> list[str]:
    return list(summarise(tidy([table(rows)]), SETTINGS | settings, track)[0].points)


# --- words ----------------------------------------------------------------------------------------

A, B, C, D, E, F = (
    Number(name, value, value - 0.02, value + 0.02, 9)
    for name, value in zip("abcdef", (0.1, 0.13, 0.2, 0.3, 0.4, 0.5), strict=True)
)


def test_intervals_that_touch_are_not_told_apart():
    assert not apart(A, B) and apart(A, C) and apart(C, A)
    touching = A._replace(value=0.14, low=0.12, high=0.16)
    assert not apart(A, touching) and not apart(touching, A)


def test_without_an_interval_nothing_is_told_apart():
    bare = A._replace(value=0.9, low=np.nan, high=np.nan)
    assert not apart(bare, A) and not apart(A, bare)


def test_words():
    assert listed("ab") == "a and b" and listed("abcd") == "a; b; c and d"
    assert listed("abcde") == "a; b; c and 2 more"
    bare = [n._replace(low=np.nan, high=np.nan) for n in (B, A)]
    assert spanned(bare) == "0.100 with a and 0.130 with b"
    assert (
        spanned([D, A, C, B]) == "from 0.100 [0.080, 0.120] with a to 0.300 [0.280, 0.320] with d"
    )
    assert share([A], [A, B], "rule") == "1 of 2 rules (a)"
    assert share([], [A, B], "rule") == "none of 2 rules"
    assert share([A, B], [A, B], "rule") == "all 2 rules"
    assert share([A, B, C, D, E], [A, B, C, D, E, F], "rule") == "5 of 6 rules (all but f)"
    assert share([A], [A], "rule") == "the one rule" and share([], [A], "rule") == "no rule"


def test_the_nearest_and_what_cannot_be_told_from_it():
    """From 0.18: c at 0.02 is nearer than b at 0.05; the intervals of b and c do not meet."""
    assert leading([A, B, C], 0.18) == "c, 0.200 [0.180, 0.220]"
    assert leading([A, B, C], 0.0) == "a, 0.100 [0.080, 0.120]; not told apart from it: b"
    # 0.2 and 0.3 are as far from 0.25
    assert leading([D, C], 0.25) == "d, 0.300 [0.280, 0.320] and c, 0.200 [0.180, 0.220]"


# --- classifiers ----------------------------------------------------------------------------------


def rates(method, shards, p, q):
    return [one(method, "test", "tpr", value, shards=shards, group=f"city={name}")
            for name, value in (("p", p), ("q", q))]  # fmt: skip


def classifiers() -> list[dict]:
    """Base .90, oracle .80; votes of 2 shards .79 (as the oracle), of 4 .70; one rule of each."""
    ensembles = (("2x1", 0.79, 0.30, 0.25), ("4x1", 0.70, 0.40, 0.14))
    rows = [
        one("base", "test", "accuracy", 0.90),
        one("oracle", "test", "accuracy", 0.80),
        one("base", "test", "equalized_odds_max", 0.10, group="city"),
        one("oracle", "test", "equalized_odds_max", 0.20, group="city"),
        *(one("sisa", "train", "retrained_share", share, None, 3, sharding)
          for share, sharding in ((0.5, "2x1"), (0.25, "4x1"))),
    ]  # fmt: skip
    for shards, accuracy, gap, narrowed in ensembles:
        rows += [
            one("sisa_vote", "test", "accuracy", accuracy, shards=shards),
            one("sisa_vote", "test", "agreement", accuracy, shards=shards),
            one("sisa_vote", "test", "equalized_odds_max", gap, 0.03, shards=shards, group="city"),
            one("fairsisa_ensemble", "test", "accuracy", accuracy - 0.06, shards=shards,
                group="city"),
            one("fairsisa_ensemble", "test", "equalized_odds_max", narrowed, 0.03, shards=shards,
                group="city"),
            *rates("sisa_vote", shards, 0.9, 0.5),
            # both groups lose
            *rates("fairsisa_ensemble", shards, 0.45, 0.44),
        ]  # fmt: skip
    return rows


def test_what_classifiers_say():
    """.30 against .25, each within .03, is not told apart; .40 against .14 is."""
    assert points(of_classifiers, classifiers()) == [
        "Accuracy: 0.900 [0.890, 0.910] for the base, which saw all records, and 0.800 [0.790, "
        "0.810] for the oracle, retrained without the forgotten: 0.100 lower.",
        "Not told from the oracle by accuracy: 1 of 2 ensembles (SISA, majority vote, 2 × 1). Less "
        "accurate: 0.700 [0.690, 0.710] with SISA, majority vote, 4 × 1.",
        "Decides most often as the oracle does: SISA, majority vote, 2 × 1, 0.790 [0.780, 0.800].",
        "Equalized-odds gap (city), not post-processed: 0.100 [0.090, 0.110] with the base; 0.300 "
        "[0.270, 0.330] with SISA, majority vote, 2 × 1 and 0.400 [0.370, 0.430] with SISA, "
        "majority vote, 4 × 1; 0.200 [0.190, 0.210] with the oracle.",
        "Post-processing narrows it, told apart from before, under 1 of 2 rules (FairSISA, "
        "ensemble (joint), 4 × 1). The gap is then 0.140 [0.110, 0.170] with FairSISA, ensemble "
        "(joint), 4 × 1; the accuracy that was paid for it is 0.060 with FairSISA, ensemble "
        "(joint), 4 × 1.",
        "Whom this helps: the true positive rate rises in no group: they were levelled down.",
        "Cost: to serve r1 (3 owners), as a share of the tokens of a full retraining: 0.250 with "
        "SISA, 4 × 1 and 0.500 with SISA, 2 × 1.",
    ]


def test_a_group_that_gains_is_not_levelled_down():
    rows = [r for r in classifiers() if (r["method"], r["metric"]) != ("fairsisa_ensemble", "tpr")]
    told = points(of_classifiers, [*rows, *rates("fairsisa_ensemble", "4x1", 0.6, 0.55)])
    assert (
        "Whom this helps: the true positive rate rises in at most 1 of 2 groups. It rises in none, "
        "so that they were levelled down, under no rule."
    ) in told


def test_a_gap_that_no_rule_narrows():
    told = points(of_classifiers, [r for r in classifiers() if r["shards"] != "4x1"])
    assert "Post-processing narrows it, told apart from before, under no rule." in told
    assert not any("Whom" in sentence for sentence in told)


def test_of_two_that_are_alike_nothing_is_claimed():
    rows = [one("base", "test", "accuracy", 0.81), one("oracle", "test", "accuracy", 0.80)]
    (said,) = points(of_classifiers, rows)
    assert said.endswith(": these two cannot be told apart.")


@pytest.mark.parametrize(
    ("low", "said"),
    [(0.6, "the one model before the request and no model after it."),
     (0.5, "no model before the request and no model after it. So nothing shows here that they "
           "were remembered at all.")],
)  # fmt: skip
def test_membership(low, said):
    """Beyond guessing is an interval above 0.5, and not one that touches it."""
    rows = [one("sisa_mean", "forget_before", "membership_auroc", low + 0.1, 0.1, 30, "2x1"),
            one("sisa_mean", "forget", "membership_auroc", 0.5, 0.1, 30, "2x1")]  # fmt: skip
    (told,) = points(of_classifiers, rows)
    assert told.startswith("The 30 forgotten records of r1 can be told from unseen ones")
    assert told.endswith(said)


def test_a_study_that_keeps_only_its_newest_ensemble():
    rows = [one("sisa_vote", "test", "accuracy", 0.7, shards="2x1")]
    assert points(of_classifiers, rows, families=[]) == [
        "Accuracy: 0.700 [0.690, 0.710] with SISA, majority vote, 2 × 1. No base and no oracle is "
        "there to compare."
    ]


def test_before_any_request():
    rows = [r | {"request": "r0"} for r in classifiers() if r["method"] != "oracle"]
    told = points(of_classifiers, rows, states=["r0"], families=[])
    assert told[:2] == [
        "Accuracy: 0.900 [0.890, 0.910] for the base, which saw all records.",
        "Not told from the base by accuracy: none of 2 ensembles. Less accurate: 0.700 [0.690, "
        "0.710] with SISA, majority vote, 4 × 1 and 0.790 [0.780, 0.800] with SISA, majority vote, "
        "2 × 1.",
    ]
    assert not any("Cost" in sentence for sentence in told)


# --- causal models --------------------------------------------------------------------------------


def causal() -> list[dict]:
    """On the forgotten NPO (.12) is as the oracle (.11), KGA (.30) is not, but nearer by KL."""
    numbers = {
        "base": (0.95, 0.94), "oracle": (0.11, 0.93), "npo": (0.12, 0.70), "kga": (0.30, 0.92)
    }  # fmt: skip
    rows = []
    for method, (forget, retain) in numbers.items():
        rows += [one(method, "forget", "probability", forget),
                 one(method, "retain", "probability", retain)]  # fmt: skip
    rows += [
        one("npo", "forget", "kl", 2.0), one("kga", "forget", "kl", 1.0),
        one("base", "forget", "kl", 0.5),
        one("npo", "forget", "forget_quality", 0.3, None),
        one("kga", "forget", "forget_quality", 1e-4, None),
        one("oracle", "forget", "membership_auroc", 0.5, 0.1, 40),
        one("npo", "forget", "membership_auroc", 0.65, 0.1, 40),
        one("kga", "forget", "membership_auroc", 0.9, 0.05, 40),
        *(one(method, "forget", "probability", value, attack="relearn")
          for method, value in (("oracle", 0.12), ("npo", 0.5), ("kga", 0.31))),
        one("npo", "train", "retrained_share", 0.1, None, 1),
        one("kga", "train", "retrained_share", 0.8, None, 1),
        one("oracle", "train", "retrained_share", 1, None, 1),
    ]  # fmt: skip
    return rows


def test_what_causal_models_say():
    assert points(of_causal, causal()) == [
        "Probability of a forgotten answer: 0.950 [0.940, 0.960] for the base, which learnt it, "
        "and 0.110 [0.100, 0.120] for the oracle, which never saw it: 0.840 lower.",
        "Not told from the oracle by that: 1 of 2 methods (NPO). Closest to it: NPO, 0.120 [0.110, "
        "0.130].",
        "What that costs: a retained answer has a probability of 0.700 [0.690, 0.710] with NPO and "
        "of 0.930 [0.920, 0.940] with the oracle: 0.230 lower.",
        "By all that they say of the forgotten (KL to the oracle, in nats a token) the closest is: "
        "KGA, 1.000 [0.990, 1.010].",
        "Forget quality is above 0.05, so that truth ratios do not tell the model from the oracle, "
        "under 1 of 2 methods (NPO).",
        "Membership of the 40 forgotten, guessed from the loss (0.5 is guessing blindly): 0.500 "
        "[0.400, 0.600] with the oracle; not told from it: 1 of 2 methods (NPO).",
        "Retained answers are less likely than the oracle's (0.930 [0.920, 0.940]) under 1 of 2 "
        "methods (NPO): 0.700 [0.690, 0.710] with NPO and 0.920 [0.910, 0.930] with KGA.",
        "After the attack relearning the probability of a forgotten answer is higher, told apart "
        "from before, under 1 of 2 methods (NPO). The oracle has 0.120 [0.110, 0.130] after it; "
        "above that, so that they hid more than they deleted, of these: the one method.",
        "Cost: to serve r1 (1 owner), as a share of the tokens of a full retraining: 0.100 with "
        "NPO and 0.800 with KGA.",
    ]


def test_an_attack_that_teaches_the_oracle_as_much_shows_nothing():
    """What comes back to a model that never knew it was not hidden."""
    rows = [
        r | {"value": 0.45, "ci_low": 0.4, "ci_high": 0.5}
        if (r["method"], r["attack"]) == ("oracle", "relearn")
        else r
        for r in causal()
    ]
    (told,) = [sentence for sentence in points(of_causal, rows) if "attack" in sentence]
    assert told.endswith(
        "The oracle has 0.450 [0.400, 0.500] after it; above that, so that they hid more than they "
        "deleted, of these: no method."
    )


def test_a_study_that_cannot_show_forgetting_says_so():
    rows = [one("base", "forget", "probability", 0.11), one("oracle", "forget", "probability", 0.1)]
    (said,) = points(of_causal, rows)
    assert said.endswith(
        "these two cannot be told apart. So nothing can be seen to be forgotten here."
    )


def test_methods_without_an_oracle_are_compared_with_none():
    rows = [one("npo", "forget", "probability", 0.4), one("npo", "retain", "probability", 0.4)]
    assert points(of_causal, rows) == [
        "There is no oracle to compare with. Methods reach: 0.400 [0.390, 0.410] with NPO."
    ]


def test_a_tie_names_both():
    """.09 and .13 are as far from .11."""
    rows = [one(name, "forget", "probability", value)
            for name, value in (("oracle", 0.11), ("npo", 0.09), ("kga", 0.13))]  # fmt: skip
    told = " ".join(points(of_causal, rows))
    assert "Closest to it: NPO, 0.090 [0.080, 0.100] and KGA, 0.130 [0.120, 0.140]." in told


# --- where they stand -----------------------------------------------------------------------------


def test_pages_open_with_the_findings():
    """In the summary below its title, in the report with all its warnings."""
    sections = summarise(tidy([table(causal())]), SETTINGS, of_causal)
    text, page, part = as_markdown(sections), as_html(sections), as_findings(sections)
    first = sections[0].points[0]
    assert text.index(f"- {first}") < text.index("## Memorization")
    assert page.index(f"<li>{first}</li>") < page.index("<table>")
    assert f"<li>{first}</li>" in part and "<table" not in part
    warnings = [one for section in sections for one in section.warnings]
    assert warnings and part.count('class="warning"') == len(warnings)


def test_new_answers_that_were_taught_are_told_of():
    """Reliability: both learnt them; generality: one, told apart; locality: the other."""
    told = {
        "f_learning": (0.99, 0.6, 0.3), "fine_tuning": (0.98, 0.4, 0.5),
        "base": (0.1, 0.1, 1.0), "oracle": (0.1, 0.1, 0.7),
    }  # fmt: skip
    metrics = ("reliability", "generality", "locality")
    rows = [
        one(method, "forget", metric, value)
        for method, values in told.items()
        for metric, value in zip(metrics, values, strict=True)
    ]
    (found,) = [point for point in points(of_causal, rows) if point.startswith("New answers")]
    assert found == (
        "New answers are said most after the prompts that were taught under: F-Learning, 0.990 "
        "[0.980, 1.000]; not told apart from it: plain fine-tuning. In other words: F-Learning, "
        "0.600 [0.590, 0.610]. What is said about something else stays most as it was under: plain "
        "fine-tuning, 0.500 [0.490, 0.510]."
    )
    assert not [point for point in points(of_causal, rows[:2]) if point.startswith("New answers")]
