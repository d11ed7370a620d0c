"""Who is in which set of what a causal model is asked, what intervals depend on, and that one token
that is no number ends a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from stepping import call
from test_measure_causal import SETTINGS, scored

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import UserError
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.tracks.causal.numbers import Numbers
from palimpsest.tracks.causal.stored import read_token_rows

AUROC = "membership_auroc"
UNSEEN = ("gh", "kh", "lh")
# r1 asks for f, r2 for g. Each owner has unseen text, too.
RECORDS = pd.DataFrame(
    [
        ("f1", "f", "train", ""), ("g1", "g", "train", ""), ("k1", "k", "train", ""),
        ("fh", "f", "holdout", ""), ("gh", "g", "holdout", ""), ("kh", "k", "holdout", ""),
        ("fv", "f", "valid", ""), ("kv", "k", "valid", ""),
        ("ft", "f", "test", "facts"), ("kt", "k", "test", "facts"), ("lt", "l", "test", "names"),
        ("c1", "c", "train", "canary-002"), ("d1", "d", "train", "canary-016"),
        ("d2", "d", "train", "canary-016"), ("f2", "f", "train", ""),
        ("lh", "l", "holdout", ""), ("lv", "l", "valid", "drafts"),
    ],
    columns=["record_id", "owner", "split", "part"],
)  # fmt: skip
# Mean loss of a token, by record; two tokens each, of which the second costs as much again.
LOSSES = dict(zip(RECORDS["record_id"], np.arange(1, 18) / 10, strict=True))
TOLD = dict.fromkeys(DIVERGENCES, 0.1) | {"rouge_l": 0.5, "extraction_likelihood": 0.25}


@pytest.fixture(autouse=True)
def enough(few_are_enough):
    pass


def rows_of(ids: list[str], less: float = 0.0) -> pd.DataFrame:
    """Each text, and one false answer; of secrets two that could stand in their place."""
    rows = []
    for name in ids:
        loss = LOSSES[name] - less
        secret = name[0] in "cd"
        found = {"beam_extracted": float(secret), "sampling_hit_rate": 0.5 if secret else np.nan}
        rows.append(scored(name, "", 0, -loss / 2, -1.5 * loss, **TOLD, **found))
        rows.append(scored(name, "perturbed", 1, -2.0, -2.0))
        rows += [scored(name, "alternative", n, -n / 2, -n / 2) for n in (1, 2) if secret]
    return pd.DataFrame(rows)


def measured(folder, **changes) -> pd.DataFrame:
    heldout = RECORDS.loc[RECORDS["split"].isin(["valid", "holdout", "test"]), "record_id"]
    trained = ["f1", "g1", "k1", "c1", "d1", "d2"]
    sets = {"heldout": list(heldout), "trained": trained, "forget": ["f1", "f2"]}
    for name, ids in sets.items():
        write_parquet(rows_of(ids), folder / name)
    for model in ("oracle", "base"):
        write_parquet(rows_of(["f1", "f2"], 0.05), folder / model)
    write_parquet(rows_of(list(heldout), 0.05), folder / "oracle-heldout")
    write_parquet(RECORDS, folder / "index")
    (folder / "ledger").write_text("request\towners\nr1\tf\nr2\tg\n")
    files = [f"--{name}={folder / name}" for name in ("index", "ledger")]
    compared = {"oracle": "oracle/forget", "base": "base/forget"}
    compared["oracle-heldout"] = "oracle/heldout"
    for file in (*sets, *compared):
        files += ["--given", compared.get(file, file), folder / file]
    files += ["--items", folder / "truth", "--output", folder / "out"]
    call("measure", *files, **SETTINGS | {"space": 3} | changes)
    return read_parquet(folder / "out")


def test_who_is_forgotten_by_then_is_in_no_set_but_forget(tmp_path):
    """Of the newest state that is measured, not of the ledger: g's text is retained, and unseen."""
    rows = measured(tmp_path)
    told = rows[(rows["metric"] == "perplexity") & (rows["set"] != "drafts")].set_index("set")
    members = {
        "forget": ["f1", "f2"], "retain": ["g1", "k1"], "holdout": ["gh", "kh", "lh"],
        "valid": ["kv", "lv"], "test": ["kt", "lt"], "facts": ["kt"], "names": ["lt"],
        "controls": ["c1", "d1", "d2"],
    }  # fmt: skip
    assert told["n"].to_dict() == {name: len(ids) for name, ids in members.items()}
    assert told["value"].to_dict() == pytest.approx(
        {name: np.exp(np.mean([LOSSES[one] for one in ids])) for name, ids in members.items()}
    )
    (membership,) = rows[rows["metric"] == AUROC][["value", "n"]].to_numpy().tolist()
    assert membership == [4 / 6, 2], "f1 is below all three, f2 below the last"


def test_secrets_are_counted_by_how_often_they_stood_there(tmp_path):
    """c: loss 2.4 of 1 and 2: third of three, no bit. d: 2.6 and 2.8, the same."""
    rows = measured(tmp_path)
    found = rows[rows["group"] != ""].set_index(["metric", "group"])[["value", "n"]]
    for group, count in (("repetitions=2", 1), ("repetitions=16", 2)):
        assert found.loc[("exposure", group)].tolist() == [0, count]
        assert found.loc[("beam_extraction", group)].tolist() == [1, count]
        assert found.loc[("sampling_extraction", group)].tolist() == [0.5, count]


def test_what_is_written_stands_under_its_own_name(tmp_path):
    rows = measured(tmp_path).set_index(["set", "metric"])["value"]
    assert rows["holdout", "rouge_l_recall"] == 0.5
    assert rows["holdout", "extraction_likelihood"] == 0.25


def test_truth_ratios_are_told_with_seed_state_and_method(tmp_path):
    """The true answer costs its mean loss, a false one 2: R = exp(loss - 2), and 1 / (1 + R)."""
    measured(tmp_path, seed=7, method="kga")
    told = read_parquet(tmp_path / "truth")
    assert set(map(tuple, told[["seed", "request", "method"]].to_numpy())) == {(7, "r1", "kga")}
    found = told[told["set"] == "holdout"]["preference"].tolist()
    assert found == pytest.approx(sorted(1 / (1 + np.exp(LOSSES[one] - 2)) for one in UNSEEN))


def test_of_model_utility_parts_of_test_are_parts_and_no_others(tmp_path):
    """Retained, facts and names, each by probability, ROUGE-L and truth ratio; drafts are valid."""
    rows = measured(tmp_path).set_index(["set", "metric"])
    assert rows.loc[("test", "model_utility"), "n"] == 9


def test_intervals_follow_level_and_set_and_neither_method_nor_seed():
    """So that what differs between methods and seeds is not which texts were drawn."""
    texts = pd.DataFrame([scored(f"t{n}", "", 0, -n / 7, -n / 5) for n in range(1, 10)])

    def ends(name: str = "retain", **changes) -> list[float]:
        (found,) = (
            one
            for one in Numbers(SETTINGS | {"bootstrap": 50} | changes).memory(name, texts)
            if one["metric"] == "perplexity"
        )
        return [found["ci_low"], found["value"], found["ci_high"]]

    low, value, high = ends()
    assert ends(method="kga", seed=5, state="r2", model="llama") == [low, value, high]
    assert ends("holdout")[0] != low and ends(study="t")[0] != low
    narrow = ends(level=0.3)
    assert low < narrow[0] < value < narrow[2] < high


def test_the_level_is_that_of_every_interval(tmp_path):
    wide, narrow = (measured(tmp_path, bootstrap=300, level=level) for level in (0.95, 0.3))
    for metric in ("perplexity", "model_utility"):  # membership: below
        some = (wide["metric"] == metric) & (wide["ci_high"] > wide["ci_low"])
        lengths = [(one["ci_high"] - one["ci_low"])[some] for one in (wide, narrow)]
        assert some.any() and (lengths[0] > lengths[1]).all(), metric


def test_sets_of_model_utility_are_drawn_apart():
    """Retained texts of probability 1 and 1/3. Of facts R is 1/3 and 1/9: among the options they
    have 3/4 and 9/10, and 1 - R. What is of one set is drawn together."""
    retain = [scored(f"k{n}", "", 0, (1 - n) * np.log(3), rouge_l=np.nan) for n in (1, 2)]
    facts = [scored(f"t{n}", "", 0, 0.0, rouge_l=np.nan) for n in (1, 2)]
    facts += [scored(f"t{n}", "perturbed", 1, -n * np.log(3)) for n in (1, 2)]
    sets = {"retain": pd.DataFrame(retain), "facts": pd.DataFrame(facts)}
    index = pd.DataFrame({"split": ["train", "test"], "part": ["", "facts"]})
    numbers = Numbers(SETTINGS | {"bootstrap": 400, "level": 0.6})
    (found,) = (one for one in numbers.utility(sets, index) if one["metric"] == "model_utility")
    parts = {"retain": [[1, 1 / 3]], "facts": [[3 / 4, 9 / 10], [2 / 3, 8 / 9]]}
    means = [
        numbers.samples(name, 2) @ values / 2
        for name, several in parts.items()
        for values in several
    ]
    expected = np.quantile(3 / sum(1 / mean for mean in means), [0.2, 0.8])
    assert [found["ci_low"], found["ci_high"]] == pytest.approx(expected, rel=1e-6)


def test_members_and_outsiders_are_drawn_apart():
    """Both have the same three losses. Were they drawn together, every sample would have 1/2."""

    def rows(names: str) -> pd.DataFrame:
        texts = zip(names, (1.0, 2.0, 3.0), strict=True)
        return pd.DataFrame([scored(name, "", 0, -loss, -loss) for name, loss in texts])

    sides = rows("abc"), rows("xyz")
    wide, narrow = (
        next(
            one
            for one in Numbers(SETTINGS | {"level": level}).membership(*sides, *sides)
            if one["metric"] == AUROC
        )
        for level in (0.95, 0.2)
    )
    assert wide["value"] == 0.5 and wide["ci_low"] < 0.3 and wide["ci_high"] > 0.7
    assert wide["ci_low"] < narrow["ci_low"] < narrow["ci_high"] < wide["ci_high"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["logp", "mean", "deviation"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_token_that_is_no_number_is_told(tmp_path, column, bad, place):
    """However many of the text are; it is neither averaged nor left out."""
    rows = [scored("a", "", 0, -1.0, -2.0), scored("b", "", 0, -1.0, -2.0, -3.0)]
    write_parquet(pd.DataFrame(rows), tmp_path / "scores")
    assert len(read_token_rows([tmp_path / "scores"])) == 2
    rows[1][column][place] = bad
    write_parquet(pd.DataFrame(rows), tmp_path / "scores")
    with pytest.raises(UserError, match=f"{column} of 1 of 2 texts, the first of record 'b'"):
        read_token_rows([tmp_path / "scores"])


def test_rows_stand_by_record_kind_and_number_whatever_the_files(tmp_path):
    rows = [scored("b", "perturbed", 2, -1.0), scored("b", "", 0, -2.0), scored("a", "", 0, -3.0)]
    write_parquet(pd.DataFrame(rows), tmp_path / "one")
    write_parquet(pd.DataFrame([scored("b", "perturbed", 1, -4.0)]), tmp_path / "two")
    found = read_token_rows([tmp_path / "one", tmp_path / "two"])
    assert [values[0] for values in found["logp"]] == [-3, -2, -4, -1]
