"""What differs between kinds of models, and nowhere else: a track is a module of this folder with

    FIELDS                                        text fields of a record
    GENERATES                                     whether its models write text
    make(model, tokenizer, head, *names)          a fresh model by the study's `model` section;
                                                  head: settings of its head
    load(folder, tokenizer, head)                 a model from a folder
    encode(records, tokenizer, model)             -> (Examples, texts that were cut)
    predict(model, batch)                         -> Predictions
    subset(examples, indices)                     some of the examples

and a scorer, a module of scoring/, which the training of base, oracle and teachers does not know,
so that a new number trains none of them anew (methods watch what is known while they train), with

    score(model, examples, batch_size)            columns of a score file; of causal models also
                                                  given a reference and which examples are asked to
                                                  be held against it
    tell(model, tokenizer, examples, rows, settings)
                                                  more of them, of causal models alone, for the Rows
                                                  that are asked
    memory(model, examples)                       numbers by name, and
    extractable(model, tokenizer, examples, n, *names)
                                                  more of them, slower to have; those of KNOWN say
                                                  how well examples are known

Losses, methods and steps are written once, on ``Predictions``.
"""

from __future__ import annotations

TRACKS = {name: f"palimpsest.tracks.{name}" for name in ("classification", "causal")}
SCORERS = {name: f"palimpsest.scoring.{name}" for name in TRACKS}
