"""Records -> index: owner, split, label and groups of each record, without its text; and how many
records each group has."""

from __future__ import annotations

import logging
from pathlib import Path

from palimpsest.data.groups import (
    MAX_GROUPS,
    check_calibration,
    group_sizes,
    index_of,
    shown_group,
)
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--sizes", type=Path, required=True, help="json of the sizes of groups")


def run(args) -> None:
    """settings: the study's `groups` section, and `fitted`, the families that methods are fitted
    on: their groups need both labels on valid and test."""
    index = index_of(read_parquet(args.records), args.settings["groups"])
    check_calibration(index, args.settings["fitted"], splits=("valid", "test"))
    sizes = group_sizes(index, args.settings["groups"])
    for family, groups in sizes.items():
        for group, counts in list(groups.items())[:MAX_GROUPS]:
            named = shown_group(group, groups, len(index) >= 4 * len(groups))
            logging.info("%s, %s: %s", family, named, counts)
    write_json(args.sizes, sizes)
    write_parquet(index, args.output)
