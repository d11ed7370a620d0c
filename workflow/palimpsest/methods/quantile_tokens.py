"""Further tokens of a causal model while quark trains it: rows at the end of its embedding."""

from __future__ import annotations

import torch

from palimpsest.randomness import torch_generator


def add_tokens(model: torch.nn.Module, count: int, *names: object) -> None:
    """Add ``count`` rows, drawn by ``names`` from Gaussians with the mean and deviation that the
    embedding has in each dimension."""
    known = model.get_input_embeddings().num_embeddings
    model.resize_token_embeddings(known + count, mean_resizing=False)
    tables = {id(one.weight): one.weight for one in _tables(model)}.values()  # one where tied
    generator = torch_generator(*names, "quantile tokens")
    with torch.no_grad():
        for weight in tables:
            old = weight[:known].double().cpu()
            drawn = torch.randn(count, old.shape[1], generator=generator, dtype=torch.float64)
            weight[known:] = (old.mean(0) + drawn * old.std(0)).to(weight)


def remove_tokens(model: torch.nn.Module, known: int) -> None:
    """Remove all rows but the first ``known``."""
    model.resize_token_embeddings(known, mean_resizing=False)


def begin_with(tokenizer, start: int) -> None:
    """Have a tokenizer put the token ``start`` before every text by itself, if it does not."""
    from tokenizers.processors import TemplateProcessing

    if tokenizer("a")["input_ids"][0] == start:
        return
    token = tokenizer.convert_ids_to_tokens(start)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=[token, "$A"], pair=[token, "$A", "$B"], special_tokens=[(token, start)]
    )


class Without(torch.nn.Module):
    """A model that never writes the tokens beyond the first ``known``."""

    def __init__(self, model: torch.nn.Module, known: int):
        super().__init__()
        self.model, self.known = model, known

    @property
    def config(self):
        return self.model.config

    @property
    def device(self) -> torch.device:
        return self.model.device

    def forward(self, **given):
        output = self.model(**given)
        output.logits = output.logits[..., : self.known]
        return output


def _tables(model: torch.nn.Module) -> list[torch.nn.Module]:
    both = model.get_input_embeddings(), model.get_output_embeddings()
    return [one for one in both if one is not None]
