"""The definitions of the scores, plain and slow: what the fast code is checked against.

One image: ``p`` (K, H, W) probabilities, ``l`` (H, W) given classes, negative where a pixel takes part in nothing.
Everything is computed in float64, one pixel, one class or one block at a time.
"""
# ruff: noqa: E741 (p, l, P, s and t are the names of the definitions)

from __future__ import annotations

import math

import numpy as np
from scipy.special import softmax

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


def pixels(p: np.ndarray, l: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pixels that take part: p (N, K) float64, l (N,), P (N,) and s (N,)."""
    rows = np.moveaxis(p, 0, -1)[l >= 0].astype(np.float64)
    given = l[l >= 0].astype(int)
    predicted = np.array([row.argmax() for row in rows], int)
    return rows, given, predicted, rows[np.arange(len(given)), given]


def ccp(p: np.ndarray, l: np.ndarray) -> float:
    _, given, predicted, _ = pixels(p, l)
    return float((predicted == given).mean())


def tccp(p: np.ndarray, l: np.ndarray, thresholds: tuple[float, ...] = THRESHOLDS) -> float:
    rows, given, _, _ = pixels(p, l)
    best = [max(float(((rows[:, k] > t) == (given == k)).mean()) for t in thresholds) for k in range(len(p))]
    return float(np.mean(best))


def cil(p: np.ndarray, l: np.ndarray) -> float:
    return float(pixels(p, l)[3].mean())


def softmin(p: np.ndarray, l: np.ndarray, temperature: float = 0.1) -> float:
    s = pixels(p, l)[3]
    return float((s * softmax((1 - s) / temperature)).sum())


def iou(p: np.ndarray, l: np.ndarray) -> float:
    _, given, predicted, _ = pixels(p, l)
    return float(np.mean([class_iou(given, predicted, k) for k in np.union1d(given, predicted)]))


def class_iou(given: np.ndarray, predicted: np.ndarray, k: int) -> float:
    return float(((given == k) & (predicted == k)).sum() / ((given == k) | (predicted == k)).sum())


def per_class(p: np.ndarray, l: np.ndarray, temperature: float = 0.1) -> dict[str, np.ndarray]:
    """The per-class values, nan for a class that is not given."""
    _, given, predicted, s = pixels(p, l)
    values = {name: np.full(len(p), np.nan) for name in ("ccp", "cil", "softmin", "iou")}
    for k in np.unique(given):
        of_class = given == k
        values["ccp"][k] = (predicted[of_class] == k).mean()
        values["cil"][k] = s[of_class].mean()
        values["softmin"][k] = (s[of_class] * softmax((1 - s[of_class]) / temperature)).sum()
        values["iou"][k] = class_iou(given, predicted, k)
    return values


def heatmap(p: np.ndarray, l: np.ndarray) -> np.ndarray:
    result = np.zeros(l.shape, np.uint8)
    result[l >= 0] = np.floor(255 * (1 - pixels(p, l)[3]) + 0.5)
    return result


def pool(p: np.ndarray, l: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean probabilities (K, h, w) and majority labels (h, w), over the pixels of a block that take part."""
    height, width = -(-l.shape[0] // factor), -(-l.shape[1] // factor)
    mean, majority = np.zeros((len(p), height, width), np.float32), np.full((height, width), -1, np.int16)
    for y in range(height):
        for x in range(width):
            block = slice(y * factor, (y + 1) * factor), slice(x * factor, (x + 1) * factor)
            taking_part = l[block] >= 0
            if taking_part.any():
                mean[:, y, x] = [p[k][block][taking_part].mean(dtype=np.float64) for k in range(len(p))]
                majority[y, x] = np.bincount(l[block][taking_part]).argmax()
    return mean, majority


def coco(p: np.ndarray, l: np.ndarray, average: str = "components") -> float:
    """On arrays that are pooled already: flood fill over the eight neighbours of the same (P, l) pair."""
    predicted = p.argmax(axis=0)
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(l >= 0), strict=True)}
    components: dict[int, list[float]] = {}
    while left:
        start = min(left)
        queue, members = [start], []
        left.discard(start)
        while queue:
            y, x = queue.pop()
            members.append(float(p[l[start], y, x]))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if near in left and l[near] == l[start] and predicted[near] == predicted[start]:
                    left.discard(near)
                    queue.append(near)
        components.setdefault(int(l[start]), []).append(float(np.mean(members)))
    if average == "classes":
        return float(np.mean([np.mean(scores) for scores in components.values()]))
    return float(np.mean([score for scores in components.values() for score in scores]))


def thresholds(images: list[tuple[np.ndarray, np.ndarray]], classes: int) -> np.ndarray:
    """t[k]: mean of p[k] over all pixels given class k; inf where there is none."""
    s = [[] for _ in range(classes)]
    for p, l in images:
        for k in range(classes):
            s[k].extend(p[k][l == k].astype(np.float64).tolist())
    return np.array([np.mean(values) if values else np.inf for values in s])


def confident_joint(images: list[tuple[np.ndarray, np.ndarray]], t: np.ndarray) -> np.ndarray:
    """C[given, confident]: the confident class is the likeliest of those with p[k] >= t[k]."""
    joint = np.zeros((len(t), len(t)), int)
    for p, l in images:
        for y, x in zip(*np.nonzero(l >= 0), strict=True):
            confident = [k for k in range(len(t)) if p[k, y, x] >= t[k]]
            if confident:
                joint[l[y, x], max(confident, key=lambda k: (p[k, y, x], -k))] += 1
    return joint


def cleanlab_flags(images: list[tuple[np.ndarray, np.ndarray]], t: np.ndarray) -> list[np.ndarray]:
    """The n lowest s of the dataset (all that equal the n-th), less those whose argmax is the label."""
    limits = np.maximum(np.where(np.isinf(t), 0, t), 2e-6) - 1e-6
    issues, everything = 0, []
    for p, l in images:
        rows, given, predicted, s = pixels(p, l)
        largest = rows.max(axis=1, initial=0)
        issues += int(((predicted != given) & (largest >= limits[predicted])).sum())
        everything.extend(s.tolist())
    cut = sorted(everything)[issues - 1] if issues else -1.0
    flags = []
    for p, l in images:
        s = np.take_along_axis(p, np.maximum(l, 0)[None], axis=0)[0]
        flags.append((l >= 0) & (s <= cut) & (p.argmax(axis=0) != l))
    return flags


def pair_evidence(p: np.ndarray, l: np.ndarray) -> dict[tuple[int, int], float]:
    """[given, P]: mean over the pixels of (p[P] - p[l]) log(p[P] / p[l]) where P is not l; p >= 0.01 in the log."""
    rows, given, predicted, _ = pixels(p, l)
    evidence: dict[tuple[int, int], float] = {}
    for row, g, c in zip(rows.tolist(), given.tolist(), predicted.tolist(), strict=True):
        nats = (row[c] - row[g]) * math.log(max(row[c], 0.01) / max(row[g], 0.01))
        if nats:
            evidence[g, c] = evidence.get((g, c), 0.0) + nats / len(rows)
    return evidence


def odds(p: np.ndarray, l: np.ndarray) -> dict[int, float]:
    """(1 - c) / (c + 0.1) of each class, c the share of the pixels with l or P of that class that have both."""
    _, given, predicted, _ = pixels(p, l)
    confirmed = {int(k): class_iou(given, predicted, k) for k in np.union1d(given, predicted)}
    return {k: (1 - share) / (share + 0.1) for k, share in confirmed.items()}


def evidence_levels(
    pairs: dict[tuple[int, int], float], against: dict[int, float]
) -> list[dict[tuple[str, int, int], float]]:
    """One image's evidence by pair, by class given or seen, of the whole image, and by class missed altogether.

    Args:
        pairs: as `pair_evidence` gives
        against: as `odds` gives
    """
    levels: list[dict[tuple[str, int, int], float]] = [{}, {}, {}, {}]
    for (g, c), nats in pairs.items():
        names = [(0, ("pair", g, c)), (1, ("given", g, -1)), (1, ("seen", -1, c)), (2, ("image", -1, -1))]
        for level, name in names:
            levels[level][name] = levels[level].get(name, 0.0) + nats
    for (_, _, c), nats in [entry for entry in levels[1].items() if entry[0][0] == "seen"]:
        levels[3]["missed", -1, c] = nats * against[c] * against[c]
    return levels


def usual_evidence(
    images: list[tuple[dict[tuple[int, int], float], dict[int, float]]],
) -> dict[tuple[str, int, int], float]:
    """Of each of `evidence_levels`' names that some image has: the 80th percentile over the images.

    The percentile of n values is the smallest of them that at least 4 n / 5 of them do not exceed, rounded up to a
    whole number of quarter octaves: the smallest of 2^-24, 2^-23.75 ... 2^9 that is not below it; 0 where it is 0. Of
    fewer than five images it is the second highest value, of one image 0.
    """
    merged = [{name: nats for level in evidence_levels(*image) for name, nats in level.items()} for image in images]
    ends = [2 ** (quarter / 4) for quarter in range(4 * -24, 4 * 9 + 1)]
    usual = {}
    for name in {name for image in merged for name in image}:
        values = sorted(image.get(name, 0.0) for image in merged)
        percentile = next(v for rank, v in enumerate(values, start=1) if 5 * rank >= 4 * len(values))
        if len(values) < 5:
            percentile = [0.0, *values][-2]
        usual[name] = next(end for end in ends if end >= percentile) if percentile else 0.0
    return usual


def evidence(
    pairs: dict[tuple[int, int], float],
    against: dict[int, float],
    usual: dict[tuple[str, int, int], float],
    softmin: float,
) -> float:
    """From one image's pairs and odds, what is usual in all images, and the image's softmin."""
    norms = [
        math.sqrt(sum((nats / (usual.get(name, 0.0) + 0.0015)) ** 2 for name, nats in level.items()))
        for level in evidence_levels(pairs, against)
    ]
    strength = math.prod(norms) ** (1 / 4)
    suspicion = (strength / max(softmin, 0.001) ** 2) ** (1 / 3)
    return 1 / (1 + suspicion / 8)
