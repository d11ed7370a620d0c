"""What people add to the workflow and nothing in a study uses yet: each is one file or function,
and one line in a dict."""

from __future__ import annotations

import shutil

from harness import Clone

PACKAGE = "workflow/palimpsest"


def append(clone: Clone, name: str, text: str) -> None:
    with open(clone.path(f"{PACKAGE}/{name}"), "a", encoding="utf-8") as file:
        file.write(text)


def copy(clone: Clone, name: str, new: str) -> None:
    shutil.copy(clone.path(f"{PACKAGE}/{name}"), clone.path(f"{PACKAGE}/{new}"))


def trained_method(clone: Clone) -> None:
    copy(clone, "methods/gradient_difference.py", "methods/further.py")
    append(
        clone,
        "methods/registry.py",
        '\nMETHODS["further"] = _method("further", "model", "a further one", tracks=ANY)\n',
    )


def deciding_method(clone: Clone) -> None:
    copy(clone, "methods/sisa_mean.py", "methods/ours.py")
    append(
        clone, "methods/registry.py", '\nMETHODS["ours"] = _method("ours", "teachers", "our own")\n'
    )


def metric(clone: Clone) -> None:
    append(
        clone,
        "metrics/memorization.py",
        "\n\ndef surprise(scores, weights=None):\n    return -perplexity(scores, weights)\n",
    )
    first = '        Metric("accuracy", "up",'
    added = '        Metric("surprise", "match", -inf, 0, "defined here", "less than nothing"),\n'
    clone.edit(f"{PACKAGE}/metrics/__init__.py", first, added + first)


def reader(clone: Clone) -> None:
    copy(clone, "data/readers/forum.py", "data/readers/market.py")
    clone.edit(f"{PACKAGE}/data/readers/__init__.py", '"novels")', '"novels", "market")')


def loss(clone: Clone) -> None:
    append(clone, "training/losses.py", "\n\ndef squared(logits):\n    return (logits**2).sum()\n")


def figure(clone: Clone) -> None:
    copy(clone, "plots/cost.py", "plots/further.py")
    shutil.copy(clone.path("workflow/report/cost.rst"), clone.path("workflow/report/further.rst"))
    line = '\nFIGURES["further"] = Figure("Exposure once more", "surprise")\n'
    append(clone, "plots/registry.py", line)


def track(clone: Clone) -> None:
    folder = clone.path(f"{PACKAGE}/tracks")
    shutil.copytree(folder / "classification", folder / "further")
    clone.edit(
        f"{PACKAGE}/tracks/__init__.py",
        '("classification", "causal", "masked")',
        '("classification", "causal", "masked", "further")',
    )


def attack(clone: Clone) -> None:
    copy(clone, "attacks/relearn.py", "attacks/further.py")
    line = 'Attack("palimpsest.attacks.further", "a further one", ("causal",))'
    append(clone, "attacks/registry.py", f'\nATTACKS["further"] = {line}\n')


def helper(clone: Clone) -> None:
    """In modules that steps import, and in those that their settings name."""
    parts = ("model", "score", "memory", "measure", "summary")
    for name in (
        "training/loop.py",
        "steps/score.py",
        "report/tables.py",
        "plots/choice.py",
        "plots/style.py",
        "audit/certificate.py",
        *(f"tracks/{track}/{part}.py" for track in ("classification", "causal") for part in parts),
        "tracks/classification/membership.py",
        *(f"methods/{name}.py" for name in ("base", "sisa_vote", "npo", "kga")),
        "attacks/relearn.py",
        *(f"data/readers/{name}.py" for name in ("table", "people")),
        "data/people.py",
        *(f"plots/{name}.py" for name in ("tradeoff", "cost")),
    ):
        append(
            clone,
            name,
            "\n\ndef nobody_calls_this(value):\n    return value\n\n\nAND_NOBODY_THIS = 3\n",
        )


NEWCOMERS = (
    trained_method, deciding_method, metric, reader, loss, figure, attack, track, helper
)  # fmt: skip
