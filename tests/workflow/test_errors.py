"""What is wrong with a study, its ledger or its files is told before anything runs: what, where,
what is allowed, what to do."""

from __future__ import annotations

import pytest

from refusals import Case, append, ledger, section, study, told

NAN = float("nan")
CONFIG = [
    Case(
        "an unknown key", study(trainning={"epochs": 3}),
        ("study.yaml, the study: unknown key", "'trainning'", "did you mean 'training'?"),
    ),
    Case(
        "a key inside a section", section("model", max_lenght=8),
        ("study.yaml, model: unknown key", "did you mean 'max_length'?"),
    ),
    Case(
        "a wrong type", section("training", epochs="two"),
        ("study.yaml, training.epochs: wrong type", "'two', text", "a whole number"),
    ),
    Case(
        "no shards", study(sharding=["1x1", "0x2"]),
        ("sharding.1: not allowed", "'0x2'", "S shards and R slices, each from 1 to 999"),
    ),
    Case(
        "names that are paths or shell text",
        study(
            study="$(touch pwned)", methods=["sisa_vote", "../x", "a b", "a\nb", "`touch pwned`"],
        ),
        (
            "study.yaml, study: not allowed", "'$(touch pwned)'", "lower-case letters, digits",
            "methods.1", "'../x'", "'a\\nb'", "fairsisa_",
        ),
        problems=5,
    ),
    Case(
        "a name with dots", study(study="../other"),
        ("study.yaml, study: not allowed", "'../other'"),
    ),
    Case(
        "a look-alike", study(methods=["sisa_v\u043ete"]),
        ("'sisa_v\u043ete' ('sisa_v\\u043ete')", "did you mean 'sisa_vote'?"),
    ),
    Case(
        "numbers that are none",
        study(
            seeds=[1, 1, 2.0, True, 10**30], sharding=["3x2"] * 2,
            training={"epochs": True, "learning_rate": NAN, "clip_norm": "0.5"},
        ),
        (
            "seeds: stands more than once", "write it without a point", "at most 4294967295",
            "sharding: stands more than once", "True, a truth value", "found: nan",
            "without quotes",
        ),
        problems=8,
    ),
    Case(
        "several problems",
        study(trainning={}, methods=["sisa_vot"], seeds=["one"], sharding=["3by2"]),
        ("'trainning'", "methods.0", "did you mean 'sisa_vote'?", "seeds.0", "sharding.0"),
        problems=4,
    ),
    Case(
        "a column that groups use and nobody keeps", section("data", keep=[]),
        ("groups.town.column", "'town'", "add it to data.keep"),
    ),
    Case(
        "keys twice in a YAML, where the last alone would count",
        append("seeds: [2]\nfigures: {dpi: 40, dpi: 50}\n"),
        ("study.yaml, line", "'seeds', first in line 3", "'figures.dpi'", "each key once"),
        problems=3,
    ),
    Case(
        "a study without its data", lambda clone: clone.write_study({"study": "shop", "dat": {}}),
        ("study.yaml, the study: unknown key", "a key is missing", "add data, model"), problems=2,
    ),
    Case(
        "a ledger with everything wrong",
        ledger(
            "r1\to1", "", "r1\to2", "r2", "r/3\to3", "$(id)\to4", "r4\to5\t\to6", "r5\to1",
            "r 6\to7",
        ),
        (
            "line 3: an empty line", "line 4: a request is named twice",
            "line 5: a request names no owner, or an empty one",
            "line 6: not a name for a request", "line 7: not a name for a request",
            "line 8: a request names no owner, or an empty one",
            "line 9: an owner is named twice", "ledger.tsv, line 10: not a name for a request",
        ),
        problems=8,
    ),
    Case(
        "a ledger that is not UTF-8", ledger("r1\t\udce9"),
        ("ledger.tsv, line 2: is not UTF-8", "byte 0xe9", "save it as UTF-8"),
    ),
    Case(
        "a ledger without its header", ledger("r1\to1", header="r0\to2"),
        ("ledger.tsv: the header is missing", "'request\\towners'"),
    ),
    Case(
        "missing files, all at once",
        lambda clone: [
            clone.path(name).unlink() for name in ("posts.csv", "ledger.tsv", "corpus.txt")
        ],
        (
            "ledger.tsv: the ledger is missing", "source path posts.csv: there is no such file",
            "source path corpus.txt",
        ),
        problems=3,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CONFIG, ids=lambda case: case.name)
def test_before_anything_runs(fresh, case):
    case.spoil(fresh)
    said = told(fresh, *case.ask, problems=case.problems)
    assert [part for part in case.said if part not in said] == [], said
    assert not fresh.path("results").exists() and not fresh.path("pwned").exists()


STUDIES = [
    (
        "tabs",
        b"study: broken\ndata:\n\treader: table\n",
        ("broken.yaml, line 3, column 1: is not valid YAML", "by spaces, not tabs"),
    ),
    (
        "bytes",
        b"study: broken\nsalt: caf\xe9\n",
        ("broken.yaml, line 2: not UTF-8", "byte 0xe9", "save the file as UTF-8"),
    ),
    ("empty", b"", ("broken.yaml: is not a mapping", "an empty file")),
    ("list", b"- study: broken\n", ("broken.yaml: is not a mapping", "a list")),
]


@pytest.mark.parametrize(
    ("text", "parts"), [case[1:] for case in STUDIES], ids=[case[0] for case in STUDIES]
)
def test_a_study_of_the_repository_that_is_no_yaml(fresh, text, parts):
    """By its name or its path. The file of --configfile is read by Snakemake itself, which has
    words of its own."""
    fresh.path("config/studies/broken.yaml").write_bytes(text)
    for name in ("broken", "config/studies/broken.yaml"):
        said = told(fresh, "--dry-run", "--config", f"study={name}", study=None)
        assert [part for part in parts if part not in said] == [], said


@pytest.mark.parametrize("cores", ["0", "-1"])
def test_no_cores_are_refused_at_once(fresh, cores):
    """Snakemake would wait for ever, and hold its lock. What would run is still told."""
    assert fresh.snakemake("data", "--cores", cores, cores=None) != 0
    assert f"No job can run on {cores} cores. Give --cores 1 or more" in fresh.output
    locks = fresh.path(".snakemake/locks")
    assert not fresh.path("results").exists() and not (locks.is_dir() and any(locks.iterdir()))
    assert fresh.snakemake("data", "--dry-run", "--cores", cores, cores=None) == 0, fresh.output


def test_a_wrong_study_lists_the_studies(fresh):
    said = told(fresh, "--dry-run", "--config", "study=hatexplane", study=None)
    assert (
        "'hatexplane'" in said
        and "canaries, demo, facts" in said
        and "did you mean 'hatexplain'?" in said
    )
