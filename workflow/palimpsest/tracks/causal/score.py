"""What causal models are asked about texts, and the columns that keep their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.metrics.membership import zlib_sizes
from palimpsest.tracks.causal.asked import own_completions, planted_secrets, to_be_written
from palimpsest.tracks.causal.compared import Compared
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.extracted import extracted
from palimpsest.tracks.causal.stored import ANSWER
from palimpsest.tracks.causal.tokens import token_scores
from palimpsest.tracks.causal.written import written

if TYPE_CHECKING:
    import pandas as pd

KEPT = ("kind", "number", "compressed")


def texts(records: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Records, and below them each of their candidates as one: the same prompt, another completion.

    With columns kind and number ('' and 0 for what the record itself holds), and compressed, the
    bytes that the completion takes compressed.
    """
    import pandas as pd

    others = candidates.merge(records[["record_id", "prompt"]], on="record_id")
    rows = pd.concat([records.assign(kind=ANSWER, number=0), others], ignore_index=True)
    return rows.assign(compressed=zlib_sizes(rows["completion"]))


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: torch.nn.Module | None = None,
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """Columns of a score file: what `compared_scores` has; what the model writes (`ngram`: n of
    EL_n), of `written` records of each split and part (0: of none); and the secrets that can be got
    out of it (`beams`, `samples`: by how many of them they are sought). NaN of rows that are not
    asked."""
    size, own = settings["batch_size"], own_completions(texts)
    columns = compared_scores(model, examples, size, reference, own)
    columns |= written(
        model,
        tokenizer,
        examples,
        texts["completion"].tolist(),
        to_be_written(texts.iloc[own], settings["written"]),
        settings["ngram"],
        size,
    )
    secrets = planted_secrets(texts)
    if secrets:
        columns |= extracted(model, examples, secrets, settings["beams"], settings["samples"])
    return columns


def compared_scores(
    model: torch.nn.Module,
    examples: LanguageModellingExamples,
    batch_size: int,
    reference: torch.nn.Module | None = None,
    asked: Sequence[int] = (),
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """A list of the counted tokens' values each: logp, correct, mean, deviation (metrics.tokens);
    and of the texts ``asked`` how far the model lies from the ``reference``, where there is one."""
    against = Compared(reference, examples, asked) if reference is not None else None
    scores = token_scores(model, examples, batch_size, against)
    cuts = scores.offsets[1:-1]
    columns = {
        name: np.split(getattr(scores, name), cuts)
        for name in ("logp", "correct", "mean", "deviation")
    }
    return columns | (against.divergences if against else {})
