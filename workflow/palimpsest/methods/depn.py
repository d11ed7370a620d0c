"""depn: detecting and editing privacy neurons (Wu et al. 2023). Nothing is trained.

A neuron is an input of the output projection of a block's feed-forward layer, at the position where
a token is predicted: of a masked model where it is masked, one token at a time, with all others
visible; of a causal model at the token before it. Its attribution, by integrated gradients from 0
to its activation beta,

    Att = sum over tokens i of (beta / m) * sum_{j=1..m} d P(y_i | neurons of the layer := j/m beta)
    / d w

scales all neurons of a layer together, one layer at a time. Each text names the neurons with at
least ``threshold`` of its largest attribution; those that most texts name are erased: what they add
to the block's output is set to 0 (`write: zero`), or of a masked model to the embedding of the
unknown token (`unknown`, as the released code does for names and random text). Ties go to the
larger sum of attributions.

Departures from the released code: its sum runs from 0 to m - 1; its filter over batches of texts
has no effect (every neuron of its one list passes), where the paper has a vote, as here. In the
authors' port to decoders a neuron is the input of the activation function, and its gradient is read
one position off from where it is set; here both are at the position that predicts. Layers that
share their weights (ALBERT) cannot be edited one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from palimpsest.errors import Problem, UserError
from palimpsest.methods.contract import Forgetting, Method
from palimpsest.training.settings import Count, Share

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Forgetting):
    """threshold and points (m) are from the paper; erase: 10 in the code, 10 to 500 in its README;
    rows: copies of a text in one pass, which changes the use of memory alone."""

    erase: Count = 10
    threshold: Share = 0.1
    points: Count = 20
    rows: Count = 256
    write: Literal["zero", "unknown"] = "zero"


def unlearn(run: Run, settings: Settings) -> None:
    value = 0 if settings.write == "zero" else unknown(run)
    chosen = run.kept("neurons", lambda: detected(run, settings))
    erase(run.model, chosen, value)


def unknown(run: Run) -> torch.Tensor:
    """(d,) the embedding of the unknown token. A UserError where there is none that a block could
    put out."""
    token = None if run.track.GENERATES else run.tokenizer.unk_token_id
    words = run.model.get_input_embeddings().weight
    if token is None or words.shape[1] != run.model.config.hidden_size:
        what, place = "there is no embedding of an unknown token to write", "method depn, write"
        remedy = "leave it at zero: a masked model with embeddings as wide as its layers has one"
        raise UserError(Problem(what, place, "unknown", "zero", remedy))
    return words[token].detach().clone()


def erase(model: torch.nn.Module, chosen: list[list[int]], value: torch.Tensor | float = 0) -> None:
    """Set to ``value`` what the ``chosen`` neurons, [layer, number] each, add to the output of
    their block."""
    import torch

    from palimpsest.models.parts import feed_forward_outputs, neurons

    outputs = list(feed_forward_outputs(model).values())
    with torch.no_grad():
        for layer, number in chosen:
            neurons(outputs[layer])[number] = value


def detected(run: Run, settings: Settings) -> list[list[int]]:
    """The neurons that most texts of the forget set name."""
    import numpy as np
    import torch

    examples, model = run.sets["forget"], run.model.eval()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)  # gradients of activations alone
    attributed = []
    for number in range(len(examples.lengths)):
        batch = examples.batch(np.array([number]))
        text = {key: value.to(run.device) for key, value in batch.items()}
        attributed.append(attributions(model, text, settings.points, settings.rows))
        copies = int(examples.counted[number]) * settings.points * len(attributed[-1])
        run.spent(copies * int(examples.lengths[number]))
    for parameter in trained:
        parameter.requires_grad_(True)
    return voted(torch.stack(attributed), settings.threshold, settings.erase)


def voted(attributed: torch.Tensor, threshold: float, count: int) -> list[list[int]]:
    """attributed (texts, layers, d_ff) -> [layer, number] of the ``count`` neurons that most texts
    name, by votes, then by the sum of attributions, then in order."""
    import numpy as np

    values = attributed.double().cpu().numpy()
    largest = values.max(axis=(1, 2), keepdims=True)
    votes = (values >= threshold * largest).sum(axis=0)
    total = values.sum(axis=0)
    order = np.lexsort((np.arange(total.size), -total.ravel(), -votes.ravel()))
    layers, numbers = np.unravel_index(order[:count], total.shape)
    return [[int(layer), int(number)] for layer, number in zip(layers, numbers, strict=True)]


class Asked(NamedTuple):
    """How n tokens of a text are asked for: inputs (n, T), or (1, T) if the same for all; places
    (n,) where each is predicted; tokens (n,) themselves; logits(model, inputs, attention_mask, rows
    and places of them) -> (N, V)."""

    inputs: torch.Tensor
    places: torch.Tensor
    tokens: torch.Tensor
    logits: Callable[..., torch.Tensor]

    def rows(self, count: int) -> torch.Tensor | int:
        """The rows of ``count`` places."""
        import torch

        return torch.arange(count) if len(self.inputs) > 1 else 0


def asked(text: dict[str, torch.Tensor]) -> Asked:
    """text: a batch of one of either track."""
    targets, ids = text["counted"][0].nonzero()[:, 0], text["input_ids"]
    if "truth" not in text:
        return Asked(ids, targets - 1, ids[0, targets], _causal)
    alone = text["truth"].repeat(len(targets), 1)
    alone[range(len(targets)), targets] = ids[0, targets]  # the mask
    return Asked(alone, targets, text["truth"][0, targets], _masked)


def _causal(model, inputs, mask, rows, places) -> torch.Tensor:
    import torch

    from palimpsest.tracks.causal.likelihood import counted_logits

    counted = torch.zeros_like(inputs, dtype=torch.bool)
    counted[rows, places + 1] = True
    batch = {"input_ids": inputs, "attention_mask": mask, "counted": counted}
    return counted_logits(model, batch)[0]


def _masked(model, inputs, mask, rows, places) -> torch.Tensor:
    import torch

    from palimpsest.models.masked import hidden_logits

    counted = torch.zeros_like(inputs, dtype=torch.bool)
    counted[rows, places] = True
    return hidden_logits(model, inputs, mask, counted)


def attributions(
    model: torch.nn.Module, text: dict[str, torch.Tensor], points: int, rows: int
) -> torch.Tensor:
    """text: a batch of one, input_ids, attention_mask and counted (1, T), of a masked model truth,
    too -> (layers, d_ff)."""
    import torch

    from palimpsest.models.parts import feed_forward_outputs

    outputs = list(feed_forward_outputs(model).values())
    tokens, mask = asked(text), text["attention_mask"]
    activations = _activations(model, outputs, tokens, mask, rows)
    by_layer = []
    for output, values in zip(outputs, activations, strict=True):  # values (n, d_ff)
        steps = torch.arange(1, points + 1, device=values.device) / points
        scaled = (values[:, None] * steps.to(values)[None, :, None]).flatten(0, 1)
        numbers = torch.arange(len(values), device=values.device).repeat_interleave(points)
        slopes = torch.cat(
            [
                _slopes(model, output, tokens, mask, part, number)
                for part, number in zip(scaled.split(rows), numbers.split(rows), strict=True)
            ]
        )
        each = values / points * slopes.unflatten(0, (len(values), points)).sum(dim=1)
        by_layer.append(each.sum(dim=0))
    return torch.stack(by_layer)


def _activations(
    model, outputs, tokens: Asked, mask: torch.Tensor, rows: int
) -> list[torch.Tensor]:
    """For each layer its neurons where each token is predicted, (n, d_ff): the inputs of its output
    projection."""
    import torch

    found, size = [], rows if len(tokens.inputs) > 1 else len(tokens.places)
    for inputs, places in zip(tokens.inputs.split(rows), tokens.places.split(size), strict=True):
        found.append([])
        at = tokens.rows(len(places))
        hooks = [
            output.register_forward_pre_hook(
                lambda _, given, at=at, places=places: found[-1].append(given[0][at, places])
            )
            for output in outputs
        ]
        with torch.no_grad():
            tokens.logits(model, inputs, mask.expand(len(inputs), -1), at, places)
        for hook in hooks:
            hook.remove()
    if len(found[0]) != len(outputs):
        what, place = "the layers of this model share their weights", "method depn"
        remedy = "choose another method: an edit would change all of them"
        raise UserError(Problem(what, place, model.config.model_type, remedy=remedy))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]


def _slopes(
    model, output, tokens: Asked, mask: torch.Tensor, values: torch.Tensor, numbers: torch.Tensor
) -> torch.Tensor:
    """Gradients (R, d_ff) of the probabilities of the tokens ``numbers`` (R,) by the neurons of the
    layer where they are predicted; there they are set to ``values`` (R, d_ff), a row for each copy
    of the text."""
    import torch

    from palimpsest.training.losses import wide

    leaf, copies = values.detach().requires_grad_(), torch.arange(len(values))
    places = tokens.places[numbers]

    def replaced(_, given):
        inside = given[0].clone()
        inside[copies, places] = leaf
        return (inside, *given[1:])

    alike = len(tokens.inputs) == 1
    inputs = tokens.inputs.expand(len(values), -1) if alike else tokens.inputs[numbers]
    hook = output.register_forward_pre_hook(replaced)
    with torch.enable_grad():
        logits = tokens.logits(model, inputs, mask.expand(len(values), -1), copies, places)
        said = torch.softmax(wide(logits), dim=-1)
        total = said.gather(1, tokens.tokens[numbers][:, None]).sum()
    hook.remove()
    return torch.autograd.grad(total, leaf)[0]


METHOD = Method(Settings, unlearn=unlearn)
