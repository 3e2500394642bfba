"""Classes that occur in one mask only, or with a few pixels in all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import reasons
from .component_rules import Dataset
from .findings import RARE_CLASS, Finding
from .usual import few_pixels

#: Of fewer masks, a class that occurs in one alone is nothing special
_LEAST_MASKS = 20


def rare_classes(data: Dataset, stated: int | None) -> Iterator[Finding]:
    """Finds the masks with a class that occurs in no other, or that has a few pixels in all.

    A class of one large object may well be meant, and is found all the same: whoever reads the reason decides.

    Args:
        data: all components of the dataset
        stated: how many pixels are a few, by the user; None for the usual
    """
    sizes = data.heights * data.widths
    masks, few = int((sizes > 0).sum()), few_pixels(int(sizes.max(initial=0)), stated)
    if masks < _LEAST_MASKS:
        return
    for given in np.unique(data.rows["given"][~data.rows["void"]]):
        rows = data.rows[data.rows["given"] == given]
        pixels, shown = int(rows["area"].sum()), np.unique(rows["sample"])
        if len(shown) > 1 and pixels > few:
            continue
        name = data.name(given)
        reason = reasons.rare_class(name, pixels, len(shown), masks)
        for sample in shown:
            yield _in_mask(rows[rows["sample"] == sample], int(sample), name, reason)


def _in_mask(rows: np.ndarray, sample: int, name: str, reason: str) -> Finding:
    corner = rows["box"][:, :2].min(axis=0)
    end = (rows["box"][:, :2] + rows["box"][:, 2:]).max(axis=0)
    area = rows["area"].astype(np.float64)
    x, y = (rows["centre"] * area[:, None]).sum(axis=0) / area.sum()
    left, top, right, bottom = (int(one) for one in (*corner, *end))
    box = (left, top, right - left, bottom - top)
    return Finding(RARE_CLASS, sample, reason, name, int(area.sum()), box, (float(x), float(y)))
