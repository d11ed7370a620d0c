"""Pages that show what the workflow knows: blocks between markers of a Markdown file, and the
picture of the rule graph."""

from __future__ import annotations

import json
import re
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import write_text
from palimpsest.methods.shown import tell


def add_arguments(parser) -> None:
    parser.add_argument(
        "--page", type=Path, required=True, help="Markdown file whose blocks are written anew"
    )
    parser.add_argument(
        "--keys", action="store_true", help="write the block 'keys': every key of a study"
    )
    parser.add_argument("--metrics", type=Path, help="tidy table: write the block 'results'")
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
    """settings: `states` (the newest last), `family` of the results that are shown, `stages` (rule
    and stage, in order), and `methods` as they are shown."""
    blocks = {}
    tell(args.settings.get("methods", {}))
    if args.keys:
        from palimpsest.study.load import schema

        blocks["keys"] = key_tables(schema())
    if args.metrics:
        blocks["results"] = results_table(
            args.metrics, args.settings["states"], args.settings["family"]
        )
    if args.memorization:
        blocks["memorization"] = memorization_table(args.memorization)
    write_text(args.page, filled(args.page.read_text(encoding="utf-8"), blocks, str(args.page)))
    if args.rulegraph:
        from palimpsest.plots.rulegraph import draw
        from palimpsest.plots.style import save, styled

        with styled():
            save(
                draw(args.rulegraph.read_text(encoding="utf-8"), dict(args.settings["stages"])),
                args.picture,
            )


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


def results_table(metrics: Path, states: list[str], family: str) -> str:
    """What the newest state says about test records: single models, and the ensemble of the most
    shards."""
    from palimpsest.data.shards import parse_sharding
    from palimpsest.data.storage import read_parquet
    from palimpsest.methods.shown import is_method, method_of
    from palimpsest.selections import newest
    from palimpsest.tracks.classification.summary import results

    now = newest(read_parquet(metrics), {"states": states})
    most = max(now["shards"].unique(), key=parse_sharding)
    of_teachers = now["method"].map(
        lambda name: not is_method(name) or method_of(name).needs == "teachers"
    )
    table = results(now[~of_teachers | (now["shards"] == most)], family)
    return markdown(list(table.columns), table.to_numpy().tolist())


# what a page has room for
BRIEF = ("forget: probability", "forget: KL to oracle", "membership", "retain: probability")


def memorization_table(metrics: Path) -> str:
    """What methods left of the forgotten in the newest state: that of the most forgotten
    records."""
    from palimpsest.data.storage import read_parquet
    from palimpsest.selections import newest
    from palimpsest.tracks.causal.summary import memorization

    told = read_parquet(metrics)
    forgotten = told[(told["set"] == "forget") & (told["metric"] == "probability")]
    state = forgotten.loc[forgotten["n"].idxmax(), "request"]
    table = memorization(newest(told, {"states": [state]}), BRIEF)
    return markdown(list(table.columns), table.to_numpy().tolist())


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
            " ".join([node["description"], *required]),
            _table(_flat(keys, schema), needed),
        ]
    parts += [
        "### A source",
        (
            "One of `path`, `url`, `hub` (or, for the demo's tokenizer, `lexicon`), and what goes "
            "with it."
        ),
    ]
    return "\n\n".join([*parts, _table(schema["$defs"]["source"]["properties"], ())])


def _children(node: dict, schema: dict) -> list[tuple[str, dict]]:
    """(prefix, object with properties) of a section; NAME stands for a name of the user's
    choice."""
    if "properties" in node:
        return [("", node)]
    extra = node.get("additionalProperties")
    return [("NAME.", extra)] if isinstance(extra, dict) and "properties" in extra else []


def _flat(keys: dict[str, dict], schema: dict) -> dict[str, dict]:
    """Keys of objects inside a section stand below it by their full name."""
    flat = {}
    for name, node in keys.items():
        flat[name] = node
        for prefix, inner in _children(node, schema):
            flat |= {f"{name}.{prefix}{key}": child for key, child in inner["properties"].items()}
    return flat


def _table(keys: dict[str, dict], required) -> str:
    lines = []
    for name, node in keys.items():
        default = (
            f"`{json.dumps(node['default'])}`"
            if "default" in node
            else "required"
            if name in required
            else ""
        )
        cells = [
            f"`{name}`",
            _values(node),
            default,
            re.sub(r"\s+", " ", node.get("description", "")),
        ]
        lines.append(cells)
    return markdown(["key", "values", "default", "what it is"], lines)


def _values(node: dict) -> str:
    """What a key takes, in words."""
    if "$ref" in node:
        return node["$ref"].rsplit("/", 1)[1]
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    kinds = [node["type"]] if isinstance(node["type"], str) else node["type"]
    if "array" in kinds:
        return f"list of: {_values(node['items'])}"
    words = {"string": "text", "object": "mapping", "boolean": "`true`, `false`", "null": "`null`"}
    text = " or ".join(words.get(kind, kind) for kind in kinds)
    if isinstance(node.get("additionalProperties"), dict):
        text += (
            f" to {_values(node['additionalProperties'])}"
            if "type" in node["additionalProperties"]
            else ""
        )
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " ".join(
        [text, *(f"{sign} {node[bound]}" for bound, sign in bounds.items() if bound in node)]
    )
