"""Studies that tune: what trials are trained and chosen by."""

from __future__ import annotations

from palimpsest.methods.registry import method_of
from palimpsest.methods.settings import judges_asked
from palimpsest.methods.trials import at_edges, is_trial, on_part, tried
from palimpsest.study import paths
from palimpsest.study.wants import methods
from palimpsest.study.wants.methods import tuning_seed
from palimpsest.study.wants.unlearn import Unlearn
from palimpsest.study.wants.want import Files, Want, argument


class Aside(Want):
    step = "aside"

    def settings(self, w):
        return methods.part_of(self.study)


class UnlearnTuned(Unlearn):
    """Any method of a study that tunes: a trial, the run under the chosen settings, or a method
    without ranges."""

    step = "unlearn_tuned"

    def start(self, w) -> str:
        """Of a trial that of its method: what was chosen for the request before."""
        return super().start(Named(tried(w.method), w))

    def choice(self, w) -> list[str]:
        if is_trial(w.method) or w.method not in self.study.tuning["ranges"]:
            return []
        names = {"seed": tuning_seed(self.study), "method": w.method, "state": w.state}
        return [self.path(paths.CHOICE, **names)]

    def judges(self, w) -> list[str]:
        """Those of its trials, too: whose settings are chosen is not known yet."""
        names = [w.method, *methods.trials_of(self.study, w.method)]
        asked = [one for name in names for one in judges_asked(name, self.study.options)]
        return list(dict.fromkeys(asked))

    def inputs(self, w) -> Files:
        return super().inputs(w) | {"choice": self.choice(w)}

    def settings(self, w):
        settings = super().settings(w) | {"aside": methods.part_of(self.study)}
        if tried(w.method) not in self.study.tuning["ranges"]:
            return settings
        phases = list(method_of(w.method).phases)
        budget = {"budget": self.study.tuning["budget"], "phases": phases}
        return settings | budget | {"trial": is_trial(w.method)}

    def arguments(self, w):
        return f"{super().arguments(w)} {argument('choice', self.choice(w))}".rstrip()


class Named:
    """The wildcards of a job, with another method."""

    def __init__(self, method: str, w):
        self.method, self.seed, self.state = method, w.seed, w.state


class Choose(Want):
    step = "choose"
    named = ("numbers", "training")

    def trials(self, w) -> list[str]:
        return methods.trials_of(self.study, w.method)

    def inputs(self, w) -> Files:
        where = {"seed": w.seed, "state": w.state}
        beside = methods.chosen_beside(self.study)
        names = [*map(on_part, beside), *self.trials(w)]
        made = [methods.method_folder(trial, w.state) for trial in self.trials(w)]
        return {
            "numbers": [self.path(paths.METRICS, method=name, **where) for name in names],
            "training": [self.study.report(w.seed, one) for one in made],
        }

    def settings(self, w):
        ranges = self.study.tuning["ranges"][w.method]
        settings = {
            trial: {name: self.study.options[trial][name] for name in ranges}
            for trial in self.trials(w)
        }
        return {
            "method": w.method,
            "state": w.state,
            "trials": settings,
            "edges": {trial: at_edges(one, ranges) for trial, one in settings.items()},
            **{key: self.study.tuning[key] for key in ("budget", "rule")},
        }
