"""The numbers of a study that tunes: those that it reports, and those by which it chooses.

Records by which settings are chosen are told by a hash (data/aside.py): here, in front of the
track's own measuring, they are left out of what is reported, or all others of what is chosen by.
"""

from __future__ import annotations

import importlib
from dataclasses import replace

from palimpsest.data.aside import in_part
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.report.tables import OF_CHOICE
from palimpsest.tracks.measured import Given, Measured

TO_BASE = {"kl": "kl_to_base"}
BESIDE = (*DIVERGENCES, "written_perplexity")  # numbers that another model beside it gives


def measure(given: Given, settings: dict) -> Measured:
    """settings: also `measures`, the module that measures, and `aside`: the `study` and the `share`
    of its records by which it chooses, and whether `chooses` by these numbers. Then also `called`,
    the name of the model in tables, and whether it was scored beside the `base`, not the oracle.

    What settings are chosen by has sets of its own, such as `tuning_forget`. Beside the base the
    divergence is `kl_to_base`; other numbers that the model beside it gives are left out.
    """
    measurer = importlib.import_module(settings["measures"])
    aside = settings["aside"]
    names = given.index["record_id"]
    part = names.map(lambda name: in_part(name, aside["study"], aside["share"]))
    left_out = frozenset(names[part != aside["chooses"]])
    measured = measurer.measure(replace(given, shown=given.shown | left_out), settings)
    if not aside["chooses"]:
        return measured
    rows = []
    for row in measured.rows:
        metric = row["metric"]
        if metric in BESIDE:
            if not (aside["base"] and metric in TO_BASE):
                continue
            metric = TO_BASE[metric]
        changes = {"metric": metric, "method": aside["called"], "set": OF_CHOICE + row["set"]}
        rows.append(row | changes)
    return Measured(rows)
