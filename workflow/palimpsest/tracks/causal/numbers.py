"""Numbers of one causal model: what it has memorized, of each set of texts, with bootstrap
intervals over texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.canaries import PART
from palimpsest.data.shards import SINGLE
from palimpsest.files import read_json
from palimpsest.metrics import divergence, editing, exposure, membership, memorization, truth
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.classification import can_tell
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.metrics.fluency import written_perplexity
from palimpsest.metrics.inputs import weighted_mean
from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator
from palimpsest.report.tables import row
from palimpsest.tracks.causal.stored import (
    ALTERNATIVE,
    ANSWER,
    EDITED,
    JUDGED,
    JUDGED_MOST,
    PARAPHRASE,
    PERTURBED,
    REWORDED,
    UNRELATED,
    token_scores_of,
)
from palimpsest.tracks.measured import whose

# Functions of token scores; each has the name of its metric. A further one is listed here.
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
# column of scores -> metric
WRITTEN = {
    "rouge_l": "rouge_l_recall",
    "rouge_l_f1": "rouge_l_f1",
    "rouge_1": "rouge_1_recall",
    "rouge_1_f1": "rouge_1_f1",
    "rouge_l_paraphrase": "rouge_l_recall_paraphrase",
    "extraction_likelihood": "extraction_likelihood",
    "distinct_1": "distinct_1",
    "distinct_2": "distinct_2",
    "repetition": "repetition",
    "ngram_entropy": "ngram_entropy",
    "written_nll": "written_perplexity",
    # of texts with spans; scores of other studies lack the columns
    "sensitive_memorization_accuracy": "sensitive_memorization_accuracy",
    "sensitive_extraction_likelihood": "sensitive_extraction_likelihood",
    "sensitive_probability": "sensitive_probability",
    "rest_memorization_accuracy": "rest_memorization_accuracy",
    "rest_probability": "rest_probability",
    # of texts whose spans are names
    "familiarity_completion": "familiarity_completion",
    "familiarity_probability": "familiarity_probability",
}
EXTRACTED = {"beam_extracted": "beam_extraction", "sampling_hit_rate": "sampling_extraction"}
# metric -> texts that it is of
EDITS = {editing.reliability: EDITED, editing.generality: REWORDED, editing.locality: UNRELATED}
# attack -> (scores, bytes of each text compressed) -> (n,); a member has low scores
ATTACKS: dict[str, Callable[[TokenScores, np.ndarray], np.ndarray]] = {
    "": lambda scores, sizes: membership.loss_score(scores),
    "_zlib": membership.zlib_score,
    "_min_k": lambda scores, sizes: membership.min_k_score(scores),
    "_min_k_plus_plus": lambda scores, sizes: membership.min_k_plus_plus_score(scores),
}


MUSE_SHARE = 0.4  # of a text's tokens whose likelihood PrivLeak looks at


class Numbers:
    """Metrics of one model; each set has its own bootstrap samples, the same for all models and
    seeds."""

    def __init__(self, settings: dict):
        self.settings = settings
        self.form = settings["truth"]
        self.where = whose(settings, SINGLE)

    def samples(self, name: str, n: int) -> np.ndarray:
        return bootstrap_weights(
            n,
            self.settings["bootstrap"],
            numpy_generator(self.settings["study"], "bootstrap", name, n),
        )

    def _row(self, name: str, metric: str, n: int, function: Callable) -> dict:
        """function(weights) -> value or replicates."""
        return row(
            self.where,
            name,
            metric,
            function(None),
            n,
            interval(function(self.samples(name, n)), self.settings["level"]),
        )

    def memory(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        scores = token_scores_of(rows[rows["kind"] == ANSWER])
        for function in MEMORY:
            yield self._row(
                name, function.__name__, len(scores), lambda w, f=function: f(scores, w)
            )

    def written(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """Numbers of the records that the model was asked to write, and of those with spans."""
        for column, metric in WRITTEN.items():
            if column not in rows:
                continue
            values = rows.loc[rows["kind"] == ANSWER, column].dropna().to_numpy()
            mean = written_perplexity if column == "written_nll" else weighted_mean
            if len(values):
                yield self._row(name, metric, len(values), lambda w, v=values, f=mean: f(v, w))

    def judged(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """What judges say of the texts that the model wrote: the mean probability of label 1, and
        the share of texts that have it; the same of the worst of several samples."""
        answers = rows[rows["kind"] == ANSWER]
        for before, mean, share in (
            (JUDGED, "judged", "judged_share"), (JUDGED_MOST, "judged_most", "judged_any"),
        ):  # fmt: skip
            for column in (one for one in answers if one.startswith(before)):
                values = answers[column].dropna().to_numpy()
                numbers = {mean: values, share: (values >= 0.5).astype(float)}
                for metric, each in numbers.items() if len(values) else ():
                    group = f"judge={column.removeprefix(before)}"
                    yield self._row(
                        name, metric, len(each), lambda w, v=each: weighted_mean(v, w)
                    ) | {"group": group}

    def judges(self, reports: dict[str, Path]) -> Iterator[dict]:
        """How good judges are, of texts that they have not learnt."""
        for name, path in reports.items():
            found = read_json(path, "held_out")["held_out"]
            n, positive = found["texts"], found["positive"]
            found |= {"majority": max(positive, n - positive) / n}
            for metric in ("accuracy", "auroc", "majority"):
                yield row(
                    self.where, "judge", f"judge_{metric}", found[metric], found["texts"],
                    group=f"judge={name}",
                )  # fmt: skip

    def in_other_words(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """The probability of the answers in other words."""
        others = rows[rows["kind"] == PARAPHRASE]
        if len(others):
            scores = token_scores_of(others)
            yield self._row(
                name,
                "paraphrase_probability",
                len(scores),
                lambda w: memorization.probability(scores, w),
            )

    def edits(self, name: str, rows: pd.DataFrame, before: pd.DataFrame) -> Iterator[dict]:
        """Numbers of the records with new answers, of all and of each source; ``before``: the same
        rows of the base."""
        if "said" not in rows:
            return
        rows = rows.assign(before=before["said"].to_numpy())
        sources = list(rows.groupby("source"))
        several = [(f"source={source}", part) for source, part in sources if len(sources) > 1]
        for group, part in [("", rows), *several]:
            for function, kind in EDITS.items():
                asked = part[part["kind"] == kind]
                if asked.empty:
                    continue
                given = [asked["said"].tolist(), asked["before"].tolist()]
                given = given if kind == UNRELATED else [token_scores_of(asked)]
                yield self._row(
                    name,
                    function.__name__,
                    len(asked),
                    lambda w, f=function, g=given: f(*g, w),
                ) | {"group": group}

    def truth(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """Numbers of the items that have false answers."""
        _, correct, wrong = answers(rows)
        if not len(correct):
            return
        ratios = truth.truth_ratio(correct, wrong, self.form)
        for function in TRUTH:
            yield self._row(
                name, function.__name__, len(ratios), lambda w, f=function: f(ratios, w)
            )

    def planted(self, name: str, rows: pd.DataFrame, index: pd.DataFrame) -> Iterator[dict]:
        """Numbers of planted secrets, by how often they stood in the text: mean bits of exposure,
        and the shares that can be extracted."""
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
            exposures = [
                exposure_of(one, self.settings["space"]) for _, one in canaries.groupby("record_id")
            ]
            metric = {"exact": "exposure", "sample": "exposure_sampled"}[exposures[0].estimate]
            numbers = {metric: np.array([one.bits for one in exposures])}
            planted = canaries[canaries["kind"] == ANSWER]
            numbers |= {metric: planted[column].to_numpy() for column, metric in EXTRACTED.items()}
            group = f"repetitions={int(PART.fullmatch(part)[1])}"
            for metric, values in numbers.items():
                yield self._row(
                    name, metric, len(values), lambda w, v=values: weighted_mean(v, w)
                ) | {"group": group}

    def divergences(self, name: str, rows: pd.DataFrame) -> Iterator[dict]:
        """Divergences from the oracle's predictions for the same texts."""
        for metric in DIVERGENCES:
            values = (
                rows.loc[rows["kind"] == ANSWER, metric].to_numpy()
                if metric in rows
                else np.empty(0)
            )
            if len(values):
                yield self._row(name, metric, len(values), lambda w, v=values: weighted_mean(v, w))

    def utility(self, sets: dict[str, pd.DataFrame], index: pd.DataFrame) -> Iterator[dict]:
        """Model utility: the harmonic mean, over the retained records and each part of test with
        false answers, of probability, ROUGE-L and truth ratio. For items without a paraphrase
        (TOFU's real authors and world facts) the probability is that among the options, which has
        rows, too. Retained records without false answers have no truth ratio, which leaves a part
        less: `n` counts the parts."""
        tests = set(index.loc[index["split"] == "test", "part"]) if "part" in index else set()
        parts: dict[tuple[str, str], np.ndarray] = {}
        for name in (
            name for name, rows in sets.items() if name in {"retain", *tests} and len(rows)
        ):
            rows = sets[name]
            _, correct, wrong = answers(rows)
            if not len(correct) and name != "retain":
                continue
            answer = rows[rows["kind"] == ANSWER]
            probability = memorization.probability_per_text(token_scores_of(answer))
            written = answer["rouge_l"].dropna().to_numpy()
            if len(correct) and not (rows["kind"] == PARAPHRASE).any():
                whole = memorization.total_nll_per_text
                options = answers(rows, whole)[1:] if self.form == "paper" else (correct, wrong)
                probability = truth.probability_with_options_per_item(*options)
                yield self._row(
                    name,
                    "probability_with_options",
                    len(probability),
                    lambda w, v=probability: weighted_mean(v, w),
                )
            parts |= {(name, "probability"): probability}
            parts |= (
                {
                    (name, "truth ratio"): np.maximum(
                        0, 1 - truth.truth_ratio(correct, wrong, self.form)
                    )
                }
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
                interval(spread, self.settings["level"]),
            )

    def membership(
        self, inside: pd.DataFrame, outside: pd.DataFrame, *oracle: pd.DataFrame
    ) -> Iterator[dict]:
        """Forgotten texts against unseen ones; NaN where there are too few to tell. The reference
        model is the oracle, which saw neither; ``oracle``: its rows of both."""
        inside, outside, *reference = (
            rows[rows["kind"] == ANSWER] for rows in (inside, outside, *oracle)
        )
        members, others = token_scores_of(inside), token_scores_of(outside)
        sizes = [rows["compressed"].to_numpy() for rows in (inside, outside)]
        references = list(map(token_scores_of, reference))
        pairs = {
            attack: (score(members, sizes[0]), score(others, sizes[1]))
            for attack, score in ATTACKS.items()
        }
        pairs["_reference"] = (
            membership.reference_score(members, references[0]),
            membership.reference_score(others, references[1]),
        )
        weights = self.samples("members", len(members)), self.samples("outsiders", len(others))
        defined = can_tell(len(members), len(others))
        for attack, (ours, theirs) in pairs.items():
            for metric, function in (
                ("membership_auroc", membership.membership_auroc),
                ("membership_tpr", tpr_at_one_per_cent),
            ):
                value = function(ours, theirs) if defined else np.nan
                spread = function(ours, theirs, *weights) if defined else [np.nan]
                yield row(
                    self.where,
                    "forget",
                    f"{metric}{attack}",
                    value,
                    len(members),
                    interval(spread, self.settings["level"]),
                )
        lowest = [
            [membership.min_k_score(one, MUSE_SHARE) for one in (inside, outside)]
            for inside, outside in ((members, others), references)
        ]
        for function in (membership.privleak, membership.relative_auroc):
            value, spread = (
                function(*(membership.membership_auroc(*one, *drawn) for one in lowest))
                if defined
                else np.nan
                for drawn in ((), weights)
            )
            yield row(
                self.where,
                "forget",
                function.__name__,
                value,
                len(members),
                interval(np.atleast_1d(spread), self.settings["level"]),
            )

    def against_oracle(self, ours: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[dict]:
        """Forget quality, and how far likelihoods of the forgotten texts are from the oracle's."""
        ids, correct, wrong = answers(ours)
        oracle_ids, *oracle = answers(theirs)
        if len(ids):
            quality = truth.forget_quality(
                truth.truth_ratio(correct, wrong, self.form),
                truth.truth_ratio(*oracle, self.form),
                ids,
                oracle_ids,
            )
            yield row(self.where, "forget", "forget_quality", quality, len(ids))
            statistic = truth.truth_ratio_ks(
                truth.truth_ratio(correct, wrong, self.form),
                truth.truth_ratio(*oracle, self.form),
                ids,
                oracle_ids,
            )
            yield row(self.where, "forget", "truth_ratio_ks", statistic, len(ids))
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


def exposure_of(rows: pd.DataFrame, space: int) -> exposure.Exposure:
    """rows: the sentence as it was planted, and with other secrets, each with its loss. Exact where
    these are all possible ones."""
    planted, others = (
        rows.loc[rows["kind"] == kind, "loss"].to_numpy() for kind in (ANSWER, ALTERNATIVE)
    )
    if len(others) == space - 1:
        return exposure.exact_exposure(float(planted[0]), others)
    return exposure.sampled_exposure(float(planted[0]), others, space)


def tpr_at_one_per_cent(inside: np.ndarray, outside: np.ndarray, *weights: np.ndarray):
    return membership.tpr_at_fpr(inside, outside, 0.01, *weights)


def answers(
    rows: pd.DataFrame, nll: Callable[[TokenScores], np.ndarray] = memorization.nll_per_text
) -> tuple[list[str], np.ndarray, list[list[float]]]:
    """(record ids, NLL of the true answer (n,), n lists of those of the false ones), of items with
    false answers; ``nll`` gives that of each text.

    True is the paraphrase where there is one, as in TOFU, else the record's completion.
    """
    rows = rows.assign(nll=nll(token_scores_of(rows)) if len(rows) else [])
    false = rows[rows["kind"] == PERTURBED].groupby("record_id")["nll"].apply(list)
    if false.empty:
        return [], np.empty(0), []
    answer, paraphrase = (
        rows[rows["kind"] == kind].groupby("record_id")["nll"].first()
        for kind in (ANSWER, PARAPHRASE)
    )
    return (
        false.index.tolist(),
        paraphrase.reindex(false.index).fillna(answer).to_numpy(),
        false.tolist(),
    )
