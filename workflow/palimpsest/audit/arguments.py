"""Which study a step is about: from its rule, or from the command line of a user."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.planned import KEYS, add_results, planned
from palimpsest.errors import Problem, UserError
from palimpsest.study.load import (
    OWN,
    load_study,
    read_yaml,
    served_shardings,
    settings_digests,
)
from palimpsest.study.plan import Plan
from palimpsest.study.recipes import tokenizer_of

# beside the package; where that is installed alone, of the folder in which somebody runs
_BESIDE = Path(__file__).resolve().parents[3] / "config"
CONFIG = _BESIDE if (_BESIDE / "config.yaml").is_file() else OWN


def add_config(parser) -> None:
    parser.add_argument(
        "--config",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="what snakemake was given as its --config",
    )


def add_study(parser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--study", metavar="NAME", help="a study of config/ (the demo, if none is named)"
    )
    chosen.add_argument("--configfile", type=Path, metavar="FILE", help="a study's YAML")
    add_config(parser)
    parser.add_argument(
        "--ledger", type=Path, help="where the ledger lies, if not where the study says"
    )
    add_results(parser)


def values(pairs: list[str]) -> dict:
    """KEY=VALUE pairs, parsed by Snakemake's own function: equal arguments must name the same
    study."""
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


def add_key(parser) -> None:
    parser.add_argument(
        "--key",
        type=Path,
        help="SSH key to sign revised certificates with (default: that of the study)",
    )


def whole_study(args) -> dict:
    """The checked study that the user named."""
    if args.configfile:
        given = read_yaml(args.configfile)
    else:
        given = {"study": args.study} if args.study else {}
    return load_study(given | values(args.config), CONFIG)


def plan_of(args) -> tuple[Plan, list[dict]]:
    """(plan, sources) of the study; settings from a rule are those of ``planned``."""
    study = study_of(args)
    return planned(study, args.ledger or study.get("ledger"), args.results)


def key_of(args) -> Path | None:
    """The key that certificates are signed with; None for none."""
    named = args.key or study_of(args).get("key")
    return named and Path(named)


def study_of(args) -> dict:
    """What ``planned`` must know of the study, and of certificates `key`, and `digests` of the
    study's settings; as a rule gave it, or as the user named it."""
    if args.settings:
        return args.settings
    whole = whole_study(args)
    return {key: whole[key] for key in (*KEYS, "same_owner") if key in whole} | {
        "sources": whole["data"].get("sources", []),
        "ledger": whole["ledger"],
        "sharding": served_shardings(whole),
        "tokenizer": tokenizer_of(whole),
        "digests": settings_digests(whole),
        "key": whole["certificates"]["key"],
    }
