"""The secret with which names are hashed: made once and for its owner alone, refused where it is
none, known again by what was recorded of it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from stepping import SECRET, call

from palimpsest.audit.fingerprints import has_secret, load, save, take
from palimpsest.audit.planned import planned
from palimpsest.data import secret
from palimpsest.data.ledger import Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.secret import FILE, VARIABLE, identified, made, present, required
from palimpsest.data.shards import place
from palimpsest.data.storage import write_parquet
from palimpsest.engine.sealed import read_sealed, write_sealed
from palimpsest.errors import UserError
from palimpsest.files import read_json, write_json
from palimpsest.study.plan import Plan
from palimpsest.study.purges import FILE as PURGED
from palimpsest.study.purges import check_secret, purged_upto

OTHER = "e" * 64
STUDY = {
    "study": "s", "salt": "pepper", "seeds": [1], "sharding": ["2x1"], "requests": "all",
    "tokenizer": None, "sources": [],
}  # fmt: skip
OWNERS = ("ann", *(f"o{number}" for number in range(9)))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder without any secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


def put(text: str, mode: int = 0o600) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text)
    FILE.chmod(mode)


def refused(match: str, function, *given) -> str:
    with pytest.raises(UserError, match=match) as told:
        function(*given)
    return str(told.value)


# --- how it is made -------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_it_is_made_for_its_owner_alone_whatever_the_umask(umask):
    before = os.umask(umask)
    try:
        first = made()
    finally:
        os.umask(before)
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600
    assert len(bytes.fromhex(first)) == 32 and FILE.read_text() == f"{first}\n"
    assert made() == required() == present() == first
    assert sorted(path.name for path in FILE.parent.iterdir()) == [".gitignore", "secret"]


def test_git_does_not_see_it():
    subprocess.run(["git", "init", "-q"], check=True)
    made()
    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True
    )
    assert seen.stdout == ""


def test_two_folders_have_two_secrets(tmp_path, monkeypatch):
    first = made()
    (tmp_path / "second").mkdir()
    monkeypatch.chdir(tmp_path / "second")
    assert made() != first


def test_of_processes_that_make_it_at_once_one_wins():
    """Each waits until all have started, and says which it has."""
    script = (
        "import sys, time, pathlib\n"
        "from palimpsest.data.secret import made\n"
        "pathlib.Path(f'ready{sys.argv[1]}').touch()\n"
        "while len(list(pathlib.Path().glob('ready*'))) < 6: time.sleep(0.001)\n"
        "print(made())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(6)
    ]
    said = {process.communicate(timeout=120)[0].strip() for process in started}
    assert said == {present()} and [process.returncode for process in started] == [0] * 6
    assert sorted(path.name for path in FILE.parent.iterdir()) == [".gitignore", "secret"]


def test_the_variable_is_taken_and_nothing_is_made(monkeypatch):
    monkeypatch.setenv(VARIABLE, OTHER)
    assert made() == required() == OTHER and not FILE.parent.exists()
    put(SECRET)
    assert required() == OTHER


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", " ", "palimpsest", "palimpsest-demo", "x" * 31])
def test_what_is_short_is_no_secret(monkeypatch, value):
    put(value)
    assert "found: " in refused(rf"{FILE}: too short", present)
    FILE.unlink()
    monkeypatch.setenv(VARIABLE, value)
    told = refused(f"{VARIABLE}: too short", made)
    assert "at least 32 characters" in told and "openssl rand -hex 32" in told
    assert not value.strip() or value not in told.replace("palimpsest/secret", "")
    assert not FILE.exists()


def test_the_salt_of_the_study_is_no_secret(monkeypatch):
    """However long it is: where the study is known, before anything runs."""
    salt = "a salt that many have read in a YAML file"
    monkeypatch.setenv(VARIABLE, salt)
    assert salt not in refused("the salt of a study is none", present, salt)
    Path("ledger.tsv").write_text("request\towners\n")
    refused("the salt of a study is none", planned, STUDY | {"salt": salt}, "ledger.tsv")
    monkeypatch.delenv(VARIABLE)
    put(salt)
    refused("the salt of a study is none", present, salt)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(mode):
    put(SECRET, mode)
    told = refused("others may", made)
    assert f"mode {mode:04o}" in told and f"chmod 600 {FILE}" in told and SECRET not in told
    FILE.chmod(0o600)
    assert made() == SECRET
    FILE.chmod(0o400)
    assert made() == SECRET


# --- what is recorded of it -----------------------------------------------------------------------


def test_its_identification_is_no_hash_of_a_name():
    assert identified(SECRET) != identified(OTHER) and len(identified(SECRET)) == 16
    names = ("", "secret", "palimpsest", "which secret", SECRET)
    assert identified(SECRET) not in {pseudonym(name, SECRET)[:16] for name in names}


def served(key: str) -> Path:
    """What the steps write of r1 with a secret; its folder."""
    rows = [(f"{owner}-1", owner, f"{owner} rowed home late", 0, "train") for owner in OWNERS]
    rows += [(f"o1-{split}", "o1", "x y", 1, split) for split in ("valid", "test")]
    frame = pd.DataFrame(rows, columns=["record_id", "owner", "text", "label", "split"])
    write_parquet(frame, Path("records.parquet"))
    Path("ledger.tsv").write_text("request\towners\nr1\tann\n")
    put(key)
    study = Path("results/s")
    given = ("--records", "records.parquet", "--ledger", "ledger.tsv", "--request", "r1")
    for step, folder in (("request", "requests"), ("fingerprint", "fingerprints")):
        call(step, *given, "--output", study / folder / "r1.json")
    return study


def test_nobody_finds_a_name_by_trying_with_the_salt():
    """The names that the ledger may hold, with the salts that are known."""
    study = served(SECRET)
    kept = [(study / folder / "r1.json").read_text() for folder in ("requests", "fingerprints")]
    tried = {pseudonym(name, salt) for name in OWNERS for salt in ("pepper", "palimpsest", "", "s")}
    assert not any(hashed in text for hashed in tried for text in kept)
    assert all(pseudonym("ann", SECRET) in text for text in kept)
    assert not any(SECRET in text for text in kept)


def test_the_sharding_keeps_the_salt(monkeypatch):
    before = [place(owner, "3x2", "pepper", 1) for owner in OWNERS]
    plans = []
    for value in (SECRET, OTHER):
        monkeypatch.setenv(VARIABLE, value)
        plan = Plan(STUDY, [Request("r1", ("ann",))])
        assert plan.secret == value
        plans.append([*plan.checkpoints("r1")])
    assert plans[0] == plans[1]
    assert before == [place(owner, "3x2", "pepper", 1) for owner in OWNERS]


def test_another_secret_is_named_as_the_cause():
    """By the steps that would have kept what is there, by whoever reads it, and when the graph is
    built."""
    study = served(SECRET)
    before = {path: path.read_bytes() for path in study.rglob("*.json")}
    put(OTHER)
    for told in (
        refused("requests/r1.json: its names", call, "request", *given("requests")),
        refused("fingerprints/r1.json: its names", call, "fingerprint", *given("fingerprints")),
        refused("hashed with another", load, study / "fingerprints/r1.json", OTHER),
        refused("requests/r1.json: its names", check_secret, study, "pepper"),
        refused("hashed with another secret", planned, STUDY, "ledger.tsv"),
    ):
        assert identified(SECRET) in told and identified(OTHER) in told
        assert f"bring back the file {FILE}" in told and VARIABLE in told
        assert SECRET not in told and OTHER not in told
    assert {path: path.read_bytes() for path in study.rglob("*.json")} == before
    put(SECRET)
    assert planned(STUDY, "ledger.tsv")[0].names == ["r0", "r1"]


def given(folder: str) -> tuple:
    place_ = ("--output", f"results/s/{folder}/r1.json")
    return ("--records", "records.parquet", "--ledger", "ledger.tsv", "--request", "r1", *place_)


def test_a_lost_secret_is_missed_before_another_one_is_made():
    """Also by another study of the same folder, which would make a new one."""
    study = served(SECRET)
    FILE.unlink()
    for folder in (study, Path("results/another")):
        told = refused("the secret is missing", check_secret, folder, "pepper")
        assert f"move {study} away" in told
    assert not FILE.exists()
    refused("the secret is missing", required)


def test_a_folder_without_hashes_needs_none():
    check_secret(Path("results/s"), "pepper")
    assert purged_upto(Path("results/s"), [], None) == "r0"
    assert not FILE.parent.exists()


def test_a_purge_wants_the_secret_that_it_was_recorded_with():
    study, request = Path("results/s"), Request("r1", ("ann",))
    entry = {"upto": "r1", "date": "", "removed": [], "rewritten": []}
    hashed = {"owners": {"r1": [pseudonym("ann", SECRET)]}, "secret": identified(SECRET)}
    write_sealed(study / PURGED, {"study": "s", "purges": [entry | hashed]})
    refused("the secret is missing", purged_upto, study, [request], None)
    put(OTHER)
    told = refused("purged.json: its names are hashed", purged_upto, study, [request], None)
    assert identified(SECRET) in told and "were changed" not in told
    put(SECRET)
    assert purged_upto(study, [request], None) == "r1"


# --- files of earlier versions, hashed with the salt ----------------------------------------------


def test_what_was_hashed_with_the_salt_is_taken_anew_while_the_data_are_there():
    study = served(SECRET)
    evidence, known = study / "requests/r1.json", study / "fingerprints/r1.json"
    after = evidence.read_bytes(), known.read_bytes()
    write_json(evidence, {"owners": [pseudonym("ann", "pepper")], "trained": [], "records": {}})
    old = read_sealed(known, "") | {"owners": [pseudonym("ann", "pepper")]}
    write_sealed(known, {key: value for key, value in old.items() if key != "secret"})
    assert not has_secret(known)
    assert "the study's salt" in refused("hashed with another secret", load, known, SECRET)
    check_secret(study, "pepper")
    call("request", *given("requests"))
    call("fingerprint", *given("fingerprints"))
    assert (evidence.read_bytes(), known.read_bytes()) == after


def test_a_purge_of_an_earlier_version_is_told_as_such():
    owners = {"owners": {"r1": [pseudonym("ann", "pepper")]}}
    entry = {"upto": "r1", "date": "", "removed": [], "rewritten": []} | owners
    write_sealed(Path("results/s", PURGED), {"study": "s", "purges": [entry]})
    put(SECRET)
    told = refused("hashed with another", purged_upto, Path("results/s"), [], None)
    assert "the study's salt, as earlier versions took" in told and "move results/s away" in told


def test_a_fingerprint_says_which_secret_it_was_taken_with():
    frame = pd.DataFrame([("a1", "ann", "x y z")], columns=["record_id", "owner", "text"])
    taken = take(frame, Request("r1", ("ann",)), set(), SECRET)
    save(taken, Path("r1.json"))
    assert read_json(Path("r1.json"))["secret"] == identified(SECRET)
    assert SECRET not in repr(taken)


def test_audit_and_purge_do_not_come_by_it():
    """It lies beside results/ and Snakemake's folder, not in them."""
    from palimpsest.audit.scan import MEMORY
    from palimpsest.study import paths

    assert not {Path(paths.RESULTS), MEMORY} & {*secret.FILE.parents}
