"""A run with scores and suspects on a small dataset, written as an audit would, for tests of what comes after it.

Of six images of 24 × 32 pixels, by index: quality, and regions of (given, suggested, type, evidence, box in pixels)::

    0  0.9  none
    1  0.2  road → car, swap, 30 nats, at (4, 4), 8 × 6; unlabelled → tree, drop, 10 nats, at (16, 12), 4 × 12
    2  0.5  unlabelled → car, drop, 20 nats, at (0, 0), 16 × 12
    3  0.1  road → car, swap, 50 nats, at (8, 6), 8 × 6
    4  not scored
    5  0.7  car → road, shift, 5 nats, at (31, 0), 1 × 24
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

NAMES = ("unlabelled", "road", "car", "tree")
QUALITY = (0.9, 0.2, 0.5, 0.1, None, 0.7)
REGIONS = {
    0: (),
    1: (("road", "car", "swap", 30.0, (4, 4, 8, 6)), ("unlabelled", "tree", "drop", 10.0, (16, 12, 4, 12))),
    2: (("unlabelled", "car", "drop", 20.0, (0, 0, 16, 12)),),
    3: (("road", "car", "swap", 50.0, (8, 6, 8, 6)),),
    5: (("car", "road", "shift", 5.0, (31, 0, 1, 24)),),
}
#: Of rated suspects: the probability of the one with this evidence
PROBABILITY = {50.0: 0.9, 30.0: 0.6, 10.0: 0.8, 20.0: 0.7, 5.0: 0.55}
#: The most evidence first
GROUPS = ("car given as road", "car given as unlabelled", "tree given as unlabelled", "road given as car")


def add_run(dataset: Any, folder: Path, key: str = "lq", rated: bool = False) -> Any:
    """Writes the run to the dataset, whose masks are of `conftest.TARGETS`, and the regions' masks to a folder.

    Args:
        dataset: of six images
        folder: where the masks go
        key: of the run
        rated: whether its suspects have the probabilities of `PROBABILITY`
    """
    import fiftyone as fo
    from label_quality.plugin.dataset.fields import create_fields
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.dataset.views import save_suspect_views, save_worst_first
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.record_parts import SuspectPart
    from label_quality.plugin.records.run_record import RunRecord, save_record

    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
    create_fields(dataset, key, {f"{key}_quality": {"ftype": fo.FloatField, "description": "The score to sort by."}})
    dataset.set_values(f"{key}_quality", list(QUALITY))
    ids = dataset.values("id")
    images = [_image(ids[index], index, regions, folder / key, rated) for index, regions in REGIONS.items()]
    write_suspects(dataset, key, images, class_table=table, label_field="ground_truth", rated=rated)
    groups = [_group(title) for title in GROUPS]
    views = [save_worst_first(dataset, key), *save_suspect_views(dataset, key, groups)]
    record = RunRecord(key, "ground_truth", class_table=table.to_dict(), scored=5, views=views)
    record.issues, record.suspects = groups, SuspectPart(regions=5, images=4)
    record.folder, record.scores.set = _write_states(dataset, table, folder / "runs" / key)
    save_record(dataset, record)
    dataset.reload()
    return dataset


def _write_states(dataset: Any, table: Any, root: Path) -> tuple[str, str]:
    """What the run keeps of its images' and masks' state; returns its folder and the name of its set of scores."""
    from label_quality.plugin.passes.kept import SCORED, sample_state
    from label_quality.plugin.samples.inputs import open_samples
    from label_quality.plugin.store.run_folder import RunFolder

    samples = open_samples(dataset, "ground_truth", classes=dataset.mask_targets["ground_truth"])
    states = [sample_state(samples, index) for index in REGIONS]
    with RunFolder(root) as run:
        scores = run.open_scores("0123")
        ids = [samples.ids[index] for index in REGIONS]
        scores.write_shard(SCORED, 0, {"ids": ids, "states": np.array(states, np.int64)})
        scores.finish()
    return str(root), scores.path.name


def _image(sample_id: str, index: int, regions: Any, folder: Path, rated: bool) -> Any:
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    folder.mkdir(parents=True, exist_ok=True)
    masks = [str(folder / f"{index}-{number}.png") for number in range(len(regions))]
    for path, (*_, (_, _, width, height)) in zip(masks, regions, strict=True):
        cv2.imwrite(path, np.full((height, width), 255, np.uint8))
    given, suggested, kinds, evidence, boxes = zip(*regions, strict=True) if regions else ((),) * 5
    return ImageSuspects(
        sample_id=sample_id,
        size=(24, 32),
        given=np.array([NAMES.index(name) for name in given], np.int16),
        suggested=np.array([NAMES.index(name) for name in suggested], np.int16),
        kind=list(kinds),
        evidence=np.array(evidence, float),
        area=np.array([width * height for _, _, width, height in boxes], np.int64),
        confidence=np.full(len(regions), 0.75),
        box=np.array(boxes, np.int32).reshape(-1, 4),
        masks=masks,
        probability=np.array([PROBABILITY[nats] for nats in evidence], float) if rated else None,
    )


def _group(title: str) -> Any:
    suggested, given = title.split(" given as ")
    all_regions = [(index, region) for index, regions in REGIONS.items() for region in regions]
    found = [(index, region) for index, region in all_regions if region[:2] == (given, suggested)]
    images = len({index for index, _ in found})
    return issue(given, suggested, regions=len(found), images=images, evidence=sum(one[3] for _, one in found))


def issue(given_name: str, suggested_name: str, **known: Any) -> Any:
    """A `Group` of one region, with what is known of it otherwise; of `NAMES`, classes have their places there."""
    from label_quality.plugin.suspects.issues import Group

    title = f"{suggested_name} given as {given_name}"
    given, suggested = (NAMES.index(one) if one in NAMES else len(NAMES) for one in (given_name, suggested_name))
    values = {
        "given": given,
        "suggested": suggested,
        "kind": "systematic",
        "title": title,
        "regions": 1,
        "images": 1,
        "pixels": 4,
        "evidence": 9.0,
        "share": 0.1,
        "growth": 0.2,
        "text": f"Systematic: {title}.",
    }
    return Group(given_name=given_name, suggested_name=suggested_name, **{**values, **known})


def name_colours(dataset: Any) -> None:
    """Has the classes of the dataset, and of its run, be colours; its masks stay as gray as they are."""
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import load_record, save_record

    given = dataset.mask_targets["ground_truth"]
    names = {f"#{value:02x}{value:02x}{value:02x}": name for value, name in given.items()}
    dataset.mask_targets = {**dataset.mask_targets, "ground_truth": names}
    record = load_record(dataset, "lq")
    record.class_table = ClassTable.from_targets(names, unlabelled="unlabelled").to_dict()
    save_record(dataset, record)
