"""What variants of PCGU say in sentences, on invented numbers."""

from __future__ import annotations

import pandas as pd
import pytest
from stepping import tidy
from test_findings import one

from palimpsest.report.blocks import COLUMNS
from palimpsest.report.summary import summarise
from palimpsest.report.tables import table
from palimpsest.tracks.masked import summary

SETTINGS = {"states": ["r0", "r1"], "families": [], "attacks": {}}
WHOLE, FEW, SOME = "pcgu-whole", "pcgu-rows_few", "pcgu-columns_some"
PARTITIONS = {
    name: {"whole": name == WHOLE, "share": share, "k": None, "blocks": "rows", "learning_rate": 1}
    for name, share in ((FEW, 0.01), (SOME, 0.3), (WHOLE, 1.0))
}


def scored(group: str = "", spread: float = 0.02, **methods: tuple[float, float]) -> list[dict]:
    """SS, LMS and some ICAT of methods, a name's '__' standing for its dash."""
    return [
        one(name.replace("__", "-"), "stereoset", metric, value, spread, 60, group=group)
        for name, values in methods.items()
        for metric, value in zip(
            ("stereotype_score", "language_modeling_score", "icat"), (*values, 0.5), strict=False
        )
    ]


def said(rows: list[dict], beginning: str, **settings) -> str:
    """The sentences that begin so, as one text."""
    points = summarise(tidy([table(rows)]), SETTINGS | settings, summary)[0].points
    return " ".join(point for point in points if point.startswith(beginning))


def test_the_best_partition_is_set_against_none_where_bias_is_alike():
    """Of two, few has the stereotype score of the run without a partition, .61 and .60; some, whose
    language modelling is better, has .70."""
    rows = scored(
        base=(0.72, 0.9), pcgu__whole=(0.6, 0.7), pcgu__rows_few=(0.61, 0.85),
        pcgu__columns_some=(0.7, 0.89),
    )  # fmt: skip
    assert said(rows, "Partitioning", partitions=PARTITIONS) == (
        "Partitioning: without it (PCGU, whole) the stereotype score is 0.600 [0.580, 0.620] and "
        "the language modelling score 0.700 [0.680, 0.720], 0.900 [0.880, 0.920] for the base. "
        "With a stereotype score that is not told apart from that: 1 of 2 partitioned runs (PCGU, "
        "rows few). The highest language modelling score of these is 0.850 [0.830, 0.870] with "
        "PCGU, rows few (stereotype score 0.610 [0.590, 0.630]): 0.150 higher. It was picked by "
        "this very number, which flatters it."
    )
    assert said(rows, "Partitioning") == ""
    slower = PARTITIONS | {WHOLE: PARTITIONS[WHOLE] | {"learning_rate": 0.1}}
    told = said(rows, "Partitioning", partitions=slower)
    assert "0.920] for the base (learning rate 0.1; of the others 1). With a" in told
    drawn = {name: one | {"learning_rate": None} for name, one in PARTITIONS.items()}
    told = said(rows, "Partitioning", partitions=drawn)
    assert "for the base (learning rates chosen by trials). With a" in told
    told = said(rows, "Partitioning", partitions=drawn | {WHOLE: PARTITIONS[WHOLE]})
    assert "(learning rate 1; of the others chosen by trials)" in told
    wide = scored(base=(0.72, 0.9), pcgu__whole=(0.6, 0.8), pcgu__rows_few=(0.61, 0.83))
    told = said(wide, "Partitioning", partitions=PARTITIONS)
    assert "apart from that: the one partitioned run." in told
    assert "these two cannot be told apart" in told


def test_where_no_partition_has_the_same_bias_nothing_is_compared():
    rows = scored(base=(0.72, 0.9), pcgu__whole=(0.5, 0.7), pcgu__rows_few=(0.7, 0.85))
    told = said(rows, "Partitioning", partitions=PARTITIONS)
    assert told.endswith(
        "No partitioned run has a stereotype score like that; the nearest is 0.700 [0.680, 0.720] "
        "with PCGU, rows few, so they are not compared."
    )
    rows = [r for r in rows if r["method"] != WHOLE]
    assert said(rows, "Partitioning", partitions=PARTITIONS) == ""


def test_domains_are_told_one_by_one():
    """Gender moves to .60, race stays; beyond a half is nearer if it is less far."""
    rows = scored(base=(0.7, 0.9), pcgu=(0.65, 0.9), npo=(0.7, 0.9))
    rows += scored("domain=gender", base=(0.7,), pcgu=(0.6,), npo=(0.45,))
    gender = said(rows, "By domain")
    assert gender == "", "one domain is all there is"
    rows += scored("domain=race", base=(0.62,), pcgu=(0.6,), npo=(0.61,), oracle=(0.5,))
    assert said(rows, "By domain") == (
        "By domain, nearer to 0.5 than the base and told apart from it: gender (base 0.700 [0.680, "
        "0.720], n = 60) with all 2 methods; race (base 0.620 [0.600, 0.640], n = 60) with none of "
        "2 methods."
    )


def test_what_changed_term_by_term_is_told_by_its_sign():
    """Of two methods one lost .03 of its language modelling, and no stereotype score moved."""
    rows = scored(base=(0.7, 0.9), pcgu=(0.69, 0.87), npo=(0.7, 0.9))
    for method, ss, lms in (("pcgu", -0.01, -0.03), ("npo", 0.0, 0.01)):
        rows.append(one(method, "stereoset", "stereotype_score_change", ss, 0.02, 60))
        rows.append(one(method, "stereoset", "language_modeling_score_change", lms, 0.02, 60))
    assert said(rows, "Term by term") == (
        "Term by term, intervals of the difference from the base: the stereotype score is lower "
        "with none of 2 methods and higher with none of 2 methods (from -0.010 [-0.030, 0.010] "
        "with PCGU to 0.000 [-0.020, 0.020] with NPO); the language modelling score is lower with "
        "1 of 2 methods (PCGU) and higher with none of 2 methods (from -0.030 [-0.050, -0.010] "
        "with PCGU to 0.010 [-0.010, 0.030] with NPO)."
    )


def test_each_direction_is_told_by_its_epochs_nearest_to_no_bias():
    """Lowering: .60 after 5 epochs; raising overshoots after 5, so its .53 after 1 counts."""
    rows = scored(
        base=(0.7, 0.9), pcgu=(0.6, 0.88), pcgu__raise_1=(0.53, 0.8), pcgu__raise_5=(0.4, 0.6),
        pcgu__dynamic_5=(0.69, 0.9),
    )  # fmt: skip
    given = {"pcgu": ("lower", 5), "pcgu-raise_1": ("raise", 1), "pcgu-raise_5": ("raise", 5)}
    given |= {"pcgu-dynamic_5": ("dynamic", 5)}
    variants = {
        name: {"side": side, "epochs": epochs, "learning_rate": 1}
        for name, (side, epochs) in given.items()
    }
    assert said(rows, "Direction", directions=variants) == (
        "Direction: from the base's stereotype score of 0.700 [0.680, 0.720] comes nearest to 0.5 "
        "lowering the advantaged word with 0.600 [0.580, 0.620] after 5 epochs (0.100 lower; "
        "language modelling 0.880 [0.860, 0.900]); raising the disadvantaged one with 0.530 "
        "[0.510, 0.550] after 1 epoch (0.170 lower; language modelling 0.800 [0.780, 0.820]) and "
        "moving both by which is likelier now with 0.690 [0.670, 0.710] after 5 epochs (these two "
        "cannot be told apart; language modelling 0.900 [0.880, 0.920]). Nearest of all: raising "
        "the disadvantaged one, 0.530 [0.510, 0.550]."
    )
    gaps = {"base": 0.4, "pcgu": 0.2, "pcgu-raise_1": 0.3, "pcgu-raise_5": 0.35,
            "pcgu-dynamic_5": 0.01}  # fmt: skip
    rows += [one(name, "pronouns", "pronoun_preference", gap, 0.02, 160, group="about=forgotten")
             for name, gap in gaps.items()]  # fmt: skip
    assert said(rows, "In the pairs", directions=variants) == (
        "In the pairs themselves the base prefers one of the two pronouns by 0.400 [0.380, 0.420] "
        "of their sum; least "
        "lowering the advantaged word with 0.200 [0.180, 0.220] after 5 epochs; raising the "
        "disadvantaged one with 0.300 [0.280, 0.320] after 1 epoch and moving both by which is "
        "likelier now with 0.010 [0.000, 0.030] after 5 epochs."
    )
    alone = {name: one for name, one in variants.items() if one["side"] == "raise"}
    assert said(rows, "Direction", directions=alone) == ""


@pytest.mark.parametrize(("seeds", "over"), [((1,), ""), ((1, 2), " of 2 models")])
def test_where_the_changed_blocks_are(seeds, over):
    """30 of 100 blocks: 20 of 40 in block 1, and 24 of 50 of the kind b."""
    cells = [("embeddings", "a", 4, 40), ("0", "b", 4, 10), ("1", "b", 20, 40), ("1", "a", 2, 10)]
    changed = pd.DataFrame(
        [(str(seed), "pcgu", *cell) for seed in seeds for cell in cells], columns=COLUMNS
    )
    rows = scored(base=(0.7, 0.9), pcgu=(0.6, 0.88))
    total, every = (f"{len(seeds) * count}" for count in (30, 100))
    size = {name: len(seeds) * count for name, count in (("1", 50), ("0", 10), ("b", 50))}
    assert said(rows, "Where", changed=changed) == (
        f"Where: PCGU changed {total} of {every} blocks{over} (0.300); of layers most of block 1 "
        f"(0.440 of {size['1']}); block 0 (0.400 of {size['0']}) and embeddings (0.100 of "
        f"{40 * len(seeds)}); of tensors most of b (0.480 of {size['b']}) and a (0.120 of "
        f"{size['b']})."
    )
    assert said(rows, "Where", changed=changed.assign(changed=0)) == ""
    assert said(rows, "Where", changed=changed.head(0)) == said(rows, "Where") == ""
