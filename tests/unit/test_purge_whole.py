"""A whole purge of a small study (served.py): what it wants before it begins, what it leaves, and
what certificates say after it."""

from __future__ import annotations

import json
import os
from contextlib import chdir, nullcontext
from pathlib import Path

import pytest
from served import REQUESTS, SAYS, STAYS, STUDY, WHO, Served, numbers
from stepping import SECRET, call

from palimpsest.audit.fingerprints import load, save, take
from palimpsest.data.ledger import Request
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import UserError
from palimpsest.files import read_json, write_json
from palimpsest.steps import purge as step
from palimpsest.study.purges import owners_of, read_purges

OLD = 1_000_000_000  # seconds: a date that no test would write by itself
LIKE_OTHERS = (
    "bob-2",
    WHO["bob"],
    f"number {STAYS[0]} stays here and has nothing to add",
    1,
    "train",
)
PLANTED = {
    "results/s/conda/note.txt": "ann",
    "results/s/singularity/note.txt": "abe",
    "results/pretrained/words/old.txt": "amy",
    "results/pretrained/note.txt": "bob",
    "results/report.html": "ann",
    ".snakemake/log/a.log": "abe",
    ".snakemake/log/conda/b.log": "bob",
}
# another study's, since there are records beside it; without any it would be nobody's
OF_OTHERS = {"results/other/note.txt": "bob", "results/other/conda/note.txt": "ann"}
STRAY = {"results/stray/conda/note.txt": "bob"}


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    """With certificates, one of which has its page, all from the year 2001."""
    served = Served.laid(tmp_path_factory.mktemp("laid"), LIKE_OTHERS)
    served.page = served.folder / "certificates/r1.html"
    with chdir(served.home):
        for request in REQUESTS:
            served.certificate(request.name, metrics=[numbers(seed, 0.5) for seed in (1, 2)])
        served.page.write_text("old")
        for folder in ("certificates", "fingerprints"):
            for path in (served.folder / folder).iterdir():
                os.utime(path, (OLD, OLD))
    return served


@pytest.fixture
def served(laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return laid.copy()


def plant(planted: dict[str, str]) -> None:
    for path, who in planted.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"as she told us: {SAYS[who]}, and more")
    if "results/other/note.txt" in planted:
        Path("results/other/data").mkdir()
        Path("results/other/data/records.json").write_text("{}")


def purge(*options: str, **changes) -> None:
    call("purge", *options, "--ledger", "ledger.tsv", **STUDY | changes)


def purge_with_something_left(capsys) -> str:
    """What it says; it ends with 1."""
    with pytest.raises(SystemExit) as ended:
        purge("--yes")
    assert ended.value.code == 1
    return capsys.readouterr().out


def everything() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# --- what it does ---------------------------------------------------------------------------------


def test_without_yes_nothing_is_touched(served, capsys):
    plant(PLANTED | OF_OTHERS)
    before = everything()
    purge()
    assert everything() == before
    told = capsys.readouterr().out
    assert f"remove {served.model(2, 'base').as_posix()}: " in told
    for name in PLANTED:
        assert f"remove {name}: passages of forgotten text" in told
    for name in OF_OTHERS:
        assert f"leave {name}: passages of forgotten text" in told
    assert "rewrite results/s/data/records.parquet: " in told and "1 to rewrite, 2 to leave" in told
    assert "Dry run" in told and not any(text in told for text in SAYS.values())


def test_records_that_a_method_noted_go_with_its_report(served):
    """PCGU lists the records that it left out by id, which is what the audit finds."""
    folder = served.folder / "seed1/methods/pcgu/r1"
    folder.mkdir(parents=True)
    left_out = [{"record_id": "ann-1", "why": "different lengths"}]
    noted = {"pairs": 2, "left_out": left_out}
    write_json(folder / "training.json", {"sha256": "0" * 64, "noted": noted})
    write_json(folder / "run.json", {"seconds": 1.0})
    purge("--yes")
    assert not folder.exists()
    (entry,) = read_purges(served.folder)
    path = (folder / "training.json").as_posix()
    assert [one["kinds"] for one in entry["removed"] if one["path"] == path] == [["names"]]


def test_a_purge_leaves_the_newest_state_and_nothing_of_the_forgotten(served, capsys):
    """By hand: 5 checkpoints of 1x1 and 2x2 in either seed, and their 5 slices, byte for byte, and
    two of r0 where amy alone lies, who had no training records; of the table of records the rows of
    those who stay. What another study has is counted, and left to it."""
    plant(PLANTED | OF_OTHERS | STRAY)
    before = everything()
    kept = {one.as_posix() for one in newest_files(served)}
    assert len(kept) == 20
    for seed, place in ((1, "2x2/2/2/r0"), (2, "2x2/2/1/r0")):
        kept |= {
            served.model(seed, f"teachers/{place}").as_posix(),
            served.slice(seed, place).as_posix(),
        }
    said = purge_with_something_left(capsys)
    after = everything()
    assert {path: after.get(path) for path in kept} == {path: before[path] for path in kept}
    weights = {path for path in after if path.endswith("model.safetensors")}
    assert weights == {path for path in kept if path.endswith("model.safetensors")}
    slices = {path for path in after if "/shards/" in path and path.endswith(".parquet")}
    assert slices == kept - weights
    assert not set(PLANTED | STRAY) & set(after) and set(OF_OTHERS) < set(after)
    assert set(read_parquet(served.folder / "data/records.parquet")["owner"]) == set(STAYS)
    assert not Path("results/s/conda").exists() and not served.model(1, "base").parent.exists()
    assert "1 rewritten, 2 left to other studies, 0 not readable" in said
    assert "Nothing else of r1, r2 is left" in said


def newest_files(served: Served):
    for seed, checkpoint in served.plan.checkpoints("r2"):
        yield served.model(seed, checkpoint.name)
        yield from (served.slice(seed, name) for name in checkpoint.slices)


def test_certificates_say_what_was_purged_and_what_is_left_of_their_own_request(served, capsys):
    """Another study says what bob said, and what ann said elsewhere. A record of bob's is like
    others'. Dates stay, so that nothing is made again."""
    plant(OF_OTHERS)
    dates = [path.stat().st_mtime for path in sorted((served.folder / "certificates").iterdir())]
    assert dates == [OLD] * 3
    purge_with_something_left(capsys)
    first, second = (
        read_json(served.folder / f"certificates/{name}.json") for name in ("r1", "r2")
    )
    left = [[one["path"] for one in told["remains"]["findings"]] for told in (first, second)]
    assert left == [["results/other/conda/note.txt"], ["results/other/note.txt"]]
    assert (first["remains"]["unmarked"], second["remains"]["unmarked"]) == ({}, {"r2": 1})
    assert first["remains"]["blind"] == second["remains"]["blind"] == []
    (entry,) = read_purges(served.folder)
    for name, told in (("r1", first), ("r2", second)):
        counts = {
            what: sum(name in one["requests"] for one in entry[what])
            for what in ("removed", "rewritten")
        }
        assert told["purged"] == {"date": entry["date"], **counts} and counts["rewritten"] == 1
    for path in (served.folder / "certificates").iterdir():
        assert path.stat().st_mtime == OLD, path
    assert "Purged on" in served.page.read_text() and "oracle" in served.page.read_text().lower()
    assert not served.page.with_name("r2.html").exists()


def test_what_is_left_of_several_requests_stands_in_the_certificate_of_each(served, capsys):
    """Another study says what ann said, who asked first, and what bob said."""
    note = Path("results/other/note.txt")
    plant({note.as_posix(): "ann"})
    note.write_text(f"{SAYS['ann']}. {SAYS['bob']}.")
    purge_with_something_left(capsys)
    for name in ("r1", "r2"):
        (found,) = read_json(served.folder / f"certificates/{name}.json")["remains"]["findings"]
        assert (found["path"], found["requests"]) == (note.as_posix(), ["r1", "r2"])


def test_a_request_whose_passages_were_dropped_is_told_in_its_own_certificate(served):
    path = served.folder / "fingerprints/r1.json"
    save(load(path, SECRET).without_passages(), path)
    purge("--yes")
    blind = [
        read_json(served.folder / f"certificates/{name}.json")["remains"]["blind"]
        for name in ("r1", "r2")
    ]
    assert blind == [["r1"], []]


def test_all_fingerprints_are_dropped_when_asked_and_keep_their_dates(served):
    """Who they are of is known on, for what names rows."""
    before = {
        name: load(served.folder / f"fingerprints/{name}.json", SECRET) for name in ("r1", "r2")
    }
    purge("--yes")
    assert all(one.passages for one in before.values())
    purge("--yes", "--drop-fingerprints")
    for name, known in before.items():
        path = served.folder / f"fingerprints/{name}.json"
        assert path.stat().st_mtime == OLD
        now = load(path, SECRET)
        assert not now.passages and (now.names, now.owners) == (known.names, known.owners)


def test_a_table_is_rewritten_though_there_is_nothing_to_remove(served):
    purge("--yes")
    again = take(served.records, REQUESTS[0], set(), SECRET)
    assert again.names == load(served.folder / "fingerprints/r1.json", SECRET).names
    write_parquet(served.records, served.folder / "data/records.parquet")
    purge("--yes")
    assert set(read_parquet(served.folder / "data/records.parquet")["owner"]) == set(STAYS)
    first, second = read_purges(served.folder)
    assert second["removed"] == [] and [one["path"] for one in second["rewritten"]] == [
        "results/s/data/records.parquet"
    ]


@pytest.mark.parametrize("planted", [{}, OF_OTHERS])
def test_what_a_purge_could_not_remove_is_an_error(served, monkeypatch, planted):
    """Here it is written again at once; files of other studies are no excuse."""
    plant(planted)
    with pytest.raises(SystemExit) if planted else nullcontext():
        purge("--yes")
    left = Path("results/s/note.txt")

    def in_vain(plan, doing, date, names):
        assert [one.path for one in doing if one.what == "remove"] == [left]

    monkeypatch.setattr(step, "purge", in_vain)
    left.write_text(SAYS["bob"])
    with pytest.raises(UserError) as told:
        purge("--yes")
    assert [problem.where for problem in told.value.problems] == [left.as_posix()]
    found = read_json(served.folder / "certificates/r2.json")["remains"]["findings"]
    assert left.as_posix() in {one["path"] for one in found}, "the certificate says so"


def test_caches_of_the_sources_are_purged_and_looked_into_again(served, tmp_path, monkeypatch):
    """What the hub keeps of imdb goes; where it comes back at once, that is an error."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    kept = tmp_path / "hub/datasets/imdb/rows.txt"
    plant({str(kept): "bob"})
    purge("--yes")
    assert kept.is_file()
    purge("--yes", sources=[{"hub": "imdb"}])
    assert not kept.exists()
    plant({str(kept): "bob"})
    monkeypatch.setattr(step, "purge", lambda *done: None)
    with pytest.raises(UserError, match="still holds something"):
        purge("--yes", sources=[{"hub": "imdb"}])


# --- what it wants --------------------------------------------------------------------------------


def refused(what: str) -> None:
    """With --yes, before anything is touched."""
    before = everything()
    with pytest.raises(UserError, match=what):
        purge("--yes")
    assert everything() == before


def test_a_purge_waits_for_snakemake(served):
    locks = Path(".snakemake/locks")
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("")
    refused("Snakemake is running here")
    (locks / "0.input.lock").unlink()
    purge("--yes")


@pytest.mark.parametrize("request_", ["r1", "r2"])
@pytest.mark.parametrize("folder", ["certificates", "fingerprints"])
def test_a_purge_waits_for_certificate_and_fingerprint_of_every_request(served, folder, request_):
    (served.folder / folder / f"{request_}.json").unlink()
    refused(f"(?s)requests without a certificate.*{request_}")


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_purge_wants_the_certificate_of_the_owners_in_the_ledger(served, request_):
    path = served.folder / f"certificates/{request_.name}.json"
    other = Request(request_.name, (*request_.owners[1:], "somebody else"))
    write_json(path, read_json(path) | {"owners": owners_of(other, SECRET)})
    refused(f"(?s)names other owners than were served.*{request_.name}")


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_purge_wants_the_fingerprint_of_the_owners_in_the_ledger(served, request_):
    path = served.folder / f"fingerprints/{request_.name}.json"
    save(take(served.records, Request(request_.name, (STAYS[0],)), set(), SECRET), path)
    refused(f"(?s)names other owners than were served.*{request_.name}")


def test_what_was_purged_is_asked_for_no_more(served):
    """The ledger has lost its last request since: audit and purge say so."""
    purge("--yes")
    lines = Path("ledger.tsv").read_text().splitlines()
    Path("ledger.tsv").write_text("\n".join(lines[:-1]) + "\n")
    refused("a purged request cannot be taken back")
    with pytest.raises(UserError, match="a purged request cannot be taken back"):
        call("audit", "--ledger", "ledger.tsv", **STUDY)


def test_there_must_be_a_request(served):
    Path("ledger.tsv").write_text("request\towners\n")
    refused("no request to purge after")


def test_a_link_to_what_holds_text_is_left_to_its_owner(served, tmp_path_factory, capsys):
    """Of a file that lies elsewhere; a link within a folder of another study is none of this
    one's."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "note.txt"
    elsewhere.write_text(SAYS["bob"])
    link = Path("results/s/link.txt")
    link.symlink_to(elsewhere)
    refused("a link to a file that holds something of the forgotten")
    link.unlink()
    Path("results/other/data").mkdir(parents=True)
    Path("results/other/data/records.json").write_text("{}")
    Path("results/other/link.txt").symlink_to(elsewhere)
    purge_with_something_left(capsys)
    assert elsewhere.read_text() == SAYS["bob"] and Path("results/other/link.txt").is_symlink()


def test_a_link_to_a_table_is_not_rewritten(served, tmp_path_factory):
    """The new table would take the place of the link, and the old one would stay where it lies."""
    path = served.folder / "data/records.parquet"
    elsewhere = path.rename(tmp_path_factory.mktemp("elsewhere") / "records.parquet")
    path.symlink_to(elsewhere)
    refused("a link to a file that holds something of the forgotten")


# Of either seed and all shardings: a first stage, a last one, the single model.
NEEDED = [(seed, name) for seed in (1, 2) for name in ("1x1/1/1/r2", "2x2/1/1/r", "2x2/2/2/r1")]


@pytest.mark.parametrize(("seed", "name"), NEEDED)
def test_a_slice_of_the_newest_state_is_never_removed(served, seed, name):
    """bob lies in the first slice of shard 1 in seed 2; in seed 1 it is still that of r1."""
    name = name if name[-1].isdigit() else f"{name}{ {1: 1, 2: 2}[seed] }"
    path = served.slice(seed, name)
    frame = read_parquet(path)
    write_parquet(frame.assign(text=[SAYS["ann"], *frame["text"][1:]]), path)
    refused(f"{name}.parquet: the newest state is made of this file")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["oracle/r2", "teachers/2x2/1/2/r2", "teachers/2x2/2/1/r"])
def test_a_model_of_the_newest_state_is_never_removed(served, seed, name):
    """Its folder holds a text: all of it would go."""
    name = name if name[-1].isdigit() else f"{name}{ {1: 0, 2: 1}[seed] }"
    served.model(seed, name).with_name("log.txt").write_text(SAYS["abe"])
    refused(f"seed{seed}/{name}/model.safetensors: the newest state is made of this file")


def test_served_studies_are_as_their_records_say(served):
    counts = json.loads((served.folder / "requests/r2.json").read_text())["records"]
    assert counts == {"train": 2}
