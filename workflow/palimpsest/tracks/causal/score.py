"""What is computed from texts by causal models: the columns of a score file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.data.candidates import candidates_frame
from palimpsest.metrics.membership import zlib_sizes
from palimpsest.tracks.causal.asked import answer_rows, planted_secrets, to_be_written
from palimpsest.tracks.causal.compared import Compared
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.extracted import extracted
from palimpsest.tracks.causal.judged import Judge
from palimpsest.tracks.causal.stored import ANSWER, PARAPHRASE
from palimpsest.tracks.causal.tokens import token_scores
from palimpsest.tracks.causal.written import written

if TYPE_CHECKING:
    import pandas as pd

KEPT = ("kind", "number", "compressed")


def texts(records: pd.DataFrame, candidates: pd.DataFrame | None) -> pd.DataFrame:
    """Records, and below them their candidates, if any, as rows: the same prompt, another
    completion.

    With columns kind and number ('' and 0 for the record's completion), and compressed, the bytes
    of the completion when compressed.
    """
    import pandas as pd

    candidates = candidates_frame([]) if candidates is None else candidates
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
    judges: Mapping[str, Judge] | None = None,
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """Columns of a score file: those of `compared_scores`; what the model writes (`ngram`: n of
    EL_n; `rouge_words`: what ROUGE takes for words; `judged`: samples that ``judges`` read), for
    `written` records of each split and part (0: for none; `aside`: see to_be_written); and which
    secrets can be extracted from it (with `beams` and `samples`). NaN in rows that are not
    asked."""
    size, answers = settings["batch_size"], answer_rows(texts)
    columns = compared_scores(model, examples, size, reference, answers)
    columns |= written(
        model,
        tokenizer,
        examples,
        texts["completion"].tolist(),
        to_be_written(texts.iloc[answers], settings["written"], **settings.get("aside", {})),
        settings["ngram"],
        size,
        settings["rouge_words"],
        in_other_words(texts),
        reference,
        judges,
        settings.get("judged", 0),
    )
    secrets = planted_secrets(texts)
    if secrets:
        columns |= extracted(model, examples, secrets, settings["beams"], settings["samples"])
    return columns


def in_other_words(texts: pd.DataFrame) -> list[str]:
    """Of each text its record's answer in other words, "" where there is none."""
    others = texts[texts["kind"] == PARAPHRASE].set_index("record_id")["completion"].to_dict()
    return [others.get(name, "") for name in texts["record_id"]]


def compared_scores(
    model: torch.nn.Module,
    examples: LanguageModellingExamples,
    batch_size: int,
    reference: torch.nn.Module | None = None,
    asked: Sequence[int] = (),
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """logp, correct, mean, deviation (metrics.tokens): of each text a list of its counted tokens'
    values; and for the texts ``asked`` the divergences from the ``reference``, if there is one."""
    against = Compared(reference, examples, asked) if reference is not None else None
    scores = token_scores(model, examples, batch_size, against)
    cuts = scores.offsets[1:-1]
    columns = {
        name: np.split(getattr(scores, name), cuts)
        for name in ("logp", "correct", "mean", "deviation")
    }
    return columns | (against.divergences if against else {})
