"""A small annotation service: it keeps what it is sent in a folder, where a test plays the annotator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.utils.annotations as foua
import numpy as np


class FolderBackendConfig(foua.AnnotationBackendConfig):
    """Args: folder: where uploads go; project_name: as of other services; refuse: a text to fail with."""

    def __init__(
        self,
        name: str,
        label_schema: Any,
        media_field: str = "filepath",
        folder: str | None = None,
        project_name: str | None = None,
        refuse: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, label_schema, media_field=media_field, **kwargs)
        self.folder = folder
        self.project_name = project_name
        self.refuse = refuse


class FolderBackend(foua.AnnotationBackend):
    """Takes masks and boxes with text attributes of images."""

    supported_media_types = ("image",)
    supported_label_types = ("segmentation", "detections")
    supported_scalar_types = ()
    supported_attr_types = ("text",)
    supports_keyframes = False
    supports_video_sample_fields = False
    requires_label_schema = True

    def requires_attr_values(self, attr_type: str) -> bool:
        return False

    def upload_annotations(self, samples: Any, anno_key: str, launch_editor: bool = False) -> Any:
        config, id_map = self.config, {field: {} for field in self.config.label_schema}
        if config.refuse:
            raise RuntimeError(config.refuse)
        tasks = []
        for sample in samples:
            task = {"image": sample.filepath, "size": [sample.metadata.width, sample.metadata.height], "boxes": []}
            for field, info in config.label_schema.items():
                label = sample[field]
                if info["type"] == "segmentation":
                    np.save(Path(config.folder) / f"{sample.id}.npy", label.mask)
                    id_map[field][sample.id] = label.id
                elif info["type"] == "detections" and label is not None:
                    task["boxes"] += [self._box(one, info) for one in label.detections]
                    id_map[field][sample.id] = [one.id for one in label.detections]
            tasks.append(task)
        content = {"key": anno_key, "project": config.project_name, "schema": config.label_schema, "tasks": tasks}
        (Path(config.folder) / "tasks.json").write_text(json.dumps(content))
        return FolderResults(samples, config, anno_key, id_map, backend=self)

    def download_annotations(self, results: Any) -> Any:
        found: dict[str, Any] = {}
        for field, info in self.config.label_schema.items():
            if info["type"] == "segmentation":
                found[field] = {
                    "segmentation": {
                        sample_id: {label_id: self._mask(sample_id, label_id)}
                        for sample_id, label_id in results.id_map[field].items()
                    }
                }
        return found

    def _mask(self, sample_id: str, label_id: str) -> fo.Segmentation:
        label = fo.Segmentation(mask=np.load(Path(self.config.folder) / f"{sample_id}.npy"))
        label.id = label_id
        return label

    def _box(self, label: Any, info: Any) -> list[Any]:
        return [label.label, label.bounding_box, {name: label[name] for name in info["attributes"]}]


class FolderResults(foua.AnnotationResults):
    """What was sent, as FiftyOne keeps it."""

    @classmethod
    def _from_dict(cls, d: dict[str, Any], samples: Any, config: Any, anno_key: str) -> FolderResults:
        return cls(samples, config, anno_key, d["id_map"])
