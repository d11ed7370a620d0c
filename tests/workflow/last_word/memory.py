from __future__ import annotations

from palimpsest.tracks.last_word.score import score

MEMORIZATION_METRICS = ("log_likelihood",)


def memory(model, examples) -> dict[str, float]:
    every = range(len(examples.lengths))
    return {"log_likelihood": float(score(model, None, examples, every, {}, None)["logp"].mean())}


def extractable(model, tokenizer, examples, n, *names) -> dict[str, float]:
    return {}
