"""What a certificate says was replaced, what it cost, and what is left: of a study of two seeds and
two requests, by hand (served.py tells where its owners lie)."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import ValidationError
from served import SAYS, WHO, Served, numbers
from stepping import DESCRIBED, SECRET

from palimpsest.audit import certificate as written
from palimpsest.audit.certificate import against_oracle, costs, last_purge, replacements
from palimpsest.data.storage import read_parquet, records_digest
from palimpsest.engine.sealed import write_sealed
from palimpsest.files import file_digest
from palimpsest.study.evidence import write_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import FILE, owners_of


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    return Served.laid(tmp_path_factory.mktemp("laid"))


@pytest.fixture
def served(laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return laid.copy()


# (seed, of 2x2 or the single model, what took its place, what was there, whether that had learnt).
# r1: seed 1 has ann in (1, 1) and abe in (1, 2), so both stages of shard 1; amy in (2, 2), who has
# no training records, so stage 2 of shard 2, which had learnt nothing of r1. Seed 2 has abe in
# (1, 2); amy in (2, 1), so both stages of shard 2, of which the last had learnt from ann in (2, 2).
R1 = [
    (1, "oracle/r1", "base", True),
    (1, "teachers/2x2/1/1/r1", "teachers/2x2/1/1/r0", True),
    (1, "teachers/2x2/1/2/r1", "teachers/2x2/1/2/r0", True),
    (1, "teachers/2x2/2/2/r1", "teachers/2x2/2/2/r0", False),
    (2, "oracle/r1", "base", True),
    (2, "teachers/2x2/1/2/r1", "teachers/2x2/1/2/r0", True),
    (2, "teachers/2x2/2/1/r1", "teachers/2x2/2/1/r0", False),
    (2, "teachers/2x2/2/2/r1", "teachers/2x2/2/2/r0", True),
]
# r2: bob in (1, 2) of seed 1, so stage 2 of shard 1; in (1, 1) of seed 2, so both stages. Stage 1
# there was r0's until then, stage 2 r1's.
R2 = [
    (1, "oracle/r2", "oracle/r1", True),
    (1, "teachers/2x2/1/2/r2", "teachers/2x2/1/2/r1", True),
    (2, "oracle/r2", "oracle/r1", True),
    (2, "teachers/2x2/1/1/r2", "teachers/2x2/1/1/r0", True),
    (2, "teachers/2x2/1/2/r2", "teachers/2x2/1/2/r1", True),
]


def as_of_r2(name: str) -> str:
    """A checkpoint of r1 under state r2: bob was taken out of it, too, where he was in it."""
    return name.replace("r1", "r2") if name in ("oracle/r1", "teachers/2x2/1/2/r1") else name


@pytest.mark.parametrize(
    ("request_", "state", "expected"),
    [
        ("r1", "r1", R1),
        ("r1", "r2", [(seed, as_of_r2(new), old, held) for seed, new, old, held in R1]),
        ("r2", "r2", R2),
    ],
)
def test_what_was_replaced_by_hand(served, request_, state, expected):
    found = replacements(served.plan, request_, state, {})
    keys = ("seed", "checkpoint", "replaced", "held")
    assert [tuple(one[key] for key in keys) for one in found] == expected
    for one in found:
        digests = [file_digest(served.model(one["seed"], one[key])) for key in keys[1:3]]
        assert [one["sha256"], one["replaced_sha256"]] == digests


def test_a_replacement_is_told_as_training_told_it(served):
    """Of the last stage of two: both slices that it was trained on, and what it began with."""
    name, start = "teachers/2x2/2/2/r1", "c" * 64
    served.tell(2, name, start="small", start_sha256=start, device="cuda", seconds=2.25)
    found = {
        one["checkpoint"]: one
        for one in replacements(served.plan, "r1", "r2", {})
        if one["seed"] == 2
    }
    places = served.plan.checkpoint(2, "2x2", 2, 2, "r2").slices
    frames = [read_parquet(served.slice(2, place)) for place in places]
    assert len(frames) == 2 and all(map(len, frames))
    told = found[name]
    assert told["trained_on"] == [records_digest(frame) for frame in frames]
    assert told["records"] == sum(map(len, frames)) and told["tokens"] == 200
    began = {"start": "small", "start_sha256": start, "device": "cuda", "seconds": 2.25}
    assert {key: told[key] for key in began} == began
    first = found["teachers/2x2/2/1/r1"]
    assert first["trained_on"] == [records_digest(frames[0])]
    assert (first["start"], first["start_sha256"], first["device"]) == ("scratch", None, "cpu")


def test_a_study_that_keeps_the_newest_state_alone_has_no_single_model(served):
    plan = Plan(served.plan.study | {"requests": "latest"}, served.plan.requests)
    named = [one["checkpoint"] for one in replacements(plan, "r2", "r2", {})]
    assert named == [new for _, new, *_ in R2 if not new.startswith("oracle")]


def test_without_training_records_nothing_had_learnt(served):
    evidence = {"owners": owners_of(served.plan.requests[1], SECRET), "trained": []}
    write_evidence(served.folder / "requests/r2.json", evidence | {"records": {"test": 1}})
    assert [one["held"] for one in replacements(served.plan, "r2", "r2", {})] == [False] * len(R2)


def remove(served: Served, name: str) -> None:
    for seed in (1, 2):
        for path in served.model(seed, name).parent.iterdir():
            path.unlink()


def test_the_newest_that_was_trained_is_what_was_replaced(served):
    """r1's oracle never was; then neither was the base, and the newest of all is named, unknown."""
    remove(served, "oracle/r1")
    found = {one["checkpoint"]: one for one in replacements(served.plan, "r2", "r2", {})}
    assert found["oracle/r2"]["replaced"] == "base"
    assert found["oracle/r2"]["replaced_sha256"] == file_digest(served.model(2, "base"))
    remove(served, "base")
    found = {one["checkpoint"]: one for one in replacements(served.plan, "r2", "r2", {})}
    assert found["oracle/r2"]["replaced"] == "oracle/r1"
    assert found["oracle/r2"]["replaced_sha256"] is None


def purge(*removed: tuple[str, str, str], rewritten=(), date="2026-01-01") -> dict:
    """An entry of the record of purges; removed: (path, its digest, request); rewritten: (path,
    request)."""
    return {
        "upto": "r2", "owners": {}, "date": date,
        "removed": [
            {"path": path, "sha256": digest, "kinds": ["model"], "requests": [request]}
            for path, digest, request in removed
        ],
        "rewritten": [{"path": path, "requests": [request]} for path, request in rewritten],
    }  # fmt: skip


def test_what_a_purge_took_is_known_by_the_digest_that_it_wrote_down(served):
    """Of either seed its own; also where two purges came after it."""
    entries = []
    for seed in (1, 2):
        model = served.model(seed, "oracle/r1")
        entries.append((model.as_posix(), file_digest(model), "r2"))
    later = purge(("results/s/other.bin", "0" * 64, "r2"))
    record = {"study": "s", "purges": [purge(*entries), later, later]}
    write_sealed(served.folder / FILE, record)
    remove(served, "oracle/r1")
    found = replacements(served.plan, "r2", "r2", {})
    told = {
        one["seed"]: one["replaced_sha256"] for one in found if one["checkpoint"] == "oracle/r2"
    }
    assert told == {seed: digest for seed, (_, digest, _) in enumerate(entries, 1)}


def test_the_last_purge_of_a_request_is_told(served):
    """r1: two removed and one rewritten, then one rewritten alone; r2: one removed, and no more
    later."""
    both = purge(
        ("a", "", "r1"), ("b", "", "r1"), ("c", "", "r2"), rewritten=[("d", "r1")], date="first"
    )
    assert last_purge(served.plan, "r1") is None
    write_sealed(served.folder / FILE, {"study": "s", "purges": [both]})
    assert last_purge(served.plan, "r1") == {"date": "first", "removed": 2, "rewritten": 1}
    later = purge(rewritten=[("d", "r1")], date="second")
    write_sealed(served.folder / FILE, {"study": "s", "purges": [both, later]})
    assert last_purge(served.plan, "r1") == {"date": "second", "removed": 0, "rewritten": 1}
    assert last_purge(served.plan, "r2") == {"date": "first", "removed": 1, "rewritten": 0}


def test_costs_are_means_over_seeds_of_sums_over_checkpoints(served):
    """A checkpoint of seed 1 takes 100 tokens and 1.5 seconds, one of seed 2 twice as much.

    r2: of 1x1 one each, (100 + 200) / 2 and (1.5 + 3) / 2; of 2x2 one and two, (100 + 2 * 200) / 2
    and (1.5 + 2 * 3) / 2."""
    one = {"sharding": "1x1", "checkpoints": 2, "tokens": 150.0, "seconds": 2.25}
    two = {"sharding": "2x2", "checkpoints": 3, "tokens": 250.0, "seconds": 3.75}
    assert served.certificate("r2")["cost"] == [one, two]


def test_costs_stand_in_the_order_of_the_study(served):
    """3x1 before 10x1, which it need not be by its letters."""
    replaced = [
        {"checkpoint": f"teachers/{name}/1/1/r1", "tokens": 10, "seconds": 1.0}
        for name in ("3x1", "10x1", "2x1")
    ]
    assert [one["sharding"] for one in costs(served.plan, replaced)] == ["3x1", "10x1", "2x1"]


def test_what_models_were_made_with_is_told_of_every_seed(served):
    found = served.certificate("r2")["versions"]
    assert (found["training code"], found["torch"]) == ("code 1, code 2", "2.1, 2.2")
    served.tell(2, "teachers/2x2/1/2/r2", code="code 3")
    assert served.certificate("r2")["versions"]["training code"] == "code 1, code 2, code 3"


def test_a_certificate_is_of_its_own_request(served):
    """Whose it is, their records and what is left of them; not of the other's, nor of the last
    one's."""
    for request in served.plan.requests:
        found = served.certificate(request.name, "r2")
        assert found["owners"] == owners_of(request, SECRET) and found["state"] == "r2"
        assert {name for one in found["remains"]["findings"] for name in one["requests"]} == {
            request.name
        }
    assert served.certificate("r1")["records"] == {"train": 2, "test": 1}
    assert served.certificate("r2")["records"] == {"train": 1}
    models = {one["path"] for one in found["remains"]["findings"] if one["kind"] == "model"}
    old = {served.model(seed, name).as_posix() for seed, _, name, _ in R2}
    knew = {"base", "teachers/2x2/1/2/r0"}  # what bob had been in before that, as well
    assert models == old | {served.model(seed, name).as_posix() for seed in (1, 2) for name in knew}


def test_numbers_are_those_over_all_seeds(served):
    """0.2 and 0.4 in two seeds: the mean is 0.3 and s / sqrt(2) = 0.1, and Student's quantile with
    one degree of freedom is tan(pi / 4) = 1 at the level 0.5. Numbers of other kinds are not
    told."""
    pairs = [("accuracy", "test"), ("accuracy", "retain"), ("accuracy", "valid"), ("auroc", "test")]
    frames = [
        numbers(seed, value, metric, set_)
        for metric, set_ in pairs
        for seed, value in ((1, 0.2), (2, 0.4))
    ]
    found = served.certificate("r2", metrics=frames)["metrics"]
    assert sorted((one["metric"], one["set"]) for one in found) == [
        ("accuracy", "retain"),
        ("accuracy", "test"),
    ]
    for one in found:
        assert (one["method"], one["shards"], one["group"]) == ("oracle", "1x1", "")
        ends = (one["value"], one["ci_low"], one["ci_high"])
        assert ends == pytest.approx((0.3, 0.2, 0.4), abs=1e-12)


# Of the tidy table: what a model is worth, and how far it is from one retrained without the owners.
TOLD = {
    "accuracy", "equalized_odds_max", "agreement", "probability", "perplexity", "kl",
    "extraction_likelihood", "forget_quality", "membership_auroc", "retrained_share",
    "expected_share",
}  # fmt: skip


def test_these_numbers_of_these_records_are_told():
    """Of every metric that there is, on test records; and of accuracy, on every set of records."""
    frames = [numbers(1, 0.5, metric) for metric in DESCRIBED]
    assert {one["metric"] for one in against_oracle(frames, 0.95, DESCRIBED)} == TOLD < {*DESCRIBED}
    sets = ("test", "train", "retain", "forget", "forget_before", "valid", "holdout", "controls")
    frames = [numbers(1, 0.5, set_=name) for name in sets]
    assert {one["set"] for one in against_oracle(frames, 0.95, DESCRIBED)} == {*sets[:5]}


def test_caches_of_the_sources_are_looked_into(served, tmp_path, monkeypatch):
    """The study reads imdb from the hub, and a copy of it still says what bob said."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    kept = tmp_path / "hub/datasets/imdb/rows.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text(SAYS["bob"])
    found = served.certificate("r2", sources=[{"hub": "imdb"}])["remains"]["findings"]
    assert [one["kind"] for one in found if Path(one["path"]) == kept] == ["text"]


def test_a_certificate_that_does_not_fit_its_schema_is_not_written(served, monkeypatch):
    monkeypatch.setattr(written, "now", lambda: None)
    with pytest.raises(ValidationError):
        served.certificate("r2")
    assert not (served.folder / "certificates/r2.json").exists()


def test_a_request_s_records_are_looked_for_by_name_and_text(served):
    """By hand: r2's record lies in the table of all, in the slices of r0 and r1 that held bob."""
    found = served.certificate("r2")["remains"]["findings"]
    slices = {(1, "1x1/1/1"), (1, "2x2/1/2"), (2, "1x1/1/1")}
    held = {served.slice(seed, f"{place}/r{state}") for seed, place in slices for state in (0, 1)}
    held |= {served.slice(2, "2x2/1/1/r0"), served.folder / "data/records.parquet"}
    for kind in ("names", "text"):
        assert {Path(one["path"]) for one in found if one["kind"] == kind} == held
    assert {one["count"] for one in found if one["kind"] == "names"} == {2}, (
        "the owner and the record"
    )
    assert WHO["bob"] not in str(found)
