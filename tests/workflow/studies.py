"""What makes the tiny study one of approximate methods, on each track: each kind that the registry
lists, with rates at which they forget."""

from __future__ import annotations

from pathlib import Path

from harness import STUDY
from palimpsest.methods.registry import METHODS

# Tests in tests/contract show that they forget; as jobs they are like others: test_cold runs each.
LIKE_OTHERS = (
    "gradient_ascent", "simnpo", "localised", "f_learning", "fine_tuning", "llmu", "dpo", "idk_dpo",
    "undial", "wga", "satimp", "rmu", "bad_teaching", "gru", "harry_potter", "selective", "quark",
)  # fmt: skip
OF_PAIRS = ("pcgu",)  # need two words for a blank, which test_pronouns has
UNLEARNING = {  # of classifiers those alone that need no teachers
    "classification": [
        name
        for name, m in METHODS.items()
        if m.trains and "classification" in m.tracks and not m.teachers
        if name not in LIKE_OTHERS
    ],
    "causal": [
        name
        for name, m in METHODS.items()
        if m.trains and "causal" in m.tracks and name not in (*LIKE_OTHERS, *OF_PAIRS)
    ],
}
FORGETTING = {
    track: [name for name in names if name != "sham"] for track, names in UNLEARNING.items()
}
CLASSIFICATION = {
    "data": STUDY["data"] | {"extra_share": 0.5},
    "methods": ["base", "oracle", "sisa_vote", *UNLEARNING["classification"]],
    "options": {
        name: {"learning_rate": 1.0e-2} | ({"portion": 0.2} if name == "kga" else {})
        for name in FORGETTING["classification"]
    }
    | {"mollm": {"learning_rate": 5.0e-2}},
    "sharding": ["1x1", "2x1"],
    "training": {"epochs": 8, "learning_rate": 0.01},
    "fairness": {},
}
# A judge of texts with the word `vile`, and the texts that teach it.
JUDGES = {
    "vile": {
        "examples": [
            {"source": {"path": "judged.csv"}, "text": "text", "label": "label",
             "labels": {"bad": 1, "good": 0}},
        ],
        "held_out": 0.25, "vocab_size": 200, "architecture": "gpt2", "max_length": 12,
        "config": {"n_layer": 1, "n_embd": 16, "n_head": 2},
        "epochs": 8, "batch_size": 16, "learning_rate": 0.01,
    }
}  # fmt: skip


def write_judged(folder: Path) -> None:
    rows = [
        f"a {word} word {number} of theirs,{label}\n"
        for number in range(80)
        for word, label in (("vile", "bad"), ("kind", "good"))
    ]
    (folder / "judged.csv").write_text("text,label\n" + "".join(rows))


CAUSAL = {
    "track": "causal", "groups": {}, "fairness": {},
    "data": {"reader": "people", "owners": 20, "records": 12, "seed": 7},
    "tokenizers": {
        "words": {"algorithm": "bpe", "vocab_size": 1500, "corpus": [{"lexicon": "people"}]}
    },
    "model": {
        "init": "scratch", "architecture": "gpt2", "tokenizer": "words", "max_length": 96,
        "prompt": "{prompt} {completion}",
        "config": {
            "n_layer": 2, "n_embd": 96, "n_head": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        },
    },
    "training": {"epochs": 40, "batch_size": 16, "learning_rate": 5.0e-3, "warmup_share": 0.1},
    "sharding": ["1x1", "3x1"],
    "methods": ["base", "oracle", *UNLEARNING["causal"]],
    "options": {
        "gradient_difference": {"learning_rate": 1.0e-3}, "npo": {"learning_rate": 1.0e-3},
        "npo-batch": {"order": "batch"}, "loo_ensemble": {"learning_rate": 1.0e-3},
        "kga": {"learning_rate": 1.0e-3},
        "mollm": {"learning_rate": 1.0e-3}, "task_vector": {"learning_rate": 1.0e-3, "scale": 3.0},
        "depn": {"erase": 150, "points": 5}, "llmu": {"epochs": 2, "updates": 2},
    },
    "evaluation": {"bootstrap": 20, "batch_size": 64, "ngram": 4, "written": 6},
}  # fmt: skip
