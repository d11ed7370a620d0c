"""What a change runs again, and what it does not: content decides, not dates or looks."""

from __future__ import annotations

import csv
import os
import re
import shutil

import pytest
import yaml

from harness import (
    DATA,
    FIGURES,
    REPORTED,
    TOKENIZER,
    Clone,
    certified,
    owner_in,
    steps,
    write_rows,
)
from newcomers import NEWCOMERS
from palimpsest.data.shards import place
from studies import CAUSAL, CLASSIFICATION

LOOP = "workflow/palimpsest/training/loop.py"


def own_files(clone):
    """Everything in the working directory that no job made."""
    made = {".snakemake", ".cache", ".palimpsest", "results"}
    return [
        path
        for path in clone.folder.rglob("*")
        if path.is_file() and path.relative_to(clone.folder).parts[0] not in made
    ]


def test_touch_runs_nothing(clone):
    """Also a source of more than a megabyte, which Snakemake would compare by its date."""
    assert clone.path("posts.csv").stat().st_size > 1_000_000
    files = own_files(clone)
    assert {path.name for path in files} >= {
        "posts.csv",
        "corpus.txt",
        "study.yaml",
        "ledger.tsv",
        "Snakefile",
        "loop.py",
        "train.smk",
    }
    for path in files:
        os.utime(path)
    assert clone.jobs() == set()


def test_a_branch_switch_and_back_runs_nothing(clone):
    """git writes equal bytes to new files."""
    for path in own_files(clone):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert clone.jobs() == set()


def test_another_place_runs_nothing(clone):
    """The workflow is run from a working directory that is not its own."""
    for name in ("Snakefile", "workflow", "config", "envs"):
        shutil.move(clone.path(name), clone.folder.parent / name)
    assert clone.jobs("--snakefile", "../Snakefile") == set()


def backwards(value):
    """A mapping with its keys the other way round, at every depth; lists keep their order, which
    may mean something."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def test_reformatting_the_study_runs_nothing(clone):
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    text = "# a comment\n\n" + yaml.safe_dump(
        backwards(study), sort_keys=False, default_flow_style=None, width=40
    )
    text, first = re.subn(r"resid_pdrop: 0\.1\b", "resid_pdrop: 0.10", text)
    text, second = re.subn(r"learning_rate: 0\.01\b", "learning_rate: 1.0e-2", text)
    text, third = re.subn(r"^training:", "# how it learns\ntraining:", text, flags=re.MULTILINE)
    assert first == second == third == 1 and list(yaml.safe_load(text)) == list(reversed(study))
    clone.path("study.yaml").write_text(text)
    assert clone.jobs() == set()


def test_columns_and_rows_of_the_source_in_another_order(clone, finished):
    """The file is another, so its records are read again, and what is cut from them; they are the
    same, and nothing else is to be done."""
    with open(clone.path("posts.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    write_rows(clone.path("posts.csv"), [dict(reversed(row.items())) for row in reversed(rows)])
    assert clone.run("data") == steps(finished.done, *DATA)
    assert clone.jobs() == set()


@pytest.mark.parametrize("study", [CLASSIFICATION, CAUSAL], ids=["classification", "causal"])
def test_the_target_data_ends_at_what_models_hang_on(tmp_path, study):
    """It makes all that a run makes of records before any model, and no more: sets of methods and
    slices of their teachers, too. What it left out would be new in the run after it, and train
    whatever hangs on it."""
    clone = Clone.make(tmp_path / "clone", forget="r1 p0002; r2 p0003", **study)
    clone.change_study(
        methods=[*study["methods"], "kga-batch"],
        options=study["options"] | {"kga-batch": {"order": "batch"}},
    )
    of_methods = {
        f"sets/{name}" for name in ("extra-r1", "extra-r2", "sample-0.05-r1", "sample-0.05-r2")
    }
    assert of_methods < steps(clone.jobs(), *DATA) == clone.jobs("data")


def test_what_nothing_uses_yet_runs_nothing(clone):
    """All of it at once; which of it runs something, one after another would say."""
    for newcomer in NEWCOMERS:
        newcomer(clone)
    assert clone.jobs() == set()


def test_editing_a_metric_runs_numbers_alone(clone, finished):
    """Of those that measure it; nothing is scored or decided again."""
    clone.edit(
        "workflow/palimpsest/metrics/agreement.py", "weighted_mean((a * b)", "weighted_mean((b * a)"
    )
    assert clone.jobs() == steps(finished.done, "measure") | REPORTED | certified("r1")


def test_editing_what_one_figure_selects_draws_it_alone(clone):
    kinds = ('["expected_curve", "retrained_share"]', '["retrained_share", "expected_curve"]')
    clone.edit("workflow/palimpsest/plots/cost.py", *(f"kinds = {one}" for one in kinds))
    assert clone.jobs() == {"figures/cost"}


def test_a_new_method_runs_alone(clone):
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    clone.change_study(methods=["sisa_mean", *study["methods"]])
    added = {
        f"{step}/seed1/sisa_mean/{state}"
        for step in ("decide", "measure")
        for state in ("r0", "r1")
    }
    assert clone.jobs() == added | REPORTED | certified("r1")


def test_a_method_of_ones_own_runs_alone(clone):
    """One file and one line in the registry, as its author adds them."""
    shutil.copy(
        clone.path("workflow/palimpsest/methods/sisa_mean.py"),
        clone.path("workflow/palimpsest/methods/ours.py"),
    )
    append(
        clone,
        "workflow/palimpsest/methods/registry.py",
        '\nMETHODS["ours"] = _method("ours", "teachers", "our own")\n',
    )
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    clone.change_study(methods=[*study["methods"], "ours"])
    added = {
        f"{step}/seed1/ours/{state}" for step in ("decide", "measure") for state in ("r0", "r1")
    }
    assert clone.jobs() == added | REPORTED | certified("r1")


def test_a_new_seed_runs_alone(clone, finished):
    """All that depends on a seed, once more; the records, the sets, the tokenizer and the first
    seed stay as they are."""
    clone.change_study(seeds=[1, 2])
    jobs = clone.jobs()
    first = {job for job in finished.done if "seed1" in job}
    varying = ("train", "slices")  # a seed puts owners into other slices
    new = {job for job in jobs if "/seed2/" in job}
    assert jobs == new | REPORTED | certified("r1")
    assert new - steps(new, *varying) == {
        job.replace("seed1", "seed2") for job in first - steps(first, *varying)
    }
    of_r0 = {job for job in first if re.search(r"/base$|/r0$", job)}
    assert jobs >= {job.replace("seed1", "seed2") for job in of_r0}


def test_a_new_ensemble_trains_alone(clone):
    """Two more shards; what the teachers of all shardings decide is decided again, the oracle's
    decisions are not."""
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    clone.change_study(sharding=[*study["sharding"], "2x1"])
    jobs, touched = clone.jobs(), place(owner_in("3x2", 1, 1), "2x1", study["salt"], 1)[0]
    made, sets = ("1/1/r0", "2/1/r0", f"{touched}/1/r1"), ("heldout", "forget-r1")
    assert steps(jobs, "train") == {f"train/seed1/teachers/2x1/{name}" for name in made}
    assert steps(jobs, "slices", "sets", "requests", "index", "records", TOKENIZER) == {
        f"slices/seed1/2x1/{name}" for name in made
    }
    assert steps(jobs, "score") == {
        f"score/seed1/teachers-2x1/{state}/{name}" for state in ("r0", "r1") for name in sets
    }
    assert "decide/seed1/sisa_vote/r1" in jobs and "decide/seed1/oracle/r1" not in jobs


def test_turning_to_production_runs_no_model(clone):
    """`requests: latest` looks at the newest state alone: no number says how far it is from the
    oracle, and no figure what it cost."""
    clone.change_study(requests="latest")
    numbers = {f"measure/seed1/{method}/r1" for method in ("sisa_vote", "fairsisa_aggregate_first")}
    assert clone.jobs() == numbers | REPORTED - {"figures/cost", "figures/membership"} | certified(
        "r1"
    )


def test_a_new_format_draws_only(clone):
    clone.change_study(figures={"formats": ["png", "svg"], "dpi": 40})
    assert clone.jobs() == FIGURES


def test_another_style_draws_only(clone):
    clone.change_study(figures={"formats": ["png"], "dpi": 41})
    assert clone.jobs() == FIGURES


def test_a_new_figure_draws_itself_alone(clone):
    """A figure is a module, a caption and a line."""
    line = '\nFIGURES["another"] = Figure("Accuracy once more", "accuracy")\n'
    append(clone, "workflow/palimpsest/plots/registry.py", line)
    shutil.copy(
        clone.path("workflow/palimpsest/plots/shards.py"),
        clone.path("workflow/palimpsest/plots/another.py"),
    )
    shutil.copy(clone.path("workflow/report/shards.rst"), clone.path("workflow/report/another.rst"))
    assert clone.jobs() == {"figures/another"}


@pytest.mark.parametrize("figure", ["tradeoff", "cost"])
def test_editing_a_plot_module_draws_its_figure(clone, figure):
    append(clone, f"workflow/palimpsest/plots/{figure}.py", "\n\ndraw = draw\n")
    assert clone.jobs() == {f"figures/{figure}"}


def test_editing_the_shared_style_draws_all_figures(clone):
    clone.edit("workflow/palimpsest/plots/style.py", 'layout="constrained"', 'layout="tight"')
    assert clone.jobs() == FIGURES


def test_editing_the_training_loop_trains_again(clone, finished):
    """All models and what hangs on them; no data, no tokenizer."""
    clone.edit(LOOP, "CURVE_POINTS = 100", "CURVE_POINTS = 99")
    jobs = clone.jobs()
    assert steps(jobs, "train") == steps(finished.done, "train")
    assert not steps(jobs, "records", "index", "requests", "slices", "sets", TOKENIZER)
    assert jobs >= REPORTED | certified("r1") | steps(finished.done, "score")


def test_a_remark_in_an_environment_trains_nothing(clone):
    """The packages are what counts, and whoever installed them by pip does not use the file at
    all."""
    append(clone, "envs/train.yaml", "# a remark\n")
    assert clone.jobs() == set()


def test_comments_and_docstrings_of_the_training_loop_run_nothing(clone):
    text = clone.path(LOOP).read_text(encoding="utf-8")
    assert text.startswith('"""')
    text = '"""Once more: ' + text.removeprefix('"""')
    clone.path(LOOP).write_text(text.replace("\ndef ", "\n# a remark\n\n\ndef "), encoding="utf-8")
    assert clone.jobs() == set()


@pytest.mark.parametrize(
    "section, key, value, runs, spares",
    [
        (
            "evaluation",
            "bootstrap",
            30,
            {"measure", "membership"},
            {"decide", "score", "train", "cost"},
        ),
        ("evaluation", "batch_size", 64, {"score"}, {"train", "slices", "sets"}),
        ("training", "weight_decay", 0.02, {"train"}, {"slices", "sets", "words", "records"}),
    ],
)
def test_a_setting_runs_what_uses_it(clone, section, key, value, runs, spares):
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    clone.change_study(**{section: study.get(section, {}) | {key: value}})
    ran = {job.split("/")[0] for job in clone.jobs()}
    assert ran >= runs and not ran & spares


def test_another_allowed_gap_decides_anew_what_is_fitted(clone):
    """What votes stay as they are, and so does the curve, which goes through gaps of its own."""
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    clone.change_study(fairness=study["fairness"] | {"eps": 0.1})
    decided = {
        f"{step}/seed1/fairsisa_aggregate_first/{state}"
        for step in ("decide", "measure")
        for state in ("r0", "r1")
    }
    assert clone.jobs() == decided | REPORTED | certified("r1")


def test_how_often_a_training_saves_its_state_runs_nothing(clone):
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    clone.change_study(training=study["training"] | {"checkpoint_seconds": 60})
    assert clone.jobs() == set()


def test_two_changes_at_once_run_what_each_runs(clone):
    """Snakemake asks no job for its own reasons once it will run one upstream of it, even where
    their files are `ancient`."""
    study = yaml.safe_load(clone.path("study.yaml").read_text())
    groups = {"groups": study["groups"] | {"kind": {"terms": ["kind"]}}}
    training = {"training": study["training"] | {"weight_decay": 0.02}}
    runs = []
    for changes in (groups, training, groups | training):
        clone.write_study(study | changes)
        runs.append(clone.jobs())
    assert runs[2] == runs[0] | runs[1] and steps(runs[0], "index") and steps(runs[1], "train")


def append(clone, name: str, text: str) -> None:
    with open(clone.path(name), "a", encoding="utf-8") as file:
        file.write(text)
