import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.base.types import Geometry, Prediction
from label_quality.plugin.pixels.resample import axis_map, scorable, to_probabilities
from torch.nn import functional

SIDES = st.integers(1, 23)


def reference(prediction: Prediction, size: tuple[int, int]) -> np.ndarray:
    """The definition: two interpolations by torch with a crop between them, in float64, then the softmax."""
    geometry = prediction.geometry
    values = torch.from_numpy(prediction.values.astype(np.float64))[None]
    values = functional.interpolate(
        values, size=geometry.input_size, mode="bilinear", align_corners=geometry.align_corners
    )
    values = values[..., : geometry.valid[0], : geometry.valid[1]]
    values = functional.interpolate(values, size=size, mode="bilinear", align_corners=False)[0]
    return (values.softmax(0) if prediction.kind == "logits" else values / values.sum(0)).numpy()


def softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).double().softmax(0).float().numpy()


@st.composite
def predictions(draw: st.DrawFn) -> tuple[Prediction, tuple[int, int]]:
    grid, padded, size = draw(st.tuples(SIDES, SIDES)), draw(st.tuples(SIDES, SIDES)), draw(st.tuples(SIDES, SIDES))
    valid = (draw(st.integers(1, padded[0])), draw(st.integers(1, padded[1])))
    kind = draw(st.sampled_from(["logits", "probabilities"]))
    dtype = draw(
        st.sampled_from(["float16", "float32", "uint8"] if kind == "probabilities" else ["float16", "float32"])
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = random.normal(size=(draw(st.integers(1, 7)), *grid)) * draw(st.sampled_from([0.1, 3.0, 50.0]))
    if kind == "probabilities":
        values = softmax(values) * (255 if dtype == "uint8" else 1)
    if dtype == "uint8":
        values = np.maximum(np.round(values), 1)
    return Prediction(values.astype(dtype), kind, Geometry(padded, valid, draw(st.booleans()))), size


@settings(max_examples=150, deadline=None)
@given(predictions())
def test_equals_two_interpolations_by_torch(case: tuple[Prediction, tuple[int, int]]) -> None:
    prediction, size = case
    found = to_probabilities(prediction, size)
    assert found.shape == (len(prediction.values), *size)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, reference(prediction, size), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.sum(0), 1, rtol=0, atol=2e-6)
    assert found.min() >= 0 and found.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("grid", "geometry", "size"),
    [
        ((90, 120), Geometry((360, 480), (360, 480), True), (360, 480)),
        ((64, 80), Geometry((256, 320), (240, 320), True), (361, 479)),
        ((30, 40), Geometry((120, 160), (120, 160), False), (50, 61)),
    ],
)
def test_equals_torch_at_the_sizes_of_real_models(
    grid: tuple[int, int], geometry: Geometry, size: tuple[int, int]
) -> None:
    logits = (np.random.default_rng(0).normal(size=(12, *grid)) * 6).astype(np.float16)
    prediction = Prediction(logits, "logits", geometry)
    np.testing.assert_allclose(to_probabilities(prediction, size), reference(prediction, size), rtol=0, atol=1e-5)


def test_probabilities_at_the_masks_size_stay_what_they_are() -> None:
    values = softmax(np.random.default_rng(0).normal(size=(5, 13, 17)))
    found = to_probabilities(Prediction(values, "probabilities", Geometry((13, 17), (13, 17))), (13, 17))
    np.testing.assert_allclose(found, values, rtol=3e-7, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_probabilities_at_the_masks_size_are_scored_as_they_are(dtype: str) -> None:
    exact = softmax(np.random.default_rng(0).normal(size=(5, 13, 17)))
    values = np.round(exact * 255).astype(np.uint8) if dtype == "uint8" else exact.astype(dtype)
    whole = Geometry((13, 17), (13, 17))
    assert scorable(Prediction(values, "probabilities", whole), (13, 17)) is values
    for kind, geometry, size in (
        ("probabilities", whole, (26, 17)),
        ("probabilities", Geometry((13, 20), (13, 17)), (13, 17)),
        *([("logits", whole, (13, 17))] if dtype != "uint8" else []),
    ):
        found = scorable(Prediction(values, kind, geometry), size)
        np.testing.assert_array_equal(found, to_probabilities(Prediction(values, kind, geometry), size))


def test_by_hand_twice_as_wide() -> None:
    values = np.array([[[1.0, 0.0]], [[0.0, 1.0]]], np.float32)
    found = to_probabilities(Prediction(values, "probabilities", Geometry((1, 2), (1, 2))), (1, 4))
    np.testing.assert_allclose(found[0, 0], [1, 0.75, 0.25, 0], atol=1e-7)
    found = to_probabilities(Prediction(values, "probabilities", Geometry((1, 4), (1, 4), True)), (1, 4))
    np.testing.assert_allclose(found[0, 0], [1, 2 / 3, 1 / 3, 0], atol=1e-7)


def test_padding_is_cut_off_and_never_seen() -> None:
    values = np.zeros((2, 4, 4), np.float32)
    values[0, :, 2:], values[1, :, :2] = 9, 9
    found = to_probabilities(Prediction(values, "logits", Geometry((4, 4), (4, 2))), (8, 4))
    assert (found[1] > 0.999).all()


def test_where_every_probability_is_zero_classes_are_equal() -> None:
    values = np.zeros((4, 2, 2), np.uint8)
    values[1, 0, 0] = 200
    found = to_probabilities(Prediction(values, "probabilities", Geometry((2, 2), (2, 2))), (2, 2))
    np.testing.assert_array_equal(found[:, 0, 0], [0, 1, 0, 0])
    np.testing.assert_array_equal(found[:, 1, 1], [0.25] * 4)


def test_huge_logits_neither_overflow_nor_underflow() -> None:
    values = np.array([65504, -65504, 65504], np.float16).reshape(3, 1, 1)
    found = to_probabilities(Prediction(values, "logits", Geometry((1, 1), (1, 1))), (1, 1))
    np.testing.assert_allclose(found[:, 0, 0], [0.5, 0, 0.5], atol=1e-30)


def test_arrays_in_another_memory_order_are_read_right() -> None:
    values = np.random.default_rng(0).normal(size=(3, 6, 5)).astype(np.float32)
    geometry = Geometry((6, 5), (6, 5))
    expected = to_probabilities(Prediction(values, "logits", geometry), (7, 9))
    found = to_probabilities(Prediction(np.asfortranarray(values), "logits", geometry), (7, 9))
    np.testing.assert_array_equal(found, expected)


@given(SIDES, SIDES, SIDES, SIDES, st.booleans())
def test_an_axis_map_is_a_mean_of_at_most_four(grid: int, padded: int, valid: int, size: int, corners: bool) -> None:
    taps, weights = axis_map(grid, padded, min(valid, padded), size, corners)
    assert taps.shape == weights.shape and 1 <= len(taps) <= 4 and taps.shape[1] == size
    assert taps.min() >= 0 and taps.max() < grid
    np.testing.assert_allclose(weights.sum(0), 1, atol=1e-6)
    assert (weights >= 0).all()
