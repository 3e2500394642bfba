"""Label Studio: the given mask as brush labels and the suspects as boxes in one prediction of each task, and back.

FiftyOne's backend makes the project and its tasks. What it would send with them is of no use: masks of several classes
become one region, and of several predictions annotators see the last.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress
from ..samples.inputs import SegmentationSamples
from ..samples.slices import images_of
from .class_instances import instances_of, recombined
from .undo import words_of

BACKEND = "labelstudio"
_TITLE = "Label Studio"
_IMAGE, _MODEL = "image", "label-quality"
#: Seconds that the server has for an answer
_PATIENCE = 120.0


def brush_field(label_field: str) -> str:
    """What the project calls the masks: no field of the dataset has the name, so FiftyOne sends none for it."""
    return f"{label_field}_brush"


def label_schema(dataset: fo.Dataset, label_field: str, names: Sequence[str], boxes: Sequence[str]) -> dict[str, Any]:
    """What annotators may draw: brush labels of the classes, and where there are suspects, boxes of theirs.

    Args:
        dataset: the dataset
        label_field: the given masks
        names: of the classes
        boxes: classes that suspects suggest
    """
    brush = brush_field(label_field)
    if brush in dataset.get_field_schema():
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has a field '{brush}', as which the masks would be sent. Rename or delete it."
        )
    shown = {boxes_field(dataset): {"type": "detections", "classes": list(boxes), "attributes": {}}} if boxes else {}
    return {brush: {"type": "instances", "classes": list(names), "attributes": {}}, **shown}


def boxes_field(dataset: fo.Dataset) -> str:
    """What the project calls the suspects, likewise no field of the dataset."""
    name = "suspects"
    while name in dataset.get_field_schema():
        name += "_"
    return name


class Server:
    """A Label Studio server, as FiftyOne is set up for it.

    Args:
        config: of an annotation run, which has the server's ``url`` and ``api_key``
    """

    def __init__(self, config: Any) -> None:
        self.url = str(config.url or "").rstrip("/")
        self._headers = {"Authorization": f"Token {config.api_key}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        """What is at a path of the API; None where there is nothing.

        Raises:
            LabelQualityError: the server does not answer, or refuses
        """
        return self._ask(path, None)

    def post(self, path: str, content: Any) -> Any:
        """Sends JSON to a path; errors as of `get`."""
        return self._ask(path, json.dumps(content).encode())

    def _ask(self, path: str, content: bytes | None) -> Any:
        request = urllib.request.Request(f"{self.url}/api/{path}", content, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404 and content is None:
                return None
            said = words_of(error.read().decode(errors="replace"))
            raise LabelQualityError(f"{_TITLE} at {self.url} refused {path} ({error.code}): {said}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise LabelQualityError(f"{_TITLE} does not answer at {self.url or 'no address'}: {reason}.") from error


def send_masks(
    results: Any,
    samples: SegmentationSamples,
    label_field: str,
    suspects: tuple[str, Any] | None,
    progress: Progress,
) -> None:
    """Gives each task a prediction with its given mask, and its suspects to look at.

    Args:
        results: of FiftyOne's annotation run
        samples: with the given masks
        label_field: their field
        suspects: the field of the run's suspects, and FiftyOne's expression of those that are meant; None for none
        progress: told after every task

    Raises:
        LabelQualityError: the server refuses
        SampleError: a mask cannot be used
    """
    server, index_of = Server(results.config), {one: index for index, one in enumerate(samples.ids)}
    boxes = next((name for name, one in results.config.label_schema.items() if one["type"] == "detections"), None)
    for done, (task, sample_id) in enumerate(results.uploaded_tasks.items(), start=1):
        labels = samples.load_labels(index_of[sample_id])
        items = [*_brushes(labels, samples, brush_field(label_field))]
        if suspects is not None and boxes is not None:
            items += _boxes(samples.dataset, sample_id, *suspects, labels.shape, boxes)
        server.post("predictions/", {"task": int(task), "result": items, "model_version": _MODEL})
        progress("Sending masks", done, len(results.uploaded_tasks))


def _brushes(labels: np.ndarray, samples: SegmentationSamples, name: str) -> Iterator[dict[str, Any]]:
    from label_studio_sdk.converter import brush

    table = samples.class_table
    for index, inside in instances_of(labels, table.size, table.unlabelled):
        rle = brush.mask2rle(inside.astype(np.uint8) * 255)
        value = {"format": "rle", "rle": rle, "brushlabels": [table.names[index]]}
        yield {**_item(name, labels.shape, f"class-{index}"), "type": "brushlabels", "value": value}


def _boxes(
    dataset: fo.Dataset, sample_id: str, field: str, wanted: Any, size: Sequence[int], name: str
) -> Iterator[dict[str, Any]]:
    view = images_of(dataset).select(sample_id).filter_labels(field, wanted)
    for region in (one for sample in view for one in sample[field].detections):
        left, top, width, height = (100 * part for part in region.bounding_box)
        box = {"x": left, "y": top, "width": width, "height": height, "rotation": 0}
        given = getattr(region, "given", None)
        said = {"meta": {"text": [f"given as {given}"]}} if given else {}
        value = {**box, "rectanglelabels": [region.label]}
        yield {**_item(name, size, region.id), **said, "type": "rectanglelabels", "value": value}


def _item(name: str, size: Sequence[int], number: str) -> dict[str, Any]:
    where = {"original_width": int(size[1]), "original_height": int(size[0]), "image_rotation": 0}
    return {"id": number, "from_name": name, "to_name": _IMAGE, **where}


def submitted_tasks(results: Any, anno_key: str) -> Iterator[tuple[str, Mapping[str, Any] | SampleError | None]]:
    """The tasks of an annotation run, one at a time.

    Args:
        results: of FiftyOne's annotation run
        anno_key: its name

    Yields:
        id of the sample, and what was submitted last of its task, as the API has it; None where nothing was; a
        `SampleError` where the task has been deleted

    Raises:
        LabelQualityError: the server does not answer, or the project has been deleted
    """
    server = Server(results.config)
    if server.get(f"projects/{results.project_id}") is None:
        raise LabelQualityError(
            f"The project {results.project_id} of '{anno_key}' is no longer in {_TITLE} at {server.url}: it has been "
            "deleted there, with all that was drawn. Send the images again."
        )
    for task, sample_id in results.uploaded_tasks.items():
        content = server.get(f"tasks/{task}")
        if content is None:
            problem = (
                f"its task {task} of '{anno_key}' is no longer in {_TITLE} at {server.url}: it has been deleted there. "
                "Send the image again, or load the others with skip_failures=True."
            )
            yield sample_id, SampleError(problem, sample_id=sample_id)
            continue
        submitted = [one for one in content.get("annotations") or [] if not one.get("was_cancelled")]
        yield sample_id, max(submitted, key=lambda one: str(one.get("updated_at"))) if submitted else None


def drawn_labels(
    annotation: Mapping[str, Any], labels: np.ndarray, samples: SegmentationSamples, name: str, sample_id: str
) -> np.ndarray:
    """The mask of an annotation that was begun with the given one.

    Args:
        annotation: as the API has it
        labels: (H, W) int16 class indices of the given mask
        samples: have the classes
        name: what the project calls the masks
        sample_id: named in errors

    Returns:
        (H, W) int16 class indices

    Raises:
        SampleError: it has a class that is none of the run's, or is of another size
    """
    from label_studio_sdk.converter import brush

    table, instances = samples.class_table, []
    for item in annotation.get("result") or []:
        if item.get("type") != "brushlabels" or item.get("from_name") != name:
            continue
        for label in item["value"]["brushlabels"]:
            if label not in table.names:
                raise SampleError(
                    f"Expected a class of the run ({', '.join(table.names)}), but {_TITLE} has a region of '{label}'. "
                    "Rename it there.",
                    sample_id=sample_id,
                )
            size = int(item["original_height"]), int(item["original_width"])
            if size != labels.shape:
                raise SampleError(
                    f"Expected a mask of {labels.shape[1]}x{labels.shape[0]} pixels, but {_TITLE} has one of "
                    f"{size[1]}x{size[0]} (width x height). Send the image again.",
                    sample_id=sample_id,
                )
            opacity = brush.decode_rle(item["value"]["rle"]).reshape(*size, 4)[..., 3]
            instances.append((table.names.index(label), opacity))
    return recombined(labels, instances, table.unlabelled)
