"""All that differs between kinds of models is defined here: a track is a folder with

    __init__    TRACK: what the graph must know of it (``Track``), and nothing else
    examples    encoded records
    model       make(model, tokenizer, head, *names)          a fresh model; model: the study's
                                                              section, head: settings of its head
                load(folder, tokenizer, head)                 a model from a folder
                encode(records, tokenizer, model)             -> (Examples, texts that were cut)
                predict(model, batch)                         -> Predictions
                subset(examples, indices)                     some of the examples
                GENERATES                                     whether its models write text
    score       texts(records, candidates)                    the rows of a score file: what models
                                                              are asked about
                KEPT                                          columns of them that the file keeps
                needed(texts)                                 of a track that is scored in `parts`:
                                                              texts on which scores of others rest
                score(model, tokenizer, examples, texts, settings, reference)
                                                              further columns: what a model says;
                                                              `judges` too, where it is judged
    memory      memory(model, examples)                       numbers by name, which are watched
                                                              while a method changes a model, and
                extractable(model, tokenizer, examples, n, *names)
                                                              more of them, slower to have
                MEMORIZATION_METRICS                          those that measure memorization
    measure     measure(given, settings)                      -> Measured: scores to numbers
    summary     SCOPE                                         which records its tables are about
                ATTACKED                                      heading -> (set, metric) of what is
                                                              shown before and after an attack
                findings(metrics, settings)                   what the newest state says, in
                                                              sentences
                sections(metrics, settings)                   its tables, for people
    pretraining make, marks, objective                        of what recipes pretrain (causal and
                                                              masked)
    kept        kept(metrics, family)                         the rows that this repository keeps
                                                              of a finished study
    across      measure(given, settings)                      where a track has it: scores of all
                                                              seeds to numbers

and one line below. Losses, methods and steps are written once, on ``Predictions``. The modules that
a step needs are settings, so that a new metric or table does not train or score anything again.
Only measure, summary and `__init__` do without torch. Imported while the graph is built.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Literal

# Keys of the study's `model` section by which tracks encode texts.
ENCODING = ("max_length", "prompt")
TRACKS = {name: f"palimpsest.tracks.{name}" for name in ("classification", "causal", "masked")}


@dataclass(frozen=True)
class Track:
    """What the graph must know of a track.

    fields: columns of a record besides record_id, owner and split, of those that
    palimpsest.data.storage knows. candidates: whether records come with other completions.
    head, encoding, evaluation: keys of the study's sections `data`, `model` and `evaluation` by
    which heads are made, texts are encoded, and models are scored.

    judged: whether its models write texts, which judges judge.

    sets: what models are scored on besides what is forgotten. scored: a job scores one `set`, so
    that models which a request does not change keep their scores, or all sets of a `state`. parts:
    in a study that tunes, models that nothing is chosen by are not scored on what is never
    reported.
    beside_oracle: whether the oracle is loaded there, to compare models with.

    metrics: names of metrics.METRICS that it computes. measured: what its numbers of a method in a
    state are computed from, each as `[MODEL/]FILE`: FILE is a set that is scored (`forget` is all
    that is forgotten in the state), or the `decisions` of the method and the `rules` that made
    them; MODEL is base or oracle, else it is the method's; what is not there is left out.
    measuring: settings that this takes besides those of every track. around: modules of its folder
    that compare scores before and after a request, such as `membership`. across: the module of its
    folder that compares the scores of all seeds, where there is one. compares: methods without
    which a study of this track proves nothing. telling: sets by whose numbers settings may be
    chosen.
    """

    fields: tuple[str, ...]
    metrics: tuple[str, ...]
    measured: tuple[str, ...]
    telling: tuple[str, ...] = ("forget", "retain", "valid", "test", "holdout")
    candidates: bool = False
    judged: bool = False
    head: tuple[str, ...] = ()
    encoding: tuple[str, ...] = ("max_length",)
    evaluation: tuple[str, ...] = ()
    sets: tuple[str, ...] = ("heldout",)
    scored: Literal["set", "state"] = "set"
    parts: bool = False
    beside_oracle: bool = False
    measuring: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    across: str = ""
    compares: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether its numbers are of decisions, which methods make from scores of classes."""
        return "decisions" in self.measured

    @property
    def needs_forgotten(self) -> bool:
        """Whether its numbers need texts that a purge removes."""
        return any(file.rpartition("/")[2] == "forget" for file in self.measured)


def track_of(name: str) -> Track:
    """What the graph must know of the track of this name."""
    return importlib.import_module(TRACKS[name]).TRACK


def module_of(name: str, part: str) -> str:
    """The name of a module of a track's folder."""
    return f"{TRACKS[name]}.{part}"
