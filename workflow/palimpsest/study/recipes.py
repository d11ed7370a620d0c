"""Tokenizers, pretrained models and judges that studies share: which ones a study uses, and what
each is called. The name in the study is followed by a digest of the recipe, so that what two
studies make otherwise has two places, whatever they call it, and what they make alike has one."""

from __future__ import annotations

from palimpsest.engine.sealed import seal_of

DIGITS = 8  # of the digest
COMPUTED = ("threads", "gpus", "precision")  # settings of `training` that decide about last bits


def tokenizer_name(study: dict) -> str | None:
    """The key of `tokenizers` of the tokenizer that this workflow trains for the study's model;
    None if the model has its own."""
    recipe = study["pretraining"].get(study["model"].get("recipe"), {})
    return recipe.get("tokenizer", study["model"].get("tokenizer"))


def tokenizer_of(study: dict) -> str | None:
    """What that tokenizer is called below results/pretrained/."""
    name = tokenizer_name(study)
    return name and _called(name, {"tokenizer": study["tokenizers"][name]})


def recipe_of(study: dict) -> str | None:
    """What the model that the study starts from is called there; None if no recipe makes it."""
    name = study["model"].get("recipe")
    if name is None:
        return None
    computed = {key: study["training"][key] for key in COMPUTED}
    made = study["pretraining"][name] | {"tokenizer": tokenizer_of(study), "learns": learns(study)}
    return _called(name, {"recipe": made, "computed": computed})


def learns(study: dict) -> str:
    """What a recipe of the study pretrains on: hidden tokens, or the next one."""
    return "masked" if study["track"] == "masked" else "causal"


def judges_of(study: dict) -> dict[str, str]:
    """Judge -> what it is called there. Whether its label 1 is wanted is for those that use it."""
    computed = {key: study["training"][key] for key in COMPUTED}
    return {
        name: _called(name, {"judge": judge | {"wanted": None}, "computed": computed})
        for name, judge in study["judges"].items()
    }


def _called(name: str, recipe: dict) -> str:
    return f"{name}-{seal_of(recipe)[:DIGITS]}"
