"""The one dict of methods: a method is one file of this folder and one line here.

`needs` says which scores a method takes (the graph is derived from it): ``base``, ``oracle`` or ``teachers``. `fitted` methods are
fitted on validation records, per family of groups. Modules are named, not imported: the graph needs no more, and a step's code digest holds
the one method it runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """What the graph must know of a method."""

    module: str
    needs: str
    fitted: bool
    label: str


def _method(name: str, needs: str, label: str, fitted: bool = False) -> Method:
    return Method(f"palimpsest.methods.{name}", needs, fitted, label)


METHODS: dict[str, Method] = {
    "base": _method("base", "base", "base (nothing forgotten)"),
    "oracle": _method("oracle", "oracle", "oracle (retrained)"),
    "sisa_vote": _method("sisa_vote", "teachers", "SISA, majority vote"),
    "sisa_mean": _method("sisa_mean", "teachers", "SISA, mean of probabilities"),
    "base_postprocessed": _method("base_postprocessed", "base", "base, post-processed", fitted=True),
    "fairsisa_aggregate_first": _method("fairsisa_aggregate_first", "teachers", "FairSISA, aggregate first", fitted=True),
    "fairsisa_postprocess_first": _method("fairsisa_postprocess_first", "teachers", "FairSISA, post-process first", fitted=True),
    "fairsisa_ensemble": _method("fairsisa_ensemble", "teachers", "FairSISA, ensemble (joint)", fitted=True),
}
