"""The picture of the rule graph: what is read, what is left out, and where boxes and arrows come to
lie."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from palimpsest.plots.rulegraph import (
    GAP,
    Layout,
    draw,
    layers,
    merged,
    read_dot,
    reduced,
    spread,
    width,
    with_bends,
)

# What `snakemake --rulegraph dot` prints, with an arrow for everything that is used.
DOT = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
	0[label = "all", color = "0.52 0.6 0.85", style="rounded"];
	1[label = "figure_a", color = "0.55 0.6 0.85", style="rounded"];
	2[label = "figure_b", color = "0.33 0.6 0.85", style="rounded"];
	3[label = "score", color = "0.09 0.6 0.85", style="rounded"];
	4[label = "train", color = "0.45 0.6 0.85", style="rounded"];
	5[label = "records", color = "0.64 0.6 0.85", style="rounded"];
	6[label = "words", color = "0.64 0.6 0.85", style="rounded"];
	1 -> 0
	2 -> 0
	3 -> 1
	3 -> 2
	4 -> 3
	4 -> 4
	5 -> 3
	5 -> 4
	6 -> 4
}
"""


def test_reduced_leaves_out_what_is_implied():
    """records -> score is implied by records -> train -> score, train -> train is a loop; nothing
    else goes."""
    graph = reduced(read_dot(DOT))
    assert graph == {
        "all": set(),
        "figure_a": {"all"},
        "figure_b": {"all"},
        "records": {"train"},
        "score": {"figure_a", "figure_b"},
        "train": {"score"},
        "words": {"train"},
    }


def test_nothing_to_read():
    with pytest.raises(ValueError, match="rulegraph dot"):
        read_dot("digraph {}")


def test_merged_joins_rules_that_stand_alike():
    assert merged(read_dot(DOT))["figure (2)"] == ["figure_a", "figure_b"]
    apart = DOT.replace("3 -> 2\n", "4 -> 2\n")
    assert "figure_a" in merged(read_dot(apart)) and "figure_b" in merged(read_dot(apart))


def test_layers_point_downwards_and_sources_stand_above_their_use():
    """a -> b -> c and d -> c: d could stand at the top, but belongs right above c."""
    graph = {"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}}
    assert layers(graph) == {"a": 0, "b": 1, "c": 2, "d": 1}


def test_bends():
    """a -> b -> c with a second way a -> d -> e -> c: the arrow from b to c crosses a layer."""
    graph = {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": {"e"}, "e": {"c"}}
    rows, chains = with_bends(graph, layers(graph))
    assert rows == [["a"], ["b", "d"], ["e", "b>c>2"], ["c"]]
    assert ["b", "b>c>2", "c"] in chains and ["d", "e"] in chains and len(chains) == 5


def test_spread_keeps_order_and_gap():
    """Two boxes of equal width that want the same place part evenly; those far enough apart stay
    where they are."""
    apart = width("a") + GAP
    assert spread([1.0, 1.0], ["a", "b"]) == pytest.approx([1 - apart / 2, 1 + apart / 2])
    assert spread([0.0, 9.0], ["a", "b"]) == pytest.approx([0.0, 9.0])
    assert spread([5.0, 0.0, 9.0], ["a", "b", "c"]) == pytest.approx(
        [2.5 - apart / 2, 2.5 + apart / 2, 9.0]
    )


def test_best_has_no_crossing_where_there_need_be_none():
    """Two ladders side by side, given in an order that crosses."""
    graph = {
        "a": {"p"},
        "b": {"q"},
        "p": {"y"},
        "q": {"x"},
        "x": {"end"},
        "y": {"end"},
        "end": set(),
    }
    rows, chains = with_bends(graph, layers(graph))
    layout = Layout(rows, chains)
    assert layout.crossings(rows) > 0
    at = layout.best()
    order = [sorted(row, key=lambda node: at[node][0]) for row in rows]
    assert layout.crossings(order) == 0
    for row in order:
        for left, right in zip(row, row[1:], strict=False):
            assert at[right][0] - at[left][0] >= (width(left) + width(right)) / 2 + GAP - 1e-9


def test_equal_graphs_are_equal_bytes():
    """However Snakemake numbers the rules. All boxes and the legend are in the picture; the targets
    have no stage."""
    lines = DOT.splitlines()
    shuffled = "\n".join([*lines[:2], *lines[2:9][::-1], *lines[9:-1][::-1], "}"])
    stages = {
        "records": "data",
        "words": "data",
        "train": "train",
        "score": "score",
        "figure_a": "figures",
        "figure_b": "figures",
    }
    one, two = (draw(read_dot(dot), stages | {"all": "Snakefile"}) for dot in (DOT, shuffled))
    assert one == two
    boxes = ["all", "figure (2)", "records", "score", "train", "words"]
    legend = ["data", "train", "score", "figures"]
    texts = re.findall(r"<text.*?>(.*?)</text>", one)
    assert sorted(texts[:6]) == boxes and texts[6:] == legend
    assert one.count("<rect") == len(boxes) + len(legend)
    # records -> train -> score -> figure -> all, words -> train, and train again
    assert one.count("marker-end") == 6


def test_boxes_and_arrows_are_inside_the_picture():
    root = ElementTree.fromstring(draw(read_dot(DOT), {"train": "train"}))
    left, top, wide, high = map(float, root.get("viewBox").split())
    paths = [one.get("d") for one in root.iter("{*}path") if one.get("marker-end")]
    points = [
        point.split(",") for path in paths for point in re.findall(r"-?[\d.]+,-?[\d.]+", path)
    ]
    for rect in root.iter("{*}rect"):
        x, y, w, h = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        points += [(x, y), (x + w, y + h)]
    assert all(left <= float(x) <= left + wide for x, _ in points)
    assert all(top <= float(y) <= top + high for _, y in points)
