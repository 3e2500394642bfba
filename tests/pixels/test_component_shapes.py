"""The shapes of components: by hand on small masks, and against scikit-image on any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_quality.plugin.pixels.component_shapes import contacts, measure_components
from skimage.measure import label, regionprops

MASK = np.array(
    [
        [1, 1, 1, 2, 2],
        [1, 1, 1, 2, 0],
        [1, 1, 1, 0, 2],
        [3, 3, 3, 3, 3],
    ]
)


def test_components_by_hand() -> None:
    found = measure_components(MASK)
    # The pixel of label 2 in the third row touches the others by a corner, as the two of label 0 do each other
    np.testing.assert_array_equal(found.numbers, [[0, 0, 0, 1, 1], [0, 0, 0, 1, 2], [0, 0, 0, 2, 1], [3, 3, 3, 3, 3]])
    assert found.label.tolist() == [1, 2, 0, 3]
    assert found.area.tolist() == [9, 4, 2, 5]
    assert found.box.tolist() == [[0, 0, 3, 3], [3, 0, 2, 3], [3, 1, 2, 2], [0, 3, 5, 1]]
    np.testing.assert_allclose(found.centre, [[1, 1], [3.5, 0.75], [3.5, 1.5], [2, 3]])
    assert found.outline.tolist() == [12, 12, 8, 12]
    assert found.core.tolist() == [1, 0, 0, 0]
    # A square of 3 x 3, each pixel a square: 9 / 12 along both axes; a line of 5: 25 / 12 along and 1 / 12 across
    assert found.axes[0].tolist() == pytest.approx([9 / 12, 9 / 12])
    assert found.axes[3].tolist() == pytest.approx([25 / 12, 1 / 12])


def test_contacts_by_hand() -> None:
    numbers = measure_components(MASK).numbers
    wanted = np.array([False, True, False, True])
    assert contacts(numbers, wanted).tolist() == [
        *([1, -1, 4], [1, 0, 2], [1, 2, 5], [1, 3, 1]),
        *([3, -1, 7], [3, 0, 3], [3, 1, 1], [3, 2, 1]),
    ]
    assert contacts(numbers, np.zeros(4, bool)).shape == (0, 3)


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)))
@settings(max_examples=60)
def test_components_are_those_of_scikit_image(mask: np.ndarray) -> None:
    found = measure_components(mask)
    theirs = label(mask.astype(int) + 1, background=0, connectivity=2)
    np.testing.assert_array_equal(found.numbers + 1, theirs)
    for place, one in enumerate(regionprops(theirs)):
        top, left, bottom, right = one.bbox
        assert found.label[place] == mask[tuple(one.coords[0])]
        assert found.area[place] == one.area
        assert found.box[place].tolist() == [left, top, right - left, bottom - top]
        assert found.centre[place] == pytest.approx(one.centroid[::-1])
        # For them a pixel is a point
        axes = [value + 1 / 12 for value in one.inertia_tensor_eigvals]
        assert found.axes[place] == pytest.approx(axes, abs=1e-9)
    everything = contacts(found.numbers, np.ones(len(found.area), bool))
    assert np.bincount(everything[:, 0], everything[:, 2]).tolist() == found.outline.tolist()
    inside = everything[everything[:, 1] >= 0]
    pairs = {(one, other): edges for one, other, edges in inside.tolist()}
    assert pairs == {(other, one): edges for (one, other), edges in pairs.items()}


@given(arrays(np.uint8, (7, 9), elements=st.integers(0, 1)))
@settings(max_examples=40)
def test_the_core_is_what_erosion_leaves(mask: np.ndarray) -> None:
    from scipy import ndimage

    found = measure_components(mask)
    core = np.zeros(len(found.area), int)
    for place in range(len(found.area)):
        core[place] = ndimage.binary_erosion(found.numbers == place, np.ones((3, 3))).sum()
    assert found.core.tolist() == core.tolist()
