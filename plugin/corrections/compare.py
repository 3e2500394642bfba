"""Corrected masks compared with the given ones: what changed, which suspects that resolves, and which are new.

As in a run, every shard of samples leaves its results in the run's folder, so that what was killed goes on there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..engine.engine import Whole
from ..labels.mask_changes import MOST, changed_pairs, region_change
from ..passes.kept import check_unchanged, has_usual, scored_states
from ..passes.search_suspects import SuspectSearch, found_rates
from ..pixels.pooling import pool_labels
from ..records.run_record import RunRecord
from ..regions.reviewed import Regions, as_png, given_mask, is_drawn, pixels_of
from ..runs.rescore import Rescoring
from ..samples.failures import LeftOut, as_dict
from ..store.passes import run_pass, shards_of
from ..store.sets import CorrectionSet, ScoreSet, SuspectSet
from ..suspects.config import SuspectConfig
from ..suspects.image_search import Search
from ..suspects.image_suspects import ImageSuspects
from ..suspects.probability import Rates, shipped_model
from ..suspects.regions import DROP, Region
from .sources import CorrectedSamples

_STAGE = "changes"


@dataclass(frozen=True)
class Searcher:
    """Finds suspects in corrected masks, as the run found those in the given ones.

    Args:
        of_run: the search of the run, over the samples with the given masks
        search: what suspects are in the run
        rates: of mistakes in the run; None where its suspects are not rated
        scored: ids of the samples of which predictions are kept
    """

    of_run: SuspectSearch
    search: Search
    rates: Rates | None
    scored: frozenset[str]

    @classmethod
    def opened(
        cls, record: RunRecord, scores: ScoreSet | None, suspects: SuspectSet | None, corrected: CorrectedSamples
    ) -> Searcher | None:
        """What the run keeps to search with; None where it keeps nothing, or has no suspects."""
        part = record.suspects
        if part is None or scores is None or suspects is None or not has_usual(scores):
            return None
        config, states = SuspectConfig.from_params(part.config), scored_states(scores)
        pooling = record.config["scores"]["pooling"]
        search = SuspectSearch(corrected.given, scores, pooling, config, suspects, corrected.failures)
        return cls(search, search.opened(len(states)), found_rates(suspects), frozenset(states))

    def new_suspects(
        self, index: int, labels: np.ndarray, changed: np.ndarray
    ) -> tuple[list[Region], np.ndarray | None]:
        """The suspects of a corrected mask most of whose pixels were changed.

        Args:
            index: position of the sample
            labels: (H, W) int16 class indices of its corrected mask
            changed: (H, W) bool

        Returns:
            the regions, and their probabilities (n,); None where suspects are not rated
        """
        image, _ = self.of_run.image_search(self.search, index, (labels.shape[0], labels.shape[1]))
        pooled = pool_labels(labels, self.search.pooling, self.of_run.samples.class_table.size)
        regions, measures = image.suspects(labels, pooled)
        kept = np.array([_share(one, changed) >= MOST for one in regions], bool)
        if self.rates is None or not regions:
            return [one for one, keep in zip(regions, kept, strict=True) if keep], None
        drop = np.array([one.kind == DROP for one in regions])
        log_odds = shipped_model().log_odds(measures.features, measures.similarity)
        probability = self.rates.probabilities(log_odds, drop)
        kept &= probability >= self.search.config.min_probability
        return [one for one, keep in zip(regions, kept, strict=True) if keep], probability[kept]


def _share(region: Region, changed: np.ndarray) -> float:
    left, top, width, height = region.box
    return float(changed[top : top + height, left : left + width][region.mask].mean())


@dataclass(frozen=True)
class ComparedImage:
    """An image whose corrected mask was compared.

    Args:
        sample_id: the sample
        mask: file of the corrected mask; the given one's where the two are the same
        pixels: that differ
        pairs: (n, 3) int64 of given class, corrected class, and pixels, see `mask_changes.changed_pairs`
        regions: id of each suspect to whether it is resolved, and the class index that most of its changed pixels
            have; those of which nothing was changed have None
        new: suspects in the corrected mask
        quality: of the given mask and of the corrected one, in [0, 1]; None where nothing changed, or it is not known
    """

    sample_id: str
    mask: str
    pixels: int
    pairs: np.ndarray
    regions: Mapping[str, tuple[bool, int | None]]
    new: ImageSuspects
    quality: tuple[float, float] | None


@dataclass(frozen=True)
class Comparison:
    """Compares corrected masks with the given ones.

    Args:
        dataset: the dataset
        record: of the run
        samples: the masks
        searcher: finds new suspects; None where the run keeps nothing to search with
        rescoring: scores masks; None where the run keeps nothing to score with
        regions: the run's suspects, those that are rejected among them; None where it has none
        states: of each scored sample, as `kept.scored_states` gives it
        store: where results go; what is in it already is not compared again
    """

    dataset: fo.Dataset
    record: RunRecord
    samples: CorrectedSamples
    searcher: Searcher | None
    rescoring: Rescoring | None
    regions: Regions | None
    states: Mapping[str, tuple[int, int]]
    store: CorrectionSet

    def run(self, progress: Progress) -> list[LeftOut]:
        """Compares what has not been compared yet; returns what is wrong with masks that cannot be used."""
        run_pass(self.store, _STAGE, len(self.samples.given), Whole(), self._compare_shard, "Comparing masks", progress)
        return [one for shard in self._shards for one in self.store.read_shard(_STAGE, shard)["failures"]]

    def images(self) -> Iterator[ComparedImage]:
        """What was found of each image, in order, some at a time in memory."""
        for shard in self._shards:
            for one in self.store.read_shard(_STAGE, shard)["images"]:
                yield ComparedImage(
                    sample_id=one["id"],
                    mask=one["mask"],
                    pixels=one["pixels"],
                    pairs=one["pairs"],
                    regions={region: (resolved, became) for region, resolved, became in one["regions"]},
                    new=ImageSuspects(sample_id=one["id"], **one["new"]),
                    quality=tuple(one["quality"]) if one["quality"] else None,
                )

    @property
    def _shards(self) -> range:
        return shards_of(len(self.samples.given))

    def _compare_shard(self, _: Whole, positions: range) -> dict[str, Any]:
        given = self.samples.given
        ids = [given.ids[index] for index in positions]
        regions = self.regions.of(ids) if self.regions is not None else {}
        images: list[dict[str, Any]] = []
        failures: list[LeftOut] = []
        for index in positions:
            try:
                images.append(self._compare(index, regions.get(given.ids[index], ())))
            except SampleError as error:
                # Of a sample of another dataset, say which one it is here
                found = SampleError(error.problem, sample_id=given.ids[index], path=error.path)
                failures.append(as_dict(found))
        return {"images": images, "failures": failures}

    def _compare(self, index: int, regions: Sequence[Any]) -> dict[str, Any]:
        given, sample_id = self.samples.given, self.samples.given.ids[index]
        if sample_id in self.states:
            check_unchanged(given, index, self.states[sample_id])
        before, after = given.load_labels(index), self.samples.corrected.load_labels(index)
        changed = before != after
        pixels = int(np.count_nonzero(changed))
        outcomes = []
        for region in regions:
            change = region_change(pixels_of(region, before.shape, sample_id), before, after)
            outcomes.append([region["id"], change.resolved, change.became])
        found: Sequence[Region] = ()
        rated = None
        if pixels and self.searcher is not None and sample_id in self.searcher.scored:
            found, rated = self.searcher.new_suspects(index, after, changed)
        quality = None
        if pixels and self.rescoring is not None and sample_id in self.states:
            quality = [self.rescoring.score(index, labels) for labels in (before, after)]
        return {
            "id": sample_id,
            "quality": quality,
            "mask": self._mask_file(index, pixels),
            "pixels": pixels,
            "pairs": changed_pairs(before, after, given.class_table.size),
            "regions": outcomes,
            "new": {"size": list(before.shape), **self._written(sample_id, found), "probability": rated},
        }

    def _mask_file(self, index: int, pixels: int) -> str:
        """The file of a corrected mask: a copy of it, or the given one, which it may be."""
        given_path, sample_id = self.samples.given.mask_paths[index], self.samples.given.ids[index]
        if not pixels and given_path is not None:
            return given_path
        mask = given_mask(self.samples.corrected, index)
        return str(self.store.write_mask(sample_id, as_png(mask, sample_id)))

    def _written(self, sample_id: str, regions: Sequence[Region]) -> dict[str, Any]:
        """New suspects as `ImageSuspects` takes them, whose masks are files."""
        return {
            "given": np.array([one.given for one in regions], np.int16),
            "suggested": np.array([one.suggested for one in regions], np.int16),
            "kind": [one.kind for one in regions],
            "evidence": np.array([one.evidence for one in regions], np.float64),
            "area": np.array([one.area for one in regions], np.int64),
            "confidence": np.array([one.confidence for one in regions], np.float64),
            "box": np.array([one.box for one in regions], np.int32).reshape(-1, 4),
            "masks": [str(self.store.write_region(sample_id, *one)) for one in enumerate(r.mask for r in regions)],
        }


def drawn_by_hand(region: Mapping[str, Any]) -> bool:
    """Whether a person has added or drawn a suspect in the App, so that its class is that person's."""
    return region.get("suggested") is None or is_drawn(region)
