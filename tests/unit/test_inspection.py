"""`palimpsest certificate check`: it holds of what was served, also after a purge; and whatever is
changed by hand is named, though seals be written anew where whoever changes it can do so."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import pytest
from served import DIGESTS, REQUESTS, STAYS, STUDY, Served, forget_files
from stepping import DESCRIBED, call

from palimpsest.audit.filed import REMEDY
from palimpsest.data.secret import mark_of
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.engine.sealed import read_sealed, write_sealed
from palimpsest.engine.signatures import sign
from palimpsest.errors import UserError
from palimpsest.files import file_digest, read_json, write_json
from palimpsest.study.purges import FILE

R1, R2 = (Path(f"results/s/certificates/{name}.json") for name in ("r1", "r2"))
LAST, FIRST = "teachers/2x2/2/2/r1", "teachers/2x2/2/1/r1"


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    """With certificates and their pages."""
    served = Served.laid(tmp_path_factory.mktemp("laid"))
    with chdir(served.home):
        for request in REQUESTS:
            served.certificate(request.name, request.name)
            make_page(request.name)
    return served


@pytest.fixture
def served(laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return laid.copy()


def make_page(request: str) -> None:
    filed = Path(f"results/s/certificates/{request}")
    options = ("--certificate", f"{filed}.json", "--output", f"{filed}.html")
    call("page", *options, methods={}, metrics=DESCRIBED)


def purge(*options: object, **changes) -> None:
    call("purge", "--yes", "--ledger", "ledger.tsv", *options, **STUDY | changes)


def failures(capsys, *options: object, digests=DIGESTS, key: str | None = None) -> list[str]:
    """What fails, as the command names it, with the names of files alone; it ends with 1 if, and
    only if, anything does."""
    forget_files()
    capsys.readouterr()
    given = STUDY | {"digests": digests, "key": key}
    try:
        call("certificate", "check", "--ledger", "ledger.tsv", *options, **given)
        ended = 0
    except SystemExit as end:
        ended = end.code
    said = capsys.readouterr().out.splitlines()
    failed = [line for line in said[:-1] if ": holds; " not in line]
    assert ended == bool(failed) and (said[-1] == "All hold.") == (not failed)
    return [line.replace("results/s/certificates/", "") for line in failed]


def lines(capsys) -> list[str]:
    """One of each certificate, where all hold."""
    forget_files()
    capsys.readouterr()
    given = STUDY | {"digests": DIGESTS, "key": None}
    call("certificate", "check", "--ledger", "ledger.tsv", **given)
    return capsys.readouterr().out.splitlines()[:-1]


def edit(path: Path, **changes) -> None:
    """By somebody who writes the seal anew, and has the secret."""
    write_sealed(path, read_sealed(path, REMEDY) | changes, mark_of)


# --- what holds -----------------------------------------------------------------------------------


def test_what_was_served_holds(served, capsys):
    assert failures(capsys) == []
    assert read_json(R1)["before"] is None and read_json(R2)["before"]["request"] == "r1"


def test_it_holds_after_a_purge_and_after_what_comes_then(served, capsys):
    """r1's oracle, which saw r2's owner, is gone: what took its place is told in its certificate,
    and the older dates of both files stay."""
    assert [read_json(path)["revised"] for path in (R1, R2)] == [None, None]
    dates = [path.stat().st_mtime_ns for path in (R1, R2)]
    purge()
    first, second = read_json(R1), read_json(R2)
    assert failures(capsys) == [] and first["revised"] and second["revised"]
    assert first["scanned_at"] >= first["issued"] and first["consistent"]
    assert [path.stat().st_mtime_ns for path in (R1, R2)] == dates
    oracle = next(one for one in first["replaced"] if one["checkpoint"] == "oracle/r1")
    date = first["purged"]["date"]
    now = file_digest(served.model(1, "oracle/r2"))
    assert oracle["superseded"] == {"checkpoint": "oracle/r2", "sha256": now, "removed": date}
    assert oracle["replaced_removed"] == date
    assert {one["superseded"] for one in second["replaced"]} == {None}
    assert second["before"] == {"request": "r1", "digest": first["digest"]}
    purge()
    assert failures(capsys) == []


def test_what_is_served_after_a_purge_is_linked_to_what_it_revised(served, capsys):
    """r3 asks for ann's neighbour; what superseded a model at the purge need not be the newest."""
    purge()
    served.ask_again("r3", STAYS[0])
    served.certificate("r3", "r3")
    make_page("r3")
    assert failures(capsys) == []
    purge()
    assert failures(capsys) == []
    (oracle,) = (
        one for one in read_json(R1)["replaced"]
        if (one["seed"], one["checkpoint"]) == (1, "oracle/r1")
    )  # fmt: skip
    assert oracle["superseded"]["checkpoint"] == "oracle/r3"


def test_a_certificate_that_was_lost_and_written_again_is_in_the_chain(served, capsys):
    """Before a purge and after it, of r2's state then; the one after it is not touched."""
    later = R2.read_bytes()
    R1.unlink()
    served.certificate("r1", "r1")
    make_page("r1")
    assert failures(capsys) == [] and R2.read_bytes() == later
    assert read_json(R1)["takes_place_of"] == read_json(R2)["before"]["digest"]
    first, second = lines(capsys)
    assert first.endswith("; it took the place of one that was lost") and "lost" not in second
    purge()
    assert failures(capsys) == []
    later = R2.read_bytes()
    R1.unlink()
    served.certificate("r1", "r2")
    make_page("r1")
    assert failures(capsys) == [] and R2.read_bytes() == later


# --- seals and chain ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"issued": "2020-01-01T00:00:00+00:00"},
        {"consistent": False},
        {"remains": {"findings": [], "unread": {}, "unmarked": {}, "blind": [], "files": 1,
                     "bytes": 1}},
    ],
    ids=["date", "claim", "findings"],
)  # fmt: skip
@pytest.mark.parametrize("path", [R1, R2])
def test_an_edited_certificate_is_named_and_gets_no_page(served, capsys, path, change):
    write_json(path, read_json(path) | change)
    assert f"{path.name}: the file is damaged: not what its digest says" in failures(capsys)
    with pytest.raises(UserError, match="is damaged"):
        make_page(path.stem)


def test_a_new_seal_does_not_fit_the_chain(served, capsys):
    edit(R1, issued="2020-01-01T00:00:00+00:00")
    make_page("r1")
    assert failures(capsys) == ["r2.json: chain: that of r1 is not the one that it names"]


def test_a_chain_has_an_order(served, capsys):
    edit(R2, before=None)
    make_page("r2")
    assert failures(capsys) == ["r2.json: chain: does not name the certificate of r1"]
    shutil.copy(R1, R2)
    make_page("r2")
    assert "r2.json: is that of another study or request" in failures(capsys)


def test_what_is_no_certificate_is_named(served, capsys):
    edit(R2, owners="everybody")
    assert failures(capsys)[0].startswith("r2.json: is no certificate as this version writes it")


def test_a_certificate_that_is_missing_or_left_over_is_named(served, capsys):
    R2.rename(R2.with_name("r9.json"))
    assert failures(capsys) == [
        "r2.json: the file is missing",
        "r9.json: its request is not in the ledger: put the line back, or remove the file",
    ]


def test_an_edited_page_is_named(served, capsys):
    html = R1.with_suffix(".html")
    html.write_text(html.read_text().replace("r1", "r7"))
    (failed,) = failures(capsys)
    assert failed.startswith("r1.json: page: r1.html does not say what the certificate says")


def test_a_page_that_is_gone_is_named(served, capsys):
    R2.with_suffix(".html").unlink()
    assert failures(capsys) == [
        "r2.json: page: r2.html is missing: run snakemake, which writes it again"
    ]


def test_a_damaged_file_that_many_models_need_is_told_once_a_certificate(served, capsys):
    """What both stages of a teacher of r2 learnt from."""
    path = served.slice(2, served.plan.checkpoint(2, "2x2", 2, 1, "r2").slices[0])
    path.write_bytes(b"")
    failed = failures(capsys)
    assert any(f"{path}: the table is damaged" in one for one in failed)
    assert len(failed) == len({*failed})


# --- what it is about -----------------------------------------------------------------------------


def ledger(*lines: str) -> None:
    Path("ledger.tsv").write_text("".join(f"{line}\n" for line in ("request\towners", *lines)))


def test_another_ledger_is_named_from_the_line_on_that_is_another(served, capsys):
    _, first, second = Path("ledger.tsv").read_text().splitlines()
    ledger(first, f"{second}\t{STAYS[0]}")
    (owners, line, *_) = failures(capsys)
    assert owners.startswith("r2.json: owners") and line.startswith("r2.json: ledger")
    ledger(f"{first}\t{STAYS[0]}", second)
    failed = failures(capsys)
    assert {one.split(": ")[0] for one in failed if ": ledger" in one} == {"r1.json", "r2.json"}
    ledger("# a comment is none of its lines", first, second)
    assert failures(capsys) == []


def test_a_request_taken_out_of_the_ledger_leaves_its_certificate(served, capsys):
    ledger(*Path("ledger.tsv").read_text().splitlines()[1:2])
    (failed,) = failures(capsys)
    assert failed.startswith("r2.json: its request is not in the ledger")


def test_other_settings_are_named_by_their_sections(served, capsys):
    failed = failures(capsys, digests={"training": DIGESTS["training"], "data": "f" * 64, "x": "0"})
    assert [one.rpartition(": ")[2] for one in failed] == ["data, x"] * 2


def test_a_slice_that_is_not_what_it_was_is_named(served, capsys):
    """By the checkpoints that learnt it, and all slices together where its digest follows."""
    name = served.plan.checkpoint(2, "2x2", 2, 2, "r1").slices[1]
    path = served.slice(2, name)
    write_parquet(read_parquet(path).iloc[1:], path)
    assert failures(capsys) == [f"r1.json: seed2/{LAST}: held then and fails now: records"]
    write_json(path.with_suffix(".json"), {"digest": "0" * 64})
    assert "r1.json: slices: those of state r1 are not what they were" in failures(capsys)


# --- weights --------------------------------------------------------------------------------------


def forge(served: Served, name: str, sealed: bool) -> str:
    """One byte of the weights of seed 2, and their digest in training.json."""
    model = served.model(2, name)
    model.write_bytes(model.read_bytes() + b"!")
    digest, report = file_digest(model), model.with_name("training.json")
    if sealed:
        edit(report, sha256=digest)
    else:
        write_json(report, read_json(report) | {"sha256": digest})
    return digest


@pytest.mark.parametrize("sealed", [True, False])
def test_changed_weights_are_named_though_their_report_says_so(served, capsys, sealed):
    forge(served, LAST, sealed)
    failed = failures(capsys)
    assert f"r1.json: seed2/{LAST}: other weights than it names" in failed
    told = f"r1.json: seed2/{LAST}: held then and fails now: reports"
    assert (told in failed) == (not sealed)


@pytest.mark.parametrize("path", [R1, R2])
def test_a_purge_touches_nothing_where_a_certificate_is_damaged(served, path):
    """It could not be revised afterwards; with a seal made anew, it must be a certificate still."""
    base = served.model(1, "base")
    write_json(path, read_json(path) | {"issued": "2020"})
    with pytest.raises(UserError, match="is damaged"):
        purge()
    told = {key: one for key, one in read_json(path).items() if key not in ("digest", "mark")}
    write_sealed(path, told)
    with pytest.raises(UserError, match="not written by this workflow with the present secret"):
        purge()
    write_sealed(path, told | {"bit_exact": True}, mark_of)
    with pytest.raises(UserError, match="is no certificate as this version writes it"):
        purge()
    assert base.is_file()


def test_a_certificate_that_claims_nothing_holds_and_is_told_apart(served, capsys):
    """Trained on another device, and certified as such."""
    served.tell(1, "oracle/r2", device="cuda")
    forget_files()
    assert served.certificate("r2")["consistent"] is False
    make_page("r2")
    call("certificate", "check", "--ledger", "ledger.tsv", **STUDY, digests=DIGESTS, key=None)
    said = capsys.readouterr().out
    assert "r2.json: holds; 5 models replaced, of whose checks not all held, as it says" in said
    assert said.endswith("All hold. 1 say that not all checks of models held.\n")


@pytest.mark.parametrize("place", ["base", "oracle/r1", "oracle/r2"])
def test_old_weights_are_named_as_well(served, capsys, place):
    """The base is what r1 replaced; r1's oracle is r1's, and what r2 replaced."""
    served.model(1, place).write_bytes(b"others")
    named = {one.split(": ")[0] for one in failures(capsys) if "other weights" in one}
    by = {"base": {"r1.json"}, "oracle/r1": {"r1.json", "r2.json"}, "oracle/r2": {"r2.json"}}
    assert named == by[place]


def test_weights_that_are_gone_without_a_purge_are_named(served, capsys):
    served.model(1, "oracle/r2").unlink()
    (failed, *_) = failures(capsys)
    assert failed == (
        "r2.json: seed1/oracle/r2 is not on this disk, and no purge of this study removed it"
    )


def test_models_that_the_newest_request_left_as_they_were_are_held_to_their_reports(served, capsys):
    replaced = {one["checkpoint"] for one in read_json(R2)["replaced"] if one["seed"] == 1}
    checkpoints = [one.name for seed, one in served.plan.checkpoints("r2") if seed == 1]
    first, second = [name for name in checkpoints if name not in replaced][:2]
    served.model(1, first).write_bytes(b"others")
    served.model(1, second).unlink()
    assert {
        f"r2.json: seed1/{first}: other weights than training wrote down",
        f"r2.json: seed1/{second}, of the newest state, is not on this disk",
    } <= set(failures(capsys))


def test_a_forged_record_of_purges_is_named(served, capsys):
    """Another digest for what was removed; another date; one removal fewer."""
    purge()
    record = served.folder / FILE
    (entry,) = read_sealed(record, "")["purges"]
    gone = "results/s/seed1/oracle/r1/model.safetensors"

    def forged(change: dict | None, **of_purge) -> list[str]:
        removed = [
            one | change if one["path"] == gone and change else one
            for one in entry["removed"]
            if one["path"] != gone or change is not None
        ]
        write_sealed(record, {"study": "s", "purges": [entry | {"removed": removed} | of_purge]})
        return failures(capsys)

    assert forged({}) == []
    other = "seed1/oracle/r1: the purge removed other weights than it names"
    assert forged({"sha256": "0" * 64}) == [f"r1.json: {other}", f"r2.json: {other}"]
    assert "r1.json: seed1/oracle/r1 is not on this disk, and no purge" in " ".join(forged(None))
    assert any("tells otherwise what was removed" in one for one in forged({}, date="2020"))


def test_a_model_that_is_said_to_be_removed_and_is_back_is_named(served, capsys):
    old = served.model(1, "oracle/r1")
    kept = old.read_bytes()
    purge()
    old.parent.mkdir(parents=True)
    old.write_bytes(kept)
    assert any("tells otherwise what was removed" in one for one in failures(capsys))


# --- signatures -----------------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path_factory):
    """(private key of jo, file of who may sign: jo alone)."""
    folder = tmp_path_factory.mktemp("keys")
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "jo"]
    subprocess.run(command, check=True)
    (folder / "allowed").write_text(f"jo@here {(folder / 'jo.pub').read_text()}")
    return folder / "jo", folder / "allowed"


def sign_all(key: Path) -> None:
    for path in (R1, R2):
        call("sign", "--certificate", path, key=str(key))


def test_a_signature_shows_what_no_seal_can(served, capsys, keys):
    """The last certificate, whose seal is in no other: edited, sealed and put on its page anew."""
    key, allowed = keys
    sign_all(key)
    assert failures(capsys) == failures(capsys, "--allowed-signers", allowed) == []
    edit(R2, issued="2020-01-01T00:00:00+00:00")
    make_page("r2")
    for options in ((), ("--allowed-signers", allowed)):
        (failed,) = failures(capsys, *options)
        assert failed.startswith("r2.json: signature: ")


def test_a_signature_that_is_gone_is_missed_where_one_must_be(served, capsys, keys):
    key, allowed = keys
    sign_all(key)
    R2.with_name("r2.json.sig").unlink()
    assert failures(capsys) == []
    wanted = ["r2.json: is not signed"]
    assert failures(capsys, "--allowed-signers", allowed) == failures(capsys, key="k") == wanted


def test_a_purge_signs_again_or_says_beforehand_that_it_cannot(served, capsys, keys):
    key, allowed = keys
    sign_all(key)
    before = R1.read_bytes(), served.model(1, "base").read_bytes()
    with pytest.raises(UserError, match=r"(?s)certificates are signed.*--key"):
        purge()
    assert (R1.read_bytes(), served.model(1, "base").read_bytes()) == before
    purge("--key", key)
    assert read_json(R1)["revised"] and failures(capsys, "--allowed-signers", allowed) == []
    purge(key=str(key))
    assert failures(capsys, "--allowed-signers", allowed) == []


def test_what_is_no_certificate_is_not_signed(served, keys):
    write_json(R1, read_json(R1) | {"issued": "2020"})
    with pytest.raises(UserError, match="is damaged"):
        sign_all(keys[0])
    assert not R1.with_name("r1.json.sig").exists()


def test_there_must_be_a_request_and_the_file_of_signers(served, capsys):
    with pytest.raises(UserError, match="no such file of signers"):
        failures(capsys, "--allowed-signers", "nowhere")
    ledger()
    with pytest.raises(UserError, match="no certificates to check"):
        failures(capsys)


def test_signing_by_hand_is_the_same(served, capsys, keys):
    key, allowed = keys
    sign(R1, R1.with_name("r1.json.sig"), key)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "palimpsest", "-f", key, R2]
    subprocess.run(command, check=True, capture_output=True)
    assert failures(capsys, "--allowed-signers", allowed) == []
