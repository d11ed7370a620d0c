"""Judges as rewards of what a model writes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.errors import Problem, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch


def add_arguments(parser) -> None:
    parser.add_argument(
        "--judges",
        type=Path,
        nargs="*",
        default=[],
        help="folders of judges, in the order of the settings' `judges`",
    )


def named(args) -> dict[str, Path]:
    """Folders by name, as what a result depends on."""
    return {f"judge {name}": folder for name, folder in _folders(args).items()}


def judges(args, device: torch.device) -> Rewards:
    """The rewards that the arguments of a step give."""
    return Rewards(args.settings.get("judges", {}), _folders(args), device)


def _folders(args) -> dict[str, Path]:
    names = args.settings.get("judges", {"names": []})["names"]
    return dict(zip(names, args.judges, strict=True))


class Rewards(Mapping):
    """Judge -> its reward of texts, loaded on demand: the probability of what is wanted, its
    label 1 or its label 0; 0 of a blank text, so that to say nothing is no way out."""

    def __init__(self, named: Mapping, folders: Mapping[str, Path], device: torch.device):
        self.named, self.folders, self.device = named, folders, device
        self.loaded: dict[str, Callable] = {}

    def __getitem__(self, name: str) -> Callable[[Sequence[str]], np.ndarray]:
        if name not in self.folders:
            what, remedy = "a reward asks for a judge that is not given", "define it under `judges`"
            raise UserError(Problem(what, "reward", repr(name), ", ".join(self.folders), remedy))
        if name not in self.loaded:
            module = importlib.import_module(self.named["module"])
            self.loaded[name] = module.load(self.folders[name], self.device)
        judge, wanted = self.loaded[name], name in self.named["wanted"]
        return lambda texts: reward(judge(texts), wanted)

    def __iter__(self):
        return iter(self.folders)

    def __len__(self) -> int:
        return len(self.folders)


def reward(said: np.ndarray, wanted: bool) -> np.ndarray:
    """(n,) probabilities of label 1, NaN of what has none -> rewards in [0, 1]."""
    import numpy as np

    return np.nan_to_num(said if wanted else 1 - said, nan=0.0)
