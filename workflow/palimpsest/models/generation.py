"""How a causal model continues a text: greedily, from every prefix of it too; by beam search; by
sampling.

For models whose cache is keys and values of every position (gpt2, llama and their like). Nothing is
taken from a model's generation config, so that neither a repetition penalty nor an end-of-text
token changes what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer


class _Row(NamedTuple):
    cache: Cache  # of a text that starts with the prefix
    prefix: int  # tokens of the prefix
    first: int  # the token after it
    steps: int  # tokens to generate, the first among them


class _Room(DynamicLayer):
    """Keys and values of a batch in memory that is allocated once: DynamicLayer copies all of them
    for every token it appends.

    keys and values (B, heads, width, size): each row's prefix stands at the right end of these
    places; ``room`` places in all. A batch of fewer rows takes the first ones.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, room: int):
        super().__init__()
        self.filled, self.is_initialized = keys.shape[2], True
        # masked values must be finite, too
        self.keys, self.values = (
            torch.nn.functional.pad(one, (0, 0, 0, room - self.filled)) for one in (keys, values)
        )

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        rows, before = len(key_states), self.filled
        self.filled += key_states.shape[-2]
        self.keys[:rows, :, before : self.filled] = key_states
        self.values[:rows, :, before : self.filled] = value_states
        return self.keys[:rows, :, : self.filled], self.values[:rows, :, : self.filled]

    def get_seq_length(self) -> int:
        return self.filled


@torch.inference_mode()
def greedy_suffixes(
    model: torch.nn.Module,
    token_ids: Sequence[Sequence[int]],
    batch_size: int = 64,
    eos_id: int | None = None,
    shortest: Sequence[int] | None = None,
) -> list[list[list[int]]]:
    """Greedy continuations of every prefix of n texts, each up to the text's length (Jang et al.
    2023, for extraction likelihood).

    ``[k][i - s]`` continues the first i of the T tokens of text k, i = s .. T - 1, by T - i tokens,
    or up to the first ``eos_id`` among them; s is ``shortest[k]``, or 1. A text's keys and values
    are computed once. A prefix after which the model predicts the true token continues as the next
    longer one, so that only the others are computed, ``batch_size`` at a time and sorted by length.
    Memory: keys and values of 2 * batch_size texts. Ties go to the lowest id. ValueError for a text
    of fewer than two tokens, or longer than the model's context.
    """
    model.eval()
    shortest = [1] * len(token_ids) if shortest is None else shortest
    suffixes: list = [None] * len(token_ids)
    order = np.argsort([len(ids) for ids in token_ids], kind="stable")
    for group in (order[start : start + batch_size] for start in range(0, len(order), batch_size)):
        rows: dict[tuple[int, int], _Row] = {}
        for text in group:
            ids = token_ids[text]
            if len(ids) < 2:
                raise ValueError(
                    "a text must have two tokens at least, a prefix and what follows it"
                )
            cache, logits = _read(model, ids[:-1], 0)
            for prefix, first in enumerate(logits.argmax(dim=-1).tolist(), start=1):
                if prefix >= shortest[text] and first != ids[prefix]:
                    rows[text, prefix] = _Row(cache, prefix, first, len(ids) - prefix)
        continued = dict(
            zip(rows, _extend_all(model, list(rows.values()), batch_size), strict=True)
        )
        for text in group:
            ids, after = token_ids[text], []
            suffixes[text] = []
            for prefix in range(len(ids) - 1, shortest[text] - 1, -1):
                after = (
                    continued[text, prefix]
                    if (text, prefix) in continued
                    else [ids[prefix], *after]
                )
                suffixes[text].append(_until(after, eos_id))
            suffixes[text].reverse()
    return suffixes


@torch.inference_mode()
def greedy_continuations(
    model: torch.nn.Module,
    prefixes: Sequence[Sequence[int]],
    lengths: Sequence[int],
    batch_size: int = 64,
    eos_id: int | None = None,
) -> list[list[int]]:
    """The greedy continuation of each of n prefixes by as many tokens as ``lengths`` says, or up to
    the first ``eos_id`` among them.

    Ties go to the lowest id. ValueError where a prefix is empty or leaves too little room in the
    model's context.
    """
    model.eval()
    continuations: list = [None] * len(prefixes)
    order = np.argsort(-np.asarray(lengths), kind="stable")  # those with the most steps first
    for group in (order[start : start + batch_size] for start in range(0, len(order), batch_size)):
        read = [
            (*_read(model, prefixes[text], lengths[text] - 1, last=True), text) for text in group
        ]
        rows = [
            _Row(cache, len(prefixes[text]), int(logits[-1].argmax()), lengths[text])
            for cache, logits, text in read
        ]
        for text, suffix in zip(group, _extend(model, rows, _likeliest), strict=True):
            continuations[text] = _until(suffix, eos_id)
    return continuations


@torch.inference_mode()
def beam_search(
    model: torch.nn.Module, prefix_ids: Sequence[int], suffix_length: int, beams: int
) -> list[list[int]]:
    """The ``beams`` hypotheses of ``suffix_length`` tokens after a prefix, the likeliest first;
    fewer only where there are no more.

    No token ends a hypothesis. ValueError where the prefix is empty or leaves too little room in
    the model's context.
    """
    model.eval()
    cache, logits = _read(model, prefix_ids, suffix_length - 1, last=True)
    totals = logits.new_zeros(1, dtype=torch.float32)
    hypotheses = torch.empty(1, 0, dtype=torch.long, device=logits.device)
    while True:
        scores = (totals[:, None] + torch.log_softmax(logits.float(), dim=-1)).flatten()
        totals, best = scores.topk(min(beams, len(scores)))
        parents = best // logits.shape[-1]
        hypotheses = torch.cat([hypotheses[parents], (best % logits.shape[-1])[:, None]], dim=1)
        if hypotheses.shape[1] == suffix_length:
            return hypotheses.tolist()
        cache.reorder_cache(parents)
        logits = model(input_ids=hypotheses[:, -1:], past_key_values=cache, use_cache=True).logits[
            :, -1
        ]


@torch.inference_mode()
def sample(
    model: torch.nn.Module,
    prefix_ids: Sequence[int],
    suffix_length: int,
    count: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    batch_size: int = 256,
) -> list[list[int]]:
    """``count`` independent continuations of a prefix by ``suffix_length`` tokens, no token ending
    them.

    Tokens are drawn from softmax(logits / temperature), of the ``top_k`` likeliest alone where that
    is given. generator: on the CPU, see ``palimpsest.randomness.torch_generator``; one uniform
    number a token decides, so that the batch size does not change a sample. ValueError where the
    temperature is not positive, the prefix is empty or leaves too little room in the model's
    context.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, not {temperature}")
    model.eval()
    cache, logits = _read(model, prefix_ids, suffix_length - 1, last=True)
    uniform = torch.rand(count, suffix_length, dtype=torch.float64, generator=generator).to(
        logits.device
    )
    samples = []
    for numbers in uniform.split(batch_size):

        def drawn(logits: torch.Tensor, step: int, numbers: torch.Tensor = numbers) -> torch.Tensor:
            return _drawn(logits, numbers[:, step], temperature, top_k)

        first = drawn(logits.expand(len(numbers), -1), 0).tolist()
        samples += _extend(
            model, [_Row(cache, len(prefix_ids), token, suffix_length) for token in first], drawn
        )
    return samples


@torch.inference_mode()
def sample_each(
    model: torch.nn.Module,
    prefixes: Sequence[Sequence[int]],
    uniform: Sequence[torch.Tensor],
    eos_id: int | None = None,
    batch_size: int = 64,
) -> list[list[int]]:
    """One continuation of each of n prefixes, drawn as in ``sample``, by as many tokens as it has
    ``uniform`` numbers, (steps,) float64 in [0, 1), or up to the first ``eos_id`` among them.

    The numbers are the caller's, so that what else is in a batch changes no draw; but it pads
    texts, and a logit that rounds otherwise may move a draw that lies on the edge between two
    tokens. ValueError where a prefix is empty or leaves too little room in the model's context.
    """
    model.eval()
    continuations: list = [None] * len(prefixes)
    # those with the most steps first; of these texts of like length together
    order = sorted(range(len(prefixes)), key=lambda n: (-len(uniform[n]), len(prefixes[n])))
    for group in (order[start : start + batch_size] for start in range(0, len(order), batch_size)):
        some, counts = [prefixes[n] for n in group], [len(uniform[n]) for n in group]
        numbers = torch.nn.utils.rnn.pad_sequence([uniform[n] for n in group], batch_first=True)
        numbers = numbers.to(model.device)

        def drawn(logits: torch.Tensor, step: int, numbers: torch.Tensor = numbers) -> torch.Tensor:
            return _drawn(logits, numbers[: len(logits), step], 1.0, None)

        cache, logits = _read_all(model, some, counts)
        lengths = [len(ids) for ids in some]
        made = _step(model, cache, drawn(logits, 0), lengths, counts, drawn)
        for n, suffix in zip(group, made, strict=True):
            continuations[n] = _until(suffix, eos_id)
    return continuations


def _drawn(
    logits: torch.Tensor, uniform: torch.Tensor, temperature: float, top_k: int | None
) -> torch.Tensor:
    """logits (B, V), uniform (B,) in [0, 1) -> ids (B,): where the cumulated probabilities pass the
    uniform number."""
    logits, ids = logits.topk(min(top_k, logits.shape[-1])) if top_k else (logits, None)
    cumulated = torch.softmax(logits.double() / temperature, dim=-1).cumsum(dim=-1)
    place = torch.searchsorted(cumulated, uniform[:, None] * cumulated[:, -1:], right=True).clamp(
        max=logits.shape[-1] - 1
    )
    return (place if ids is None else ids.gather(1, place))[:, 0]


def _likeliest(logits: torch.Tensor, step: int) -> torch.Tensor:
    return logits.argmax(dim=-1)


def _read(
    model: torch.nn.Module, ids: Sequence[int], more: int, last: bool = False
) -> tuple[Cache, torch.Tensor]:
    """Keys and values of a text, and the logits (T, V) after each of its tokens, or (1, V) after
    the last; ``more`` are to follow."""
    limit = getattr(model.config, "max_position_embeddings", None)
    if not len(ids) or more < 0 or (limit is not None and len(ids) + more > limit):
        raise ValueError(
            f"a text of {len(ids)} tokens cannot be continued by {more + 1} in a context of {limit}"
        )
    cache = DynamicCache()
    inputs = torch.tensor([list(ids)], device=model.device)
    return cache, model(
        input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=int(last)
    ).logits[0]


def _read_all(
    model: torch.nn.Module, prefixes: Sequence[Sequence[int]], counts: Sequence[int]
) -> tuple[Cache, torch.Tensor]:
    """Keys and values of a batch of texts, with room for ``counts`` tokens to follow, the most of
    them first, and the logits (B, V) after each text."""
    limit = getattr(model.config, "max_position_embeddings", None)
    for ids, count in zip(prefixes, counts, strict=True):
        if not len(ids) or not count or (limit is not None and len(ids) + count - 1 > limit):
            what = f"a text of {len(ids)} tokens cannot be continued by {count}"
            raise ValueError(f"{what} in a context of {limit}")
    width = max(map(len, prefixes))
    lengths = torch.tensor([len(ids) for ids in prefixes], device=model.device)[:, None]
    places = torch.arange(width, device=model.device) - width + lengths
    inputs = torch.tensor([[0] * (width - len(ids)) + list(ids) for ids in prefixes])
    cache = DynamicCache()
    output = model(
        input_ids=inputs.to(model.device),
        attention_mask=(places >= 0).long(),
        position_ids=places.clamp(min=0),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    rooms = [_Room(layer.keys, layer.values, width + counts[0] - 1) for layer in cache.layers]
    return Cache(layers=rooms), output.logits[:, -1]


def _extend_all(model: torch.nn.Module, rows: list[_Row], batch_size: int) -> list[list[int]]:
    """Greedy continuations of any number of rows, in their order."""
    order = sorted(range(len(rows)), key=lambda row: -rows[row].steps)
    continuations: list = [None] * len(rows)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        for row, suffix in zip(
            batch, _extend(model, [rows[row] for row in batch], _likeliest), strict=True
        ):
            continuations[row] = suffix
    return continuations


def _extend(
    model: torch.nn.Module, rows: list[_Row], choose: Callable[[torch.Tensor, int], torch.Tensor]
) -> list[list[int]]:
    """Continue a batch of rows, those with the most steps first; ``choose(logits (B, V), step)``
    gives the next token of each."""
    width, steps = max(row.prefix for row in rows), rows[0].steps
    layers = []
    for number in range(len(rows[0].cache.layers)):
        laid = _laid([(row.cache.layers[number], row.prefix) for row in rows], width)
        layers.append(_Room(*laid, width + steps - 1))
    first = torch.tensor([row.first for row in rows], device=model.device)
    prefixes, counts = [row.prefix for row in rows], [row.steps for row in rows]
    return _step(model, Cache(layers=layers), first, prefixes, counts, choose)


def _laid(sources: list[tuple[DynamicLayer, int]], width: int) -> Iterator[torch.Tensor]:
    """(keys and values of a text, tokens of a prefix of it) -> keys, values (B, heads, width, size)
    of the prefixes, each at the right end."""
    for of in ("keys", "values"):
        prefixes = [getattr(source, of)[0, :, :prefix] for source, prefix in sources]
        pad = torch.nn.functional.pad
        yield torch.stack([pad(one, (0, 0, width - one.shape[1], 0)) for one in prefixes])


def _step(
    model: torch.nn.Module,
    cache: Cache,
    first: torch.Tensor,
    prefixes: Sequence[int],
    counts: Sequence[int],
    choose: Callable[[torch.Tensor, int], torch.Tensor],
) -> list[list[int]]:
    """The ``counts`` tokens, not ascending, that follow prefixes of so many tokens: ``first`` (B,)
    and those that ``choose`` gives after it. cache: of _Room's, filled up to the longest prefix."""
    width, steps = max(prefixes), counts[0]
    lengths = torch.tensor(prefixes, device=model.device)[:, None]
    mask = (torch.arange(width + steps - 1, device=model.device) >= width - lengths).long()
    tokens = torch.zeros(len(prefixes), steps, dtype=torch.long, device=model.device)
    tokens[:, 0] = first
    for step in range(1, steps):
        left = sum(count > step for count in counts)  # the rows after these are complete
        given = {
            "input_ids": tokens[:left, step - 1 : step],
            "position_ids": lengths[:left] + step - 1,
        }
        output = model(
            **given,
            attention_mask=mask[:left, : width + step],
            past_key_values=cache,
            use_cache=True,
        )
        tokens[:left, step] = choose(output.logits[:, -1], step)
    return [ids[:count] for ids, count in zip(tokens.tolist(), counts, strict=True)]


def _until(ids: list[int], eos_id: int | None) -> list[int]:
    return ids[: ids.index(eos_id) + 1] if eos_id in ids else ids
