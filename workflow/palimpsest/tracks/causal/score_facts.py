"""What is computed from texts of which some have new answers (data/facts.py): the columns of
score.py, and what is written about something else. A module of its own, so that studies without
such texts are not scored anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.data.facts import ASKED
from palimpsest.metrics.membership import zlib_sizes
from palimpsest.models.generation import greedy_continuations
from palimpsest.tracks.causal import score as plain
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.judged import Judge
from palimpsest.tracks.causal.stored import EDITED, REWORDED, UNRELATED

if TYPE_CHECKING:
    import pandas as pd

KEPT = (*plain.KEPT, "source")
# kind -> columns of its prompt and its completion
KINDS = {
    EDITED: ("prompt", "new_answer"),
    REWORDED: ("rephrase", "new_answer"),
    UNRELATED: ("unrelated", "unrelated_answer"),
}


def texts(records: pd.DataFrame, candidates: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of score.py, and below them those of KINDS of the records that have them."""
    import pandas as pd

    rows = plain.texts(records, candidates)
    rows = rows.assign(**{name: "" for name in (*ASKED, "source") if name not in rows})
    further = []
    for kind, (prompt, completion) in KINDS.items():
        own = rows[(rows["kind"] == "") & (rows[prompt] != "") & (rows[completion] != "")]
        asked = own.assign(kind=kind, prompt=own[prompt], completion=own[completion])
        further.append(asked.assign(compressed=zlib_sizes(asked["completion"])))
    return pd.concat([rows, *further], ignore_index=True)


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: torch.nn.Module | None = None,
    judges: Mapping[str, Judge] | None = None,
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """Columns of a score file: also said, a digest of what the model writes about something else,
    at most as many tokens as the answer has; "" in other rows."""
    columns = plain.score(model, tokenizer, examples, texts, settings, reference, judges)
    asked = np.flatnonzero(texts["kind"] == UNRELATED).tolist()
    before = examples.lengths - examples.counted
    written = greedy_continuations(
        model,
        [examples.token_ids[i][: before[i]] for i in asked],
        examples.counted[asked].tolist(),
        settings["batch_size"],
        tokenizer.eos_token_id,
    )
    said = np.full(len(texts), "", dtype=object)
    said[asked] = [digest(ids) for ids in written]
    return columns | {"said": said}


def digest(ids: list[int]) -> str:
    """Outputs are compared, and not kept: they may hold what is to be forgotten."""
    return hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()[:16]
