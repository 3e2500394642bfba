"""What a scored run keeps for the search: class-pair evidence, given objects, and the state of images and masks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, takewhile
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..labels.given_masks import GivenMasks, file_state
from ..labels.images import image_header, mask_mode
from ..scores.class_pair_evidence import PairEvidence, Usual, UsualEvidence
from ..scores.displaced_edges import EdgeFit, FitCounts, UsualFit
from ..store.passes import shards_of
from ..store.sets import ScoreSet
from ..suspects.similarity import GivenObjects, ObjectBank

#: The stage of the shards that the first pass over the samples leaves
SCORED = "scores"
_USUAL, _USUAL_FIT, _OBJECTS = "usual", "usual_fit", "objects"


def pack_pairs(images: Sequence[PairEvidence]) -> dict[str, np.ndarray]:
    """The evidence of n images as a few arrays: ``counts`` (n,) of pairs an image, and its columns, joined."""
    nothing = PairEvidence.none().to_dict()
    columns = [one.to_dict() for one in images] or [nothing]
    joined = {name: np.concatenate([one[name] for one in columns]) for name in nothing}
    return {"counts": np.array([one.given.size for one in images], np.int64), **joined}


def unpack_pairs(packed: Mapping[str, np.ndarray]) -> Iterator[PairEvidence]:
    """The evidence of each image that `pack_pairs` was given."""
    ends = packed["counts"].cumsum()
    for start, end in zip(ends - packed["counts"], ends, strict=True):
        yield PairEvidence.from_dict({name: packed[name][start:end] for name in packed if name != "counts"})


def write_usual(store: ScoreSet, classes: int) -> None:
    """Finds what evidence is usual for each pair of classes, from the evidence of all images, and keeps it."""
    total = UsualEvidence(classes)
    for row in scored_shards(store):
        for pairs in unpack_pairs(row["pairs"]):
            total.update(pairs)
    store.write_shard(_USUAL, 0, total.usual().to_dict())


def has_usual(store: ScoreSet) -> bool:
    """Whether the run keeps what the search for suspects needs."""
    return store.shard_done(_USUAL, 0)


def read_usual(store: ScoreSet) -> Usual:
    """What `write_usual` has found."""
    return Usual.from_dict(store.read_shard(_USUAL, 0))


def pack_fits(images: Sequence[EdgeFit]) -> dict[str, np.ndarray]:
    """How the edges of n images fit, as a few arrays: ``counts`` (n,) of classes an image, and its columns, joined."""
    fits = [EdgeFit.none(), *images]
    return {
        "counts": np.array([one.classes.size for one in images], np.int64),
        "classes": np.concatenate([one.classes for one in fits]),
        "witnesses": np.concatenate([one.witnesses for one in fits]),
    }


def unpack_fits(packed: Mapping[str, np.ndarray]) -> Iterator[EdgeFit]:
    """How the edges of each image that `pack_fits` was given fit."""
    ends = packed["counts"].cumsum()
    for start, end in zip(ends - packed["counts"], ends, strict=True):
        yield EdgeFit(packed["classes"][start:end], packed["witnesses"][start:end])


def write_usual_fit(store: ScoreSet, classes: int) -> None:
    """Finds how the edges of each class usually fit, and keeps it; not where an earlier version has scored a part."""
    total = FitCounts(classes)
    for row in scored_shards(store):
        if "fits" not in row:
            return
        for fit in unpack_fits(row["fits"]):
            total.update(fit)
    store.write_shard(_USUAL_FIT, 0, total.usual().to_dict())


def read_usual_fit(store: ScoreSet) -> UsualFit | None:
    """What `write_usual_fit` has found; None where the run has not looked at edges."""
    return UsualFit.from_dict(store.read_shard(_USUAL_FIT, 0)) if store.shard_done(_USUAL_FIT, 0) else None


def write_objects(store: ScoreSet, shard: int, objects: Sequence[GivenObjects]) -> None:
    """Keeps the given objects of a shard's images, to compare suspects with; nothing where there are none."""
    joined = GivenObjects.joined(objects)
    if len(joined):
        columns = {**vars(joined), "descriptors": joined.descriptors.astype(np.float16)}
        store.write_shard(_OBJECTS, shard, columns)


def read_bank(store: ScoreSet, samples: int) -> ObjectBank:
    """The objects that `write_objects` has kept, of a run of that many samples; memory is that of a sample of them."""
    kept = (store.read_shard(_OBJECTS, shard) for shard in shards_of(samples) if store.shard_done(_OBJECTS, shard))
    parts = (GivenObjects(**{**part, "descriptors": part["descriptors"].astype(np.float32)}) for part in kept)
    return ObjectBank(GivenObjects.joined(parts))


def read_kept(store: ScoreSet, sample_id: str) -> tuple[np.ndarray, np.ndarray]:
    """What `ScoreSet.read_compact` gives; its `SampleError` says to score again."""
    try:
        return store.read_compact(sample_id)
    except SampleError as error:
        problem = (
            "Expected a whole file of the scored run, but it is missing or damaged. Score again: "
            "score_label_quality with overwrite=True."
        )
        raise SampleError(problem, sample_id=sample_id, path=error.path) from error


def scored_shards(store: ScoreSet) -> Iterator[dict[str, Any]]:
    """What the first pass left for each shard, in order."""
    for shard in takewhile(lambda index: store.shard_done(SCORED, index), count()):
        yield store.read_shard(SCORED, shard)


def scored_states(store: ScoreSet) -> dict[str, tuple[int, int]]:
    """The samples that were scored, in order, and what `sample_state` gave for each then."""
    return {
        sample_id: (int(image), int(mask))
        for row in scored_shards(store)
        for sample_id, (image, mask) in zip(row["ids"], row["states"], strict=True)
    }


def sample_state(samples: GivenMasks, index: int, labels: np.ndarray | None = None) -> tuple[int, int]:
    """Checksums that change when the image's or the mask's file does (size or time), or a mask in the database.

    Args:
        samples: the samples
        index: position of one
        labels: (H, W) int16, its given mask where that has been loaded

    Returns:
        of the image, and of the mask
    """
    image, path = zlib.crc32(file_state(samples.image_paths[index]).encode()), samples.mask_paths[index]
    if path is not None:
        return image, zlib.crc32(file_state(path).encode())
    return image, zlib.crc32((samples.load_labels(index) if labels is None else labels).tobytes())


def check_unchanged(samples: GivenMasks, index: int, state: Sequence[int]) -> None:
    """Raises `SampleError` if the image or the mask is not what it was when its run was scored, or not there at all.

    Args:
        samples: the samples
        index: position of one
        state: what `sample_state` gave then
    """
    image, mask = sample_state(samples, index)
    if image != state[0]:
        # A file that is not there, or cannot be read, is told as that
        image_header(samples.image_paths[index], samples.ids[index])
        raise SampleError(
            "its image has changed since the run was scored. Run audit_labels again, with overwrite=True.",
            sample_id=samples.ids[index],
            path=samples.image_paths[index],
        )
    if mask != state[1]:
        path = samples.mask_paths[index]
        if path is not None:
            mask_mode(path, samples.ids[index])
        raise SampleError(
            "its given mask has changed since the run was scored. Score again, from the predictions that are there: "
            "score_label_quality with overwrite=True.",
            sample_id=samples.ids[index],
            path=path or samples.image_paths[index],
        )
