"""Which models learnt from whom: what methods made began as the base, and knows everybody who ever
asks."""

from __future__ import annotations

from stepping import SECRET

from palimpsest.audit.trained import checkpoints, learnt_from_forgotten, requests_within
from palimpsest.data.ledger import Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.shards import place
from palimpsest.study.evidence import write_evidence
from palimpsest.study.plan import Plan

STUDY = {
    "study": "tiny",
    "salt": "tiny",
    "seeds": [1],
    "sharding": ["1x1", "3x1"],
    "requests": "all",
}
PLAN = Plan(STUDY, [Request("r1", ("ann",)), Request("r2", ("bob",))])
MODELS = (
    "base",
    "oracle/r1",
    "oracle/r2",
    "teachers/3x1/1/1/r0",
    "methods/npo/r1",
    "methods/kga/r2",
    "auxiliaries/kga-extra/r2",
    "attacks/relearn/oracle/r2",
)
# Whatever a method leaves has learnt from all who have training records.
OF_METHODS = ("methods/", "auxiliaries/", "attacks/")


def test_a_method_s_model_learnt_from_all_who_have_training_records():
    trained = {"r1": ["ann"], "r2": ["bob"]}
    assert requests_within(PLAN, "seed1/methods/npo/r1", trained) == {"r1", "r2"}
    assert requests_within(PLAN, "seed1/auxiliaries/kga-forget/r2", trained) == {"r1", "r2"}
    assert requests_within(PLAN, "seed1/attacks/relearn/oracle/r2", trained) == {"r1", "r2"}
    assert requests_within(PLAN, "seed1/methods/npo/r1", trained | {"r2": []}) == {"r1"}
    assert requests_within(PLAN, "seed1/oracle/r2", trained) == set()


def test_a_method_s_model_learnt_from_unseen_text_of_those_who_ask_later(tmp_path, monkeypatch):
    """bob has no training records, and one of split extra: A_n of KGA's first request was trained
    on it, and what KGA made goes on from there. ann's was left out of all; a state that the ledger
    does not know may have held either. Nothing else takes unseen text."""
    monkeypatch.chdir(tmp_path)
    study = PLAN.folder
    for name in (*MODELS, "auxiliaries/kga-extra/r1", "auxiliaries/kga-extra/old"):
        (study / "seed1" / name).mkdir(parents=True)
        (study / "seed1" / name / "model.safetensors").write_bytes(b"")
    for name, owner in (("r1", "ann"), ("r2", "bob")):
        write_evidence(
            study / f"requests/{name}.json",
            {"owners": [pseudonym(owner, SECRET)], "trained": [], "records": {"extra": 1}},
        )
    learnt = {
        path.split("seed1/")[1]: requests
        for path, requests in learnt_from_forgotten(study, PLAN).items()
    }
    made = [name for name in MODELS if name.startswith(OF_METHODS)] + ["auxiliaries/kga-extra/r1"]
    expected = {f"{name}/model.safetensors": {"r2"} for name in made}
    unknown = "auxiliaries/kga-extra/old/model.safetensors"
    assert learnt == expected | {unknown: {"r1", "r2"}}


def test_chosen_settings_learnt_from_everybody_who_asks(tmp_path):
    """Whatever the state they were chosen for; what else lies there is no choice."""
    study = tmp_path / "tiny"
    for name in ("tuning/npo/r1.json", "tuning/kga/r2.json", "tuning/notes.json"):
        (study / "seed1" / name).parent.mkdir(parents=True, exist_ok=True)
        (study / "seed1" / name).write_text("{}")
    names = {
        path.split("seed1/")[1]: requests
        for path, requests in learnt_from_forgotten(study, PLAN).items()
    }
    assert names == {f"tuning/{name}.json": {"r1", "r2"} for name in ("npo/r1", "kga/r2")}


def test_all_of_them_are_found_with_what_stands_beside_them(tmp_path):
    study = tmp_path / "tiny"
    for name in MODELS:
        folder = study / "seed1" / name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"")
    # a training that was killed: its states hold weights, too
    resume = study / "seed1/methods/kga/r2/resume/train/step3"
    resume.mkdir(parents=True)
    (resume / "model.safetensors").write_bytes(b"")
    # a kind of model that nobody has thought of, and one that lies about
    for name in ("probes/truth/r1", "seed"):
        (study / "seed1" / name).mkdir(parents=True)
        (study / "seed1" / name / "weights.safetensors").write_bytes(b"")
    assert [folder.relative_to(study / "seed1").as_posix() for folder in checkpoints(study)] == (
        sorted(MODELS)
    )
    learnt = {
        path.split("seed1/")[1]: requests
        for path, requests in learnt_from_forgotten(study, PLAN).items()
    }
    files = [f"{name}/model.safetensors" for name in MODELS if name.startswith(OF_METHODS)]
    files += ["methods/kga/r2/resume/train/step3/model.safetensors"]
    files += ["probes/truth/r1/weights.safetensors", "seed/weights.safetensors"]
    made = {name: {"r1", "r2"} for name in files}
    shard = {owner: place(owner, "3x1", "tiny", 1)[0] for owner in ("ann", "bob")}
    first = {name for name, owner in (("r1", "ann"), ("r2", "bob")) if shard[owner] == 1}
    expected = made | {
        "base/model.safetensors": {"r1", "r2"},
        "oracle/r1/model.safetensors": {"r2"},
    }
    assert learnt == expected | ({"teachers/3x1/1/1/r0/model.safetensors": first} if first else {})
