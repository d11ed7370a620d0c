"""The rule graph as a picture: boxes in layers, arrows from what is made to what is made of it. No
graphviz is needed, and no other package: Snakemake's own environment draws it for a report.

Layered after Sugiyama, Tagawa and Toda (1981): longest-path layers, barycentre ordering, then the
least-squares places that keep a gap. Arrows that others imply are left out, so that a reader can
follow the rest.
"""

from __future__ import annotations

import html
import re
from random import Random

from palimpsest.randomness import seed_of

ROW, BOX, GAP = 0.62, 0.34, 0.3  # inches: between layers, height of a box, between neighbours
HEAD, EDGE = 0.04, 0.06  # of an arrow, to its middle; around the picture
PIXELS = 96  # an inch
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
    """Box -> its rules. Rules with one first word ('figure_cost', 'figure_groups'), the same inputs
    and the same consumers share a box."""
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
    """What depends on ``start``, directly or not, apart from loops of a rule on itself."""
    below: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - below - {start}
        below |= new
        waiting.extend(new)
    return below


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


def spread(places: list[float], nodes: list[str]) -> list[float]:
    """Places nearest to ``places``, in least squares, that keep the order and a gap (pool
    adjacent violators)."""
    offsets, edge = [], 0.0
    for node in nodes:
        offsets.append(edge + width(node) / 2)
        edge += width(node) + GAP
    blocks: list[tuple[float, int]] = []  # sum of shifts, number of nodes
    for place, offset in zip(places, offsets, strict=True):
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
        rows = [rng.sample(row, len(row)) for row in self.rows]
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
        orders = [self.ordered(Random(seed_of("rule graph", start))) for start in range(starts)]
        fewest = min(map(self.crossings, orders))
        tried = [self.placed(rows) for rows in orders if self.crossings(rows) == fewest]
        x = min(tried, key=lambda x: round(sum(abs(x[a] - x[b]) for a, b in self.links), 6))
        return {
            node: (x[node], number * ROW) for number, row in enumerate(self.rows) for node in row
        }


def mean(weighted: list[tuple[float, int]], otherwise: float) -> float:
    total = sum(weight for _, weight in weighted)
    return sum(value * weight for value, weight in weighted) / total if total else otherwise


# --- svg, in pixels ------------------------------------------------------------------------------


def curve(points: list[tuple[float, float]]) -> str:
    """From box to box, leaving and entering vertically."""
    (x, y), *stops = [(x * PIXELS, y * PIXELS) for x, y in points]
    y += BOX / 2 * PIXELS
    stops[-1] = stops[-1][0], stops[-1][1] - (BOX / 2 + HEAD) * PIXELS
    drawn = [f"M{x:.1f},{y:.1f}"]
    for to_x, to_y in stops:
        middle = (y + to_y) / 2
        drawn.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(drawn)


def loop(x: float, y: float, side: float) -> str:
    """From the side of a box back to it."""
    ends = [(side, -0.08), (side + 0.28, -0.16), (side + 0.28, 0.16), (side + HEAD, 0.08)]
    first, *others = (f"{(x + dx) * PIXELS:.1f},{(y + dy) * PIXELS:.1f}" for dx, dy in ends)
    return f"M{first} C{' '.join(others)}"


def arrows(graph: Graph, chains: list[list[str]], at: dict[str, tuple[float, float]]) -> list[str]:
    lines = [curve([at[node] for node in chain]) for chain in chains]
    lines += [loop(*at[name], width(name) / 2) for name in graph if name in graph[name]]
    style = f'fill="none" stroke="{LINE}" stroke-width="1.3" marker-end="url(#head)"'
    return [f'<path d="{line}" {style}/>' for line in lines]


def box(x: float, y: float, wide: float, high: float, fill: str) -> str:
    """Around a centre."""
    corner = f'x="{(x - wide / 2) * PIXELS:.1f}" y="{(y - high / 2) * PIXELS:.1f}"'
    size = f'width="{wide * PIXELS:.1f}" height="{high * PIXELS:.1f}" rx="{high * 20:.1f}"'
    return f'<rect {corner} {size} fill="{fill}" stroke="{INK}"/>'


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    place = f'x="{x * PIXELS:.1f}" y="{(y + 0.045) * PIXELS:.1f}" text-anchor="{anchor}"'
    return f"<text {place}>{html.escape(words)}</text>"


def draw(rules: Graph, stages: dict[str, str]) -> str:
    """The graph of rules; ``stages`` says which stage a rule belongs to, in their order."""
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
    lines = arrows(graph, chains, at)
    for name, stage in stage_of.items():
        lines.append(box(*at[name], width(name), BOX, fills.get(stage, "white")))
        lines.append(text(*at[name], name.replace("_", " ")))
    wide = max(x + width(node) / 2 for node, (x, _) in at.items())
    high = (len(rows) - 1) * ROW + BOX / 2
    x, y = 0.0, high + ROW / 2
    for stage, fill in fills.items():
        step = CHARACTER * len(stage) + 0.5
        x, y = (0.0, y + BOX) if x + step > wide else (x, y)
        lines += [box(x + 0.1, y, 0.16, 0.16, fill), text(x + 0.25, y, stage, "start")]
        x += step
    view = (-EDGE, -BOX / 2 - EDGE, wide + 0.3 + 2 * EDGE, y + BOX + 2 * EDGE)
    size = f'width="{view[2] * PIXELS:.0f}" height="{view[3] * PIXELS:.0f}"'
    around = " ".join(f"{one * PIXELS:.0f}" for one in view)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="{around}" role="img" '
            f'aria-label="Rules of the workflow" font-family="sans-serif" font-size="13" '
            f'fill="{INK}">',
            '<marker id="head" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="6" '
            f'markerHeight="6" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker>',
            *lines,
            "</svg>",
            "",
        ]
    )
