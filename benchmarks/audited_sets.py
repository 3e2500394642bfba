"""The sets of images whose masks have known errors, each audited with the fast preset, and kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from label_quality.plugin.base.console import TerminalProgress
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.labels.class_files import load_classes
from label_quality.plugin.store.run_folder import content_digest
from label_quality.plugin.store.sets import ScoreSet, load_set
from label_quality.plugin.suspects import similarity

from . import database
from .suspect_sets import NoisySet, noisy_sets, plant_again

Found = TypeVar("Found")
_KEY, _SECOND = "lq", "second"


@dataclass(frozen=True)
class Audited:
    """A finished audit.

    Args:
        store: what it keeps
        samples: id, name of the image's file and name of the mask's file of each sample
    """

    store: ScoreSet
    samples: Sequence[tuple[str, str, str]]


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `of_each_set`."""
    parser.add_argument("--camvid", type=Path, metavar="DIR", help="CamVid: images/, masks/ and classes.json")
    parser.add_argument(
        "--nuclei", type=Path, metavar="DIR", help="corrected masks: images/, masks/, corrected/ and classes.json"
    )
    parser.add_argument("--images", type=int, default=360, help="of each generated domain (default 360)")
    parser.add_argument("--seed", type=int, default=51, help="of all that is random (default 51)")
    parser.add_argument("--work", type=Path, help="folder to keep everything in; by default a temporary one")
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="train for at least so many steps; needs a --work of its own (by default as many as the preset fast has)",
    )
    parser.add_argument(
        "--passes",
        type=int,
        metavar="N",
        help="to that end pass over the images up to so often an epoch; likewise needs a --work of its own",
    )
    parser.add_argument(
        "--neighbours",
        type=int,
        metavar="N",
        help=f"compare suspects with the N given objects that are most like them (default {similarity.NEIGHBOURS})",
    )
    parser.add_argument(
        "--no-mirror",
        dest="mirror",
        action="store_false",
        help="predict images without their mirror images; likewise needs a --work of its own",
    )


def of_each_set(
    options: argparse.Namespace,
    look: Callable[[NoisySet, Audited, Path, Progress], Found],
    *,
    own: bool = False,
    second: bool = False,
    replanted: bool = False,
) -> dict[str, Found]:
    """What is found in each set, which is made and audited where that is not done.

    Args:
        options: of `add_set_arguments`
        look: given a set, its audit, the folder where everything is kept, and whom to tell how far it is
        own: whether CamVid's masks as they are make a set too
        second: whether to look at a second audit, whose models have not learnt from the suspects of the first
        replanted: whether to look at each set with more errors, planted in its masks as they are, in its place

    Returns:
        name of each set to what was found there

    Raises:
        SystemExit: a set cannot be made, audited or read
    """
    _train_for(options.steps, options.passes)
    similarity.NEIGHBOURS = options.neighbours or similarity.NEIGHBOURS
    start_database = partial(_started, options.work)
    work = start_database() if options.work is None else options.work.absolute()
    progress = TerminalProgress()
    try:
        made = noisy_sets(work, options.images, options.camvid, options.nuclei, options.seed, progress, own)
        if replanted:
            made = [plant_again(one, work, options.seed, progress) for one in made]
        audited = partial(
            audit, work=work, start_database=start_database, progress=progress, second=second, mirror=options.mirror
        )
        return {one.name: look(one, audited(one), work, progress) for one in made}
    except LabelQualityError as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        progress.close()


#: Of a folder once in this process
_started = cache(database.start)


def audit(
    one: NoisySet,
    work: Path,
    start_database: Callable[[], object],
    progress: Progress,
    second: bool = False,
    mirror: bool = True,
) -> Audited:
    """Audits a set with the fast preset, in a database of the benchmark's own, unless that is done.

    Args:
        one: the set
        work: folder of the runs' files, and of a file for each audit that is finished
        start_database: starts the database; it is called where an audit is to be done, for each
        progress: told how far each stage is
        second: whether it is a second audit, whose models do not learn from the suspects of the first
        mirror: whether mirror images are predicted too
    """
    finished = work / "audits" / f"{one.key}{'-second' if second else ''}.json"
    if not finished.exists():
        start_database()
        content = _audit(one, work, progress, second, mirror)
        finished.parent.mkdir(exist_ok=True)
        finished.write_text(json.dumps(content))
    content = json.loads(finished.read_text())
    store = load_set(work / content["store"])
    if not isinstance(store, ScoreSet):
        raise SystemExit(f"error: the files of the audit of {one.name} are gone. Remove {finished} to audit anew.")
    return Audited(store, [(sample_id, image, mask) for sample_id, image, mask in content["samples"]])


def _audit(one: NoisySet, work: Path, progress: Progress, second: bool, mirror: bool) -> dict[str, Any]:
    """Audits a set; a run that was stopped goes on. Returns ``store``, below the work folder, and ``samples``."""
    # Only now: FiftyOne reads its settings when it is imported
    from label_quality.plugin.audit import audit_labels, find_suspects, list_runs
    from label_quality.plugin.samples.folders import LABEL_FIELD, dataset_from_folders

    folder = one.source.folder
    name = content_digest(one.key, str(folder.resolve()), str(one.given.resolve()))
    classes = load_classes(folder / "classes.json")
    dataset = dataset_from_folders(f"{one.key}-{name}", folder / "images", one.given, classes)
    key = _SECOND if second else _KEY
    if second:
        find_suspects(dataset, key=_KEY, progress=progress)
    audit_labels(
        dataset,
        LABEL_FIELD,
        key=key,
        leave_out=_KEY if second else None,
        preset="fast",
        mirror=mirror,
        lint=False,
        suspects=False,
        unlabelled=one.source.unlabelled,
        blocks=one.source.blocks,
        output_dir=str(work / "runs"),
        progress=progress,
    )
    (record,) = (record for record in list_runs(dataset) if record.key == key)
    files = zip(*dataset.values(["id", "filepath", f"{LABEL_FIELD}.mask_path"]), strict=True)
    samples = [[sample_id, Path(image).name, Path(mask).name] for sample_id, image, mask in files]
    store = Path(str(record.folder)) / str(record.scores.set)
    return {"store": str(store.relative_to(work)), "samples": sorted(samples, key=lambda sample: sample[1])}


def _train_for(steps: int | None, passes: int | None) -> None:
    if steps is None and passes is None:
        return
    # Only now: it imports PyTorch
    from label_quality.plugin.training.frozen_features import FrozenFeatures

    FrozenFeatures.enough_steps = FrozenFeatures.enough_steps if steps is None else steps
    FrozenFeatures.most_passes = FrozenFeatures.most_passes if passes is None else passes
