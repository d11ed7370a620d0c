"""The plan of the study that a step's settings describe."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import read_ledger
from palimpsest.study import paths
from palimpsest.study.plan import Plan
from palimpsest.study.purges import check_secret, purged_upto

KEYS = ("study", "salt", "seeds", "sharding", "requests")


def planned(study: dict, ledger, results: str = paths.RESULTS) -> tuple[Plan, list[dict]]:
    """(plan, sources) of a study; ``study`` holds its ``KEYS``, `sources`, `tokenizer`, and
    `same_owner` where that is decided; ledger: its path, or None; results: the folder below which
    its own lies."""
    requests = read_ledger(ledger, study.get("same_owner"))
    folder = Path(paths.placed(results, paths.STUDY, study=study["study"]))
    check_secret(folder, study["salt"])
    purged = purged_upto(folder, requests, ledger)
    return Plan(study, requests, purged, results), study["sources"]


def add_results(parser) -> None:
    parser.add_argument(
        "--results",
        default=paths.RESULTS,
        metavar="FOLDER",
        help="where the results lie, if a `module` of Snakemake put them elsewhere",
    )
