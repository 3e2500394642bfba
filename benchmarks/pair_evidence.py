"""What each factor and each constant of class-pair evidence is worth: AUPRC of mislabelled images without it.

The audits are those of ``python -m benchmarks suspects``, and are kept and found in the same ``--work``::

    python -m benchmarks pair-evidence --camvid DIR --nuclei DIR --work DIR --out evidence.json

Scores are made anew from the probabilities that are there, nothing is trained. *Evidence* is the score without
displaced edges. The constant 8 is left out, as it moves no image past another, and so is the width of the bins.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.benchmark.ranking_metrics import average_precision, bootstrap
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.passes.kept import scored_shards
from label_quality.plugin.scores import class_pair_evidence as package

from .audited_sets import Audited, add_set_arguments, of_each_set
from .processes import print_table
from .suspect_sets import NoisySet, read_labels

AS_IT_IS = "as it is"
_LEVELS = 4
_INTERVAL = [0.025, 0.975]


@dataclass(frozen=True)
class Term:
    """What a pixel says.

    Args:
        margin: times the margin p[c] - p[g]
        gain: times the log-likelihood that c gains over g
        least_probability: in the logarithm
    """

    margin: bool = True
    gain: bool = True
    least_probability: float = package._LEAST_PROBABILITY


@dataclass(frozen=True)
class Form:
    """A form of the score; by default the one that the package has.

    Args:
        term: what a pixel says
        levels: those of the four whose geometric mean is taken
        odds_power: power of the odds at the fourth level
        least_confirmed: added to the confirmed share of a class
        usual_share: which part of the images is below what is usual; None to divide by the floor alone
        floor: nats
        softmin_power: how often softmin counts
        softmin_floor: softmin below this is as good as 0
    """

    term: Term = Term()
    levels: tuple[int, ...] = tuple(range(_LEVELS))
    odds_power: float = 2
    least_confirmed: float = package._LEAST_CONFIRMED
    usual_share: float | None = package._USUAL_SHARE
    floor: float = package._FLOOR
    softmin_power: float = 2
    softmin_floor: float = package._SOFTMIN_FLOOR


def _by_two(name: str, value: float) -> dict[str, dict[str, float]]:
    return {f"{name} {value * times:g}": {name: value * times} for times in (0.5, 2)}


#: Name to form. Of a share it is what is left to 1 that is halved and doubled
FORMS: Mapping[str, Form] = {
    AS_IT_IS: Form(),
    "without the pairs": Form(levels=(1, 2, 3)),
    "without the classes": Form(levels=(0, 2, 3)),
    "without the image": Form(levels=(0, 1, 3)),
    "without the missed classes": Form(levels=(0, 1, 2)),
    "only pairs and missed classes": Form(levels=(0, 3)),
    "only classes and missed classes": Form(levels=(1, 3)),
    "only the image and missed classes": Form(levels=(2, 3)),
    "without the odds": Form(odds_power=0),
    "without what is usual": Form(usual_share=None),
    "without the margin": Form(Term(margin=False)),
    "without the logarithm": Form(Term(gain=False)),
    "without softmin": Form(softmin_power=0),
    **{f"odds^{power}": Form(odds_power=power) for power in (1, 4)},
    **{f"softmin^{power}": Form(softmin_power=power) for power in (1, 4)},
    **{f"usual share {share:g}": Form(usual_share=share) for share in (0.6, 0.9)},
    **{name: Form(Term(**to)) for name, to in _by_two("least_probability", package._LEAST_PROBABILITY).items()},
    **{name: Form(**to) for name, to in _by_two("least_confirmed", package._LEAST_CONFIRMED).items()},
    **{name: Form(**to) for name, to in _by_two("floor", package._FLOOR).items()},
    **{name: Form(**to) for name, to in _by_two("softmin_floor", package._SOFTMIN_FLOOR).items()},
}


@dataclass(frozen=True)
class Contradicted:
    """What the predictions of n images say against their masks of K classes.

    Args:
        nats: by term, (n, K, K) float64 mean over an image's pixels of what those say that are given the first class
            and seen as the second
        given: (n, K) pixels that are given each class
        seen: (n, K) pixels that are seen as each class
        agree: (n, K) pixels that are both
        softmin: (n,) float64
        mislabelled: (n,) bool
    """

    nats: Mapping[Term, np.ndarray]
    given: np.ndarray
    seen: np.ndarray
    agree: np.ndarray
    softmin: np.ndarray
    mislabelled: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default 1000)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Scores every set in every form, and prints how much AUPRC each form gains or loses.

    Returns:
        ``sets``: name to the AUPRC as it is; ``forms``: name to what `gains` gives; ``seed``
    """
    found = of_each_set(options, lambda one, audited, _, progress: contradicted(one, audited, progress))
    sets = {name: one for name, one in found.items() if one.mislabelled.any() and not one.mislabelled.all()}
    if not sets:
        raise SystemExit("error: no set has both right and wrong images. Give --camvid or --nuclei, or --images.")
    changes = gains(sets, options.resamples, options.seed)
    right = {name: _auprc(one, FORMS[AS_IT_IS]) for name, one in sets.items()}
    print("\nAUPRC of mislabelled images by evidence, and what each change adds to it\n")
    rows = [[AS_IT_IS, *(f"{value:.3f}" for value in right.values()), f"{np.mean(list(right.values())):.3f}"]]
    for name, one in changes.items():
        low, high = one["interval"]
        each = [f"{value:+.3f}" for value in one["sets"].values()]
        rows.append([name, *each, f"{one['mean']:+.3f} ({low:+.3f} to {high:+.3f})"])
    print_table(["", *sets, "mean (95 % interval)"], rows)
    return {"sets": right, "forms": changes, "seed": options.seed}


def gains(sets: Mapping[str, Contradicted], resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    """How much AUPRC each form gains over the one that the package has.

    Args:
        sets: name to what contradicts the masks of its images
        resamples: of the bootstrap over the images of each set
        seed: of the bootstrap

    Returns:
        name of each other form to ``sets``, the gain by set, ``mean``, over the sets, and ``interval``, 95 %, of that
    """
    before = {name: score(one, FORMS[AS_IT_IS]) for name, one in sets.items()}
    drawn_before = {name: _drawn(one, before[name], resamples, seed) for name, one in sets.items()}
    found = {}
    for form, changed in FORMS.items():
        if form == AS_IT_IS:
            continue
        by_set, drawn = {}, []
        for name, one in sets.items():
            after = score(one, changed)
            by_set[name] = _precision(one, after) - _precision(one, before[name])
            drawn.append(_drawn(one, after, resamples, seed) - drawn_before[name])
        interval = np.quantile(np.mean(drawn, axis=0), _INTERVAL).tolist()
        found[form] = {"sets": by_set, "mean": float(np.mean(list(by_set.values()))), "interval": interval}
    return found


def score(images: Contradicted, form: Form) -> np.ndarray:
    """(n,) float64 score of each image in some form, low where the mask is probably wrong: docs/scores.md."""
    nats, classes = images.nats[form.term], images.given.shape[1]
    confirmed = images.agree / np.maximum(images.given + images.seen - images.agree, 1)
    odds = (1 - confirmed) / (confirmed + form.least_confirmed)
    lost, gained = nats.sum(2), nats.sum(1)
    levels = [
        nats.reshape(-1, classes**2),
        np.concatenate([lost, gained], axis=1),
        nats.sum((1, 2))[:, None],
        gained * odds**form.odds_power,
    ]
    ratios = [levels[level] / (_usual(levels[level], form.usual_share) + form.floor) for level in form.levels]
    lengths = [np.sqrt((ratio**2).sum(1)) for ratio in ratios]
    strength = np.prod(lengths, axis=0) ** (1 / len(lengths))
    softmin = np.maximum(images.softmin, form.softmin_floor)
    suspicion = (strength / softmin**form.softmin_power) ** (1 / (1 + form.softmin_power))
    return 1 / (1 + suspicion / package._MIDDLING)


def pixel_nats(probabilities: np.ndarray, labels: np.ndarray, term: Term) -> np.ndarray:
    """(K, K) float64 mean over an image's pixels of what they say, by given class and class that is seen.

    Args:
        probabilities: (K, h, w) float32
        labels: (h, w) int16, negative where a pixel takes no part
        term: what a pixel says
    """
    classes, taking_part = len(probabilities), labels >= 0
    of_pixels, given = probabilities[:, taking_part].astype(np.float64), labels[taking_part].astype(np.int64)
    seen = of_pixels.argmax(0)
    surest, less = of_pixels.max(0), of_pixels[given, np.arange(given.size)]
    says = (surest - less) if term.margin else np.ones(given.size)
    if term.gain:
        least = term.least_probability
        says = says * np.log(np.maximum(surest, least) / np.maximum(less, least))
    says = np.where(seen == given, 0, says)
    return np.bincount(given * classes + seen, says, classes**2).reshape(classes, classes) / max(1, given.size)


def contradicted(one: NoisySet, audited: Audited, progress: Progress) -> Contradicted:
    """What the predictions of an audit say against the masks of its set."""
    store = audited.store
    table = ClassTable.from_dict(store.content["class_table"])
    softmin = _softmin(audited)
    terms = {form.term for form in FORMS.values()}
    nats: dict[Term, list[np.ndarray]] = {term: [] for term in terms}
    pixels: dict[str, list[np.ndarray]] = {"given": [], "seen": [], "agree": []}
    mislabelled = []
    for number, (sample_id, _, mask_file) in enumerate(audited.samples):
        given, true = (read_labels(folder / mask_file, table) for folder in (one.given, one.true))
        mislabelled.append((given != true).any())
        probabilities, labels = store.read_compact(sample_id)
        for term in terms:
            nats[term].append(pixel_nats(probabilities, labels, term))
        taking_part = labels >= 0
        at, seen = labels[taking_part], probabilities.argmax(0)[taking_part]
        for name, counted in (("given", at), ("seen", seen), ("agree", at[at == seen])):
            pixels[name].append(np.bincount(counted, minlength=table.size))
        progress(f"Reading {one.name}", number + 1, len(audited.samples))
    return Contradicted(
        nats={term: np.array(each) for term, each in nats.items()},
        **{name: np.array(each) for name, each in pixels.items()},
        softmin=np.array([softmin[sample_id] for sample_id, _, _ in audited.samples]),
        mislabelled=np.array(mislabelled),
    )


def _softmin(audited: Audited) -> dict[str, float]:
    return {
        sample_id: float(value)
        for row in scored_shards(audited.store)
        for sample_id, value in zip(row["ids"], row["scores"]["softmin"], strict=True)
    }


def _usual(terms: np.ndarray, share: float | None) -> np.ndarray:
    """What is usual for each of (n, h) terms, rounded up as the package does; 0 without a share."""
    if share is None:
        return np.zeros(terms.shape[1])
    images = len(terms)
    allowed = max(1, images - math.ceil(share * images))
    level = -np.sort(-terms, axis=0)[allowed] if allowed < images else np.zeros(terms.shape[1])
    octaves = np.ceil(np.log2(np.maximum(level, 2.0**package._LOWEST)) * package._BINS_AN_OCTAVE)
    return np.where(level > 0, 2.0 ** (octaves / package._BINS_AN_OCTAVE), 0)


def _auprc(images: Contradicted, form: Form) -> float:
    return _precision(images, score(images, form))


def _precision(images: Contradicted, scores: np.ndarray) -> float:
    return float(average_precision(images.mislabelled, scores))


def _drawn(images: Contradicted, scores: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    return bootstrap(average_precision, images.mislabelled, scores, resamples=resamples, seed=seed)
