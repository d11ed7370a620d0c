"""How a step is told which study it is about: by its rule, or by the user who calls it by hand."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.planned import KEYS, planned
from palimpsest.errors import Problem, UserError
from palimpsest.study.load import load_study, read_yaml, served_shardings, tokenizer_of
from palimpsest.study.plan import Plan

CONFIG = Path(__file__).resolve().parents[3] / "config"


def add_study(parser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--study", metavar="NAME", help="a study of config/ (the demo, if none is named)"
    )
    chosen.add_argument("--configfile", type=Path, metavar="FILE", help="a study's YAML")
    parser.add_argument(
        "--config",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="what snakemake was given as its --config",
    )
    parser.add_argument(
        "--ledger", type=Path, help="where the ledger lies, if not where the study says"
    )


def values(pairs: list[str]) -> dict:
    """KEY=VALUE pairs as Snakemake reads its own, by its own function: equal words must name the
    same study."""
    if not pairs:
        return {}
    from snakemake.cli import parse_config

    try:
        return parse_config(pairs)
    except ValueError:
        raise UserError(
            Problem(
                "not a key and its value",
                "--config",
                ", ".join(map(repr, pairs)),
                "KEY=VALUE",
                "correct it",
            )
        ) from None


def plan_of(args) -> tuple[Plan, list[dict]]:
    """(plan, sources) of the study; settings from a rule are those of ``planned``."""
    study = args.settings
    if not study:
        given = (
            read_yaml(args.configfile)
            if args.configfile
            else {"study": args.study}
            if args.study
            else {}
        )
        whole = load_study(given | values(args.config), CONFIG)
        study = {key: whole[key] for key in KEYS} | {
            "sources": whole["data"].get("sources", []),
            "ledger": whole["ledger"],
        }
        study |= {"sharding": served_shardings(whole), "tokenizer": tokenizer_of(whole)}
    return planned(study, args.ledger or study.get("ledger"))
