"""The quality of single images with other masks than the given ones, by a run's own predictions: no model runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..passes.kept import has_usual, read_usual, read_usual_fit
from ..predictions.config import PREDICTION_SOURCES, FilesSource
from ..predictions.open_files import open_files
from ..predictions.readers import PredictionReader, StoredReader
from ..records.run_record import RunRecord, load_record
from ..samples.inputs import SegmentationSamples
from ..scores.class_pair_evidence import INGREDIENTS, Usual, evidence_score, pair_evidence
from ..scores.config import LABEL_ONLY_SCORES, SCORES, ScoreConfig
from ..scores.displaced_edges import UsualFit, displacement, edge_fit
from ..scores.image_scores import score_image, score_labels_only
from ..store.encoding import to_half, to_single
from ..store.sets import ScoreSet
from .made_before import find_predictions

_EVIDENCE = "evidence"


@dataclass(frozen=True)
class Rescoring:
    """Scores images of a run again, with other masks.

    Args:
        samples: with the run's images
        reader: of its predictions
        config: of its scores, with those alone that its quality is made from
        quality: the score that its quality is
        usual: what evidence is usual in it; None where that is not asked for
        usual_fit: how edges usually fit; None likewise
    """

    samples: SegmentationSamples
    reader: PredictionReader
    config: ScoreConfig
    quality: str
    usual: Usual | None
    usual_fit: UsualFit | None

    @classmethod
    def opened(
        cls, dataset: fo.Dataset, record: RunRecord, scores: ScoreSet, samples: SegmentationSamples
    ) -> Rescoring | None:
        """What a run keeps to score with; None where its predictions are gone, or its quality needs all images."""
        quality = record.overview.quality if record.overview is not None else None
        if quality is None or quality == "clc" or (quality == _EVIDENCE and not has_usual(scores)):
            return None
        try:
            reader = _reader(dataset, record, samples)
        except LabelQualityError:
            return None
        if reader.labels_only and quality not in LABEL_ONLY_SCORES:
            return None
        config = ScoreConfig.from_params(record.config["scores"])
        wanted = (_EVIDENCE, *INGREDIENTS) if quality == _EVIDENCE else (quality,)
        names = tuple(name for name in SCORES if name in wanted)
        usual = read_usual(scores) if quality == _EVIDENCE else None
        usual_fit = read_usual_fit(scores) if usual is not None and config.displaced_edges else None
        return cls(samples, reader, replace(config, scores=names), quality, usual, usual_fit)

    def score(self, index: int, labels: np.ndarray) -> float:
        """The quality of an image, in [0, 1].

        Args:
            index: position of the sample
            labels: (H, W) int16 class indices of its mask, negative where ignored

        Raises:
            SampleError: its prediction is gone or cannot be read
        """
        predicted = self.reader.read(self.samples.ids[index], (labels.shape[0], labels.shape[1]))
        if self.reader.labels_only:
            classes = self.samples.class_table.size
            return float(getattr(score_labels_only(predicted.values, labels, self.config, classes), self.quality))
        scores = score_image(predicted.values, labels, self.config)
        if self.usual is None:
            return float(getattr(scores, self.quality))
        assert scores.pooled_probabilities is not None and scores.pooled_labels is not None
        # As a run, which keeps them so
        probabilities = to_single(to_half(scores.pooled_probabilities))
        pairs, displaced = pair_evidence(probabilities, scores.pooled_labels), 0.0
        if self.usual_fit is not None:
            try:
                fit = edge_fit(self.samples[index].load_image(), predicted.values, labels)
            except SampleError:
                # Of a picture that cannot be read, as in a run
                return evidence_score(pairs, self.usual, scores.softmin)
            displaced = displacement(fit, self.usual_fit)
        return evidence_score(pairs, self.usual, scores.softmin, displaced)


def _reader(dataset: fo.Dataset, record: RunRecord, samples: SegmentationSamples) -> PredictionReader:
    """The predictions of a run; raises `LabelQualityError` where they are gone."""
    if record.predictions.run:
        record = load_record(dataset, record.predictions.run)
    config = PREDICTION_SOURCES[record.source].from_params(record.config["predictions"])
    if isinstance(config, FilesSource):
        return open_files(samples, config)
    return StoredReader(find_predictions(record))
