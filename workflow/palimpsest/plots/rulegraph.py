"""The rule graph as a picture: boxes in layers, arrows from what is made to what is made of it. No
graphviz is needed.

Layered after Sugiyama, Tagawa and Toda (1981): longest-path layers, barycentre ordering, then the
least-squares places that keep a gap. An arrow that others imply is left out, so that a reader can
follow those that are there.
"""

from __future__ import annotations

import re

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from palimpsest.randomness import numpy_generator

ROW, BOX, GAP = 0.62, 0.34, 0.3  # inches: between layers, height of a box, between neighbours
CHARACTER, BEND = 0.088, 0.18  # width of a letter; room that an arrow needs beside boxes
# Light fills that differ in lightness as well, so that they stay apart in grey.
FILLS = (
    "#fff3d6",
    "#cfe3f7",
    "#f6d2dc",
    "#d4ecd2",
    "#e2d9f3",
    "#bfe5e2",
    "#ececec",
    "#f8cfae",
    "#e4e7a8",
)
INK, LINE = "#1f2933", "#66727f"

Graph = dict[str, set[str]]


def read_dot(text: str) -> Graph:
    """Rule -> the rules that use its output, from what ``snakemake --rulegraph dot`` prints."""
    names = dict(re.findall(r'(\d+)\[label = "([^"]+)"', text))
    if not names:
        raise ValueError("no rule in the graph: expected the output of snakemake --rulegraph dot")
    graph: Graph = {name: set() for name in sorted(names.values())}
    for source, target in re.findall(r"(\d+) -> (\d+)", text):
        graph[names[source]].add(names[target])
    return graph


def merged(graph: Graph) -> dict[str, list[str]]:
    """Box -> its rules: those of one first word ('figure_cost', 'figure_groups') that use the same
    and serve the same share one."""
    alike: dict[tuple, list[str]] = {}
    for name, targets in graph.items():
        sources = [other for other in graph if name in graph[other]]
        alike.setdefault(
            (name.split("_")[0], tuple(sorted(sources)), tuple(sorted(targets))), []
        ).append(name)
    return {
        names[0] if len(names) == 1 else f"{key[0]} ({len(names)})": names
        for key, names in alike.items()
    }


def reachable(graph: Graph, start: str) -> set[str]:
    """What hangs on ``start``, directly or not, apart from loops of a rule on itself."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found - {start}
        found |= new
        waiting.extend(new)
    return found


def reduced(graph: Graph) -> Graph:
    """The graph without loops and without arrows that a longer way implies."""
    below = {name: reachable(graph, name) for name in graph}
    return {
        name: {
            target
            for target in targets - {name}
            if not any(target in below[other] for other in targets - {name, target})
        }
        for name, targets in graph.items()
    }


def layers(graph: Graph) -> dict[str, int]:
    """Rule -> layer: one more than the deepest rule that it uses; then down to just above the first
    rule that uses it."""
    depth = dict.fromkeys(graph, 0)
    for _ in graph:
        for name, targets in graph.items():
            for target in targets:
                depth[target] = max(depth[target], depth[name] + 1)
    used = {target for targets in graph.values() for target in targets}
    for name in graph:
        if name not in used and graph[name]:
            depth[name] = min(depth[target] for target in graph[name]) - 1
    return depth


def with_bends(graph: Graph, depth: dict[str, int]) -> tuple[list[list[str]], list[list[str]]]:
    """(rows of nodes from top to bottom, chains of nodes that arrows follow); long arrows get a
    bend in each layer they cross."""
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in graph:
        rows[depth[name]].append(name)
    chains = []
    for name, targets in graph.items():
        for target in sorted(targets):
            bends = [f"{name}>{target}>{layer}" for layer in range(depth[name] + 1, depth[target])]
            for layer, bend in enumerate(bends, depth[name] + 1):
                rows[layer].append(bend)
            chains.append([name, *bends, target])
    return rows, chains


def width(node: str) -> float:
    return BEND if ">" in node else max(0.8, CHARACTER * len(node) + 0.3)


def spread(wanted: list[float], nodes: list[str]) -> list[float]:
    """Places nearest to the wanted ones, in least squares, that keep the order and a gap (pool
    adjacent violators)."""
    offsets, edge = [], 0.0
    for node in nodes:
        offsets.append(edge + width(node) / 2)
        edge += width(node) + GAP
    blocks: list[tuple[float, int]] = []  # sum of shifts, number of nodes
    for place, offset in zip(wanted, offsets, strict=True):
        total, count = place - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / count:
            total, count = total + blocks[-1][0], count + blocks[-1][1]
            blocks.pop()
        blocks.append((total, count))
    shifts = [total / count for total, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


class Layout:
    """Rows of nodes, and the links between neighbouring rows."""

    def __init__(self, rows: list[list[str]], chains: list[list[str]]):
        self.rows = rows
        self.links = [pair for chain in chains for pair in zip(chain, chain[1:], strict=False)]
        nodes = [node for row in rows for node in row]
        self.above = {node: [a for a, b in self.links if b == node] for node in nodes}
        self.below = {node: [b for a, b in self.links if a == node] for node in nodes}

    def ordered(self, rng, sweeps: int = 8) -> list[list[str]]:
        """Rows in an order with few crossings: from a random one, down and up, each node goes to
        the mean of its neighbours."""
        rows = [list(rng.permutation(row)) for row in self.rows]
        place = {node: number for row in rows for number, node in enumerate(row)}
        for sweep in range(sweeps):
            near, order = (self.above, rows) if sweep % 2 == 0 else (self.below, rows[::-1])
            for row in order:
                row.sort(
                    key=lambda node: mean([(place[other], 1) for other in near[node]], place[node])
                )
                place |= {node: number for number, node in enumerate(row)}
        return rows

    def crossings(self, rows: list[list[str]]) -> int:
        at = {
            node: (layer, number)
            for layer, row in enumerate(rows)
            for number, node in enumerate(row)
        }
        ends = [(at[a][0], at[a][1], at[b][1]) for a, b in self.links]
        return sum(
            p[0] == q[0] and (p[1] - q[1]) * (p[2] - q[2]) < 0
            for n, p in enumerate(ends)
            for q in ends[:n]
        )

    def placed(self, rows: list[list[str]], sweeps: int = 120) -> dict[str, float]:
        """Node -> x: near its neighbours, the bends of a long arrow above one another."""
        x = {
            node: place
            for row in rows
            for node, place in zip(row, spread([0.0] * len(row), row), strict=True)
        }
        for sweep in range(sweeps):
            for row in rows if sweep % 2 == 0 else rows[::-1]:
                near = {node: self.above[node] + self.below[node] for node in row}
                pulls = {
                    node: [
                        (x[other], 8 if ">" in node and ">" in other else 1) for other in near[node]
                    ]
                    for node in row
                }
                x |= dict(
                    zip(row, spread([mean(pulls[node], x[node]) for node in row], row), strict=True)
                )
        left = min(x[node] - width(node) / 2 for node in x)
        return {node: place - left for node, place in x.items()}

    def best(self, starts: int = 60) -> dict[str, tuple[float, float]]:
        """Node -> centre in inches, y downwards: of several starts the one with the fewest
        crossings and the shortest arrows."""
        found = [self.ordered(numpy_generator("rule graph", start)) for start in range(starts)]
        fewest = min(map(self.crossings, found))
        tried = [self.placed(rows) for rows in found if self.crossings(rows) == fewest]
        x = min(tried, key=lambda x: round(sum(abs(x[a] - x[b]) for a, b in self.links), 6))
        return {
            node: (x[node], number * ROW) for number, row in enumerate(self.rows) for node in row
        }


def mean(weighted: list[tuple[float, int]], otherwise: float) -> float:
    total = sum(weight for _, weight in weighted)
    return sum(value * weight for value, weight in weighted) / total if total else otherwise


def curve(points: list[tuple[float, float]]) -> Curve:
    """From box to box, leaving and entering vertically."""
    vertices, codes = [(points[0][0], points[0][1] + BOX / 2)], [Curve.MOVETO]
    stops = [*points[1:-1], (points[-1][0], points[-1][1] - BOX / 2 - 0.06)]
    for x, y in stops:
        from_x, from_y = vertices[-1]
        middle = (from_y + y) / 2
        vertices += [(from_x, middle), (x, middle), (x, y)]
        codes += [Curve.CURVE4] * 3
    return Curve(vertices, codes)


def loop(x: float, y: float, side: float) -> Curve:
    """From the side of a box back to it."""
    right = x + side
    return Curve(
        [
            (right, y - 0.08),
            (right + 0.28, y - 0.16),
            (right + 0.28, y + 0.16),
            (right + 0.05, y + 0.08),
        ],
        [1, 4, 4, 4],
    )


def draw_arrows(
    axes, graph: Graph, chains: list[list[str]], at: dict[str, tuple[float, float]]
) -> None:
    arrows = [(curve([at[node] for node in chain]), "v") for chain in chains]
    arrows += [(loop(*at[name], width(name) / 2), "<") for name in graph if name in graph[name]]
    for line, head in arrows:
        axes.add_patch(PathPatch(line, fill=False, edgecolor=LINE, linewidth=1.2, zorder=1))
        axes.plot(*line.vertices[-1], marker=head, color=LINE, markersize=5, zorder=2)


def draw_boxes(axes, fills: dict[str, str], at: dict[str, tuple[float, float]]) -> None:
    """``fills``: rule -> colour."""
    for name, fill in fills.items():
        (x, y), wide = at[name], width(name)
        box = FancyBboxPatch(
            (x - wide / 2, y - BOX / 2), wide, BOX, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=fill, edgecolor=INK, linewidth=1.0, zorder=3,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(
            x,
            y,
            name.replace("_", " "),
            ha="center",
            va="center_baseline",
            fontsize=10,
            color=INK,
            zorder=4,
        )


def draw(text: str, stages: dict[str, str]) -> Figure:
    """The graph that ``snakemake --rulegraph dot`` printed; ``stages`` says which stage a rule
    belongs to, in their order."""
    rules = read_dot(text)
    boxes = merged(rules)
    box_of = {name: box for box, names in boxes.items() for name in names}
    graph = {
        box: {box_of[target] for name in names for target in rules[name]}
        for box, names in boxes.items()
    }
    stage_of = {box: stages.get(names[0]) for box, names in boxes.items()}
    edges = reduced(graph)
    rows, chains = with_bends(edges, layers(edges))
    at = Layout(rows, chains).best()
    shown = [
        stage
        for stage in dict.fromkeys(stages.values())
        if stage in stage_of.values() and stage != "Snakefile"
    ]
    fills = {stage: FILLS[number % len(FILLS)] for number, stage in enumerate(shown)}
    wide = max(x + width(node) / 2 for node, (x, _) in at.items())
    high = (len(rows) - 1) * ROW + BOX
    made = Figure(figsize=(wide + 0.5, high + 0.75), dpi=150)
    axes = made.add_axes(
        (0, 0, 1, 1), xlim=(-0.25, wide + 0.25), ylim=(high + 0.4, -BOX / 2 - 0.18)
    )
    axes.axis("off")
    draw_arrows(axes, graph, chains, at)
    draw_boxes(axes, {box: fills.get(stage, "white") for box, stage in stage_of.items()}, at)
    handles = [
        Line2D(
            [],
            [],
            marker="s",
            markersize=9,
            linestyle="",
            markerfacecolor=fills[s],
            markeredgecolor=INK,
        )
        for s in shown
    ]
    axes.legend(
        handles,
        shown,
        loc="lower center",
        ncols=len(shown),
        frameon=False,
        fontsize=9,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    return made
