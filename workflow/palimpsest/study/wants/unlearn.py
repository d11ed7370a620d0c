"""Models that methods make, and further models that they need."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE
from palimpsest.methods.registry import method_of
from palimpsest.methods.settings import judges_asked, options_of
from palimpsest.study import paths
from palimpsest.study.wants import methods
from palimpsest.study.wants.judges import judge_argument, judge_files, named
from palimpsest.study.wants.train import (
    fresh_option,
    fresh_start,
    reports_of,
    slice_files,
    train_settings,
)
from palimpsest.study.wants.want import Files, Want, argument


class Unlearn(Want):
    step = "unlearn"
    names_modules = True
    undated = frozenset(
        {"model", "auxiliaries", "teachers", "forget", "retain", "earlier", "extra", "judges"}
    )
    named = ("forget", "retain", "extra")

    def start(self, w) -> str:
        """The model that a method starts from: the one that it made for the previous request, or
        the base."""
        state = methods.started_from(self.study, w.method, w.state)
        folder = "base" if state == START else methods.method_folder(w.method, state)
        return self.study.weights(w.seed, folder)

    def models(self, w) -> dict[str, str]:
        return methods.further_models(self.study, w.method, w.state)

    def further(self, w) -> Files:
        """Models besides the one to change, and the sets that only the teachers among them
        learnt."""
        return {
            "auxiliaries": [self.study.weights(w.seed, one) for one in self.models(w).values()],
            "teachers": methods.teachers_for(self.study, w.method, int(w.seed)),
            "earlier": methods.forgotten_before(self.study, w.method, w.state),
        }

    def judges(self, w) -> list[str]:
        """Names of the judges that reward the method."""
        return judges_asked(w.method, self.study.options)

    def inputs(self, w) -> Files:
        # Retained is what the oracle of the state is trained on.
        left = self.plan.checkpoint(int(w.seed), SINGLE, 1, 1, w.state).slices
        further, model = self.further(w), [self.start(w)]
        digests = methods.forgets(self.study, w.method, w.state, paths.FORGET_DIGEST)
        return {
            "model": model,
            **further,
            "reports": reports_of(self.study, model, further["auxiliaries"], further["teachers"]),
            "forget": methods.forgets(self.study, w.method, w.state),
            "forget_digests": digests,
            "retain": slice_files(self.study, w.seed, left, "parquet"),
            "retain_digests": slice_files(self.study, w.seed, left, "json"),
            "extra": [self.path(paths.EXTRA, state=w.state)],
            "extra_digest": [self.path(paths.EXTRA_DIGEST, state=w.state)],
            **judge_files(self.study, self.judges(w)),
        }

    def settings(self, w):
        method = method_of(w.method)
        return {
            "study": self.study.seed_name,
            "seed": int(w.seed),
            "method": w.method,
            "implementation": method.module,
            "state": w.state,
            "options": options_of(w.method, self.study.options),
            "unseen": method.unseen,
            "auxiliaries": list(self.models(w)),
            "sharding": methods.teachers_sharding(self.study, w.method),
            "salt": self.config["salt"] if method.teachers else "",
            "track": self.study.module("model"),
            "memory": self.study.module("memory"),
            "head": self.study.head,
            "model": self.study.encoding,
            "ngram": self.config["evaluation"]["ngram"],
            **self.study.chosen("training", "threads", "gpus", "precision"),
            **self.rewarding(w),
        }

    def rewarding(self, w) -> dict:
        """The judges, and which of them have a label 1 that is wanted."""
        names = self.judges(w)
        wanted = [name for name in names if self.config["judges"][name]["wanted"]]
        return {"judges": named(names)["judges"] | {"wanted": wanted}} if names else {}

    def arguments(self, w):
        """Folders of the models, sets of the earlier requests, and how often it saves."""
        further = self.further(w)
        folders = {
            "model": [str(Path(self.start(w)).parent)],
            "auxiliaries": [str(Path(path).parent) for path in further["auxiliaries"]],
            "teachers": [str(Path(path).parent) for path in further["teachers"]],
            "earlier": further["earlier"],
        }
        given = [argument(name, folder) for name, folder in folders.items() if folder]
        judges = judge_argument(self.study, self.judges(w))
        return " ".join(filter(None, [*given, judges, self.resuming(w)]))


class Auxiliary(Want):
    """A further model that a method needs: it learns a set, with a sample of the retained data."""

    step = "train"
    names_modules = True
    undated = frozenset({"slices", "previous", "start"})
    named = ("slices",)

    def previous(self, w) -> list[str]:
        """The weights that it starts from, unless it is fresh."""
        _, made, method = methods.auxiliary(self.study, w.auxiliary)
        if made.start == "fresh":
            return []
        before = methods.started_from(self.study, method, w.state)
        is_base = made.start == "base" or before == START
        folder = "base" if is_base else methods.method_folder(method, before)
        return [self.study.weights(w.seed, folder)]

    def inputs(self, w) -> Files:
        previous = self.previous(w)
        start = [] if previous else fresh_start(self.study)
        learnt = (self.study, w.auxiliary, w.state)
        return {
            "digests": methods.auxiliary_sets(*learnt, digests=True),
            "slices": methods.auxiliary_sets(*learnt),
            "previous": previous,
            "start": start,
            "reports": reports_of(self.study, previous, start),
        }

    def settings(self, w):
        _, made, _ = methods.auxiliary(self.study, w.auxiliary)
        settings = train_settings(self.study, w.seed, f"{w.auxiliary}-{w.state}", 1, 1, 1)
        return settings | {"training": settings["training"] | dict(made.settings)}

    def arguments(self, w):
        folders = [str(Path(path).parent) for path in self.previous(w)]
        start = argument("previous", folders) if folders else fresh_option(self.study)
        return f"{start} {self.resuming(w)}"
