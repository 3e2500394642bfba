"""What is used of FiftyOne that it keeps private: nothing else of this package does (``tests/test_private.py``).

Each function says why there is no public way. All were tried, by the tests, on FiftyOne 1.16.0, the oldest that is
supported (``make test-oldest``), and on 1.22.1 (``make test``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..base.errors import LabelQualityError
from ..base.portions import queries

# FiftyOne itself is imported where it is needed, as what runs models is imported without it


def root_of(collection: Any) -> Any:
    """The dataset that a view is of, or the dataset itself: of a view, what is public is only its name.

    Raises:
        LabelQualityError: what was given is neither, but a dataset's name, say
    """
    root = getattr(collection, "_root_dataset", None)
    if root is None:
        name = collection if isinstance(collection, str) else "name"
        raise LabelQualityError(
            f"Expected a dataset of FiftyOne, or a view of one, but got {collection!r}. Load it: "
            f"fiftyone.load_dataset({name!r})."
        )
    return root


def id_of(dataset: Any) -> Any:
    """The dataset's id: its name may be given to another one after it is gone."""
    return dataset._doc.id


def document_of(dataset: Any) -> Any:
    """The document that the object has read: its saved views and runs are changed one by one, and so read anew."""
    return dataset._doc


def mark_changed(document: Any, field: str) -> None:
    """Has MongoEngine save a field of a document whose change it does not notice."""
    document._mark_as_changed(field)


def stored_samples(dataset: Any) -> Any:
    """MongoDB's collection of the samples: of public ways to write, none is one step an image or a tenth as fast."""
    return dataset._sample_collection


def update_samples(dataset: Any, updates: Sequence[Any], ids: Sequence[str]) -> None:
    """Writes to the samples, and has those that this process holds follow; without the batches that are shown."""
    from fiftyone.core import odm

    odm.bulk_write(updates, stored_samples(dataset), batcher=False)
    reload_samples(dataset, ids)


def reload_samples(dataset: Any, ids: Sequence[str]) -> None:
    """Has the samples that this process holds follow the database: public is only to do so with all of a dataset."""
    import fiftyone as fo

    forget_deleted(dataset, ids)
    fo.Sample._reload_docs(stored_samples(dataset).name, sample_ids=ids)


def forget_deleted(dataset: Any, ids: Sequence[str] | None = None) -> None:
    """Takes samples that another process has deleted out of the dataset here, too, where this one holds them.

    FiftyOne does so with what it deletes itself. Where it writes, it reads all samples anew that are held, and fails at
    those that are gone.

    Args:
        dataset: the dataset
        ids: the samples to look at; None is all that are held
    """
    import fiftyone as fo
    from bson import ObjectId

    samples = stored_samples(dataset)
    known = fo.Sample._instances.get(samples.name, {})
    held = list(known) if ids is None else [one for one in ids if one in known]
    for some in queries(held):
        there = samples.find({"_id": {"$in": [ObjectId(one) for one in some]}}, {"_id": True})
        gone = set(some).difference(str(one["_id"]) for one in there)
        fo.Sample._reset_docs(samples.name, sample_ids=gone)


def database() -> Any:
    """FiftyOne's database: the lists of views, runs and clones are read without loading what they refer to."""
    from fiftyone.core import odm

    return odm.get_db_conn()


def database_ports() -> set[int]:
    """The ports of the servers that this process is connected to: a worker elsewhere has to be told."""
    from fiftyone.core import odm

    return {port for _, port in odm.get_db_client().nodes}


def new_field(name: str, attributes: Mapping[str, Sequence[Any]] | None = None, **kind: Any) -> Any:
    """A field that is not yet any dataset's: many are added in one write, with what labels in lists of theirs have.

    Args:
        name: of the field
        attributes: of a field of labels, the name of the list that they are in to more fields of each
        **kind: as `fo.Dataset.add_sample_field` takes it
    """
    from fiftyone.core import odm

    field = odm.create_field(name, **kind)
    for place, fields in (attributes or {}).items():
        own = field.document_type._fields[place]
        labels = {"subfield": type(own.field), "embedded_doc_type": own.field.document_type, "null": own.null}
        field.fields.append(odm.create_field(place, type(own), fields=list(fields), **labels))
    return field


def save_view_documents(contents: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Saves documents of views, to which no dataset refers yet, in one write; returns their ids."""
    from fiftyone.core import odm

    documents = [odm.SavedViewDocument(**content).to_mongo() for content in contents]
    written: list[Any] = database()["views"].insert_many(documents).inserted_ids
    return written


def stages_of(view: Any) -> list[dict[str, Any]]:
    """A view's stages as they are saved, the same for views that show the same."""
    stages: list[dict[str, Any]] = view._serialize(include_uuids=False)
    return stages


def pipeline_of(view: Any) -> list[dict[str, Any]]:
    """The stages of MongoDB that leave what a view shows: what is public counts one thing at a time."""
    stages: list[dict[str, Any]] = view._pipeline()
    return stages


def is_generated(collection: Any) -> bool:
    """Whether its samples are patches, frames or clips, made of a dataset's."""
    return bool(collection._is_generated)


def is_frames(collection: Any) -> bool:
    """Whether its samples are frames of videos."""
    return bool(collection._is_frames)


def is_patches(view: Any) -> bool:
    """Whether its samples are patches; what the App passes may be of no kind that has them."""
    return bool(getattr(view, "_is_patches", False))


def filtered_fields(collection: Any) -> Sequence[str]:
    """The fields of which a collection shows only some labels: what is public shows the view's stages as text."""
    import fiftyone as fo

    fields = collection._get_filtered_fields() if isinstance(collection, fo.DatasetView) else None
    return list(fields or ())


def is_dynamic_groups(view: Any) -> bool:
    """Whether the view groups its samples, in contrast to the dataset."""
    return bool(view._is_dynamic_groups)


def patched_fields(view: Any) -> Sequence[str]:
    """The fields whose labels a view of patches shows."""
    fields: Sequence[str] = view._label_fields
    return fields


def copy_of(view: Any) -> Any:
    """The dataset that FiftyOne has made for a generated view."""
    return view._dataset


def path_of_ids(collection: Any, field: str) -> str:
    """The path of the labels' ids in a field, whatever its type."""
    path: str = collection._get_label_field_path(field, "id")[1]
    return path


def has_stages(view: Any) -> bool:
    """Whether a view shows anything else than the whole dataset, also by what its generated dataset is of."""
    return bool(view._all_stages)


def web_session(api: Any) -> Any:
    """The web session of FiftyOne's client of CVAT or Label Studio; None of another one."""
    return getattr(api, "_session", None) or getattr(getattr(api, "_client", None), "session", None)


def is_connected(session: Any) -> bool:
    """Whether a session has reached its App, and told it of the dataset."""
    return bool(getattr(session._client, "_connected", True))


def network_of(model: Any) -> Any:
    """The PyTorch module in a model of the zoo; None where there is none."""
    return getattr(model, "_model", None)


def output_processor(model: Any) -> Any:
    """What makes labels of the outputs of a model of the zoo."""
    return model._output_processor


@contextmanager
def output_processor_replaced(model: Any, other: Any) -> Iterator[None]:
    """Has another one get a model's outputs: of them, what is public are the labels alone."""
    own = model._output_processor
    model._output_processor = other
    try:
        yield
    finally:
        model._output_processor = own
