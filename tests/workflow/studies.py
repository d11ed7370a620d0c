"""What makes the tiny study one of approximate methods, on each track: all that the registry lists,
with rates at which they forget."""

from __future__ import annotations

from harness import STUDY
from palimpsest.methods.registry import METHODS

# Their losses are tested in tests/contract; as jobs they are like others, and test_cold runs each.
LIKE_OTHERS = (
    "llmu", "dpo", "idk_dpo", "undial", "wga", "satimp", "rmu", "bad_teaching", "gru",
    "harry_potter", "selective", "quark",
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
    | {
        "simnpo": {"learning_rate": 1.0e-2, "forget_weight": 2.0},
        "mollm": {"learning_rate": 5.0e-2},
    },
    "sharding": ["1x1", "2x1"],
    "training": {"epochs": 8, "learning_rate": 0.01},
    "fairness": {},
}
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
        "gradient_ascent": {"learning_rate": 3.0e-4},
        "gradient_difference": {"learning_rate": 1.0e-3}, "npo": {"learning_rate": 1.0e-3},
        "npo-batch": {"order": "batch"}, "loo_ensemble": {"learning_rate": 1.0e-3},
        "kga": {"learning_rate": 1.0e-3},
        "simnpo": {"learning_rate": 1.0e-3, "forget_weight": 1.0},
        "mollm": {"learning_rate": 1.0e-3}, "localised": {"learning_rate": 1.0e-3},
        "task_vector": {"learning_rate": 1.0e-3, "scale": 3.0},
        "f_learning": {"learning_rate": 1.0e-3, "forget_learning_rate": 1.0e-3},
        "depn": {"erase": 150, "points": 5}, "llmu": {"epochs": 2, "updates": 2},
    },
    "evaluation": {"bootstrap": 20, "batch_size": 64, "ngram": 4, "written": 6},
}  # fmt: skip
