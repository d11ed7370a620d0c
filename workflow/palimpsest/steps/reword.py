"""Attack on prompts: a set of records -> the same records as the attack asks for them."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

from palimpsest.attacks.contract import Asked
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import write_json
from palimpsest.training.settings import settings_of


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--source", type=Path, nargs="*", default=[])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `implementation` (the attack's module), its `options`, `template` (the study's
    `model.prompt`), and `data`, the study's section, where the attack looks at the sources."""
    given = args.settings
    attack = importlib.import_module(given["implementation"]).ATTACK
    asked = Asked(given["template"], given["data"], args.source)
    records, settings = read_parquet(args.records), settings_of(attack.Settings, given["options"])
    reworded = attack.reword(records, settings, asked).reset_index(drop=True)
    logging.info("%d of %d records are asked in other words", len(reworded), len(records))
    write_parquet(reworded, args.output)
    write_json(args.digest, {"digest": records_digest(reworded), "records": len(reworded)})
