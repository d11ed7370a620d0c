"""Token scores -> numbers: what a causal model still remembers of the forgotten, and how well it
works on everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.canaries import PART
from palimpsest.data.ledger import START, forgotten_owners, read_ledger
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.metrics import divergence, exposure, membership, memorization, truth
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.metrics.inputs import weighted_mean
from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator
from palimpsest.remembered import DISTINCT, LEARNT
from palimpsest.scoring.tokens import (
    ALTERNATIVE,
    ANSWER,
    PARAPHRASE,
    PERTURBED,
    read_token_rows,
    token_scores_of,
)
from palimpsest.tables import TRUTH_COLUMNS, joined, row, table

MEMORY = (
    memorization.perplexity,
    memorization.probability,
    memorization.memorization_accuracy,
    memorization.exact_memorization,
    memorization.extraction_strength,
)
TRUTH = (
    truth.truth_ratio_indifference,
    truth.truth_ratio_preference,
    truth.truth_ratio_probability,
)
WRITTEN = {"rouge_l": "rouge_l_recall", "extraction_likelihood": "extraction_likelihood"}
EXTRACTED = {"beam_extracted": "beam_extraction", "sampling_hit_rate": "sampling_extraction"}
# what the oracle has, held against itself
ITSELF = {"forget_quality": 1.0, "lpd": 0.0} | dict.fromkeys(DIVERGENCES, 0.0)
# attack -> (scores, bytes of each text compressed) -> (n,); a member has low scores
ATTACKS: dict[str, Callable[[TokenScores, np.ndarray], np.ndarray]] = {
    "": lambda scores, sizes: membership.loss_score(scores),
    "_zlib": membership.zlib_score,
    "_min_k": lambda scores, sizes: membership.min_k_score(scores),
    "_min_k_plus_plus": lambda scores, sizes: membership.min_k_plus_plus_score(scores),
}


def add_arguments(parser) -> None:
    parser.add_argument("--heldout", type=Path, nargs="+", required=True)
    parser.add_argument("--trained", type=Path, nargs="+", required=True)
    parser.add_argument("--forget", type=Path, nargs="*", default=[])
    for name in ("oracle", "base"):
        parser.add_argument(
            f"--{name}",
            type=Path,
            nargs="*",
            default=[],
            help=f"scores of the same forget sets by the {name}",
        )
    parser.add_argument(
        "--oracle-heldout",
        type=Path,
        nargs="*",
        default=[],
        help="scores of the held-out set by the oracle",
    )
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument(
        "--truth", type=Path, required=True, help="truth ratio of each item, for its distribution"
    )
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `study`, `seed`, `method`, `state`, `shards`, `model`, `bootstrap`, `level`,
    `space` (how many secrets there are).

    Sets: forget, the training records of everybody who is forgotten in the state; retain, a sample
    of those that stay; valid, holdout and test, and each part of test that the data name. Nobody
    who is forgotten is in any set but forget. Whatever is forgotten, there is an oracle to hold it
    against.

    Raises UserError where models were scored on other texts, and where the numbers cannot be true
    (``check``).
    """
    wanted = args.settings
    index = read_parquet(args.index).set_index("record_id")
    gone = (
        []
        if wanted["state"] == START
        else forgotten_owners(read_ledger(args.ledger), wanted["state"])
    )

    def left(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[~rows["record_id"].map(index["owner"]).isin(gone)]

    heldout = read_token_rows(args.heldout)
    sets = dict(_trained(left(read_token_rows(args.trained)), index)) | dict(
        _heldout(left(heldout), index)
    )
    if args.forget:
        sets["forget"] = read_token_rows(args.forget)
    measure = Measure(wanted)
    found = []
    for name, rows in sets.items():
        if len(rows):
            found += measure.memory(name, rows)
            found += measure.written(name, rows)
            found += measure.truth(name, rows)
            found += measure.planted(name, rows, index)
            found += measure.divergences(name, rows)
    found += measure.utility(sets, index)
    if len(forget := sets.get("forget", ())):  # a request may have no training records
        oracle, oracle_heldout = same(forget, args.oracle), same(heldout, args.oracle_heldout)
        if len(sets["holdout"]):
            outside = dict(_heldout(left(oracle_heldout), index))["holdout"]
            found += measure.membership(
                *(one_of_each(rows, index) for rows in (forget, sets["holdout"], oracle, outside))
            )
        found += measure.against_oracle(forget, oracle)
        if args.base:
            found += measure.distance(divergence.pdlp, forget, same(forget, args.base))
    check(wanted, found)
    write_parquet(truth_ratios(sets, wanted), args.truth)
    write_parquet(table(found), args.output)


def truth_ratios(sets: dict[str, pd.DataFrame], wanted: dict) -> pd.DataFrame:
    """seed, request, method, set, preference: 1 / (1 + R) of each item with false answers, in [0,
    1]."""
    frames = []
    for name, rows in sets.items():
        _, correct, wrong = answers(rows) if len(rows) else ([], np.empty(0), None)
        if len(correct):
            preference = 1 / (1 + truth.truth_ratio(correct, wrong))
            where = {
                "seed": wanted["seed"],
                "request": wanted["state"],
                "method": wanted["method"],
                "set": name,
            }
            frames.append(
                pd.DataFrame({"preference": np.sort(preference)}).assign(**where)[TRUTH_COLUMNS]
            )
    return joined(frames, TRUTH_COLUMNS)


def _trained(rows: pd.DataFrame, index: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """retain, and the controls of what was planted: those that nobody asks to forget."""
    planted = (
        rows["record_id"].map(index["part"]) != ""
        if "part" in index
        else pd.Series(False, index=rows.index)
    )
    yield "retain", rows[~planted]
    yield "controls", rows[planted]


def _heldout(rows: pd.DataFrame, index: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    splits = rows["record_id"].map(index["split"])
    for split in ("valid", "holdout", "test"):
        yield split, rows[splits == split]
    if "part" in index:
        parts = rows["record_id"].map(index["part"])
        yield from ((part, rows[parts == part]) for part in sorted(parts[parts != ""].unique()))


class Measure:
    """Metrics of one model; each set has its own bootstrap samples, the same for all models and
    seeds."""

    def __init__(self, wanted: dict):
        self.wanted = wanted
        self.where = {
            key: wanted[key] for key in ("study", "seed", "method", "shards", "model")
        } | {"request": wanted["state"]}

    def samples(self, name: str, n: int) -> np.ndarray:
        return bootstrap_weights(
            n, self.wanted["bootstrap"], numpy_generator(self.wanted["study"], "bootstrap", name, n)
        )

    def _row(self, name: str, metric: str, n: int, function: Callable) -> dict:
        """function(weights) -> value or replicates."""
        return row(
            self.where,
            name,
            metric,
            function(None),
            n,
            interval(function(self.samples(name, n)), self.wanted["level"]),
        )

    def memory(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        scores = token_scores_of(rows[rows["kind"] == ANSWER])
        for function in MEMORY:
            yield self._row(
                name, function.__name__, len(scores), lambda w, f=function: f(scores, w)
            )

    def written(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """Of the records that the model was asked to write."""
        for column, metric in WRITTEN.items():
            values = rows.loc[rows["kind"] == ANSWER, column].dropna().to_numpy()
            if len(values):
                yield self._row(name, metric, len(values), lambda w, v=values: weighted_mean(v, w))

    def truth(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """Of the items that have false answers."""
        _, correct, wrong = answers(rows)
        if not len(correct):
            return
        ratios = truth.truth_ratio(correct, wrong)
        for function in TRUTH:
            yield self._row(
                name, function.__name__, len(ratios), lambda w, f=function: f(ratios, w)
            )

    def planted(self, name: str, rows: pd.DataFrame, index: pd.DataFrame) -> Iterator[dict]:
        """Of planted secrets, by how often they stood in the text: mean bits of exposure, and the
        shares that can be got out."""
        chosen = rows[
            rows["record_id"].isin(rows.loc[rows["kind"] == ALTERNATIVE, "record_id"])
            & rows["kind"].isin([ANSWER, ALTERNATIVE])
        ]
        if chosen.empty:
            return
        chosen = chosen.assign(
            loss=chosen["logp"].map(lambda values: -float(values.sum())),
            part=chosen["record_id"].map(index["part"]),
        )
        for part, canaries in chosen.groupby("part"):
            found = [
                exposure_of(one, self.wanted["space"]) for _, one in canaries.groupby("record_id")
            ]
            own, group = (
                canaries[canaries["kind"] == ANSWER],
                f"repetitions={int(PART.fullmatch(part)[1])}",
            )
            numbers = {
                {"exact": "exposure", "sample": "exposure_sampled"}[found[0].found]: np.array(
                    [one.bits for one in found]
                )
            }
            for metric, values in (
                numbers | {metric: own[column].to_numpy() for column, metric in EXTRACTED.items()}
            ).items():
                yield self._row(
                    name, metric, len(values), lambda w, v=values: weighted_mean(v, w)
                ) | {"group": group}

    def divergences(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """From what the oracle says of the same texts."""
        for metric in DIVERGENCES:
            values = (
                rows.loc[rows["kind"] == ANSWER, metric].to_numpy()
                if metric in rows
                else np.empty(0)
            )
            if len(values):
                yield self._row(name, metric, len(values), lambda w, v=values: weighted_mean(v, w))

    def utility(self, sets: dict[str, pd.DataFrame], index: pd.DataFrame) -> Iterator[dict]:
        """Of the retained and of each part of test with false answers, the harmonic mean of
        probability, ROUGE-L and truth ratio; and the probability among options, which an item
        without a paraphrase is asked by (TOFU's real authors and world facts). Where the retained
        of a state have no false answers, they have no truth ratio, and the parts are one fewer: `n`
        counts them."""
        tests = set(index.loc[index["split"] == "test", "part"]) if "part" in index else set()
        parts: dict[tuple[str, str], np.ndarray] = {}
        for name in (
            name for name, rows in sets.items() if name in {"retain", *tests} and len(rows)
        ):
            rows = sets[name]
            _, correct, wrong = answers(rows)
            if not len(correct) and name != "retain":
                continue
            own = rows[rows["kind"] == ANSWER]
            known, written = (
                memorization.probability_per_text(token_scores_of(own)),
                own["rouge_l"].dropna().to_numpy(),
            )
            if len(correct) and not (rows["kind"] == PARAPHRASE).any():
                known = truth.probability_with_options_per_item(correct, wrong)
                yield self._row(
                    name,
                    "probability_with_options",
                    len(known),
                    lambda w, v=known: weighted_mean(v, w),
                )
            parts |= {(name, "probability"): known}
            parts |= (
                {(name, "truth ratio"): np.maximum(0, 1 - truth.truth_ratio(correct, wrong))}
                if len(correct)
                else {}
            )
            parts |= {(name, "rouge_l"): written} if len(written) else {}
        if tests & {name for name, _ in parts}:
            drawn = {
                key: weighted_mean(values, self.samples(key[0], len(values)))
                for key, values in parts.items()
            }
            sides = {key: weighted_mean(values, None) for key, values in parts.items()}, drawn
            value, spread = (
                truth.model_utility({" ".join(key): part for key, part in side.items()})
                for side in sides
            )
            yield row(
                self.where,
                "test",
                "model_utility",
                value,
                len(parts),
                interval(spread, self.wanted["level"]),
            )

    def membership(
        self, inside: pd.DataFrame, outside: pd.DataFrame, *oracle: pd.DataFrame
    ) -> Iterator[dict]:
        """Forgotten texts against unseen ones. The reference model is the oracle, which saw
        neither; ``oracle``: its rows of both."""
        inside, outside, *reference = (
            rows[rows["kind"] == ANSWER] for rows in (inside, outside, *oracle)
        )
        members, others = token_scores_of(inside), token_scores_of(outside)
        sizes = [rows["compressed"].to_numpy() for rows in (inside, outside)]
        known = list(map(token_scores_of, reference))
        pairs = {
            attack: (score(members, sizes[0]), score(others, sizes[1]))
            for attack, score in ATTACKS.items()
        }
        pairs["_reference"] = (
            membership.reference_score(members, known[0]),
            membership.reference_score(others, known[1]),
        )
        weights = self.samples("members", len(members)), self.samples("outsiders", len(others))
        for attack, (ours, theirs) in pairs.items():
            for metric, function in (
                ("membership_auroc", membership.membership_auroc),
                ("membership_tpr", tpr_at_one_per_cent),
            ):
                spread = interval(function(ours, theirs, *weights), self.wanted["level"])
                yield row(
                    self.where,
                    "forget",
                    f"{metric}{attack}",
                    function(ours, theirs),
                    len(members),
                    spread,
                )

    def against_oracle(self, ours: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[dict]:
        """Forget quality, and how far likelihoods of the forgotten texts are from the oracle's."""
        ids, correct, wrong = answers(ours)
        oracle_ids, *oracle = answers(theirs)
        if len(ids):
            quality = truth.forget_quality(
                truth.truth_ratio(correct, wrong), truth.truth_ratio(*oracle), ids, oracle_ids
            )
            yield row(self.where, "forget", "forget_quality", quality, len(ids))
        yield from self.distance(divergence.lpd, ours, theirs)

    def distance(
        self, function: Callable, ours: pd.DataFrame, theirs: pd.DataFrame
    ) -> Iterator[dict]:
        """How far perplexities of the forgotten texts are from those under another model."""
        reference, mine = (
            memorization.perplexity_per_text(token_scores_of(rows[rows["kind"] == ANSWER]))
            for rows in (theirs, ours)
        )
        yield self._row(
            "forget", function.__name__, len(mine), lambda w: function(reference, mine, w)
        )


def one_of_each(rows: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Rows without the repetitions of what was planted: a secret that stood there 16 times is one
    member."""
    if "part" not in index:
        return rows
    owners, planted = (
        rows["record_id"].map(index["owner"]),
        rows["record_id"].map(index["part"]) != "",
    )
    first = rows["record_id"] == rows.groupby(owners)["record_id"].transform("min")
    return rows[~planted | first]


def same(rows: pd.DataFrame, paths: list[Path]) -> pd.DataFrame:
    """Another model's rows of the same texts, in the same order; a UserError where theirs are
    others."""
    others = read_token_rows(paths)
    try:
        truth.require_same_items(
            *(
                list(zip(one["record_id"], one["kind"], one["number"], strict=True))
                for one in (rows, others)
            )
        )
    except ValueError as error:
        what, remedy = (
            "models that are compared were scored on other texts",
            "remove these scores and run again",
        )
        raise UserError(
            Problem(what, ", ".join(map(str, paths)), str(error), "the same texts", remedy)
        ) from None
    return others


def check(wanted: dict, found: list[dict]) -> None:
    """A UserError for a study that proves nothing: the oracle must be like itself, and what the
    base is to forget must have been learnt."""
    where, told = (
        f"method {wanted['method']}, state {wanted['state']}",
        {(one["set"], one["metric"]): one for one in found},
    )
    for one in (one for one in found if wanted["method"] == "oracle" and one["metric"] in ITSELF):
        right = ITSELF[one["metric"]]
        if not abs(one["value"] - right) < 1e-6:  # one model read twice may differ in its last bits
            said, remedy = (
                f"{one['metric']} {one['value']:.3g} of set {one['set']}",
                "its scores were changed: remove them and run again",
            )
            raise UserError(
                Problem("the oracle is not like itself", where, said, f"{right:.0f}", remedy)
            )
    quality, known = (told.get(("forget", metric)) for metric in ("forget_quality", "probability"))
    if wanted["method"] != "base" or not quality:
        return
    # A base that knows the texts by heart may pass for the oracle as well. That is no defect but a
    # property of the data: false answers that both rank alike, or too few items: of n against n the
    # test reaches 2 / C(2n, n) at the least. The summary warns of it.
    if (
        quality["value"] > DISTINCT >= 2 / comb(2 * quality["n"], quality["n"])
        and known["value"] < LEARNT
    ):
        said = f"forget quality {quality['value']:.3g}, probability {known['value']:.2f}"
        what = (
            "what was to be forgotten was never learnt: the base cannot be told from the oracle by "
            "its truth ratios"
        )
        raise UserError(
            Problem(
                what,
                where,
                said,
                f"at most {DISTINCT}, or at least {LEARNT}",
                "train longer, or ask for more records",
            )
        )


def exposure_of(rows: pd.DataFrame, space: int) -> exposure.Exposure:
    """rows: the sentence as it was planted, and with other secrets, each with its loss. Exact where
    these are all there are."""
    own, others = (
        rows.loc[rows["kind"] == kind, "loss"].to_numpy() for kind in (ANSWER, ALTERNATIVE)
    )
    if len(others) == space - 1:
        return exposure.exact_exposure(float(own[0]), others)
    return exposure.sampled_exposure(float(own[0]), others, space)


def tpr_at_one_per_cent(inside: np.ndarray, outside: np.ndarray, *weights: np.ndarray):
    return membership.tpr_at_fpr(inside, outside, 0.01, *weights)


def answers(rows: pd.DataFrame) -> tuple[list[str], np.ndarray, list[list[float]]]:
    """(record ids, mean NLL of the true answer (n,), of the false ones, n times as many as there
    are), of items with false answers.

    True is the paraphrase where there is one, as TOFU has it, else the record's own completion.
    """
    rows = rows.assign(nll=memorization.nll_per_text(token_scores_of(rows)) if len(rows) else [])
    false = rows[rows["kind"] == PERTURBED].groupby("record_id")["nll"].apply(list)
    if false.empty:
        return [], np.empty(0), []
    own, other = (
        rows[rows["kind"] == kind].groupby("record_id")["nll"].first()
        for kind in (ANSWER, PARAPHRASE)
    )
    return false.index.tolist(), other.reindex(false.index).fillna(own).to_numpy(), false.tolist()
