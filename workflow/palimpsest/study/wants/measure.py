"""Decisions, scores and reports -> numbers -> the one tidy table."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.attacks.registry import AFTER, attack_of, split
from palimpsest.attacks.registry import facts as attack_facts
from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.methods.registry import facts, is_method
from palimpsest.methods.trials import is_reserved, is_trial, off_part
from palimpsest.metrics import COST, DATA, TUNING, described
from palimpsest.models.start import start_name
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.blocks import changed_files, directions, partitions
from palimpsest.study.wants.decide import OfState
from palimpsest.study.wants.judges import judge_files
from palimpsest.study.wants.methods import (
    attack_folder,
    auxiliaries_of,
    auxiliary_folder,
    before,
    choice_files,
    compared_across,
    frozen,
    method_folder,
    methods_in,
    numbers_in,
    part_of,
    started_from,
    tuning_numbers_in,
    tuning_seed,
)
from palimpsest.study.wants.scores import (
    FORGET,
    HELDOUT,
    briefly,
    ensemble_scores,
    scored_as,
    state_scores,
)
from palimpsest.study.wants.want import Files, Want, argument


@cache
def metrics_described(study: Study) -> dict:
    """What the study's metrics are, for pages that explain them."""
    return described([*COST, *study.track.metrics])


def still_there(study: Study, files: dict[str, str]) -> list[str]:
    """files: path -> the name of its numbers. Paths of files that are made, and of files frozen by
    a purge that exist."""
    gone = frozen(study)
    return [path for path, name in files.items() if name not in gone or Path(path).is_file()]


def metric_files(study: Study) -> list[str]:
    """Every file of numbers that the table is made of."""
    first = tuning_seed(study)
    files = {
        f"{study.path(paths.SEED, seed=seed)}/metrics/{name}.parquet": name
        for seed in study.plan.seeds
        for state in study.plan.shown
        for of in (numbers_in, *([tuning_numbers_in] if seed == first else []))
        for name in of(study, state, START)
    }
    return [*still_there(study, files), *across_files(study)]


def across_files(study: Study) -> list[str]:
    """Files of numbers of all seeds together; of purged states those that exist."""
    across = study.track.across
    files = {
        study.path(paths.ACROSS, across=across, state=state): compared_across(study, state)
        for state in study.plan.shown
        if compared_across(study, state, START)
    }
    return [path for path, made in files.items() if made or Path(path).is_file()]


class Numbers(OfState):
    """A job whose numbers have common labels."""

    def labels(self, w) -> dict:
        labels = {"seed": int(w.seed), "state": w.state}
        return {"study": self.study.name, "model": self.study.model_name, **labels}


class Measured(Numbers):
    """Numbers that a module of the track computes from files, which are given by what they hold."""

    step = "measure"
    names_modules = True

    def given(self, w) -> Files:
        """What files hold -> the files, the oldest state first."""
        raise NotImplementedError

    def inputs(self, w) -> Files:
        return {"given": [path for files in self.given(w).values() for path in files]}

    def of_module(self, w, part: str) -> dict:
        intervals = self.study.chosen("evaluation", "bootstrap", "level")
        return {**self.labels(w), **intervals, "measurer": self.study.module(part)}

    def arguments(self, w):
        given = (argument("given", [name, *files]) for name, files in self.given(w).items())
        return " ".join(filter(None, [*given, super().arguments(w)]))


def aside(study: Study, part: str, **how) -> dict:
    """Settings by which a module of the track measures the records that count, in a study that
    tunes."""
    if not study.tuning:
        return {}
    which = {"aside": {**part_of(study), **how}, "measures": study.module(part)}
    return {"measurer": "palimpsest.tracks.aside", **which}


class Measure(Measured):
    """Numbers of a method in a state."""

    def given(self, w) -> Files:
        """As the track names them, [MODEL/]FILE; what is not there is left out. Under an attack on
        prompts the models that it is compared with were asked the same."""
        files, attack = {}, split(w.method)[1]
        asked = f"{AFTER}{attack}" if attack and attack_of(attack).on == "prompts" else ""
        for name in self.study.track.measured:
            other, _, file = name.rpartition("/")
            if not other or other in methods_in(self.study, w.state):
                model = f"{other}{asked}" if other else off_part(w.method)
                files[name] = self.of_file(w, model, file)
        if briefly(self.study, w.method):
            files = {name: paths for name, paths in files.items() if not name.endswith(HELDOUT)}
        if w.method == "base":  # how good judges are stands in the table once
            files["judges"] = judge_files(self.study, self.study.judges)["judge_reports"]
        return {name: paths for name, paths in files.items() if paths}

    def of_file(self, w, model: str, file: str) -> list[str]:
        decided = {"decisions": paths.DECISIONS, "rules": paths.RULES}
        if file in decided:
            return [self.path(decided[file], seed=w.seed, method=model, state=w.state)]
        return state_scores(self.study, w.seed, model, w.state, file)

    def settings(self, w):
        of_study = {
            "space": self.study.space,
            "truth": self.config["evaluation"]["truth"],
            "families": sorted(self.config["groups"]),
            "classes": self.config["data"]["classes"],
            **self.study.chosen("fairness", "cost_fp", "cost_fn"),
        }
        further = {name: of_study[name] for name in self.study.track.measuring}
        method, attack = split(w.method)
        attacked = {"attack": attack} if attack else {}
        attacked |= {"answers_alone": True} if briefly(self.study, w.method) else {}
        if self.study.judges and w.method == "base":
            further["judges"] = list(self.study.judges)
        module = {**self.of_module(w, "measure"), **self.aside(w)}
        return {**module, "method": method, **attacked, **further}

    def aside(self, w) -> dict:
        """Which records count, in a study that tunes."""
        chooses = is_reserved(w.method)
        called = {"called": off_part(w.method), "base": is_trial(w.method)} if chooses else {}
        return aside(self.study, "measure", chooses=chooses, **called)

    def attack(self, w) -> list[str]:
        """The report of the attack, where the model is measured after one on its weights."""
        model, attack = split(w.method)
        if not attack or attack_of(attack).on == "prompts":
            return []
        return [self.study.report(w.seed, attack_folder(attack, model, w.state))]

    def inputs(self, w) -> Files:
        return super().inputs(w) | {"attack": self.attack(w)}

    def arguments(self, w):
        return f"{super().arguments(w)} {argument('attack', self.attack(w))}".rstrip()


class MeasureAround(Measured):
    """Numbers before and after a request: of the models of a sharding, or of the model that a
    method started from and the one that it made."""

    def given(self, w) -> Files:
        sets = {"forget": f"forget-{w.state}", "heldout": "heldout"}
        return {
            f"{when}/{name}": self.scores(w, state, set_)
            for when, state in self.states(w).items()
            for name, set_ in sets.items()
        }

    def states(self, w) -> dict[str, str]:
        if is_method(w.who):
            return {"before": started_from(self.study, w.who, w.state), "after": w.state}
        return {"before": before(self.study, w.state), "after": w.state}

    def scores(self, w, state: str, set_: str) -> list[str]:
        if is_method(w.who):
            model = "base" if state == START else w.who
            return state_scores(self.study, w.seed, model, state, set_)
        return ensemble_scores(self.study, w.seed, w.who, state, set_)

    def method(self, w) -> dict[str, str]:
        """Names of the models before and after the request."""
        if is_method(w.who):
            return {"before": w.who, "after": w.who}
        single = w.who == SINGLE
        return {
            when: scored_as(SINGLE, state) if single else "sisa_mean"
            for when, state in self.states(w).items()
        }

    def settings(self, w):
        return {**self.of_module(w, w.around), "method": self.method(w)}


class MeasureAcross(Measured):
    """Numbers of all methods that the models of all seeds have together."""

    def given(self, w) -> Files:
        return {
            f"{method}/seed{seed}": state_scores(self.study, seed, method, w.state, FORGET)
            for method in ("oracle", *compared_across(self.study, w.state))
            for seed in self.plan.seeds
        }

    def labels(self, w) -> dict:
        labels = {"state": w.state, "seeds": self.plan.seeds}
        return {"study": self.study.name, "model": self.study.model_name, **labels}

    def settings(self, w):
        methods = compared_across(self.study, w.state)
        records = aside(self.study, w.across, chooses=False)
        return {**self.of_module(w, w.across), **records, "methods": methods}


class Cost(Numbers):
    """Cost of what was trained again for a request."""

    step = "cost"
    named = ("trained",)

    def inputs(self, w) -> Files:
        names = self.plan.trained_for(int(w.seed), w.sharding, w.state)
        return {"trained": [self.study.report(w.seed, name) for name in names]}

    def settings(self, w):
        epochs = self.config["training"]["epochs"]
        return {**self.labels(w), "sharding": w.sharding, "epochs": epochs}

    marks, arguments = Want.marks, Want.arguments  # it reads no ledger


class CostOfMethod(Cost):
    """Cost of what a method trained for a request: its model, and its auxiliaries."""

    def inputs(self, w) -> Files:
        nodes = [asked.node for asked in auxiliaries_of(self.study, w.method).values()]
        further = [auxiliary_folder(node, w.state) for node in nodes]
        folders = [method_folder(w.method, w.state), *further]
        return {"trained": [self.study.report(w.seed, folder) for folder in folders]}

    def settings(self, w):
        return {**self.labels(w), "method": w.method}


class Tabulate(Want):
    step = "tabulate"
    names_modules = True
    named = ("metrics", "evidence", "data")
    undated = frozenset({"data"})  # other records have other numbers

    def inputs(self, w) -> Files:
        newest = self.plan.shown[-1]
        evidence = [self.path(paths.REQUEST, request=newest)] if newest != START else []
        data = [self.path(paths.RECORDS_REPORT)]
        return {"metrics": metric_files(self.study), "evidence": evidence, "data": data}

    def arguments(self, w):
        """What was chosen, and which blocks of weights were changed: numbers of these models, which
        are inputs, follow from it. A purge that removes it is no reason to write the summary
        anew."""
        chosen = argument("choices", choice_files(self.study, self.plan.shown[-1]))
        return f"{chosen} {argument('blocks', changed_files(self.study))}".strip()

    def settings(self, w):
        return {
            "families": self.config["fairness"]["groups"],
            "states": self.plan.shown,
            "level": self.config["evaluation"]["level"],
            "metrics": described([*COST, *DATA, *self.study.track.metrics, *self.of_trials()]),
            "study": self.study.name,
            "model": self.study.model_name,
            "salt": self.config["salt"],
            "seeds": self.config["seeds"],
            "shardings": [one for one in self.study.served if parse_sharding(one)[0] > 1],
            "methods": facts(self.config["methods"]),
            "attacks": attack_facts(self.config["attacks"]),
            "summary": self.study.module("summary"),
            **(
                {}
                if self.config["training"]["epochs"]
                else {"start": start_name(self.config["model"])}
            ),
            **self.variants(),
        }

    def variants(self) -> dict[str, dict]:
        """Variants that are set side by side, where there are some."""
        found = {"partitions": partitions(self.study), "directions": directions(self.study)}
        return {name: some for name, some in found.items() if some}

    def of_trials(self) -> tuple[str, ...]:
        return TUNING if self.study.tuning else ()
