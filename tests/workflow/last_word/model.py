from __future__ import annotations

import torch
from palimpsest.tracks.last_word.examples import LastWordExamples

from palimpsest.models.causal import load_causal, make_causal
from palimpsest.models.tokenizers import encode as encode_texts
from palimpsest.training.predictions import Predictions

GENERATES = False


def make(settings, tokenizer, head, *names):
    return make_causal(settings, tokenizer, *names)


def load(source, tokenizer, head):
    return load_causal(source, tokenizer)


def encode(records, tokenizer, settings):
    token_ids, cut = encode_texts(tokenizer, records["text"].tolist(), settings["max_length"])
    without_end = [ids[:-1] for ids in token_ids]
    return LastWordExamples(without_end, tokenizer.pad_token_id), cut


def predict(model, batch) -> Predictions:
    """One prediction a text, at the place of its last token but one."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    rows = torch.arange(len(logits), device=logits.device)
    return Predictions(logits[rows, batch["attention_mask"].sum(dim=1) - 1], batch["targets"], rows)


def subset(examples, indices):
    return LastWordExamples([examples.token_ids[i] for i in indices], examples.pad_id)
