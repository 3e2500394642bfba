"""The search for suspects: from a scored run's pooled arrays and the given masks, without predictions or model.

As in `score_samples`, every shard of samples leaves its results in the store, so a killed search goes on with the next.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..labels.given_masks import GivenMasks
from ..samples.failures import Failures, LeftOut, as_dict
from ..store.passes import run_pass, shards_of
from ..store.sets import ScoreSet, SuspectSet
from ..suspects.config import SuspectConfig
from ..suspects.image_search import ImageSearch, Measures, Search
from ..suspects.image_suspects import ImageSuspects
from ..suspects.issues import GroupTally
from ..suspects.probability import RateEstimate, Rates, shipped_model
from ..suspects.regions import Region
from .findings import Findings, drops, each_id, numbered, packed, rated, unpacked
from .kept import read_bank, read_kept, read_usual

_STAGE, _RATE = "regions", "rate"


@dataclass(frozen=True)
class SuspectSearch:
    """Finds the suspects of a scored run's samples.

    Args:
        samples: those that were scored
        scores: what the run keeps of them
        pooling: side of the blocks of its pooled arrays, in pixels
        config: what a suspect is
        store: where regions go; what is in it already is not searched again
        failures: samples that are left out already; whether bad ones are added to them, or raised
    """

    samples: GivenMasks
    scores: ScoreSet
    pooling: int
    config: SuspectConfig
    store: SuspectSet
    failures: Failures

    def run(self, progress: Progress) -> None:
        """Searches what has not been searched yet.

        Raises:
            SampleError: a mask or a file of the run cannot be read, unless bad samples are skipped
        """
        if not self.store.complete:
            total, workers = len(self.samples), self.config.workers
            work = partial(SuspectSearch.search_shard, search=self.opened(total))
            run_pass(self.store, _STAGE, total, self, work, "Finding suspects", progress, workers)
            if self.config.probability:
                self._rate()
            self.store.finish()
        for row in self._rows():
            self.failures.recall(row["failures"])

    def opened(self, scored: int) -> Search:
        """What suspects are, of a run with so many scored samples."""
        bank = read_bank(self.scores, scored) if self.config.probability else None
        unlabelled = self.samples.class_table.unlabelled
        return Search(self.config, read_usual(self.scores), self.pooling, unlabelled, bank)

    def images(self) -> Iterator[ImageSuspects]:
        """The regions of each sample, in order, some samples at a time in memory."""
        return image_suspects(self.store, self._rows())

    def lacks_masks(self) -> bool:
        """Whether masks of regions that were found have been removed since."""
        return any(not os.path.exists(path) for image in self.images() for path in image.masks)

    def findings(self) -> Findings:
        """What was found in all samples together."""
        table = self.samples.class_table
        total = Findings(table, GroupTally(table.size), np.zeros(table.size, np.int64), np.zeros(table.size, np.int64))
        for row in self._rows():
            total.add(row)
        total.failures = self.failures.to_dicts()
        total.least = self.config.min_probability
        return total

    def _rate(self) -> None:
        """Finds how frequent mistakes are among all suspects, and writes the masks of those that are probable."""
        estimate = RateEstimate()
        for shard in shards_of(len(self.samples)):
            row = self.store.read_shard(_STAGE, shard)
            estimate.update(row["log_odds"], drops(row))
        rates = estimate.rates()
        self.store.write_shard(_RATE, 0, {"rate": rates.all, "drops": rates.drops, "others": rates.others})
        for shard in shards_of(len(self.samples)):
            row = numbered(self.store.read_shard(_STAGE, shard))
            kept = rated(row, rates, self.config.min_probability)
            shown = set(zip(each_id(kept), kept["numbers"].tolist(), strict=True))
            regions = zip(each_id(row), row["numbers"].tolist(), unpacked(row["masks"], row["box"]), strict=True)
            for sample_id, number, mask in regions:
                if (sample_id, number) in shown:
                    self.store.write_region(sample_id, number, mask)

    def _rows(self) -> Iterator[dict[str, Any]]:
        rates = found_rates(self.store)
        for shard in shards_of(len(self.samples)):
            row = numbered(self.store.read_shard(_STAGE, shard))
            yield row if rates is None else rated(row, rates, self.config.min_probability)

    def window(self, positions: range) -> SuspectSearch:
        """The search of these samples alone, as of `engine.Job`."""
        return replace(self, samples=self.samples.window(positions), failures=Failures(self.failures.skip, ()))

    def refused(self, reasons: Mapping[int, str]) -> SuspectSearch:
        """The search that refuses these samples, as of `engine.Job`."""
        return replace(self, samples=self.samples.refused(reasons))

    def search_shard(self, positions: range, *, search: Search) -> dict[str, Any]:
        """Searches some samples, and keeps the masks of what it finds where it is not rated."""
        found: list[tuple[int, tuple[int, ...], list[Region]]] = []
        measures: list[Measures] = []
        failures: list[LeftOut] = []
        classes = self.samples.class_table.size
        pixels = np.zeros((len(positions), classes), np.int64)
        for row, index in enumerate(positions):
            try:
                labels = self.samples.load_labels(index)
                image, pooled = self.image_search(search, index, (labels.shape[0], labels.shape[1]))
                regions, measured = image.suspects(labels, pooled)
                if search.bank is None:
                    # Of rated ones, those that are probable are written when it is known how probable they are
                    for number, region in enumerate(regions):
                        self.store.write_region(self.samples.ids[index], number, region.mask)
            except SampleError as error:
                if not self.failures.skip:
                    raise
                failures.append(as_dict(error))
                continue
            found.append((index, labels.shape, regions))
            measures.append(measured)
            # Ignored pixels, -1, are counted first: to pick the others costs more than counting all
            pixels[row] = np.bincount(labels.ravel() + 1, minlength=classes + 1)[1:]
        all_regions = [region for _, _, regions in found for region in regions]
        return {
            "ids": [self.samples.ids[index] for index, _, _ in found],
            "failures": failures,
            "sizes": np.array([size for _, size, _ in found], np.int64).reshape(-1, 2),
            "counts": np.array([len(regions) for _, _, regions in found], np.int64),
            **_columns(all_regions),
            **(_rating(all_regions, measures) if self.config.probability else {}),
            "class_pixels": pixels.sum(axis=0),
            "class_images": (pixels > 0).sum(axis=0),
        }

    def image_search(self, search: Search, index: int, size: tuple[int, int]) -> tuple[ImageSearch, np.ndarray]:
        """What finds suspects in masks of one sample.

        Args:
            search: what they are
            index: position of the sample
            size: (height, width) of its masks in pixels

        Returns:
            it, and (h, w) int16, the given mask in blocks
        """
        sample_id = self.samples.ids[index]
        probabilities, pooled = read_kept(self.scores, sample_id)
        looks, load_image = partial(self.scores.read_appearance, sample_id), self.samples[index].load_image
        return ImageSearch(search, size, sample_id, probabilities, looks, load_image), pooled


def found_rates(store: SuspectSet) -> Rates | None:
    """The rates of mistakes that a finished search has found; None where suspects are not rated."""
    if not store.shard_done(_RATE, 0):
        return None
    kept = store.read_shard(_RATE, 0)
    # Up to version 0.2.0 there was one for all
    return Rates(kept.get("drops", kept["rate"]), kept.get("others", kept["rate"]), kept["rate"])


def image_suspects(store: SuspectSet, rows: Iterable[dict[str, Any]]) -> Iterator[ImageSuspects]:
    """The regions of each sample, in order, of a search's results shard by shard."""
    for row in rows:
        ends = row["counts"].cumsum()
        for number, (start, end) in enumerate(zip(ends - row["counts"], ends, strict=True)):
            part, sample_id = slice(int(start), int(end)), row["ids"][number]
            yield ImageSuspects(
                sample_id=sample_id,
                size=(int(row["sizes"][number, 0]), int(row["sizes"][number, 1])),
                **{name: row[name][part] for name in ("given", "suggested", "kind", "evidence", "area")},
                confidence=row["confidence"][part],
                probability=row["probability"][part] if "probability" in row else None,
                box=row["box"][part],
                masks=[str(store.mask_file(sample_id, one)) for one in row["numbers"][part].tolist()],
            )


def shown_rows(store: SuspectSet, least: float) -> Iterator[dict[str, Any]]:
    """The results of a finished search, shard by shard, without the suspects that are not probable enough to be shown.

    Args:
        store: the run's suspects
        least: probability of those that are shown, where they are rated
    """
    rates = found_rates(store)
    for shard in takewhile(lambda index: store.shard_done(_STAGE, index), count()):
        row = numbered(store.read_shard(_STAGE, shard))
        yield row if rates is None else rated(row, rates, least)


def found_masks(store: SuspectSet, sample_ids: Collection[str]) -> dict[tuple[str, float], tuple[list[int], Path]]:
    """The regions that a finished search has found in some samples.

    Args:
        store: the run's suspects
        sample_ids: the samples

    Returns:
        (sample id, evidence) of each region to its box (left, top, width, height) in pixels, and the file of its mask
    """
    found: dict[tuple[str, float], tuple[list[int], Path]] = {}
    for shard in takewhile(lambda index: store.shard_done(_STAGE, index), count()):
        row = store.read_shard(_STAGE, shard)
        ends = row["counts"].cumsum().tolist()
        for sample_id, regions, end in zip(row["ids"], row["counts"].tolist(), ends, strict=True):
            for number in range(regions if sample_id in sample_ids else 0):
                place = end - regions + number
                region = row["box"][place].tolist(), store.mask_file(sample_id, number)
                found[sample_id, float(row["evidence"][place])] = region
    return found


def rated_rows(store: SuspectSet, least: float) -> Iterator[dict[str, Any]]:
    """The results of a finished search for rated suspects, shard by shard, as `findings.rated` gives them.

    Args:
        store: the run's suspects
        least: probability of those that are shown

    Yields:
        the results, and ``prior``, (n,) log-odds by the rates of mistakes; nothing where suspects are not rated, or
        were by a version that kept no measures
    """
    rates = found_rates(store)
    if rates is None:
        return
    for shard in takewhile(lambda index: store.shard_done(_STAGE, index), count()):
        row = numbered(store.read_shard(_STAGE, shard))
        kept = rated(row, rates, least)
        yield {**kept, "prior": rates.prior(drops(kept))}


def _columns(regions: Sequence[Region]) -> dict[str, Any]:
    """What is kept of m regions: arrays of m, and a list of their kinds."""
    return {
        "given": np.array([one.given for one in regions], np.int16),
        "suggested": np.array([one.suggested for one in regions], np.int16),
        "kind": [one.kind for one in regions],
        "evidence": np.array([one.evidence for one in regions], np.float64),
        "area": np.array([one.area for one in regions], np.int64),
        "confidence": np.array([one.confidence for one in regions], np.float64),
        "box": np.array([one.box for one in regions], np.int32).reshape(-1, 4),
    }


def _rating(regions: Sequence[Region], measures: Sequence[Measures]) -> dict[str, np.ndarray]:
    """What is kept of m regions until they are rated: log-odds (m,), the measures that they come from, and masks."""
    joined = Measures.joined(measures)
    return {
        "log_odds": shipped_model().log_odds(joined.features, joined.similarity),
        "features": joined.features.astype(np.float32),
        "similarity": joined.similarity.astype(np.float32),
        "descriptors": joined.descriptors.astype(np.float16),
        "masks": packed([region.mask for region in regions]),
    }
