"""Generated parts of the documentation: blocks between markers of a Markdown file, and the picture
of the rule graph."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json, write_text
from palimpsest.report.shown import tell

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser) -> None:
    parser.add_argument(
        "--page", type=Path, required=True, help="Markdown file whose blocks are written anew"
    )
    parser.add_argument(
        "--keys", action="store_true", help="write the block 'keys': every key of a study"
    )
    parser.add_argument("--metrics", type=Path, help="tidy table: write the block 'demo'")
    parser.add_argument(
        "--kept",
        type=Path,
        help="csv that is kept of a study: write the block 'results', and draw --tradeoff",
    )
    parser.add_argument("--provenance", type=Path, help="json that is kept beside it")
    parser.add_argument(
        "--forgetting",
        type=Path,
        nargs=2,
        metavar=("TABLE", "PROVENANCE"),
        help="what is kept of a causal study: write the block 'forgetting', and draw --depth",
    )
    parser.add_argument("--depth", type=Path)
    parser.add_argument("--tradeoff", type=Path)
    parser.add_argument(
        "--memorization",
        type=Path,
        help="tidy table of a causal study: write the block 'memorization'",
    )
    parser.add_argument(
        "--rulegraph",
        type=Path,
        help="what snakemake --rulegraph dot printed: draw it to --picture",
    )
    parser.add_argument("--picture", type=Path)


def run(args) -> None:
    """settings: `states` (the newest last) and `family` of the demo, `stages` (rule and stage, in
    order), `methods` as they are shown, `width` and `dpi` of figures."""
    blocks = {}
    tell(args.settings.get("methods", {}))
    if args.keys:
        from palimpsest.study.load import schema

        blocks["keys"] = key_tables(schema())
    if args.metrics:
        from palimpsest.data.storage import read_parquet

        metrics = read_parquet(args.metrics)
        blocks["demo"] = results_table(metrics, args.settings["states"], args.settings["family"])
    if args.kept:
        metrics, said = kept(args.kept, args.provenance)
        blocks["results"] = results_table(metrics, said["states"], said["family"])
        draw_tradeoff(metrics, {**args.settings, **said}, args.tradeoff)
    if args.forgetting:
        blocks["forgetting"] = forgetting(*args.forgetting, args.settings, args.depth)
        tell(args.settings["methods"])
    if args.memorization:
        blocks["memorization"] = memorization_table(args.memorization)
    write_text(args.page, filled(args.page.read_text(encoding="utf-8"), blocks, str(args.page)))
    if args.rulegraph:
        from palimpsest.plots.rulegraph import draw, read_dot

        rules = read_dot(args.rulegraph.read_text(encoding="utf-8"))
        write_text(args.picture, draw(rules, dict(args.settings["stages"])))


def filled(page: str, blocks: dict[str, str], where: str) -> str:
    """``page`` with each block between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``; a
    UserError where these are not there."""
    for name, text in blocks.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        if page.count(begin) != 1 or end not in page.split(begin)[-1]:
            raise UserError(
                Problem(
                    f"there is no block {name!r}",
                    where,
                    allowed=f"{begin.strip()} ... {end}, once",
                    remedy="put it back",
                )
            )
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{text.strip()}\n\n{end}{rest.split(end, 1)[1]}"
    return page


def kept(table: Path, provenance: Path) -> tuple[pd.DataFrame, dict]:
    """Rows of the tidy table, and where they are from, as the step `keep` wrote them."""
    from palimpsest.steps.draw import read

    return read(table), read_json(provenance, "states", "family")


def draw_tradeoff(metrics: pd.DataFrame, settings: dict, path: Path) -> None:
    """The figure `tradeoff` of rows that were kept."""
    from palimpsest.plots import style, tradeoff
    from palimpsest.plots.registry import FIGURES
    from palimpsest.steps.draw import drawn

    settings = {**settings, "families": [settings["family"]], "least": FIGURES["tradeoff"].least}
    with style.styled():
        shown = tradeoff.select(metrics, metrics[:0], settings)
        style.save(drawn(tradeoff, shown, settings), path)


def results_table(metrics: pd.DataFrame, states: list[str], family: str) -> str:
    """Results of the newest state on test records: single models, and the ensemble of the most
    shards."""
    from palimpsest.data.shards import parse_sharding
    from palimpsest.report.rows import newest
    from palimpsest.report.shown import is_method, method_of
    from palimpsest.tracks.classification.summary import results

    now = newest(metrics, {"states": states})
    most = max(now["shards"].unique(), key=parse_sharding)
    of_teachers = now["method"].map(
        lambda name: not is_method(name) or method_of(name).needs == "teachers"
    )
    table = results(now[~of_teachers | (now["shards"] == most)], family)
    return markdown(list(table.columns), table.to_numpy().tolist())


# columns that fit on a page
BRIEF = ("forget: probability", "forget: KL to oracle", "membership", "retain: probability")


def memorization_table(metrics: Path) -> str:
    """What methods left of the forgotten records in the newest state: the one with the most
    forgotten records."""
    from palimpsest.data.storage import read_parquet
    from palimpsest.report.rows import newest
    from palimpsest.tracks.causal.summary import memorization

    numbers = read_parquet(metrics)
    forgotten = numbers[(numbers["set"] == "forget") & (numbers["metric"] == "probability")]
    state = forgotten.loc[forgotten["n"].idxmax(), "request"]
    table = memorization(newest(numbers, {"states": [state]}), BRIEF)
    return markdown(list(table.columns), table.to_numpy().tolist())


def forgetting(table: Path, provenance: Path, settings: dict, depth: Path) -> str:
    """What methods left, at once and after the attack that brings most back; the figure `depth`."""
    from palimpsest.plots import depth as figure
    from palimpsest.plots import style
    from palimpsest.plots.registry import FIGURES
    from palimpsest.steps.draw import drawn, read
    from palimpsest.tracks.causal.summary import after_the_worst

    metrics, said = read(table), read_json(provenance, "states", "methods", "attacks")
    tell(said["methods"])
    plain = metrics["attack"] == ""
    settings = {**settings, **said, "least": FIGURES["depth"].least}
    with style.styled():
        shown = figure.select(metrics[plain], metrics[~plain], settings)
        style.save(drawn(figure, shown, settings), depth)
    found = after_the_worst(metrics, settings, BRIEF)
    return markdown(list(found.columns), found.to_numpy().tolist())


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


# --- every key of a study -------------------------------------------------------------------------


def key_tables(schema: dict) -> str:
    """A table of the keys at the top, then one for each section."""
    properties = schema["properties"]
    sections = {name: node for name, node in properties.items() if _children(node, schema)}
    parts = [
        _table(
            {name: node for name, node in properties.items() if name not in sections},
            schema["required"],
            schema,
        )
    ]
    for name, node in sections.items():
        required = [] if name not in schema["required"] else ["**Required.**"]
        keys, needed = {}, set()
        for prefix, inner in _children(node, schema):
            needed |= {prefix + key for key in inner.get("required", ())}
            keys |= {prefix + key: child for key, child in inner["properties"].items()}
        parts += [
            f"### {name}",
            textwrap.fill(" ".join([node["description"], *required]), 100),
            _table(_flat(keys, schema), needed, schema),
        ]
    parts += [
        "### A source",
        (
            "One of `path`, `url`, `hub` (or, for the demo's tokenizer, `lexicon`), and what goes "
            "with it."
        ),
        _table(schema["$defs"]["source"]["properties"], (), schema),
        "### Labelled text",
        "An entry of a judge's `examples`.",
    ]
    labelled = schema["$defs"]["labelled"]
    return "\n\n".join([*parts, _table(labelled["properties"], labelled["required"], schema)])


def _children(node: dict, schema: dict) -> list[tuple[str, dict]]:
    """(prefix, object with properties) of a section; NAME stands for a name of the user's
    choice."""
    if "properties" in node:
        return [("", node)]
    extra = node.get("additionalProperties")
    return [("NAME.", extra)] if isinstance(extra, dict) and "properties" in extra else []


def _flat(keys: dict[str, dict], schema: dict) -> dict[str, dict]:
    """Keys of objects inside a section follow it under their full dotted name."""
    flat = {}
    for name, node in keys.items():
        flat[name] = node
        for prefix, inner in _children(node, schema):
            flat |= {f"{name}.{prefix}{key}": child for key, child in inner["properties"].items()}
    return flat


def _table(keys: dict[str, dict], required, schema: dict) -> str:
    lines = []
    for name, node in keys.items():
        default = "required" if name in required else ""
        if "default" in node:
            default = f"`{json.dumps(node['default'])}`"
        cells = [
            f"`{name}`",
            _values(node, schema),
            default,
            re.sub(r"\s+", " ", node.get("description", "")),
        ]
        lines.append(cells)
    return markdown(["key", "values", "default", "what it is"], lines)


def _values(node: dict, schema: dict) -> str:
    """What a key takes, in words."""
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        return schema["$defs"][name].get("title", name)
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    kinds = [node["type"]] if isinstance(node["type"], str) else node["type"]
    if "array" in kinds:
        return f"list of: {_values(node['items'], schema)}"
    words = {"string": "text", "object": "mapping", "boolean": "`true`, `false`", "null": "`null`"}
    text = " or ".join(words.get(kind, kind) for kind in kinds)
    if isinstance(node.get("additionalProperties"), dict):
        text += (
            f" to {_values(node['additionalProperties'], schema)}"
            if "type" in node["additionalProperties"]
            else ""
        )
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " ".join(
        [text, *(f"{sign} {node[bound]}" for bound, sign in bounds.items() if bound in node)]
    )
