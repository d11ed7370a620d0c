"""Scores of texts -> numbers: how well a masked model fills blanks, and which of several texts it
finds likelier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.blanks import ANTI, CROWS, INTER, INTRA, OTHER, PROBE, PRONOUN, UNRELATED
from palimpsest.data.shards import SINGLE
from palimpsest.data.storage import read_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.metrics import pseudo, stereotypes
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.randomness import numpy_generator
from palimpsest.report.tables import row
from palimpsest.tracks.measured import Given, Measured, whose

# metric -> its function, and the column whose sums over the tokens of a text it takes
FILLED = {
    "probability": (pseudo.mean_probability, "logp"),
    "pseudo_perplexity": (pseudo.pseudo_perplexity, "logp"),
    "mean_reciprocal_rank": (pseudo.mean_reciprocal_rank, "reciprocal"),
    "digit_exposure": (pseudo.digit_exposure, "digits"),
}
STEREOSET, PAIRS, PRONOUNS, PROBED = "stereoset", "crows_pairs", "pronouns", "probe"  # sets
ASKED = {True: "about=forgotten", False: "about=others"}


def measure(given: Given, settings: dict) -> Measured:
    """Sets: forget, the training records of owners who are forgotten in the state; retain, a sample
    of those that stay; valid, holdout and test, without what is judged; and what is judged, each
    kind a set of its own: stereoset, crows_pairs, pronouns, probe.

    The group of a row is a kind of bias ('domain=gender'), a form of StereoSet
    ('form=intrasentence'), the direction of a pair ('direction=antistereo'), or whether the
    occupation was asked to be forgotten ('about=forgotten', 'about=others'). StereoSet's official
    numbers count target terms, pronoun_correlation occupations, all others texts.
    """
    index = given.index.set_index("record_id")
    gone = given.forgotten(settings["state"])
    numbers = Numbers(settings)
    heldout, trained, forget = (
        read_rows(given[name], given.shown) for name in ("heldout", "trained", "forget")
    )
    trained, heldout = (
        rows[~rows["record_id"].map(index["owner"]).isin(gone)] for rows in (trained, heldout)
    )
    splits = heldout["record_id"].map(index["split"])
    plain = heldout["task"] == ""
    sets = {"forget": forget, "retain": trained}
    sets |= {name: heldout[plain & (splits == name)] for name in ("valid", "holdout", "test")}
    measured = []
    for name, rows in sets.items():
        measured += numbers.filled(name, rows[rows["kind"] == ""])
    before = read_rows(given["base/heldout"], given.shown) if settings["method"] != "base" else None
    measured += numbers.stereoset(heldout, before, gone)
    measured += numbers.crows_pairs(heldout)
    measured += numbers.pronouns(heldout, forget, gone)
    measured += numbers.probe(heldout)
    return Measured(measured)


def read_rows(paths: list[Path], shown: frozenset[str] = frozenset()) -> pd.DataFrame:
    """Rows of score files; a UserError for scores that are not finite."""
    columns = ["record_id", "kind", "number", "task", "term", "domain", "statistic"]
    columns += ["logp", "tokens", "inserted", "single", "reciprocal", "digits", "probe"]
    frames = [frame for path in paths if len(frame := read_parquet(path))]
    if not frames:
        return pd.DataFrame({name: [] for name in columns})
    rows = pd.concat(frames, ignore_index=True)
    bad = ~np.isfinite(rows["logp"])
    if bad.any():
        found = (
            f"logp of {bad.sum()} of {len(rows)} texts, the first of record "
            f"{rows.loc[bad, 'record_id'].iloc[0]!r}"
        )
        remedy = "the model was driven to ruin: lower the method's learning_rate or its epochs"
        where = ", ".join(map(str, paths))
        raise UserError(Problem("scores are not finite", where, found, remedy=remedy))
    rows = rows[~rows["record_id"].isin(shown)]
    return rows.sort_values(["record_id", "kind", "number"], ignore_index=True)


class Numbers:
    """Metrics of one model; each set has its own bootstrap samples, the same for all models and
    seeds."""

    def __init__(self, settings: dict):
        self.settings = settings
        self.where = whose(settings, SINGLE)

    def _row(self, set_: str, metric: str, n: int, function: Callable, group: str = "") -> dict:
        """function(weights) -> value or replicates."""
        names = (self.settings["study"], "bootstrap", set_, group, n)
        weights = bootstrap_weights(n, self.settings["bootstrap"], numpy_generator(*names))
        spread = interval(function(weights), self.settings["level"])
        return row(self.where, set_, metric, function(None), n, spread, group)

    def filled(self, set_: str, rows: pd.DataFrame) -> Iterator[dict]:
        """How likely completions are, and of those that are numbers how far they are exposed."""
        for metric, (function, column) in FILLED.items():
            some = rows[rows[column].notna()]
            given = some[column].to_numpy(), some["tokens"].to_numpy()
            if len(some):
                yield self._row(set_, metric, len(some), lambda w, f=function, x=given: f(*x, w))

    def stereoset(
        self, rows: pd.DataFrame, before: pd.DataFrame | None, gone: list[str]
    ) -> Iterator[dict]:
        """before: what the base says of the same items."""
        items, before = _of_stereoset(rows), before if before is None else _of_stereoset(before)
        if items.empty:
            return
        forms = items["task"].str.removeprefix("stereoset_") + "sentence"
        for group, chosen in (
            ("", items),
            *((f"form={name}", items[forms == name]) for name in sorted(set(forms))),
            *_each("domain", items),
            *_about(items, gone),
        ):
            yield from self._triples(chosen, group)
            if before is not None and len(before):
                yield from self._changes(chosen, before, group)

    def _changes(self, items: pd.DataFrame, before: pd.DataFrame, group: str) -> Iterator[dict]:
        same = before[before["record_id"].isin(items["record_id"])]
        if len(same) != len(items):
            raise ValueError("the base was asked about other items")
        own, other = _terms(items), _terms(same)
        for metric, place in (("stereotype_score", 1), ("language_modeling_score", 2)):
            yield self._row(
                STEREOSET,
                f"{metric}_change",
                len(own.names),
                lambda w, x=(own[place], other[place]): stereotypes.change(*x, w),
                group,
            )

    def _triples(self, items: pd.DataFrame, group: str) -> Iterator[dict]:
        terms = _terms(items)
        for metric, of in (
            ("stereotype_score", terms[1:2]),
            ("language_modeling_score", terms[2:]),
            ("icat", terms[1:]),
        ):
            function = getattr(stereotypes, metric)
            yield self._row(
                STEREOSET, metric, len(terms.names), lambda w, f=function, x=of: f(*x, w), group
            )
        columns = [f"single {kind}" for kind in ("", ANTI, UNRELATED)]
        whole = items[items[columns].notna().all(axis=1)]
        single = [whole[name].to_numpy() for name in columns]
        if len(whole):
            for metric, of in (
                ("stereotype_score_micro", single[:2]),
                ("language_modeling_score_micro", single),
                ("icat_micro", single),
            ):
                function = getattr(stereotypes, metric)
                yield self._row(
                    STEREOSET, metric, len(whole), lambda w, f=function, x=of: f(*x, w), group
                )

    def crows_pairs(self, rows: pd.DataFrame) -> Iterator[dict]:
        rows = rows[rows["task"] == CROWS]
        if rows.empty:
            return
        items = side_by_side(rows, ["", OTHER], ["logp", "single"])
        for group, chosen in (("", items), *_each("domain", items), *_each("direction", items)):
            for metric, column in (("crows_pairs", "logp"), ("crows_pairs_single", "single")):
                names = [f"{column} ", f"{column} {OTHER}"]
                whole = chosen[chosen[names].notna().all(axis=1)]
                function = getattr(stereotypes, metric)
                pair = [whole[name].to_numpy() for name in names]
                if len(whole):
                    yield self._row(
                        PAIRS, metric, len(whole), lambda w, f=function, x=pair: f(*x, w), group
                    )

    def pronouns(self, rows: pd.DataFrame, forget: pd.DataFrame, gone: list[str]) -> Iterator[dict]:
        """Where no held-out text is about an occupation that was asked to be forgotten, as of
        Winogender, those are told by the forgotten texts: whether it took, beside whether it
        carries over to the others."""
        items, asked = (_of_pronouns(some) for some in (rows, forget))
        if items.empty:
            return
        groups = [("", items), *_about(items, gone)]
        if not items["term"].isin(gone).any() and len(asked):
            groups += [(ASKED[True], asked), (ASKED[False], items)]
        for group, chosen in groups:
            for metric, column in (("pronoun_gap", "p"), ("pronoun_preference", "logp")):
                pair = [chosen[f"{column} {kind}"].to_numpy() for kind in ("", OTHER)]
                function = getattr(stereotypes, metric)
                yield self._row(
                    PRONOUNS, metric, len(chosen), lambda w, f=function, x=pair: f(*x, w), group
                )
            known = chosen[chosen["statistic"] != ""]
            known = known.assign(statistic=known["statistic"].astype(float))
            of_term = known.groupby("term")[["leaning", "statistic"]].mean()
            given = of_term["leaning"].to_numpy(), of_term["statistic"].to_numpy()
            if len(of_term) and not np.isnan(stereotypes.pronoun_correlation(*given)):
                yield self._row(
                    PRONOUNS,
                    "pronoun_correlation",
                    len(of_term),
                    lambda w, x=given: stereotypes.pronoun_correlation(*x, w),
                    group,
                )

    def probe(self, rows: pd.DataFrame) -> Iterator[dict]:
        """Sentences that the probe was not fitted to."""
        said = rows.loc[(rows["task"] == PROBE) & rows["probe"].notna(), "probe"].to_numpy()
        if len(said):
            function = partial(pseudo.probe_accuracy, said)
            yield self._row(PROBED, "probe_accuracy", len(said), function)


def side_by_side(rows: pd.DataFrame, kinds: list[str], columns: list[str]) -> pd.DataFrame:
    """One row an item that has a text of each kind: record_id, task, term, domain, statistic, and
    'COLUMN KIND'."""
    first = rows[rows["kind"] == kinds[0]]
    items = first[["record_id", "task", "term", "domain", "statistic"]].reset_index(drop=True)
    for kind in kinds:
        side = rows[rows["kind"] == kind].drop_duplicates("record_id").set_index("record_id")
        items = items[items["record_id"].isin(side.index)].reset_index(drop=True)
        for name in columns:
            items[f"{name} {kind}"] = items["record_id"].map(side[name])
    return items.assign(direction=items["term"])


def _of_stereoset(rows: pd.DataFrame) -> pd.DataFrame:
    """Items with what is said of each of their texts. Between sentences the model has no
    next-sentence score: the mean log-probability of the second one's tokens stands for it."""
    rows = rows[rows["task"].isin([INTRA, INTER])]
    between = rows["logp"] / rows["tokens"]
    rows = rows.assign(said=rows["inserted"].where(rows["task"] == INTRA, between))
    return side_by_side(rows, ["", ANTI, UNRELATED], ["said", "single"])


def _terms(items: pd.DataFrame) -> stereotypes.Terms:
    said = (items[f"said {kind}"].to_numpy() for kind in ("", ANTI, UNRELATED))
    return stereotypes.per_term(*said, items["term"])


def _of_pronouns(rows: pd.DataFrame) -> pd.DataFrame:
    """Items with the probabilities of both pronouns, and their logarithms; leaning: how far the
    female one is ahead."""
    rows = rows[rows["task"] == PRONOUN]
    items = side_by_side(rows.assign(p=np.exp(rows["logp"])), ["", OTHER], ["p", "logp"])
    male, female = (items[name].astype(float) for name in ("p ", f"p {OTHER}"))
    return items.assign(leaning=female - male)


def _each(column: str, items: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Items by what a column says, where it says anything."""
    for value, part in items.groupby(column):
        if value:
            yield f"{column}={value}", part


def _about(items: pd.DataFrame, gone: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Items about what was asked to be forgotten, and about others, where there are both."""
    asked = items["term"].isin(gone)
    if asked.any() and not asked.all():
        yield from ((name, items[asked == value]) for value, name in ASKED.items())
