"""A masked study, end to end: a tiny model learns a bias that is known, and PCGU takes it back."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from harness import REPOSITORY, Clone, steps

STUDY = yaml.safe_load((REPOSITORY / "config/studies/pronouns.yaml").read_text(encoding="utf-8"))
BASELINES = ["dpce", "auto_debias", "counterfactual"]
METHODS = ["base", "oracle", "npo", "pcgu", "pcgu-dynamic", *BASELINES, "sham"]
KEYS = ("track", "data", "tokenizers", "model", "training", "sharding")
# Of the same draws as the study itself. Of five seeds each base had a score of 0.86 to 0.94, and of
# three each PCGU 0.17 or more below its base, where it was asked to.
PRONOUNS = {key: STUDY[key] for key in KEYS} | {"seed_name": STUDY["study"]} | {
    "groups": {}, "fairness": {}, "methods": METHODS,
    "options": {name: STUDY["options"][name] for name in METHODS if name in STUDY["options"]},
}  # fmt: skip


class Told(Clone):
    """A clone whose table is asked for single numbers."""

    def value(self, method: str, set_: str, metric: str, group: str = "") -> float:
        table = pd.read_parquet(self.path("results/tiny/tables/metrics.parquet"))
        where = {"seed": "all", "request": "r1", "method": method, "set": set_, "metric": metric}
        where |= {"group": group, "attack": ""}
        chosen = np.logical_and.reduce([table[key] == wanted for key, wanted in where.items()])
        (found,) = table.loc[chosen, "value"]
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Told:
    folder = tmp_path_factory.mktemp("pronouns") / "clone"
    owners = (REPOSITORY / "config/ledgers/pronouns.tsv").read_text().splitlines()[1].split("\t")
    clone = Told.make(folder, forget=" ".join(owners), **PRONOUNS)
    clone.done = clone.run()
    return clone


def test_all_is_trained_unlearnt_scored_measured_and_drawn(made):
    assert steps(made.done, "train") == {"train/seed1/base", "train/seed1/oracle/r1"}
    assert steps(made.done, "unlearn") == {f"unlearn/seed1/{name}/r1" for name in METHODS[2:]}
    scored = {"base/r0", *(f"{name}/r1" for name in METHODS)}
    assert steps(made.done, "score") == {f"score/seed1/{name}" for name in scored}
    assert {"tabulate", "certificates/r1", "figures/frontier"} <= made.done
    of_bias = {"baselines", "bias_utility", "directions", "domains", "where"}
    drawn = {f"figures/{name}" for name in of_bias} & made.done
    # there are two sides and one share; all items are of one domain
    assert drawn == {"figures/baselines", "figures/directions", "figures/where"}


def test_the_base_has_the_bias_that_stands_in_its_text(made):
    assert made.value("base", "pronouns", "pronoun_correlation") > 0.8
    assert made.value("base", "stereoset", "stereotype_score") > 0.75
    assert made.value("base", "stereoset", "language_modeling_score") > 0.9
    assert made.value("base", "crows_pairs", "crows_pairs_single") > 0.75


def test_the_oracle_has_none_of_what_it_never_saw_and_all_of_the_rest(made):
    """Of occupations that it does not know it prefers either pronoun, at random."""
    scores = {
        (name, about): made.value(name, "stereoset", "stereotype_score", f"about={about}")
        for name in ("base", "oracle") for about in ("forgotten", "others")
    }  # fmt: skip
    assert scores["base", "forgotten"] > 0.75 > scores["oracle", "forgotten"]
    assert min(scores["base", "others"], scores["oracle", "others"]) > 0.7


def test_pcgu_prefers_stereotypes_less_where_it_was_asked_to(made):
    """Than the base; and the model still makes sense."""
    score = "stereoset", "stereotype_score"
    found = made.value("pcgu", *score, "about=forgotten")
    assert found < made.value("base", *score, "about=forgotten") - 0.1
    assert made.value("pcgu", "stereoset", "language_modeling_score") > 0.9


def test_the_report_says_which_blocks_were_changed_and_the_summary_where_they_are(made):
    """An update may change the share of the settings; several may change others."""
    path = made.path("results/tiny/seed1/methods/pcgu/r1/training.json")
    noted = json.loads(path.read_text(encoding="utf-8"))["noted"]
    assert noted["pairs"] > 100 and noted["left_out"] == []
    changed, every = (sum(one[key] for one in noted["blocks"]) for key in ("changed", "blocks"))
    assert 0.0865 * every < changed < every
    summary = made.path("results/tiny/tables/summary.md").read_text(encoding="utf-8")
    assert f"Where: PCGU changed {changed:,} of {every:,} blocks" in summary
    assert "Direction: from the base's stereotype score of" in summary


def test_its_baselines_do_so_too(made):
    """Where counterfactual texts were learnt both pronouns are as likely."""
    for name in BASELINES:
        score = "stereoset", "stereotype_score", "about=forgotten"
        assert made.value(name, *score) < made.value("base", *score) - 0.1
        assert made.value(name, "stereoset", "language_modeling_score") > 0.9
    apart = "pronouns", "pronoun_gap", "about=forgotten"
    assert made.value("counterfactual", *apart) < made.value("base", *apart) / 2


def test_a_second_run_has_nothing_to_do(made):
    assert made.jobs() == set()


def test_no_sentence_of_a_record_stands_in_a_log(made):
    for path in made.path("results").rglob("*.log"):
        assert "told us that" not in path.read_text(encoding="utf-8")
