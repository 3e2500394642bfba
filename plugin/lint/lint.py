"""A lint of all masks of a dataset: each is read once, and what is unusual is known when all have been."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..base.executor import map_shards
from ..base.progress import Progress, silent
from ..base.words import count, percent
from ..labels.given_masks import GivenMasks
from .component_rules import Dataset, component_findings
from .config import LintConfig
from .equal_images import candidates, compare, strongest
from .findings import EMPTY, KINDS, Finding
from .mask_components import ROW
from .mask_report import MOST_COMPONENTS, MaskReport, report_mask
from .rare_classes import rare_classes

#: Share of the masks that have no class, from which on that is usual
_USUALLY_EMPTY = 0.1


@dataclass(frozen=True)
class LintResult:
    """What is found in the masks of a dataset.

    Args:
        findings: by sample, those of an image in the order in which it shows them
        sizes: (n, 2) int64, height and width of each mask; 0 where it cannot be read
        notes: sentences on what is not reported
    """

    findings: list[Finding]
    sizes: np.ndarray
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind that there is, in the order of `KINDS`."""
        found = Counter(one.kind for one in self.findings)
        return {kind: found[kind] for kind in KINDS if found[kind]}


def lint(samples: GivenMasks, config: LintConfig, progress: Progress = silent) -> LintResult:
    """Looks for what is improbable in masks by itself; no model is needed.

    In memory are at a time the pixels of as many masks as there are threads, and for each component of all masks a row
    of some 60 bytes.

    Args:
        samples: the masks, and their images
        config: what is looked for
        progress: told after every mask
    """
    findings: list[Finding] = []
    rows: list[np.ndarray] = []
    sizes = np.zeros((len(samples), 2), np.int64)
    hashes: dict[int, int] = {}
    checksums: dict[int, int] = {}
    void: list[int] = []
    scattered: list[int] = []
    work = partial(_report, samples, config)
    report: MaskReport
    for index, report in enumerate(map_shards(work, range(len(samples)), config.workers)):
        findings += report.findings
        sizes[index] = report.size
        rows.append(report.components)
        if report.fingerprint is not None:
            hashes[index] = report.fingerprint
        if report.checksum is not None:
            checksums[index] = report.checksum
        if report.void:
            void.append(index)
        if report.scattered:
            scattered.append(index)
        progress("Reading masks", index + 1, len(samples))
    notes: list[str] = []
    findings += _empty(void, sizes, notes)
    notes += _scattered(samples, scattered)
    table = samples.class_table
    joined = np.concatenate([*rows, np.zeros(0, ROW)])
    data = Dataset(joined, sizes[:, 0], sizes[:, 1], table.names, table.unlabelled)
    found, unreported = component_findings(data, config)
    findings += [*found, *rare_classes(data, config.few_pixels)]
    findings += _duplicates(samples, config, hashes, checksums, progress)
    wanted = [one for one in findings if one.kind in config.only_kinds]
    wanted.sort(key=lambda one: (one.sample, *one.order))
    return LintResult(wanted, sizes, [*notes, *unreported, *_unseen(data)])


def _report(samples: GivenMasks, config: LintConfig, index: int) -> MaskReport:
    return report_mask(samples, index, config)


def _empty(void: list[int], sizes: np.ndarray, notes: list[str]) -> list[Finding]:
    """Masks that show nothing but the unlabelled class, unless that is usual."""
    masks = int((sizes[:, 0] > 0).sum())
    if len(void) > max(1, _USUALLY_EMPTY * masks):
        notes.append(
            f"{count(len(void), 'mask')} of {masks:,} ({percent(len(void) / masks)}) have nothing but unlabelled "
            "pixels: that is usual here, and not reported."
        )
        return []
    text = "The mask has nothing but unlabelled pixels: is there really nothing to see?"
    return [Finding(EMPTY, index, text, pixels=int(sizes[index].prod())) for index in void]


def _scattered(samples: GivenMasks, scattered: list[int]) -> list[str]:
    """Masks that are in so many pieces that not all are looked at."""
    if not scattered:
        return []
    first = samples.ids[scattered[0]]
    return [
        f"{count(len(scattered), 'mask')} in more than {MOST_COMPONENTS:,} components, of which the largest were "
        f"looked at: noise, or a file that was compressed with loss? The first is that of sample {first}."
    ]


def _duplicates(
    samples: GivenMasks, config: LintConfig, hashes: dict[int, int], checksums: dict[int, int], progress: Progress
) -> list[Finding]:
    pairs = candidates(hashes, checksums)
    found: list[Finding] = []
    work = partial(compare, samples, least=config.differing)
    for done, some in enumerate(map_shards(work, pairs, config.workers), start=1):
        found += some
        progress("Comparing images", done, len(pairs))
    return list(strongest(found))


def _unseen(data: Dataset) -> list[str]:
    """Classes that no mask has."""
    shown = set(np.unique(data.rows["given"]).tolist())
    unseen = [name for index, name in enumerate(data.names) if index not in shown and index != data.unlabelled]
    return [f"No mask has the class{'es' * (len(unseen) > 1)} {', '.join(unseen)}."] if unseen else []
