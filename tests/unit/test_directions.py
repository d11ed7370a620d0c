"""Directions that several losses agree on, from their gradients: by hand, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.methods.mollm import Settings, direction
from palimpsest.training.directions import combined, gram, length, normal_weights, shortest_weights

# Two parameters; gradients (1, 0 | 0), (1, 1 | 0), (0, 0 | 2).
THREE = {
    "forget": {"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([0.0])},
    "kl": {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([0.0])},
    "retain": {"a": torch.tensor([0.0, 0.0]), "b": torch.tensor([2.0])},
}


def flat(gradients) -> np.ndarray:
    return torch.cat([gradients["a"], gradients["b"]]).double().numpy()


def drawn(seed: int, count: int = 3, size: int = 7, spread: float = 4.0) -> dict:
    """Gradients whose lengths differ by up to 10^spread."""
    generator = torch.Generator().manual_seed(seed)
    lengths = 10 ** (spread * torch.rand(count, generator=generator, dtype=torch.float64))
    values = torch.randn(count, size, generator=generator, dtype=torch.float64) * lengths[:, None]
    return {f"g{i}": {"a": one[:4], "b": one[4:]} for i, one in enumerate(values)}


def test_inner_products_by_hand():
    assert gram(THREE).tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 4]]


def test_the_mean_of_the_normal_components_by_hand():
    """Of (1, 0) normal to (1, 1): (1, -1) / 2. Of (1, 1) normal to (1, 0): (0, 1). The third is
    normal to both. Their mean is (1/2, 1/2 | 2) / 3."""
    found = combined(THREE, normal_weights(gram(THREE)))
    assert flat(found) == pytest.approx([1 / 6, 1 / 6, 2 / 3])


def test_the_shortest_vector_of_the_hull_by_hand():
    """Of (3, 0) and (0, 1), w (3, 0) + (1 - w) (0, 1) is shortest where 9 w = 1 - w. Of (1, 0) and
    (3, 1) it is the first itself, and of two that oppose each other 0."""
    assert shortest_weights(np.diag([9.0, 1.0])) == pytest.approx([0.1, 0.9])
    assert shortest_weights(np.array([[1.0, 3.0], [3.0, 10.0]])) == pytest.approx([1, 0])
    opposed = np.array([[4.0, -2.0], [-2.0, 1.0]])
    weights = shortest_weights(opposed)
    assert weights == pytest.approx([1 / 3, 2 / 3])
    assert weights @ opposed @ weights == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.parametrize("weights", [normal_weights, shortest_weights])
def test_no_loss_grows_against_it(weights, seed):
    """<g_i, d> >= 0 for the direction that points uphill, whatever the gradients' lengths."""
    gradients = drawn(seed)
    found = flat(combined(gradients, weights(gram(gradients))))
    for one in gradients.values():
        scale = np.linalg.norm(flat(one)) * max(np.linalg.norm(found), 1e-300)
        assert flat(one) @ found >= -1e-7 * scale


def test_the_shortest_vector_is_shorter_than_any_other_of_the_hull():
    products = gram(drawn(3, count=4, spread=1.0))
    weights = shortest_weights(products)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    draw = np.random.default_rng(0).dirichlet(np.ones(4), size=2000)
    lengths = np.einsum("ni,ij,nj->n", draw, products, draw)
    assert weights @ products @ weights <= lengths.min() * (1 + 1e-9)


@pytest.mark.parametrize("weights", [normal_weights, shortest_weights])
def test_the_order_of_the_losses_does_not_matter(weights):
    gradients = drawn(5)
    reversed_order = dict(reversed(gradients.items()))
    one, other = (
        flat(combined(found, weights(gram(found)))) for found in (gradients, reversed_order)
    )
    assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("weights", [normal_weights, shortest_weights])
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_how_long_all_gradients_are_does_not_matter(weights, scale):
    """So at the end of a training, where they are short."""
    products = gram(drawn(5, spread=1.0))
    assert weights(scale**2 * products) == pytest.approx(weights(products), rel=1e-9)


def test_what_rounds_to_less_than_nothing_has_no_length():
    """(1 - 1 - 1 + (1 - 2^-53)) / 4: of two gradients that oppose each other."""
    opposed = np.array([[1.0, -1.0], [-1.0, 1.0 - 2.0**-53]])
    assert length(opposed, np.array([0.5, 0.5])) == 0
    assert length(np.diag([9.0, 16.0]), np.array([1.0, 1.0])) == 5


@pytest.mark.parametrize("weights", [normal_weights, shortest_weights])
def test_one_loss_alone_goes_down_its_own_gradient_and_parallel_ones_stay_finite(weights):
    (one,) = drawn(1, count=1).values()
    assert flat(combined({"g": one}, weights(gram({"g": one})))) == pytest.approx(flat(one))
    twice = {"g": one, "h": {name: 2 * value for name, value in one.items()}}
    assert np.isfinite(flat(combined(twice, weights(gram(twice))))).all()


@pytest.mark.parametrize("join", ["dual", "mgda"])
def test_mollm_goes_where_no_loss_grows_as_far_as_the_forget_sets_gradient_is_long(join):
    """Gradients are brought to one length before, so that scaling one of them changes nothing but
    the length; where all are 0 it stays."""
    settings = Settings(join=join)
    found = flat(direction(settings, THREE))
    assert np.linalg.norm(found) == pytest.approx(1)  # that of the forget set's gradient
    assert all(flat(one) @ found >= -1e-9 for one in THREE.values())
    longer = THREE | {"retain": {name: 7 * value for name, value in THREE["retain"].items()}}
    assert flat(direction(settings, longer)) == pytest.approx(found, rel=1e-6)
    still = {name: {key: 0 * value for key, value in one.items()} for name, one in THREE.items()}
    assert flat(direction(settings, still)).tolist() == [0, 0, 0]


def test_of_gradients_that_are_not_scaled_back_the_length_is_the_mean_of_those_that_move():
    """Lengths 1, 0 and 2: both that move are brought to 1.5, and the mean of three is followed."""
    still = THREE | {"kl": {name: 0 * value for name, value in THREE["kl"].items()}}
    found = flat(direction(Settings(join="dual", scale="none"), still))
    assert found == pytest.approx([0.5, 0, 0.5])


@pytest.mark.parametrize("join", ["dual", "mgda"])
@pytest.mark.parametrize("rounding", [0, 1e-8, -1e-16])
def test_at_the_start_where_kl_has_no_gradient_the_others_decide(rounding, join):
    """Two orthogonal gradients of lengths 1 and 2: brought to one length, each counts the same;
    what rounding leaves of a gradient of 0 has no say."""
    flat_kl = THREE | {"kl": {name: rounding * value for name, value in THREE["kl"].items()}}
    found = flat(direction(Settings(join=join), flat_kl))
    assert found == pytest.approx([2**-0.5, 0, 2**-0.5])
