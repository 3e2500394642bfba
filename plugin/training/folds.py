"""Folds for cross-validation: balanced in size and classes, near-duplicates kept together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ..base.errors import LabelQualityError

#: Share of the training samples that training is stopped by
HELD_OUT = 0.1
#: Fewer training samples than this are all trained on, for the preset's number of epochs
_LEAST_TO_HOLD_OUT = 20
#: A slice to stop by that takes more than this of the training samples costs more than it saves
_MOST_HELD_OUT = 0.3


def assign_folds(
    presence: np.ndarray, folds: int, seed: int, groups: Sequence[Hashable] | np.ndarray | None = None
) -> np.ndarray:
    """Assigns each sample to the fold that holds it out.

    Iterative stratification: of the classes with samples left, the rarest is dealt out first, each of its samples (or
    groups, larger ones first) to the fold that lacks most of that class; no fold grows beyond its share as long as
    another has room. Without groups, fold sizes differ by one at most.

    Args:
        presence: (n, K) bool, whether sample i shows class k
        folds: number of folds, at least 2
        seed: of the order among equals; the same seed gives the same folds
        groups: (n,) samples of one value stay in one fold

    Returns:
        (n,) int64, fold of each sample in 0..folds - 1; no fold is empty

    Raises:
        LabelQualityError: fewer than 2 folds, fewer samples or groups than folds, a sample without a group

    References:
        Sechidis, Tsoumakas, Vlahavas: On the stratification of multi-label data. ECML PKDD 2011.
    """
    presence = np.asarray(presence, bool)
    _check_counts(len(presence), folds, groups)
    if groups is None:
        return _deal(presence, np.ones(len(presence), np.int64), folds, seed)
    unit_of = _factorise(groups)
    sizes = np.bincount(unit_of)
    if len(sizes) < folds:
        raise LabelQualityError(
            f"Expected at least as many groups as folds, but the {len(presence)} samples form {len(sizes)} "
            f"group{'s' if len(sizes) > 1 else ''} for {folds} folds: ask for fewer folds, or use smaller groups."
        )
    return _deal(_counts_by(unit_of, presence), sizes, folds, seed)[unit_of]


def block_groups(samples: int, block_size: int) -> np.ndarray:
    """Groups of consecutive frames, for videos whose neighbouring frames are near-duplicates.

    Args:
        samples: number of frames n, in order
        block_size: frames a block, at least 1; the last block may have fewer

    Returns:
        (n,) int64, the block of each frame

    Raises:
        LabelQualityError: a block size below 1
    """
    if block_size < 1:
        raise LabelQualityError(f"Expected parameter `block_size` to be at least 1, but got {block_size}.")
    return np.arange(samples) // block_size


def default_block_size(samples: int, folds: int) -> int:
    """Frames a block such that a fold has four: long against the time a view changes, short against the video."""
    return max(1, -(-samples // (4 * folds)))


def classes_in_one_fold(presence: np.ndarray, fold_of: np.ndarray) -> list[tuple[int, int]]:
    """Classes that a fold's model never sees, as all samples that show them are in the fold it holds out.

    Args:
        presence: (n, K) bool
        fold_of: (n,) the fold of each sample

    Returns:
        (class index, fold) of each, by class
    """
    counts = _counts_by(fold_of, np.asarray(presence, bool))
    missing = (counts > 0) & (counts == counts.sum(axis=0))
    return [(int(klass), int(fold)) for klass, fold in np.argwhere(missing.T)]


def held_out_slice(
    fold_of: np.ndarray, groups: Sequence[Hashable] | None, training: np.ndarray, seed: int
) -> np.ndarray:
    """The training samples that a fold's training is stopped by: whole groups, about a tenth, never the held-out fold.

    Args:
        fold_of: (n,) the fold of each sample
        groups: (n,) group of each sample; by default runs of neighbours in one fold, which blocks of frames are
        training: indices of the samples that may be trained on
        seed: of the choice

    Returns:
        indices, sorted; empty where there are too few samples or groups for it
    """
    if len(training) < _LEAST_TO_HOLD_OUT:
        return np.empty(0, np.int64)
    named: Sequence[Hashable] = (
        np.cumsum(np.diff(fold_of, prepend=fold_of[:1]) != 0).tolist() if groups is None else groups
    )
    members: dict[Hashable, list[int]] = {}
    for index in training.tolist():
        members.setdefault(named[index], []).append(index)
    order = np.random.default_rng(seed).permutation(len(members)).tolist()
    units = list(members.values())
    chosen: list[int] = []
    for position in order:
        if len(chosen) >= HELD_OUT * len(training):
            break
        if len(chosen) + len(units[position]) <= _MOST_HELD_OUT * len(training):
            chosen.extend(units[position])
    return np.array(sorted(chosen), np.int64)


def _check_counts(samples: int, folds: int, groups: Sequence[Hashable] | np.ndarray | None) -> None:
    if folds < 2:
        raise LabelQualityError(f"Expected parameter `folds` to be at least 2, but got {folds}.")
    if samples < folds:
        raise LabelQualityError(
            f"Expected at least as many samples as folds, but got {samples} sample{'s' if samples != 1 else ''} for "
            f"{folds} folds: ask for fewer folds, or add samples."
        )
    if groups is not None and len(groups) != samples:
        raise LabelQualityError(f"Expected a group for each of the {samples} samples, but got {len(groups)} groups.")


def _factorise(groups: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """Numbers the groups in the order in which they come."""
    missing = [position for position, group in enumerate(groups) if group is None]
    if missing:
        raise LabelQualityError(
            f"Expected every sample to have a group, but {len(missing)} of {len(groups)} have none, the first at "
            f"position {missing[0]}: give them one, or leave them out."
        )
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


def _counts_by(unit_of: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """(units, K) number of samples in each unit that show each class."""
    unit_of = np.asarray(unit_of)
    columns = [np.bincount(unit_of[column], minlength=unit_of.max() + 1) for column in presence.T]
    return np.stack(columns, axis=1) if columns else np.zeros((unit_of.max() + 1, 0), np.int64)


def _deal(counts: np.ndarray, sizes: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deals units, given their (U, K) samples by class and (U,) samples, out to folds; (U,) fold of each."""
    rng = np.random.default_rng(seed)
    dealer = _Dealer(counts, sizes, folds, rng)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    left = (counts > 0).sum(axis=0)
    while left.any():
        klass = int(np.argmin(np.where(left > 0, left, left.max() + 1)))
        chosen = order[(counts[order, klass] > 0) & (dealer.fold_of[order] < 0)]
        dealer.deal(chosen, klass)
        left -= (counts[chosen] > 0).sum(axis=0)
    dealer.deal(order[dealer.fold_of[order] < 0], None)
    return dealer.fold_of


class _Dealer:
    """Keeps what each fold still lacks of each class and in size while units are dealt out."""

    def __init__(self, counts: np.ndarray, sizes: np.ndarray, folds: int, rng: np.random.Generator) -> None:
        total = int(sizes.sum())
        self.counts, self.sizes, self.folds, self.rng = counts, sizes, folds, rng
        self.fold_of = np.full(len(sizes), -1, np.int64)
        self.units_left = len(sizes)
        self.empty = set(range(folds))
        self.lacking = np.tile(counts.sum(axis=0) / folds, (folds, 1))
        self.room = [total // folds + int(place < total % folds) for place in rng.permutation(folds)]

    def deal(self, units: np.ndarray, klass: int | None) -> None:
        """Gives each unit, in order, to the fold that lacks most of the class, or has most room."""
        ties = self.rng.permutation(self.folds)
        for unit in units.tolist():
            size = int(self.sizes[unit])
            lacking = self.room if klass is None else self.lacking[:, klass].tolist()
            fold = max(self._open_folds(size), key=lambda f: (lacking[f], self.room[f], ties[f]))
            self._give(unit, size, fold)

    def _open_folds(self, size: int) -> list[int]:
        if self.units_left <= len(self.empty):
            return sorted(self.empty)
        widest = max(self.room)
        return [fold for fold, room in enumerate(self.room) if room >= min(size, widest)]

    def _give(self, unit: int, size: int, fold: int) -> None:
        self.fold_of[unit] = fold
        self.lacking[fold] -= self.counts[unit]
        self.room[fold] -= size
        self.units_left -= 1
        self.empty.discard(fold)
