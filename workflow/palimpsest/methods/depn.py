"""depn: detecting and editing privacy neurons (Wu et al. 2023), for causal models. Nothing is
trained.

A neuron is an input of the output projection of a block's feed-forward layer, at the position that
predicts a token. Its attribution, by integrated gradients from 0 to its activation beta,

    Att = sum over tokens i of (beta / m) * sum_{j=1..m} d P(y_i | neurons of the layer := j/m beta)
    / d w

scales all neurons of a layer together, one layer at a time. Each text names the neurons with at
least ``threshold`` of its largest attribution; those that most texts name are erased: what they add
to the block's output is set to 0. Ties go to the larger sum of attributions.

Departures from the released code: it is for masked models, which define P and positions otherwise;
its sum runs from 0 to m - 1; its filter over batches of texts has no effect (every neuron of its
one list passes), where the paper has a vote, as here. In the authors' port to decoders a neuron is
the input of the activation function, and its gradient is read one position off from where it is
set; here both are at the position that predicts. Writing the embedding of [UNK] in place of 0 is
not offered: these models have no such token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def unlearn(run: Run, settings: Settings) -> None:
    chosen = run.kept("neurons", lambda: detected(run, settings))
    erase(run.model, chosen)


def erase(model: torch.nn.Module, chosen: list[list[int]]) -> None:
    """Set to 0 what the ``chosen`` neurons, [layer, number] each, add to the output of their
    block."""
    import torch

    from palimpsest.models.parts import feed_forward_outputs, neurons

    outputs = list(feed_forward_outputs(model).values())
    with torch.no_grad():
        for layer, number in chosen:
            neurons(outputs[layer])[number] = 0


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


def attributions(
    model: torch.nn.Module, text: dict[str, torch.Tensor], points: int, rows: int
) -> torch.Tensor:
    """text: a batch of one, input_ids, attention_mask and counted (1, T) -> (layers, d_ff)."""
    import torch

    from palimpsest.models.parts import feed_forward_outputs

    outputs = list(feed_forward_outputs(model).values())
    targets = text["counted"][0].nonzero()[:, 0]
    activations = _activations(model, outputs, text, targets - 1)
    by_layer = []
    for output, values in zip(outputs, activations, strict=True):  # values (n, d_ff)
        steps = torch.arange(1, points + 1, device=values.device) / points
        scaled = (values[:, None] * steps.to(values)[None, :, None]).flatten(0, 1)
        places = targets.repeat_interleave(points)
        slopes = torch.cat(
            [
                _slopes(model, output, text, part, place)
                for part, place in zip(scaled.split(rows), places.split(rows), strict=True)
            ]
        )
        each = values / points * slopes.unflatten(0, (len(targets), points)).sum(dim=1)
        by_layer.append(each.sum(dim=0))
    return torch.stack(by_layer)


def _activations(model, outputs, text, positions: torch.Tensor) -> list[torch.Tensor]:
    """For each layer its neurons at ``positions``, (n, d_ff): the inputs of its output
    projection."""
    import torch

    activations = []
    hooks = [
        output.register_forward_pre_hook(
            lambda _, given: activations.append(given[0][0, positions])
        )
        for output in outputs
    ]
    with torch.no_grad():
        model(input_ids=text["input_ids"], attention_mask=text["attention_mask"], use_cache=False)
    for hook in hooks:
        hook.remove()
    return activations


def _slopes(model, output, text, values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Gradients (R, d_ff) of the probability of the token at ``targets`` (R,) by the neurons of the
    layer where it is predicted; there they are set to ``values`` (R, d_ff), a row for each copy of
    the text."""
    import torch

    from palimpsest.tracks.causal.likelihood import counted_logits
    from palimpsest.training.losses import wide

    leaf, copies = values.detach().requires_grad_(), torch.arange(len(values))

    def replaced(_, given):
        inside = given[0].clone()
        inside[copies, targets - 1] = leaf
        return (inside, *given[1:])

    counted = torch.zeros_like(text["counted"]).repeat(len(values), 1)
    counted[copies, targets] = True
    batch = {key: text[key].expand(len(values), -1) for key in ("input_ids", "attention_mask")}
    hook = output.register_forward_pre_hook(replaced)
    with torch.enable_grad():
        logits, ids = counted_logits(model, batch | {"counted": counted})
        said = torch.softmax(wide(logits), dim=-1).gather(1, ids[:, None]).sum()
    hook.remove()
    return torch.autograd.grad(said, leaf)[0]


METHOD = Method(Settings, unlearn=unlearn)
