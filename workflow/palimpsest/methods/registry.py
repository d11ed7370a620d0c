"""The one dict of methods: a method is one file of this folder and one line here.

The graph is derived from what each `needs`:

    base, oracle, teachers    the scores of these models, from which the method decides; `fitted`
                              methods are fitted on validation records, per family of groups
    model                     the model before a request, which the method changes so that it
                              forgets, into a new model. `auxiliaries` are further models that are
                              trained for it, by the method's names for them (contract.py); where
                              they are `sampled`, its settings inherit from `Sampling`. With
                              `unseen` it requires text that was never trained on, the split
                              `extra`. With `teachers` it also gets the teachers of a sharding, as
                              they were before any request, and its settings inherit from `Taught`;
                              with `others` the models of the other methods that the study compares.
                              `phases`: of its training, which share a budget (docs/tuning.md);
                              it `asks` for further columns of the records, such as PAIR

A study may compare a method with itself under other settings: NAME-VARIANT is the method NAME with
other settings, models and numbers. So names are looked up by ``method_of`` alone.

Modules are named, not imported: the graph needs no more, and a step's code digest covers only the
method it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from palimpsest.data.blanks import PAIR
from palimpsest.methods.contract import Auxiliary
from palimpsest.tracks import TRACKS, track_of


@dataclass(frozen=True)
class Method:
    """What the graph must know of a method."""

    module: str
    needs: str
    fitted: bool
    label: str
    tracks: tuple[str, ...]
    auxiliaries: Mapping[str, Auxiliary] = field(default_factory=dict)
    unseen: bool = False
    teachers: bool = False
    others: bool = False
    phases: tuple[str, ...] = ("train",)
    asks: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether it makes a model."""
        return self.needs == "model"

    @property
    def forgets(self) -> str:
        """`deletes`, where its models were trained again without the forgotten; `hides`, where it
        goes on from weights that learnt them; or `nothing`, where it is a model of before."""
        return {"base": "nothing", "model": "hides"}.get(self.needs, "deletes")


ANY = tuple(TRACKS)
DECIDING = tuple(name for name in TRACKS if track_of(name).decides)


def _method(
    name: str,
    needs: str,
    label: str,
    fitted: bool = False,
    tracks: tuple[str, ...] = DECIDING,
    **more,
) -> Method:
    return Method(f"palimpsest.methods.{name}", needs, fitted, label, tracks, **more)


METHODS: dict[str, Method] = {
    "base": _method("base", "base", "base (nothing forgotten)", tracks=ANY),
    "oracle": _method("oracle", "oracle", "oracle (retrained)", tracks=ANY),
    "sisa_vote": _method("sisa_vote", "teachers", "SISA, majority vote"),
    "sisa_mean": _method("sisa_mean", "teachers", "SISA, mean of probabilities"),
    "base_postprocessed": _method(
        "base_postprocessed", "base", "base, post-processed", fitted=True
    ),
    "fairsisa_aggregate_first": _method(
        "fairsisa_aggregate_first", "teachers", "FairSISA, aggregate first", fitted=True
    ),
    "fairsisa_postprocess_first": _method(
        "fairsisa_postprocess_first", "teachers", "FairSISA, post-process first", fitted=True
    ),
    "fairsisa_ensemble": _method(
        "fairsisa_ensemble", "teachers", "FairSISA, ensemble (joint)", fitted=True
    ),
    "gradient_ascent": _method(
        "gradient_ascent", "model", "gradient ascent", tracks=ANY, unseen=True
    ),
    "gradient_difference": _method(
        "gradient_difference", "model", "gradient difference", tracks=ANY
    ),
    "npo": _method("npo", "model", "NPO", tracks=ANY),
    "loo_ensemble": _method(
        "loo_ensemble", "model", "leave-one-out ensemble", tracks=ANY, teachers=True
    ),
    "kga": _method(
        "kga",
        "model",
        "KGA",
        tracks=ANY,
        auxiliaries={
            "forget": Auxiliary("kga-forget", learns="forget", sampled=True),
            "extra": Auxiliary("kga-extra", learns="extra", sampled=True),
        },
        unseen=True,
    ),
    "simnpo": _method("simnpo", "model", "SimNPO", tracks=ANY),
    "mollm": _method("mollm", "model", "MOLLM", tracks=ANY),
    "task_vector": _method("task_vector", "model", "task vector", tracks=ANY, phases=("tune",)),
    "f_learning": _method(
        "f_learning", "model", "F-Learning", tracks=("causal",), phases=("forget", "train")
    ),
    "depn": _method("depn", "model", "DEPN (neurons erased)", tracks=("causal", "masked")),
    "localised": _method("localised", "model", "localised unlearning", tracks=ANY),
    "llmu": _method("llmu", "model", "LLMU", tracks=("causal",)),
    "dpo": _method("dpo", "model", "DPO", tracks=("causal",)),
    "idk_dpo": _method("idk_dpo", "model", "IdkDPO", tracks=("causal",)),
    "undial": _method("undial", "model", "UNDIAL", tracks=ANY),
    "wga": _method("wga", "model", "WGA", tracks=ANY),
    "satimp": _method("satimp", "model", "SatImp", tracks=ANY),
    "rmu": _method("rmu", "model", "RMU", tracks=ANY),
    "bad_teaching": _method("bad_teaching", "model", "bad teaching", tracks=ANY),
    "gru": _method("gru", "model", "GRU", tracks=ANY),
    "harry_potter": _method(
        "harry_potter",
        "model",
        "Who's Harry Potter",
        tracks=("causal",),
        auxiliaries={
            "reinforced": Auxiliary(
                "harry_potter-reinforced",
                learns="forget",
                start="previous",
                settings={"epochs": 3},  # as in the paper
            ),
        },
    ),
    "selective": _method(
        "selective", "model", "selective forgetting", tracks=("causal",), unseen=True
    ),
    "quark": _method("quark", "model", "Quark", tracks=("causal",), phases=("learn",)),
    "fine_tuning": _method("fine_tuning", "model", "plain fine-tuning", tracks=("causal",)),
    "pcgu": _method("pcgu", "model", "PCGU", tracks=("causal", "masked"), asks=PAIR),
    "dpce": _method("dpce", "model", "DPCE", tracks=("masked",), asks=(*PAIR, "term")),
    "auto_debias": _method(
        "auto_debias", "model", "Auto-Debias", tracks=("masked",), asks=(*PAIR, "term")
    ),
    "counterfactual": _method(
        "counterfactual", "model", "counterfactual augmentation", tracks=("masked",), asks=PAIR
    ),
    "sham": _method("sham", "model", "sham (random step)", tracks=ANY, others=True),
}


def name_pattern() -> str:
    """What the name of a method, or of a variant of one, looks like."""
    return rf"(?:{'|'.join(METHODS)})(?:-[a-z0-9_]+)?"


def is_method(name: str) -> bool:
    return re.fullmatch(name_pattern(), name) is not None


def without_variant(name: str) -> str:
    """The name of the method, without that of a variant: 'npo-long' -> 'npo'."""
    return name.partition("-")[0]


def method_of(name: str) -> Method:
    """The method of this name; of a variant its method, with the label of the variant. KeyError for
    another name."""
    method, _, variant = name.partition("-")
    plain = METHODS[method]
    return replace(plain, label=f"{plain.label}, {variant.replace('_', ' ')}") if variant else plain


def forgetting(names: Iterable[str]) -> dict[str, dict]:
    """What certificates say of methods: what each does to the forgotten, and whether it is a
    post-processor, which is fitted on validation records."""
    methods = {name: method_of(name) for name in names}
    return {
        name: {"label": one.label, "forgets": one.forgets, "post_processor": one.fitted}
        for name, one in methods.items()
    }


def facts(names: Iterable[str]) -> dict[str, dict]:
    """What tables and figures need to know of a study's methods (report/shown.py). place: position
    in the study, in the order of the registry, the variants of a method after it."""
    order = {name: place for place, name in enumerate(METHODS)}
    names = sorted(names, key=lambda name: (order[without_variant(name)], name))
    return {
        name: {
            "label": method.label,
            "needs": method.needs,
            "fitted": method.fitted,
            "trains": method.trains,
            "place": place,
        }
        for place, (name, method) in enumerate((name, method_of(name)) for name in names)
    }
