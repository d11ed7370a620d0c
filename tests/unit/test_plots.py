"""Each figure shows what its table says, is labelled, legible, and the same each time it is
drawn."""

from __future__ import annotations

import importlib
import json
import re
from argparse import Namespace
from collections import Counter
from functools import cache
from itertools import combinations, product
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from stepping import SHOWN
from test_selections import (
    GROUPS,
    OF_TEXT,
    SELECTIONS,
    SETTINGS,
    TEXTUAL,
    causal,
    choices,
    example,
    noted,
    text_study,
)

import palimpsest
from palimpsest.data.storage import write_parquet
from palimpsest.methods.registry import METHODS
from palimpsest.plots import bias_utility, membership, profile
from palimpsest.plots import style as common
from palimpsest.plots.registry import FIGURES
from palimpsest.report.shown import tell
from palimpsest.report.tables import write_csv
from palimpsest.steps import draw

CAPTIONS = Path(palimpsest.__file__).parents[1] / "report"
STYLE = {"width": 7.0, "dpi": 100}
STUDIES = {
    "one family": {"families": ("identity",), "ensembles": ("1x1", "3x2", "5x2")},
    "two families": {"seeds": (1, 2, 3)},
    "ensembles alone": {
        "seeds": (1,),
        "families": ("identity",),
        "methods": ("sisa_vote", "fairsisa_ensemble"),
    },
    "one seed, one model": {"seeds": (1,), "ensembles": ("1x1",), "families": ("identity",)},
}
OTHERS = ("train", "forget", "forget_before")  # costs and membership belong to no method


class Drawn:
    """Small tables of one study, and their figures, each drawn once."""

    def __init__(self, wanted):
        tell(SHOWN)  # it is made before what every test may count on
        settings = SETTINGS | {"families": list(wanted.get("families", GROUPS))}
        methods = wanted.get("methods", METHODS)
        metrics, epsilon = example(
            **{key: value for key, value in wanted.items() if key != "methods"}
        )
        study = (
            metrics[metrics["method"].isin(methods) | metrics["set"].isin(OTHERS)],
            epsilon[epsilon["method"].isin(methods)],
        )
        seeds = {key: wanted[key] for key in ("seeds",) if key in wanted}
        studies = {
            name: text_study(name, **seeds) if name in TEXTUAL else study for name in SELECTIONS
        }
        self.tables = {
            name: select(*studies[name], settings) for name, select in SELECTIONS.items()
        }

    @cache  # noqa: B019
    def figure(self, name):
        return figure_of(name, self.tables[name])

    def both(self, name):
        return self.tables[name], panels(self.figure(name))


@pytest.fixture(scope="module", params=STUDIES)
def drawn(request):
    return Drawn(STUDIES[request.param])


def figure_of(name, frame):
    with common.styled():
        settings = STYLE | {"least": FIGURES[name].least}
        made = draw.drawn(importlib.import_module(f"palimpsest.plots.{name}"), frame, settings)
        FigureCanvasAgg(made).draw()
    return made


def panels(made):
    return [axes for axes in made.axes if axes.axison]


def points(axes, label):
    """(n, 2) points of the marker series of an axes that have a label, in their order."""
    found = [
        c.lines[0].get_xydata()
        for c in axes.containers
        if c.get_label() == label and hasattr(c, "has_xerr")
    ]
    found += [line.get_xydata() for line in axes.lines if line.get_label() == label]
    return np.concatenate(found) if found else np.zeros((0, 2))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_module_and_a_caption(name):
    assert importlib.import_module(f"palimpsest.plots.{name}").draw.__doc__
    assert len((CAPTIONS / f"{name}.rst").read_text()) > 100


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_labelled_in_words(name, drawn):
    made = drawn.figure(name)
    shown = {text.get_text() for text in made.texts}
    for kind in ("x", "y"):
        labels = {getattr(axes, f"get_{kind}label")() for axes in made.axes} | {
            getattr(made, f"get_sup{kind}label")()
        }
        ticks = {
            tick.get_text()
            for axes in panels(made)
            for tick in getattr(axes, f"get_{kind}ticklabels")()
        }
        assert any(labels) or any(text[:1].isalpha() for text in ticks), (kind, shown)
    assert all(axes.get_title(loc="left") for axes in panels(made)), (
        "a panel does not say what it shows"
    )


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_its_seeds_and_how_many_records_it_is_of(name, drawn):
    seeds = drawn.tables[name]["seeds"]
    said = note_of(drawn.figure(name))
    assert said.startswith("One seed: " if seeds.max() == 1 else f"{seeds.max()} seeds: ")
    kinds = said.partition(" n = ")[2].rstrip(".").split(", ")
    counts = {count for kind in kinds for count in re.findall(r"\d+", kind)}
    assert counts and all(re.fullmatch(r"\d+( to \d+)? [a-z ]+", kind) for kind in kinds[:1])
    shown = drawn.tables[name].filter(regex="^(forget_|retain_)?n$")
    assert counts <= set(shown.to_numpy().ravel().astype(int).astype(str))
    assert "Left out" not in said


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.least])
def test_nothing_is_drawn_from_fewer_records_than_the_bound(name):
    """Neither where all numbers are of too few, nor where some are; both times the figure says
    so. A number that is not defined is of too few, too."""
    study = text_study(name, seeds=(1,)) if name in TEXTUAL else example(seeds=(1,))
    frame, least = SELECTIONS[name](*study, SETTINGS), FIGURES[name].least
    made = figure_of(name, frame.assign(n=least - 1))
    assert not panels(made) and f"of fewer than {least} records" in note_of(made)
    few = frame["n"].where(frame.index > 0, least - 1)
    module = importlib.import_module(f"palimpsest.plots.{name}")
    asked = []
    spy = SimpleNamespace(told=module.told, draw=lambda *a: asked.append(a[0]) or module.draw(*a))
    with common.styled():
        made = draw.drawn(spy, frame.assign(n=few), STYLE | {"least": least})
    assert len(asked[0]) == len(frame) - 1 and (asked[0]["n"] >= least).all()
    assert f"(n = {least - 1})" in note_of(made) or f" n = {least - 1}." in note_of(made)


def test_requests_and_groups_of_too_few_records_are_named():
    frame = pd.DataFrame({"request": ["r1", "r2"], "group": ["", ""], "n": [15, 3], "value": 0.5})
    assert common.left_out(frame, 20).endswith(": request r1 (n = 15), request r2 (n = 3).")
    frame = frame.drop(columns="request").assign(group=["p", "q"])
    assert common.left_out(frame, 20).endswith(": group p (n = 15), group q (n = 3).")
    undefined = pd.DataFrame({"n": [30, 30], "value": [0.5, np.nan]})
    assert common.too_few(undefined, 20).tolist() == [False, True]


def note_of(made):
    """The note below a figure, in one line."""
    return (
        max(made.texts, key=lambda text: text.get_fontsize() == common.SMALL)
        .get_text()
        .replace("\n", " ")
    )


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_overlaps_or_is_cut_off(name, drawn, monkeypatch):
    legible(drawn.figure(name), monkeypatch)


def legible(made, monkeypatch):
    """Of the texts that are really drawn: tick labels outside the limits of their axis are not."""
    texts, draw_text = {}, Text.draw
    monkeypatch.setattr(
        Text, "draw", lambda text, renderer: [texts.update({text: None}), draw_text(text, renderer)]
    )
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    page = made.bbox
    boxes = {
        text: text.get_window_extent(canvas.get_renderer())
        for text in texts
        if text.get_visible() and text.get_text().strip()
    }
    assert len(boxes) > 10
    for text, box in boxes.items():
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, f"{text.get_text()!r} leaves the page"
    for (one, box), (other, other_box) in combinations(boxes.items(), 2):
        assert not box.overlaps(other_box), f"{one.get_text()!r} overlaps {other.get_text()!r}"


TWELVE = [
    *OF_TEXT,
    *(f"{name}-all_at_once" for name in ("gradient_ascent", "gradient_difference", "loo_ensemble")),
]
WORDY = [f"{number}-removal-2024" for number in ("first", "second", "third", "fourth", "fifth")]


@pytest.fixture(scope="module")
def crowded():
    """Twelve methods and five requests of long names."""
    assert len(TWELVE) == 12
    settings = SETTINGS | {
        "states": ["r0", *WORDY],
        "orders": {name: "sequential" if name in METHODS else "batch" for name in TWELVE},
    }
    metrics, watched = causal((1,), WORDY, TWELVE)
    names = ("frontier", "sequence", "curves", "canaries", "profile")
    return {name: figure_of(name, SELECTIONS[name](metrics, watched, settings)) for name in names}


@pytest.mark.parametrize("name", ("frontier", "sequence", "curves", "canaries", "profile"))
def test_a_crowded_figure_is_legible(name, crowded, monkeypatch):
    legible(crowded[name], monkeypatch)


def test_short_names_of_requests_stand_level_and_long_ones_upright(crowded):
    level = figure_of("sequence", SELECTIONS["sequence"](*text_study("sequence"), SETTINGS))
    for made, angle in ((level, 0), (crowded["sequence"], 90)):
        assert {label.get_rotation() for axes in made.axes for label in axes.get_xticklabels()} == {
            angle
        }
    assert level.get_figheight() < crowded["sequence"].get_figheight()


@pytest.mark.parametrize("name", ("sequence", "canaries"))
def test_what_has_one_tick_keeps_apart_from_what_has_the_next(name, crowded):
    """Ticks are 1 apart; of twelve methods all together stand within 0.6."""
    for axes in panels(crowded[name]):
        lines = [
            container.lines[0].get_xdata()
            for container in axes.containers
            if hasattr(container, "has_xerr")
        ]
        for at in zip(*lines, strict=True):
            assert 0.4 < max(at) - min(at) < 0.6


def test_panels_are_set_in_rows_of_three_and_the_lowest_have_tick_labels(crowded):
    shown = panels(crowded["frontier"])
    assert [axes.get_subplotspec().rowspan.start for axes in shown] == [0, 0, 0, 1, 1]
    assert [any(label.get_visible() for label in axes.get_xticklabels()) for axes in shown] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_every_interval_is_inside_its_panel(name):
    """Also where panels share an axis and a later one reaches further: here the ensembles of 5
    shards, with 2.5 times the gap."""
    metrics, epsilon = example(seeds=(1,), families=("identity",))
    far = (metrics["shards"] == "5x2") & (metrics["metric"] == "equalized_odds_max")
    ends = ["value", "ci_low", "ci_high"]
    metrics[ends] = metrics[ends].where(~far, metrics[ends] * 2.5)
    study = text_study(name, seeds=(1,)) if name in TEXTUAL else (metrics, epsilon)
    for axes in panels(figure_of(name, SELECTIONS[name](*study, SETTINGS))):
        for bars in [
            bars
            for container in axes.containers
            if hasattr(container, "has_xerr")
            for bars in container.lines[2]
        ]:
            for segment in bars.get_segments():
                low, high = segment.min(axis=0), segment.max(axis=0)
                assert axes.get_xlim()[0] <= low[0] and high[0] <= axes.get_xlim()[1]
                assert axes.get_ylim()[0] <= low[1] or axes.yaxis_inverted()
                assert high[1] <= axes.get_ylim()[1] or axes.yaxis_inverted()


def test_tradeoff_plots_the_table(drawn):
    frame, axes_of = drawn.both("tradeoff")
    for family, axes in zip(
        frame["family"].unique(),
        np.array(axes_of).reshape(frame["family"].nunique(), -1),
        strict=True,
    ):
        rows = frame[frame["family"] == family]
        for method in frame["method"].unique():
            plotted = [tuple(point) for one in axes for point in points(one, method)]
            expected = rows.loc[rows["method"] == method, ["gap", "accuracy"]].to_numpy()
            assert sorted(plotted) == sorted(map(tuple, expected))  # each once


def test_groups_plots_the_table(drawn):
    frame, axes_of = drawn.both("groups")
    metrics = [(family, metric) for family in frame["family"].unique() for metric in ("tpr", "fpr")]
    for (family, metric), one in zip(metrics, axes_of, strict=True):
        rows = frame[
            (frame["family"] == family) & (frame["metric"] == metric) & (frame["group"] == "none")
        ]
        assert sorted(points(one, "none")[:, 0]) == sorted(rows["value"])
        labels = [tick.get_text() for tick in one.get_yticklabels()]
        assert metric == "fpr" or labels == [
            METHODS[method].label for method in rows["method"].unique()
        ]


def test_shards_draws_each_number_of_slices_in_a_panel_of_its_own(drawn):
    """So that along a line nothing but the number of shards changes; single models are lines."""
    frame, axes_of = drawn.both("shards")
    ensembles = frame[frame["method"].isin(["sisa_vote", "sisa_mean"])]
    slices = sorted(ensembles["shards"].str.split("x").str[1].unique(), key=int) or ["1"]
    cells = [(family, r) for family in frame["family"].unique() for r in slices]
    for (family, r), axes in zip(cells, axes_of, strict=True):
        assert f": {r} slice" in axes.get_title(loc="left")
        rows = ensembles[
            (ensembles["family"] == family) & ensembles["shards"].str.endswith(f"x{r}")
        ]
        at = {}
        for method, part in rows.groupby("method"):
            drawn_ = points(axes, method)
            assert list(drawn_[:, 1]) == list(part["value"])
            for x in drawn_[:, 0]:
                at.setdefault(round(x), []).append(x - round(x))
        for offsets in at.values():  # whatever is there stands around its tick, none on another
            assert sum(offsets) == pytest.approx(0) and len(set(offsets)) == len(offsets)
        levels = {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() != "-"}
        single = frame[(frame["family"] == family) & frame["method"].isin(["base", "oracle"])]
        assert set(single["value"]) <= levels


def test_cost_plots_the_table(drawn):
    frame, axes_of = drawn.both("cost")
    for sharding, axes in zip(frame["shards"].unique(), axes_of, strict=True):
        rows = frame[frame["shards"] == sharding]
        curve = rows[rows["metric"] == "expected_curve"]
        np.testing.assert_array_equal(points(axes, "expected"), curve[["n", "value"]])
        for request in ("r1", "r2"):
            mean = rows[(rows["request"] == request) & (rows["seed"] == "all")]
            assert list(points(axes, request)[:, 1]) == list(mean["value"])
        # both name two owners: side by side
        assert points(axes, "r1")[0, 0] < 2 < points(axes, "r2")[0, 0]


def test_epsilon_plots_the_table(drawn):
    frame, axes_of = drawn.both("epsilon")
    keys = [
        (family, sharding)
        for family in frame["family"].unique()
        for sharding in frame["shards"].unique()
    ]
    for (family, sharding), axes in zip(keys, axes_of, strict=True):
        for set_ in ("valid", "test"):
            method = "fairsisa_ensemble"
            where = {"family": family, "shards": sharding, "method": method, "set": set_}
            rows = frame[
                np.logical_and.reduce([frame[key] == wanted for key, wanted in where.items()])
            ]
            np.testing.assert_array_equal(points(axes, f"{method} {set_}"), rows[["eps", "cost"]])


def test_membership_plots_the_table(drawn):
    frame, axes_of = drawn.both("membership")
    for request, axes in zip(frame["request"].unique(), axes_of, strict=True):
        for when in ("before", "after"):
            rows = frame[(frame["request"] == request) & (frame["when"] == when)]
            assert sorted(points(axes, when)[:, 0]) == sorted(rows["value"])


def test_whiskers_reach_from_the_value_to_the_ends():
    """Value 0.5 in [0.4, 0.7]: 0.1 down, 0.2 up; none where there is no interval, nor below the
    value where the end is above it."""
    frame = pd.DataFrame(
        {"value": [0.5, 0.5, 0.5], "ci_low": [0.4, np.nan, 0.6], "ci_high": [0.7, np.nan, 0.8]}
    )
    np.testing.assert_allclose(common.whiskers(frame), [[0.1, 0, 0], [0.2, 0, 0.3]])


OF_PAGE = {"study": "s", "shows": "It", "caption": "How."}


@pytest.mark.parametrize("name", FIGURES)
def test_equal_tables_give_equal_files(name, tmp_path):
    """From the numbers, from the same in another order, and from the small table under the user's
    own matplotlibrc: the same bytes, without a date."""
    metrics, further = (
        text_study(name)
        if name in TEXTUAL
        else example(seeds=(1,), ensembles=("1x1", "3x1"), families=("identity",))
    )
    reports = written(further, tmp_path) if name in ("curves", "recovery") else []
    if name == "tuning":
        reports = [tmp_path / f"{number}.json" for number, _ in enumerate(choices())]
        for path, choice in zip(reports, choices(), strict=True):
            path.write_text(json.dumps(choice))
    if name == "where":
        reports = [tmp_path / f"{number}.json" for number, _ in enumerate(noted())]
        for path, report in zip(reports, noted(), strict=True):
            path.write_text(json.dumps(report))
    write_parquet(further if name == "truth_ratio" else further.head(0), tmp_path / "truth")
    metrics = pd.concat([metrics, further]) if name == "depth" else metrics
    tables = metrics, example(seeds=(1,))[1].head(0) if name in TEXTUAL else further
    settings = SETTINGS | {"figure": f"palimpsest.plots.{name}", "width": 7.0, "dpi": 60}
    settings |= {"further": FIGURES[name].further, "least": FIGURES[name].least} | OF_PAGE
    files = [
        [tmp_path / f"{turn}.{suffix}" for suffix in ("svg", "pdf", "png")]
        for turn in ("one", "two", "three")
    ]
    for outputs, state in zip(files, (None, 3), strict=False):
        for kind, frame in zip(("metrics", "epsilon"), tables, strict=True):
            write_parquet(
                frame if state is None else frame.sample(frac=1, random_state=state),
                tmp_path / kind,
            )
        given = {
            "metrics": tmp_path / "metrics",
            "epsilon": [tmp_path / "epsilon"],
            "training": reports,
            "truth": [tmp_path / "truth"],
        }
        draw.run(
            Namespace(
                **given,
                data=tmp_path / f"{outputs[0].stem}.csv",
                output=outputs,
                page=tmp_path / "page.html",
                settings=settings,
            )
        )
    with matplotlib.rc_context({"axes.facecolor": "red", "savefig.bbox": "tight", "font.size": 20}):
        draw.run(
            Namespace(
                metrics=None,
                data=tmp_path / "one.csv",
                output=files[2],
                page=tmp_path / "page.html",
                settings=settings,
            )
        )
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    for one, two, three in zip(*files, strict=True):
        assert (
            one.read_bytes() == two.read_bytes() == three.read_bytes() and one.stat().st_size > 1000
        )
    assert b"<dc:date>" not in files[0][0].read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_a_table_without_rows_is_said_to_be_empty(name, tmp_path):
    metrics, epsilon = (frame.head(0) for frame in example(seeds=(1,), ensembles=("1x1",)))
    for kind, frame in (("metrics", metrics), ("epsilon", epsilon)):
        write_parquet(frame, tmp_path / kind)
    files = {
        "metrics": tmp_path / "metrics",
        "epsilon": [tmp_path / "epsilon"],
        "data": tmp_path / "data.csv",
        "training": [],
        "truth": [],
    }
    draw.run(
        Namespace(
            **files,
            output=[tmp_path / "empty.svg"],
            page=tmp_path / "empty.html",
            settings=SETTINGS
            | {"figure": f"palimpsest.plots.{name}", "further": FIGURES[name].further}
            | OF_PAGE,
        )
    )
    assert (tmp_path / "empty.svg").stat().st_size > 500


def written(watched, folder):
    """The reports of training that hold what was watched."""
    files = []
    keys = ["seed", "request", "method", "attack"]
    for (seed, request, method, attack), part in watched.groupby(keys):
        part = part.assign(key=part["set"] + "_" + part["metric"])
        told = [
            {"update": int(update), **dict(zip(one["key"], one["value"], strict=True))}
            for update, one in part.groupby("update")
        ]
        files.append(folder / f"{seed}-{request}-{method}-{attack}.json")
        names = ["example", str(seed), *filter(None, [attack]), method, request]
        counts = dict.fromkeys(("forget", "relearnt", "retain", "extra"), 60)
        report = {"names": names, "watched": told, "looked_at": counts, "stopped": False}
        files[-1].write_text(json.dumps(report))
    return files


def test_names_from_data_are_drawn_as_they_are(tmp_path):
    """Names that mathtext, or the reader of the csv, would take for something else."""
    frame = SELECTIONS["groups"](*example(seeds=(1,), ensembles=("1x1",)), SETTINGS)
    names = dict(zip(frame["group"].unique(), ("$x^{$", "NA", "1", "None", "_a"), strict=True))
    frame = frame.assign(group=frame["group"].map(names))
    write_csv(frame, tmp_path / "data.csv", digits=6)
    read = draw.read(tmp_path / "data.csv")
    assert list(read["group"]) == list(frame["group"])
    legends = [axes.get_legend() for axes in figure_of("groups", read).axes]
    assert {text.get_text() for legend in legends if legend for text in legend.get_texts()} == set(
        frame["group"]
    )


def test_places_of_no_values_are_numbers():
    for values, names in ((["b", "a", "b"], ["a", "b"]), ([], ["a"])):
        found = common.positions(pd.Series(values, dtype=str), names) + 0.5
        assert list(found) == [1.5, 0.5, 1.5][: len(values)] and found.dtype == float


def test_groups_are_drawn_without_a_method_that_was_fitted(tmp_path):
    """As of one shard, which has no post-processed ensemble: no marker is filled."""
    chosen, epsilon = example(seeds=(1,), ensembles=("1x1",), families=("identity",))
    chosen = chosen[chosen["method"].isin(["oracle", "sisa_vote"])]
    settings = SETTINGS | {"families": ["identity"]}
    write_csv(SELECTIONS["groups"](chosen, epsilon, settings), tmp_path / "data.csv", digits=6)
    read = draw.read(tmp_path / "data.csv")
    left = panels(figure_of("groups", read))[0]
    rows = read[(read["metric"] == "tpr") & (read["group"] == "none")]
    assert list(points(left, "none")[:, 0]) == list(rows["value"]) and len(rows) == 2


def test_membership_is_drawn_where_nothing_was_measured_before_the_request(tmp_path):
    frame = SELECTIONS["membership"](*example(seeds=(1,)), SETTINGS)
    write_csv(frame[frame["when"] == "after"], tmp_path / "data.csv", digits=6)
    made = figure_of("membership", draw.read(tmp_path / "data.csv"))
    assert len(points(panels(made)[0], "after")) and not len(points(panels(made)[0], "before"))


def test_methods_are_told_apart_in_colour_and_in_grey():
    """In grey by marker and filling; in colour, too: there are fewer colours than methods, so they
    are shared evenly."""
    looks = [common.look(name) for name in METHODS]
    assert len({(look.marker, look.filled) for look in looks}) == len(looks)
    colours = Counter(common.look(name).colour for name in METHODS if name not in common.LOOKS)
    assert set(colours) == set(common.COLOURS)
    assert max(colours.values()) - min(colours.values()) <= 1
    assert all(
        look.filled == METHODS[name].fitted for name, look in zip(METHODS, looks, strict=True)
    )


@pytest.mark.parametrize(
    "value, text",
    [
        (0.1234, "0.123"),
        (0.00001, "0.000"),
        (1.234, "1.23"),
        (56.78, "56.8"),
        (567.8, "568"),
        (1567, "1.6k"),
        (3452063, "3.5M"),
    ],
)
def test_a_number_has_room_in_a_tile(value, text):
    assert profile.short(value) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (99.96, "100"),
        (999.6, "1.0k"),
        (3446, "3.4k"),
        (9960, "10k"),
        (99960, "100k"),
        (999999, "1.0M"),
    ],
)
def test_a_number_that_is_rounded_up_is_no_wider(value, text):
    assert profile.short(value) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (9.996e14, "1e15"),
        (3e43, "3e43"),
        (1e300, "1e300"),
        (-999.6, "-1.0k"),
        (np.inf, "∞"),
        (-np.inf, "-∞"),
    ],
)
def test_a_number_beyond_all_units_is_told_by_its_order(value, text):
    assert profile.short(value) == text


def test_a_cell_without_a_number_is_not_white_which_is_the_oracles():
    frame = SELECTIONS["profile"](*causal((1,), ["r1", "r2"], ["oracle", "npo"]), SETTINGS)
    (axes,) = panels(figure_of("profile", frame.iloc[:-1]))
    faces = [patch.get_facecolor() for patch in axes.patches]
    cells = len(faces) - (len(frame) - 1)  # a grey one for each, and a tile for each number
    assert cells == len(frame) and set(faces[:cells]) == {to_rgba(profile.MISSING)}
    assert len(axes.texts) == len(frame) - 1


def test_what_could_not_be_told_before_a_request_is_hollow():
    """The interval of a holds guessing, that of b lies above it; of c nothing is known."""
    rows = [
        ("r1", who, when, 0.6, low, 0.9, 40, 1)
        for who, low in (("2x1", 0.5), ("3x1", 0.51), ("4x1", np.nan))
        for when in ("before", "after")
    ]
    columns = ["request", "who", "when", "value", "ci_low", "ci_high", "n", "seeds"]
    frame = pd.DataFrame(rows, columns=columns)
    made = figure_of("membership", frame)
    assert membership.revealed(frame).tolist() == [False, False, True, True, True, True]
    faces = [
        (round(y), container.lines[0].get_markerfacecolor() == "white")
        for container in panels(made)[0].containers
        for y in container.lines[0].get_ydata()
    ]
    assert set(faces) == {(0, True), (1, False), (2, False)}
    told = [text.get_text() for text in made.legends[0].get_texts()]
    assert "hollow: no more than guessing even before" in told


def test_the_axis_of_membership_is_not_so_narrow_that_little_looks_like_much():
    frame = SELECTIONS["membership"](*example(seeds=(1,)), SETTINGS)
    frame = frame.assign(value=0.51, ci_low=0.505, ci_high=0.515)
    low, high = panels(figure_of("membership", frame))[0].get_xlim()
    assert low <= 0.3 and high >= 0.7


def test_each_end_of_a_training_is_marked_and_what_stopped_by_itself():
    """KGA stops by its own rule; each method ends at its last update, 40."""
    metrics, watched = text_study("curves", seeds=(1,))
    made = figure_of("curves", SELECTIONS["curves"](metrics, watched, SETTINGS))
    trained = watched["method"].nunique()
    for axes in panels(made):
        ended, stopped = points(axes, "ended"), points(axes, "stopped")
        assert len(ended) == trained and set(ended[:, 0]) == {40}
        assert len(stopped) == 1 and stopped[0] in ended


def test_the_cost_at_the_allowed_gap_has_the_interval_of_the_tidy_table(drawn):
    """It is drawn on held-out records alone, and at that gap alone."""
    frame, axes_of = drawn.both("epsilon")
    keys = frame[["family", "shards"]].drop_duplicates().itertuples(index=False, name=None)
    for key, axes in zip(keys, axes_of, strict=True):
        rows = frame[(frame["family"] == key[0]) & (frame["shards"] == key[1])]
        rows = rows[(rows["set"] == "test") & (rows["eps"] == SETTINGS["eps"])]
        bars = {
            tuple(segment[:, 1])
            for lines in axes.collections
            if isinstance(lines, LineCollection)
            for segment in lines.get_segments()
        }
        assert bars == set(rows[["ci_low", "ci_high"]].itertuples(index=False, name=None))


LONG = "people of whom a description is given that goes on for longer than any legend is wide"


def test_names_that_are_long_or_lack_letters_leave_a_figure_legible(monkeypatch):
    """Long ones are cut off; where the font lacks characters, the figure says so."""
    frame = SELECTIONS["groups"](*example(seeds=(1,), ensembles=("1x1",)), SETTINGS)
    frame = frame.assign(family=frame["family"].str.replace("identity", "_".join([LONG[:60]] * 2)))
    legible(
        figure_of("groups", frame.replace({"group": {"p": LONG, "q": f"{LONG}!"}})), monkeypatch
    )
    assert "Boxes" not in note_of(figure_of("groups", frame))
    with pytest.warns(UserWarning, match="missing from font"):
        made = figure_of("groups", frame.replace({"group": {"p": "女人"}}))
    assert "Boxes stand for characters that the font lacks" in note_of(made)


def test_a_legend_has_as_many_columns_as_fit_and_takes_no_room_from_the_panels():
    heights = []
    for label in ("short", LONG):
        with common.styled():
            made, axes = common.figure(STYLE, 3.0, 1, 1)
            common.legend(made, [common.dashed_handle(label) for _ in range(9)], columns=3)
            FigureCanvasAgg(made).draw()
        assert made.legends[0].get_window_extent().width < made.bbox.width
        heights.append(axes[0, 0].get_window_extent().height / STYLE["dpi"])
    assert heights[0] == pytest.approx(heights[1], abs=0.15)


@pytest.mark.parametrize("width, height", [(4.0, 3.0), (7.0, 3.0), (14.0, 6.0)])
def test_a_narrow_figure_is_as_high_as_letters_need(width, height):
    assert common.figure({"width": width}, 3.0, 1, 1)[0].get_figheight() == height


def test_a_note_stands_below_all_else_and_the_figure_grows_by_it():
    with common.styled():
        made, axes = common.figure(STYLE, 3.0, 1, 1)
        made.supxlabel("label", fontsize=8)
        common.note(made, "word " * 60)
        FigureCanvasAgg(made).draw()
    label, note = (text.get_window_extent() for text in made.texts)
    ticks = min(text.get_window_extent().y0 for text in axes[0, 0].get_xticklabels())
    assert 0 < note.y0 < note.y1 < label.y0 < label.y1 < ticks
    assert made.get_figheight() > 3.0


# --- social bias ----------------------------------------------------------------------------------


def test_bias_and_utility_plots_the_table_with_the_amount_beside_each_point(drawn):
    frame, (axes,) = drawn.both("bias_utility")
    for line, (label, *_) in bias_utility.LINES.items():
        rows = frame.loc[frame["line"] == line, ["lms", "ss"]]
        np.testing.assert_array_equal(points(axes, label), rows)
    told = [text.get_text() for text in axes.texts if text.get_text()]
    assert told == ["0.01", "0.1", "0.3", "0.01", "0.3"]
    assert axes.get_title(loc="left").endswith("the share of blocks that an update may change")


def ways(made) -> list[int]:
    """Points of each line that joins several models."""
    (axes,) = panels(made)
    return [len(line.get_xdata()) for line in axes.lines if line.get_alpha()]


def test_no_line_leads_to_a_run_of_another_rate(drawn):
    """From the base over three points of rows, and over two of columns."""
    frame = drawn.tables["bias_utility"]
    assert ways(figure_of("bias_utility", frame)) == [5, 4]
    slower = frame.assign(rate=frame["rate"].where(frame["line"] != "whole", 0.003))
    made = figure_of("bias_utility", slower)
    assert ways(made) == [4, 3]
    assert note_of(made).endswith("Learning rates differ, from 0.003 to 0.03.")
    assert "Learning rates" not in note_of(figure_of("bias_utility", frame))
    chosen = figure_of("bias_utility", frame.assign(rate=frame["rate"].where(frame["rate"] == 0)))
    assert ways(chosen) == [4, 3], "trials may have chosen others"
    assert note_of(chosen).endswith("Learning rates were chosen by trials.")


def test_amounts_keep_apart_where_points_are_the_same(drawn, monkeypatch):
    frame = drawn.tables["bias_utility"]
    same = {name: frame[name].mean() for name in frame if name.startswith(("lms", "ss"))}
    legible(figure_of("bias_utility", frame.assign(**same)), monkeypatch)
    parted = frame["line"].isin(["rows", "columns"])
    many = frame.assign(
        by=np.where(parted, "k", "share"),
        amount=np.where(parted, frame["amount"] * 100_000, frame["amount"]),
        **same,
    )
    made = figure_of("bias_utility", many)
    assert panels(made)[0].get_title(loc="left") == "Beside each point: blocks of an update"
    legible(made, monkeypatch)
    told = [text.get_text() for text in panels(made)[0].texts if text.get_text()]
    assert told == ["1,000", "10,000", "30,000", "1,000", "30,000"]


def test_directions_plot_the_table(drawn):
    """Each side a little beside its epochs."""
    frame, shown = drawn.both("directions")
    metrics = ("stereotype_score", "language_modeling_score", "pronoun_preference")
    for metric, axes in zip(metrics, shown, strict=True):
        for side in ("lower", "raise", "dynamic"):
            rows = frame[(frame["metric"] == metric) & (frame["side"] == side)]
            found = points(axes, side)
            assert found[:, 0].round().tolist() == rows["epochs"].tolist()
            np.testing.assert_array_equal(found[:, 1], rows["value"])


def test_domains_plot_the_base_beside_every_method(drawn):
    frame, shown = drawn.both("domains")
    for group, axes in zip(frame["group"].unique(), shown, strict=True):
        rows = frame[frame["group"] == group]
        assert axes.get_title(loc="left").startswith(group)
        found = points(axes, "base")
        np.testing.assert_array_equal(found[:, 0], rows["base"])
        for row, (method, value) in enumerate(zip(rows["method"], rows["value"], strict=True)):
            assert points(axes, method).tolist() == [[value, row]]
            assert row - 0.5 < found[row, 1] < row


def test_baselines_plot_the_table(drawn):
    frame, shown = drawn.both("baselines")
    methods = list(frame["method"].unique())
    for metric, axes in zip(frame["metric"].unique(), shown, strict=True):
        for one in frame[frame["metric"] == metric].itertuples():
            expected = [[one.value, methods.index(one.method)]]
            assert points(axes, one.method).tolist() == expected


def test_where_has_a_cell_for_each_layer_and_kind_and_none_for_what_is_not_there(drawn):
    frame, (*shown, bar) = drawn.both("where")
    kinds, layers = list(frame["kind"].unique()), ["embeddings", "0", "2", "10", "head"]
    for method, axes in zip(frame["method"].unique(), shown, strict=True):
        rows = frame[frame["method"] == method].set_index(["kind", "layer"])["value"]
        (mesh,) = [one for one in axes.collections if isinstance(one, QuadMesh)]
        cells = np.ma.filled(mesh.get_array(), np.nan)
        for (y, kind), (x, layer) in product(enumerate(kinds), enumerate(layers)):
            expected = rows.get((kind, layer), np.nan)
            np.testing.assert_equal(cells[y, x], expected)
        margin = [text.get_text() for text in axes.texts]
        assert margin == [
            str(frame.loc[(frame["method"] == method) & (frame["kind"] == kind), "n"].sum())
            for kind in kinds
        ]
    assert bar.get_ylabel() == "Blocks that were changed"
