"""Which figures have something to show, and what each is drawn from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.attacks.registry import facts as attack_facts
from palimpsest.data.ledger import START
from palimpsest.methods.registry import facts, method_of
from palimpsest.plots.registry import FIGURES
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.attacks import attack_reports
from palimpsest.study.wants.blocks import changed_files, directions, partitions
from palimpsest.study.wants.measure import metrics_described, still_there
from palimpsest.study.wants.methods import (
    attacked,
    choice_files,
    method_folder,
    methods_in,
    served_both_ways,
)
from palimpsest.study.wants.want import Files, Want

CAPTIONS = Path(__file__).resolve().parents[3] / "report"
FALSE_ANSWERS = ("harmful", "people", "pronouns", "stereotypes", "tofu")  # readers that give them
# Readers whose records judge which of several texts a model prefers, and those that do by domain.
JUDGING, BY_DOMAIN = ("pronouns", "stereotypes"), ("stereotypes",)
FORMATS = ("svg", "png", "pdf")  # in the order in which a page names them


def formats(study: Study) -> tuple[str, ...]:
    return tuple(sorted(study.config["figures"]["formats"], key=FORMATS.index))


def figure_names(study: Study) -> list[str]:
    """Figures that have something to show in this study."""
    config = study.config
    latest = study.plan.latest
    compared = study.compares and latest != START
    judged = compared and config["data"]["reader"] in JUDGING
    shown = {
        "tradeoff": bool(config["fairness"]["groups"]),
        "groups": bool(config["fairness"]["groups"]),
        "shards": bool(config["groups"]) and len(config["sharding"]) > 1,
        "cost": compared and bool(study.served),
        "epsilon": bool(epsilon_files(study)),
        "membership": compared and "membership" in study.track.around,
        "frontier": compared,
        "sequence": any(
            name in served_both_ways(study) for name in methods_in(study, latest, START)
        ),
        "truth_ratio": config["data"]["reader"] in FALSE_ANSWERS and bool(truth_files(study)),
        "canaries": compared and study.space > 0,
        "edits": compared and study.has_new_answers,
        "curves": bool(watched_files(study)),
        "recovery": bool(attack_reports(study)),
        "depth": bool(attacked(study, latest, START)),
        "tuning": bool(chosen_files(study)),
        "baselines": judged,
        "bias_utility": judged and bool(partitions(study)),
        "directions": judged and bool(directions(study)),
        "domains": judged and config["data"]["reader"] in BY_DOMAIN,
        "where": compared and bool(changed_files(study)),
        "profile": compared,
    }
    computed = metrics_described(study)
    return [
        name
        for name, figure in FIGURES.items()
        if figure.metric in computed and shown.get(name, True)
    ]


def epsilon_files(study: Study) -> list[str]:
    """Cost over the allowed gap, in the newest state, of each FairSISA rule that is asked for."""
    latest = study.plan.latest
    methods = [
        name
        for name in methods_in(study, latest)
        if method_of(name).fitted and method_of(name).needs == "teachers"
    ]
    return [
        study.path(paths.EPSILON, seed=seed, sharding=sharding, method=method, state=latest)
        for seed in study.plan.seeds
        for sharding in study.config["sharding"]
        for method in methods
    ]


def truth_files(study: Study) -> list[str]:
    """Truth ratios item by item in the newest state; a purge freezes them with the numbers."""
    latest = study.plan.latest
    methods = methods_in(study, latest, START)
    return still_there(
        study,
        {
            study.path(paths.ITEMS, seed=seed, method=method, state=latest): f"{method}/{latest}"
            for seed in study.plan.seeds
            for method in methods
        },
    )


def watched_files(study: Study) -> list[str]:
    """Reports of methods for the newest request. A purge removes them with the models: their figure
    then stays as it was drawn."""
    latest = study.plan.latest
    methods = [
        name
        for name in methods_in(study, latest)
        if method_of(name).trains and not method_of(name).others
    ]
    return [
        study.report(seed, method_folder(name, latest))
        for seed in study.plan.seeds
        for name in methods
    ]


def chosen_files(study: Study) -> list[str]:
    """Choices of settings for the newest request. A purge removes them, and the figure stays."""
    return choice_files(study, study.plan.latest)


@cache
def caption(figure: str) -> str:
    """What stands below a figure: what it shows, and how to read it."""
    return (CAPTIONS / f"{figure}.rst").read_text(encoding="utf-8")


class Figure(Want):
    step = "draw"
    names_modules = True
    named = ("epsilon", "training", "truth")

    def inputs(self, w) -> Files:
        further = FIGURES[w.figure].further
        reports = {"training": watched_files, "attacks": attack_reports, "tuning": chosen_files}
        reports["blocks"] = changed_files
        return {
            "epsilon": epsilon_files(self.study) if further == "epsilon" else [],
            "training": reports[further](self.study) if further in reports else [],
            "truth": truth_files(self.study) if further == "truth" else [],
        }

    def settings(self, w):
        both = {"orders": served_both_ways(self.study)} if w.figure == "sequence" else {}
        allowed = {"eps": self.config["fairness"]["eps"]} if w.figure == "epsilon" else {}
        beside = {"partitions": partitions(self.study)} if w.figure == "bias_utility" else {}
        beside |= {"directions": directions(self.study)} if w.figure == "directions" else {}
        of_attacks = FIGURES[w.figure].further in ("attacks", "attacked")
        attacks = {"attacks": attack_facts(self.config["attacks"])} if of_attacks else {}
        return {
            "figure": f"palimpsest.plots.{w.figure}",
            "further": FIGURES[w.figure].further,
            "least": FIGURES[w.figure].least,
            **self.study.chosen("figures", "width", "dpi"),
            "study": self.study.name,
            "shows": FIGURES[w.figure].shows,
            "caption": caption(w.figure),
            "families": self.config["fairness"]["groups"],
            "states": self.plan.shown,
            "methods": facts(self.config["methods"]),
            **attacks,
            **allowed,
            **both,
            **beside,
        }
