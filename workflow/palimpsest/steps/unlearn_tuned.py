"""Unlearn in a study that tunes: under the settings of a trial, or those that were chosen, within
the budget of tokens."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

from palimpsest.data.aside import in_part
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.methods import judging, prepare
from palimpsest.methods.contract import Method, Unchanged
from palimpsest.methods.run import Run
from palimpsest.methods.within import Within
from palimpsest.models.folder import check_model
from palimpsest.steps import unlearn
from palimpsest.training.settings import settings_of


def add_arguments(parser) -> None:
    unlearn.add_arguments(parser)
    parser.add_argument("--choice", type=Path, help="json of the chosen settings")


def run(args) -> None:
    """settings: those of the step unlearn, and `aside` (the `study` and the `share` of records by
    which settings are chosen: nothing is watched on them); for methods that are tuned also
    `budget` and `phases`, the names of those that the method trains, and `trial`, whether this is
    one.

    training.json also holds `auxiliaries`, the tokens that they cost of the budget, and `ruined`:
    why a trial has no model, which then is the one before. Only a trial may be ruined.
    """
    given = args.settings
    method = importlib.import_module(given["implementation"]).METHOD
    chosen = read_json(args.choice)["settings"] if args.choice else {}
    given = args.settings = given | {"options": given["options"] | chosen}
    settings = settings_of(method.Settings, given["options"])
    frames = unlearn.sets_of(args, given)
    auxiliaries = dict(zip(given["auxiliaries"], args.auxiliaries, strict=True))
    teachers = {f"teacher {number}": folder for number, folder in enumerate(args.teachers, 1)}
    names = (given["study"], given["seed"], given["method"], given["state"])
    folders = teachers | judging.named(args)
    others = {name: check_model(folder) for name, folder in folders.items()}
    request = prepare.prepare(args, frames, names, auxiliaries, others)
    request.judges = judging.judges(args, request.device)
    watch_the_rest(request, given["aside"])
    more = {}
    if "budget" in given:
        spent = sum(read_json(folder / "training.json")["tokens"] for folder in args.auxiliaries)
        check_budget(spent, given)
        request = Within.of(request, given["budget"] - spent, tuple(given["phases"]))
        more = {"auxiliaries": spent, "ruined": ""}
    if args.teachers and len(frames["forget"]):
        load = prepare.loader(given, request.tokenizer)
        leaves_out = method.asks_teachers(settings)
        request.teachers = unlearn.teachers_of(args, given, frames, leaves_out, load)
    change = forgiving(method, more) if given.get("trial") else method.change
    _, unchanged = prepare.changing(request, change, settings)
    prepare.finish(request, args, settings, unchanged, **more)


def watch_the_rest(run: Run, aside: dict) -> None:
    """Watch no record by which settings are chosen: curves are reported."""
    sets = {}
    for name, examples in run.sets.items():
        apart = run.records[name]["record_id"].map(lambda one: in_part(one, **aside)).to_numpy()
        if not apart.all():
            sets[name] = run.track.subset(examples, (~apart).nonzero()[0])
    run.watch.draw(sets, run.names)


def check_budget(spent: int, given: dict) -> None:
    """A UserError where auxiliaries leave nothing of the budget."""
    if spent >= given["budget"]:
        where = f"method {given['method']}, state {given['state']}"
        found = f"{spent:,} tokens for {', '.join(given['auxiliaries'])}"
        allowed = f"less than tuning.budget, {given['budget']:,}"
        remedy = "raise the budget, or leave the method out of tuning.ranges"
        what = "its auxiliaries cost more than the method may"
        raise UserError(Problem(what, where, found, allowed, remedy))


def forgiving(method: Method, more: dict):
    """The change of a trial: one that ruins the model is told, and ends no run."""

    def change(run: Run, settings) -> None:
        try:
            method.change(run, settings)
        except UserError as error:
            if not any("not finite" in problem.what for problem in error.problems):
                raise
            more["ruined"] = "; ".join(problem.what for problem in error.problems)
            logging.warning("a trial that is not chosen: %s", more["ruined"])
            run.model = run.load()
            raise Unchanged(more["ruined"]) from error

    return change
