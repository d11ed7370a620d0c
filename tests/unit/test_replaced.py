"""What a certificate says was replaced: in every seed, and in studies whose shardings lack the
single model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from stepping import SECRET

from palimpsest.audit import certificate
from palimpsest.data.ledger import Request
from palimpsest.data.shards import place
from palimpsest.study.evidence import write_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import owners_of
from palimpsest.training.report import write_reports

# One that the hash puts into shard 1 under seed 1 and into shard 2 under seed 2.
OWNER = next(
    owner
    for owner in map(str, range(100))
    if [place(owner, "2x1", "s", seed)[0] for seed in (1, 2)] == [1, 2]
)

REPORT = {
    "slices": [], "records": 3, "tokens": 9, "start": "scratch", "start_sha256": None,
    "seconds": 1.0, "device": "cpu", "versions": {},
}  # fmt: skip


@pytest.fixture
def replaced(tmp_path, monkeypatch):
    """(shardings, which requests) -> seed, what is new, what it replaced, and whether that had
    learnt from the owner; every checkpoint lies there."""
    monkeypatch.chdir(tmp_path)
    stub = SimpleNamespace(of=lambda checkpoint: {"weights": True})
    monkeypatch.setattr(certificate, "Checks", lambda plan, seed, filed: stub)
    path, evidence = Path("results/s/requests/r1.json"), {"records": {"train": 1}}
    write_evidence(path, evidence | {"trained": owners_of(Request("r1", (OWNER,)), SECRET)})

    def replaced(*sharding: str, requests: str = "all") -> list[tuple]:
        study = {"study": "s", "salt": "s", "seeds": [1, 2], "requests": requests}
        plan = Plan(study | {"sharding": list(sharding)}, [Request("r1", (OWNER,))])
        for state in ("r0", "r1"):
            for seed, one in plan.checkpoints(state):
                report = REPORT | {"sha256": f"{seed} {one.name}"}
                folder = Path(f"results/s/seed{seed}") / one.name
                write_reports(folder, report, folder / "resume")
        found = certificate.replacements(plan, "r1", "r1", {})
        for one in found:
            assert one["sha256"] == f"{one['seed']} {one['checkpoint']}"
            assert one["replaced_sha256"] == f"{one['seed']} {one['replaced']}"
        return [(one["seed"], one["checkpoint"], one["replaced"], one["held"]) for one in found]

    return replaced


def test_the_oracle_took_the_place_of_the_base_whatever_the_shardings(replaced):
    """And in each seed the teacher of the owner's shard, which is another one."""
    wanted = []
    for seed, shard in ((1, 1), (2, 2)):
        teacher = f"teachers/2x1/{shard}/1"
        wanted.append((seed, "oracle/r1", "base", True))
        wanted.append((seed, f"{teacher}/r1", f"{teacher}/r0", True))
    assert replaced("2x1") == replaced("2x1", "1x1") == wanted


def test_where_teachers_alone_are_kept_they_alone_are_replaced(replaced):
    found = replaced("2x1", requests="latest")
    assert [name for _, name, *_ in found] == ["teachers/2x1/1/1/r1", "teachers/2x1/2/1/r1"]
