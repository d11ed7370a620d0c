"""Studies that tune: what is wrong with them, which jobs they have, what is chosen by."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from stepping import call

from palimpsest.data.aside import in_part
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.methods.contract import Unchanged
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.report import tuned
from palimpsest.report.rows import unattacked
from palimpsest.report.tables import row, table
from palimpsest.steps import unlearn_tuned
from palimpsest.steps.choose import told_by
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS, targets
from palimpsest.study.wants.measure import metric_files
from palimpsest.study.wants.methods import methods_in
from palimpsest.tracks import aside
from palimpsest.tracks.measured import Given, Measured

PEOPLE = yaml.safe_load(open("config/studies/people.yaml", encoding="utf-8"))
RATE = {"low": 1.0e-5, "high": 1.0e-3, "log": True}
TUNING = {"trials": 2, "budget": 9000, "ranges": {"npo": {"learning_rate": RATE}}}
SMALL = {
    "methods": ["base", "oracle", "npo", "kga", "sham"], "options": {}, "attacks": {},
    "tuning": TUNING,
}  # fmt: skip


def checked(tuning: dict, **changes) -> dict:
    return check_study(copy.deepcopy(PEOPLE | SMALL | {"tuning": tuning} | changes), "study.yaml")


@pytest.fixture
def study(tmp_path, monkeypatch) -> Study:
    monkeypatch.chdir(tmp_path)
    Path("ledger.tsv").write_text("request\towners\nr1\tp0002\nr2\tp0005\n")
    ranges = TUNING["ranges"] | {"kga": {"alpha": [0.1, 1.0]}}
    return Study(checked(TUNING | {"ranges": ranges}, ledger="ledger.tsv", seeds=[3, 4]))


def inputs(study: Study, rule: str, **wildcards) -> dict[str, list[str]]:
    found = WANTS[rule](study).inputs(job(**wildcards))
    own = f"{study.folder}/"
    return {name: [one.removeprefix(own) for one in some] for name, some in found.items()}


def job(**wildcards) -> SimpleNamespace:
    return SimpleNamespace(**{name: str(value) for name, value in wildcards.items()})


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({"nqo": {"beta": [0.1]}}, ["ranges.nqo", "did you mean 'npo'?"]),
        ({"simnpo": {"beta": [0.1]}}, ["ranges.simnpo", "npo, kga"]),  # the study has it not
        ({"sham": {"order": ["batch"]}}, ["ranges.sham"]), ({"oracle": {}}, ["ranges.oracle"]),
        ({"npo": {"betta": [0.1, 0.2]}}, ["ranges.npo.betta", "did you mean 'beta'?"]),
        ({"npo": {"beta": [0.1, -1]}}, ["ranges.npo.beta", "out of range", "-1"]),
        ({"npo": {"beta": {"low": 0.1, "high": 1.0e4}}}, ["out of range", "10000"]),
        ({"npo": {"beta": {"low": 0.5, "high": 0.5}}}, ["low is not below high", "0.5 to 0.5"]),
        ({"npo": {"retain_weight": {"low": 0, "high": 1, "log": True}}}, ["no logarithm"]),
        ({"npo": {"beta": {"low": 0.1}}}, ["a range has two ends", "low"]),
        ({"npo": {"beta": {"low": "a", "high": 2}}}, ["wrong type", "low: 'a'"]),
        ({"npo": {"beta": []}}, ["a list without values"]),
        ({"npo": {"beta": 0.1}}, ["no range", "belongs under `options`"]),
        ({"npo": {"epochs": [1, 2]}}, ["the number of updates follows from tuning.budget"]),
        ({"npo": {"order": ["batch"]}}, ["which models are trained follows from this setting"]),
        ({"kga": {"sample": [0.1, 0.2]}}, ["which models are trained"]),
    ],
)  # fmt: skip
def test_a_range_that_cannot_be_drawn_from_says_why(ranges, said):
    with pytest.raises(UserError) as told:
        checked(TUNING | {"ranges": ranges})
    assert all(one in str(told.value) for one in said), str(told.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ["base", "oracle", "npo", "npo-trial1"]},
        {"methods": ["base", "oracle", "npo", "npo-tuning"]},
        {"attacks": {"relearn-tuning": {}}},
    ],
)
def test_names_of_trials_are_nobody_elses(changes):
    """Also in studies that do not tune: numbers of one model would stand for another's."""
    study = PEOPLE | {"options": {}, "attacks": {}} | changes
    with pytest.raises(UserError, match="trials are called so"):
        check_study(copy.deepcopy(study), "study.yaml")


def test_spans_that_no_column_marks_are_in_no_range():
    ranges = {"selective": {"spans": ["online", "offline"]}}
    with pytest.raises(UserError, match="the data mark no spans"):
        checked(TUNING | {"ranges": ranges}, methods=["base", "oracle", "selective"])


def test_the_target_data_has_what_is_asked_in_other_words(tmp_path, monkeypatch):
    """Of the whole sets: those of trials are asked as they are."""
    monkeypatch.chdir(tmp_path)
    Path("ledger.tsv").write_text("request\towners\nr1\tp0002\n")
    study = Study(checked(TUNING, ledger="ledger.tsv", attacks={"paraphrase": {}}))
    asked = [one for one in targets.data_files(study) if "/paraphrase/" in one]
    names = [*study.track.sets, "forget-r1"]
    assert [Path(one).stem for one in asked] == sorted(names)


def test_all_that_is_wrong_is_said_at_once():
    rule = {"forgetting": "probabilty", "utility": "perplexity"}
    grid = {"design": "grid", "ranges": {"npo": {"beta": [0.1, 0.2, 0.3]}, "kga": {"alpha": RATE}}}
    with pytest.raises(UserError) as told:
        checked(TUNING | grid | {"rule": rule}, options={"npo": {"epochs": 3}})
    said = str(told.value)
    for one in ("3 points", "a grid takes lists", "options.npo", "did you mean 'probability'?",
                "rule.utility"):  # fmt: skip
        assert one in said, said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 0}, "at least 1"), ({"part": 0}, "more than 0"), ({"part": 1.0}, "at most 0.9"),
        ({"budget": 0}, "at least 1"), ({"design": "random"}, "sobol, halton, grid"),
        ({"ranges": {}}, "at least one key"),
    ],
)  # fmt: skip
def test_numbers_of_the_section_have_bounds(changes, said):
    with pytest.raises(UserError, match=f"tuning(.*\n)*.*{said}"):
        checked(TUNING | changes)


def test_trials_have_names_of_their_own_and_tracks_need_forgotten_text():
    with pytest.raises(UserError, match="npo-trial1"):
        checked(TUNING, methods=[*SMALL["methods"], "npo-trial1"],
                options={"npo-trial1": {"beta": 1.0}})  # fmt: skip
    demo = yaml.safe_load(open("config/studies/demo.yaml", encoding="utf-8"))
    with pytest.raises(UserError, match="track causal"):
        check_study(demo | {"tuning": TUNING}, "study.yaml")


def test_a_masked_study_without_an_oracle_chooses_by_a_number_that_it_reports():
    """Of a set of its own, that other tracks do not have."""
    pronouns = yaml.safe_load(open("config/studies/pronouns.yaml", encoding="utf-8"))
    rule = {"of": "stereoset", "forgetting": "stereotype_score", "target": 0.5,
            "on": "stereoset", "utility": "language_modeling_score", "floor": 0.95}  # fmt: skip
    ranges = {"pcgu": {"learning_rate": RATE}}
    methods = {"methods": ["base", "pcgu"], "options": {}}

    def tuned(**changes) -> dict:
        tuning = TUNING | {"ranges": ranges, "rule": rule | changes}
        return check_study(copy.deepcopy(pronouns | methods | {"tuning": tuning}), "study.yaml")

    assert tuned()["tuning"]["rule"]["target"] == 0.5
    for changes, said in (
        ({"target": "oracle"}, "no oracle to choose by"), ({"target": "half"}, "no target"),
        ({"of": "stereosets"}, "did you mean 'stereoset'"), ({"on": "tests"}, "tuning.rule.on"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            tuned(**changes)
    with pytest.raises(UserError, match="tuning.rule.of"):
        checked(TUNING | {"rule": {"of": "stereoset"}})


def test_models_write_as_much_outside_of_the_part_as_a_study_without_one(study):
    """Those that trials are compared with as much again inside of it; trials are asked that
    alone."""
    found = {
        model: WANTS["score"](study).settings(job(model=model, state="r2", seed=3)).get("aside")
        for model in ("base", "oracle", "npo", "npo-trial1")
    }
    part = {"study": "people", "share": 0.3}
    both, alone = part | {"both": True}, part | {"both": False}
    assert found == {"base": both, "oracle": both, "npo": alone, "npo-trial1": None}
    asked = WANTS["score"](study).settings(job(model="npo", state="r2", seed=3))
    assert "reported" not in asked, "what is known around a request is told of all records"


def test_masked_models_are_asked_about_the_part_only_where_something_is_chosen(tmp_path):
    """That is by trials, and by the base of the seed that decides, once there is a request."""
    ledger = tmp_path / "ledger.tsv"
    ledger.write_text("request\towners\nr1\tatlow\n")
    ranges = {"pcgu": {"learning_rate": RATE}}
    rule = {"of": "stereoset", "forgetting": "stereotype_score", "target": 0.5, "on": "stereoset",
            "utility": "language_modeling_score"}  # fmt: skip
    config = yaml.safe_load(open("config/studies/pronouns.yaml", encoding="utf-8"))
    config |= {"methods": ["base", "pcgu", "sham"], "options": {}, "ledger": str(ledger)}
    config |= {"tuning": TUNING | {"ranges": ranges, "rule": rule}, "seeds": [3, 4]}
    masked = Study(check_study(config, "study.yaml"))

    def left_out(of: Study, model: str, seed: int, state: str) -> dict | None:
        return WANTS["score"](of).settings(job(model=model, seed=seed, state=state)).get("reported")

    part = {"study": "pronouns", "share": masked.tuning["part"]}
    for model, seed, state, found in (
        ("base", 3, "r1", None), ("base", 3, "r0", part), ("base", 4, "r1", part),
        ("pcgu-trial1", 3, "r1", None), ("pcgu", 3, "r1", part), ("sham", 4, "r1", part),
    ):  # fmt: skip
        assert left_out(masked, model, seed, state) == found, (model, seed, state)


@pytest.mark.parametrize("metric", [*DIVERGENCES, "klom", "written_perplexity"])
def test_numbers_that_no_trial_has_are_no_rule(metric):
    with pytest.raises(UserError, match="tuning.rule.forgetting"):
        checked(TUNING | {"rule": {"forgetting": metric}})


def test_new_answers_that_the_data_lack_are_in_no_range():
    with pytest.raises(UserError, match="tuning.ranges.fine_tuning.answers"):
        checked(TUNING | {"ranges": {"fine_tuning": {"answers": ["one", "new"]}}},
                methods=["base", "oracle", "fine_tuning"])  # fmt: skip


def test_a_key_that_yaml_reads_as_true_is_told_as_it_was_written():
    with pytest.raises(UserError, match='write "on" in quotes'):
        checked(TUNING | {"rule": yaml.safe_load("on: valid")})


def test_a_study_without_the_section_has_none():
    config = check_study({key: one for key, one in (PEOPLE | SMALL).items() if key != "tuning"}, "")
    assert "tuning" not in config and checked(TUNING)["tuning"]["rule"]["weight"] == 1.0


# --- the jobs -------------------------------------------------------------------------------------


def test_trials_are_of_the_first_seed_and_no_methods(study):
    made = [Path(one).relative_to(study.folder).as_posix() for one in metric_files(study)]
    trials = {f"{name}-trial{number}" for name in ("npo", "kga") for number in (1, 2)}
    names = trials | {"base-tuning", "oracle-tuning"}
    expected = {f"seed3/metrics/{name}/{state}.parquet" for name in names for state in ("r1", "r2")}
    assert {one for one in made if "trial" in one or "tuning" in one} == expected
    assert methods_in(study, "r1") == SMALL["methods"]
    assert not any("trial" in path for path in targets.newest_models(study))


def test_each_seed_is_unlearned_under_what_was_chosen_on_the_first(study):
    where = {"state": "r2", "seed": 4}
    assert inputs(study, "unlearn_tuned", method="npo", **where)["choice"] == [
        "seed3/tuning/npo/r2.json"
    ]
    asked = WANTS["unlearn_tuned"](study)
    settings = asked.settings(job(method="npo", **where))
    assert (settings["budget"], settings["trial"], settings["phases"]) == (9000, False, ["train"])
    assert settings["options"] == {} and "--choice" in asked.arguments(job(method="npo", **where))
    sham = asked.settings(job(method="sham", **where))
    assert "budget" not in sham and sham["aside"] == {"study": "people", "share": 0.3}


def test_a_trial_goes_on_from_what_was_chosen_before(study):
    """Its auxiliaries are those of its method, and it waits for no choice."""
    given = inputs(study, "unlearn_tuned", method="kga-trial2", state="r2", seed=3)
    assert given["model"] == ["seed3/methods/kga/r1/model.safetensors"] and not given["choice"]
    assert given["auxiliaries"] == [
        f"seed3/auxiliaries/kga-{name}/r2/model.safetensors" for name in ("forget", "extra")
    ]
    settings = WANTS["unlearn_tuned"](study).settings(job(method="kga-trial2", state="r2", seed=3))
    assert settings["trial"] and settings["options"]["alpha"] in (0.1, 1.0)


def test_trials_are_scored_beside_the_base_on_what_is_chosen_by(study):
    given = inputs(study, "score", model="npo-trial1", state="r2", seed=3)
    assert given["sets"] == [
        f"sets/tuning-{name}.parquet" for name in ("heldout", "trained", "forget-r1", "forget-r2")
    ]
    assert given["reference"] == ["seed3/base/model.safetensors"]
    usual = inputs(study, "score", model="npo", state="r2", seed=3)
    assert usual["reference"] == ["seed3/oracle/r2/model.safetensors"]
    assert not any("tuning" in path for path in usual["sets"])


@pytest.mark.parametrize(
    ("method", "chooses", "scored"),
    [("npo", False, "npo"), ("npo-trial1", True, "npo-trial1"), ("base-tuning", True, "base")],
)
def test_a_number_is_reported_or_chosen_by(study, method, chooses, scored):
    asked, where = WANTS["measure"](study), job(method=method, state="r1", seed=3)
    settings = asked.settings(where)
    assert settings["measurer"] == "palimpsest.tracks.aside"
    assert settings["measures"] == "palimpsest.tracks.causal.measure"
    assert settings["aside"]["chooses"] is chooses
    assert f"scores/{scored}/r1/heldout" in asked.given(where)["heldout"][0]


def test_a_choice_is_made_of_its_trials_and_what_they_are_compared_with(study):
    given = inputs(study, "choose", method="npo", state="r1", seed=3)
    names = ("base-tuning", "oracle-tuning", "npo-trial1", "npo-trial2")
    assert given["numbers"] == [f"seed3/metrics/{name}/r1.parquet" for name in names]
    assert given["training"] == [f"seed3/methods/npo-trial{n}/r1/training.json" for n in (1, 2)]
    settings = WANTS["choose"](study).settings(job(method="npo", state="r1", seed=3))
    assert list(settings["trials"]["npo-trial1"]) == ["learning_rate"]


# --- what is chosen -------------------------------------------------------------------------------

PART = {"study": "s", "share": 0.4}


def test_a_set_is_cut_by_a_hash_of_ids_alone(tmp_path):
    ids = [f"x{number}" for number in range(400)]
    frame = pd.DataFrame({"record_id": ids, "owner": "a", "completion": ids})
    write_parquet(frame, tmp_path / "set.parquet")
    names = {"records": "set.parquet", "output": "cut.parquet", "digest": "cut.json"}
    call("aside", *(f"--{name}={tmp_path / file}" for name, file in names.items()), **PART)
    cut = read_parquet(tmp_path / "cut.parquet")["record_id"].tolist()
    assert cut == [name for name in ids if in_part(name, **PART)]
    assert 120 < len(cut) < 200 and read_json(tmp_path / "cut.json")["records"] == len(cut)
    assert cut != [name for name in ids if in_part(name, "t", 0.4)]
    fewer = [name for name in ids if in_part(name, "s", 0.2)]
    assert set(fewer) < set(cut), "a larger part holds the smaller"


WHERE = {"study": "s", "seed": 1, "request": "r1", "shards": "1x1", "model": "m"}
# trial -> (probability of what is to be forgotten, of the retained, KL to the base)
REACHED = {
    "npo-trial1": (0.5, 0.9, 0.1), "npo-trial2": (0.1, 0.45, 0.9), "npo-trial3": (0.2, 0.72, 0.4),
}  # fmt: skip
MODELS = {"base": (0.9, 0.9, None), "oracle": (0.1, 0.9, None)} | REACHED


def choose(tmp_path, models=MODELS, n: int = 9, ruined=(), rule=None, unchanged="") -> dict:
    """Three trials under rates 1, 2 and 3, of which the last is an end of the range."""
    rows = []
    for method, (forget, retain, divergence) in models.items():
        sets = {"tuning_forget": forget, "tuning_retain": retain}
        rows += [row(WHERE | {"method": method}, name, "probability", value, n)
                 for name, value in sets.items()]  # fmt: skip
        if divergence is not None:
            where = WHERE | {"method": method}
            rows.append(row(where, "tuning_retain", "kl_to_base", divergence, n))
    write_parquet(table(rows), tmp_path / "numbers.parquet")
    for name in REACHED:
        report = {"tokens": 70, "auxiliaries": 20, "steps": 5, "unchanged": unchanged, "ruined": ""}
        bad = "the loss is not finite at update 3"
        report |= {"unchanged": bad, "ruined": bad} if name in ruined else {}
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    rule = {"forgetting": "probability", "of": "forget", "target": "oracle", "floor": 0,
            "groups": [], "utility": "probability", "on": "retain", "weight": 1.0,
            **(rule or {})}  # fmt: skip
    trials = {name: {"learning_rate": int(name[-1])} for name in REACHED}
    edges = {name: {"learning_rate": "highest"} if name[-1] == "3" else {} for name in REACHED}
    call("choose", "--numbers", tmp_path / "numbers.parquet", "--training",
         *(tmp_path / f"{name}.json" for name in REACHED), "--output", tmp_path / "choice.json",
         method="npo", state="r1", trials=trials, edges=edges, budget=100, rule=rule)  # fmt: skip
    return read_json(tmp_path / "choice.json")


def test_the_least_of_what_is_left_and_lost_is_chosen(tmp_path):
    """Left: 0.4, 0.0 and 0.1 of 0.8; lost: 0, a half and a fifth of 0.9."""
    choice = choose(tmp_path)
    found = [(one["left"], one["lost"], one["score"]) for one in choice["trials"]]
    expected = [(0.5, 0.0, 0.5), (0.0, 0.5, 0.5), (0.125, 0.2, 0.325)]
    assert found == [pytest.approx(one) for one in expected]
    assert choice["trial"] == "npo-trial3" and choice["settings"] == {"learning_rate": 3}
    assert choice["edges"] == {"learning_rate": "highest"}
    assert choice["n"] == {"forgetting": 9, "utility": 9, "retain": 9}
    assert {one["tokens"] for one in choice["trials"]} == {90}  # with its auxiliaries
    assert choose(tmp_path, rule={"weight": 4.0})["trial"] == "npo-trial1"
    assert choose(tmp_path, rule={"weight": 0.0})["trial"] == "npo-trial2"


def test_a_number_may_stand_for_the_oracle(tmp_path):
    """Distances to 0.2 are 0.3, 0.1 and 0 of the base's 0.7; to 0 they are the numbers
    themselves."""
    alone = {name: one for name, one in MODELS.items() if name != "oracle"}
    choice = choose(tmp_path, alone, rule={"target": 0.2, "weight": 0.0})
    assert [one["left"] for one in choice["trials"]] == pytest.approx([3 / 7, 1 / 7, 0])
    assert choice["trial"] == "npo-trial3"
    assert choose(tmp_path, alone, rule={"target": 0, "weight": 0.0})["trial"] == "npo-trial2"


def test_a_trial_below_the_floor_is_not_chosen_and_none_is_told(tmp_path):
    """The trials keep 1, 0.5 and 0.8 of the base's utility."""
    choice = choose(tmp_path, rule={"floor": 0.9, "weight": 0.0})
    assert choice["trial"] == "npo-trial1"
    assert [one["below"] for one in choice["trials"]] == [False, True, True]
    assert choice["trials"][1]["left"] == pytest.approx(0.0), "it is shown all the same"
    poor = MODELS | {"npo-trial1": (0.5, 0.6, 0.1)}
    with pytest.raises(UserError, match="(?s)keeps enough of the base's utility.*0.800 at most"):
        choose(tmp_path, poor, rule={"floor": 0.9})


def test_a_choice_without_its_numbers_is_no_choice(tmp_path):
    with pytest.raises(UserError, match="no trial has the numbers to choose by"):
        choose(tmp_path, rule={"of": "stereoset", "forgetting": "stereotype_score"})


def test_what_ruined_the_model_is_not_chosen(tmp_path):
    choice = choose(tmp_path, ruined=["npo-trial3"])
    assert choice["trial"] == "npo-trial1" and choice["trials"][2]["score"] is None
    with pytest.raises(UserError, match=r"every trial ruined(.*\n)*.*lower the ends"):
        choose(tmp_path, ruined=list(REACHED))


def test_a_choice_rests_on_enough_records(tmp_path):
    with pytest.raises(UserError, match=r"too few records(.*\n)*.*2 for forgetting"):
        choose(tmp_path, n=2)


def test_without_training_records_the_first_trial_stands_for_all(tmp_path):
    write_parquet(table([]), tmp_path / "none.parquet")
    models = {name: (float("nan"), 0.9, None) for name in MODELS}
    choice = choose(tmp_path, models, unchanged="no training records")
    assert choice["trial"] == "npo-trial1" and choice["trials"][0]["score"] is None


def measure(given: Given, settings: dict) -> Measured:
    """In the place of a track's: what is left of the records, and numbers beside another model."""
    n = (~given.index["record_id"].isin(given.shown)).sum()
    where = WHERE | {"method": settings["method"]}
    return Measured([row(where, "forget", name, 0.5, n)
                     for name in ("probability", "kl", "jensen_shannon", "lpd")])  # fmt: skip


def test_what_is_reported_and_what_is_chosen_by_share_no_record():
    index = pd.DataFrame({"record_id": [f"x{number}" for number in range(100)]})
    given = Given({}, index, [], frozenset({"x0", "x1"}))  # which an attack showed
    found = {}
    for name, more in {
        "npo": {"chooses": False},
        "npo-trial1": {"chooses": True, "called": "npo-trial1", "base": True},
        "base-tuning": {"chooses": True, "called": "base", "base": False},
    }.items():
        settings = {"measures": __name__, "method": name, "aside": PART | more}
        found[name] = pd.DataFrame(aside.measure(given, settings).rows)
    assert all(found["npo"]["metric"] == ["probability", "kl", "jensen_shannon", "lpd"])
    assert found["npo-trial1"]["metric"].tolist() == ["probability", "kl_to_base", "lpd"]
    assert found["base-tuning"]["metric"].tolist() == ["probability", "lpd"]
    assert set(found["base-tuning"]["method"]) == {"base"} != set(found["npo-trial1"]["method"])
    assert set(found["npo-trial1"]["set"]) == {"tuning_forget"} and set(found["npo"]["set"]) == {
        "forget"
    }
    counts = {name: frame["n"].iloc[0] for name, frame in found.items()}
    part = sum(in_part(name, **PART) for name in index["record_id"][2:])
    assert counts == {"npo": 98 - part, "npo-trial1": part, "base-tuning": part}


def test_a_trial_that_ruins_its_model_goes_on_as_it_was_and_other_errors_end_it():
    run, told = SimpleNamespace(model="ruined", load=lambda: "as it was"), {}

    def raising(what: str):
        def change(run, settings):
            raise UserError(Problem(what, "training"))

        return unlearn_tuned.forgiving(SimpleNamespace(change=change), told)

    with pytest.raises(Unchanged, match="not finite"):
        raising("the loss is not finite at update 3")(run, None)
    assert run.model == "as it was" and told == {"ruined": "the loss is not finite at update 3"}
    with pytest.raises(UserError, match="the budget is spent"):
        raising("the budget is spent")(run, None)


def test_auxiliaries_that_leave_nothing_are_named():
    given = {"method": "kga", "state": "r1", "budget": 100, "auxiliaries": ["forget", "extra"]}
    unlearn_tuned.check_budget(99, given)
    with pytest.raises(UserError, match=r"cost more(.*\n)*.*100 tokens for forget, extra"):
        unlearn_tuned.check_budget(100, given)


def test_a_rule_may_name_groups():
    """As PCGU's code chooses: by 4 items of gender with .5 and 12 of profession with .9, (2 + 10.8)
    / 16, whatever race is. A trial without any of profession has no number."""
    groups = ["domain=gender", "domain=profession"]
    rule = {"of": "stereoset", "forgetting": "stereotype_score_micro", "on": "stereoset",
            "utility": "language_modeling_score", "groups": groups}  # fmt: skip
    values = {"": (0.2, 30), "domain=gender": (0.5, 4), "domain=profession": (0.9, 12)}
    rows = [
        row(WHERE | {"method": method}, "tuning_stereoset", metric, value, n, group=group)
        for method in ("npo-trial1", "npo-trial2")
        for metric in ("stereotype_score_micro", "language_modeling_score")
        for group, (value, n) in values.items()
        if (method, group) != ("npo-trial2", "domain=profession")
    ]  # fmt: skip
    found = told_by(table(rows), rule).set_index(["method", "metric"])
    first = found.loc[("npo-trial1", "stereotype_score_micro")]
    assert (first["value"], first["n"]) == (pytest.approx(12.8 / 16), 16)
    assert found.loc[("npo-trial1", "language_modeling_score"), "value"] == 0.2
    assert ("npo-trial2", "stereotype_score_micro") not in found.index
    plain = told_by(table(rows), rule | {"groups": []}).set_index(["method", "metric"])
    assert plain.loc[("npo-trial2", "stereotype_score_micro"), "value"] == 0.2


# --- what is told ---------------------------------------------------------------------------------


def test_no_number_by_which_settings_are_chosen_is_shown():
    rows = [row(WHERE | {"method": "npo"}, name, "probability", 0.5, 9)
            for name in ("forget", "tuning_forget")]  # fmt: skip
    assert unattacked(table(rows))["set"].tolist() == ["forget"]


def test_the_summary_names_settings_edges_and_what_is_left_at_equal_utility(tmp_path):
    """At a KL of 0.25, 0.4 and 0.65, the quartiles of 0.1, 0.4 and 0.9: halfway from 0.5 to 0.125,
    0.125, and halfway from there to 0."""
    choice = choose(tmp_path)
    first, second = tuned.sections([choice])
    assert first.table["settings"].tolist() == ["learning_rate 3"]
    assert first.table["score"].tolist() == ["0.325 [0.325, 0.500]"]
    assert any("learning_rate of NPO (3) lies at the highest end" in one for one in first.warnings)
    assert "Not" not in first.text and "Without trials" in first.text
    line = second.table.iloc[0].to_dict()
    assert line == {
        "method": "NPO", "left at KL 0.250": "0.313", "left at KL 0.400": "0.125",
        "left at KL 0.650": "0.062", "KL of its trials": "0.100 to 0.900",
    }  # fmt: skip
    assert "by probability (forget), over" in first.text
    rule = choice["rule"] | {"groups": ["domain=gender"]}
    assert "(forget, domain=gender), over" in next(tuned.sections([choice | {"rule": rule}])).text
    over = choice | {"budget": 80, "edges": {}}
    (told,) = next(iter(tuned.sections([over]))).warnings
    assert "90 tokens, more than its budget" in told
    assert list(tuned.sections([])) == []
