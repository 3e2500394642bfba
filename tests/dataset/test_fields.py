"""What a run writes to a real dataset, and that deletion takes back exactly that."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("fiftyone")

KEY = "lq"


@pytest.fixture
def columns(fields):
    return fields.Columns(("ccp", "softmin"), ("fold", "prediction", "heatmap", "flags", "per_class"))


def rows_of(fields, dataset, seed=0):
    """Results with a class that no mask shows (tree), and a score that is missing in the last row."""
    ids = dataset.values("id")
    rng = np.random.default_rng(seed)
    softmin = rng.random(len(ids))
    softmin[-1] = np.nan
    per_class = rng.random((len(ids), 4))
    per_class[:, 3] = np.nan
    return fields.ResultRows(
        ids=ids,
        scores={"ccp": rng.random(len(ids)), "softmin": softmin},
        others={
            "fold": [index % 2 for index in range(len(ids))],
            "prediction": [f"/files/{sample_id}.png" for sample_id in ids],
            "heatmap": [f"/heat/{sample_id}.png" for sample_id in ids],
            "flags": [None for _ in ids],
        },
        per_class={"softmin": per_class, "ccp": per_class / 2, "cil": per_class / 4, "iou": per_class / 8},
        class_pixels=np.tile([5, 0, 9, 0], (len(ids), 1)),
    )


def write(fields, dataset, table, columns, key=KEY, seed=0, **kw):
    rows = rows_of(fields, dataset, seed)
    label_field = "ground_truth"
    return rows, fields.write_results(dataset, key, [rows], columns, class_table=table, label_field=label_field, **kw)


def snapshot(dataset):
    """Everything of the dataset that a run might change: its samples, and its document less the times of change."""
    dataset.reload()
    content = dataset._doc.to_dict()
    for name in ("last_modified_at", "version", "last_loaded_at", "last_deletion_at"):
        content.pop(name, None)
    samples = [{k: v for k, v in sample.to_dict().items() if k != "last_modified_at"} for sample in dataset]
    return content, samples, sorted(dataset.list_indexes())


def test_values_come_back_as_written(fields, dataset, table, columns):
    rows, names = write(fields, dataset, table, columns)
    assert names == [
        f"lq_{s}" for s in ("quality", "ccp", "softmin", "fold", "prediction", "heatmap", "flags", "per_class")
    ]
    assert dataset.values("lq_ccp") == rows.scores["ccp"].tolist()
    assert dataset.values("lq_softmin") == [*rows.scores["softmin"][:-1].tolist(), None]
    assert dataset.values("lq_quality") == dataset.values("lq_softmin")
    assert dataset.values("lq_fold") == [0, 1, 0, 1]
    first = dataset.first()
    assert first.lq_prediction.mask_path == f"/files/{first.id}.png"
    assert (first.lq_heatmap.map_path, first.lq_heatmap.range) == (f"/heat/{first.id}.png", [64, 255])
    assert first.lq_flags is None


def test_per_class_lists_only_the_classes_of_the_mask(fields, dataset, table, columns):
    rows, _ = write(fields, dataset, table, columns)
    unlabelled, car = dataset.first().lq_per_class.classifications
    assert (unlabelled.label, unlabelled.pixels, car.label, car.pixels) == ("unlabelled", 5, "car", 9)
    value = rows.per_class["softmin"][0, 2]
    assert (car.confidence, car.ccp, car.cil, car.iou) == (value, value / 2, value / 4, value / 8)
    assert dataset.count("lq_per_class.classifications") == 8
    schema = dataset.get_field_schema(flat=True)
    assert type(schema["lq_per_class.classifications.pixels"]).__name__ == "IntField"


def test_scores_can_be_sorted_by_and_are_described(fields, dataset, table, columns):
    write(fields, dataset, table, columns)
    assert {"lq_quality", "lq_ccp", "lq_softmin"} <= set(dataset.list_indexes())
    assert dataset.get_field("lq_quality").description == (
        "The score to sort by; equals softmin. In [0, 1]; low: the mask is probably wrong. Given masks: ground_truth."
    )
    assert all(dataset.get_field(name).description for name in fields.own_fields(dataset, KEY))


def test_app_settings(fields, dataset, table, columns):
    write(fields, dataset, table, columns)
    dataset.reload()
    app = dataset.app_config
    assert dataset.mask_targets["lq_prediction"] == {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}
    groups = {group.name: group.paths for group in app.sidebar_groups}
    group = groups["Label quality (lq)"]
    assert sorted(group) == sorted(fields.own_fields(dataset, KEY))
    assert group[:4] == ["lq_quality", "lq_heatmap", "lq_prediction", "lq_flags"]
    assert "ground_truth" in groups["labels"] and "lq_heatmap" not in groups["labels"]
    assert app.active_fields.paths == ["lq_quality", "lq_heatmap"]
    assert app.color_scheme.color_by == "value"
    assert [entry["path"] for entry in app.color_scheme.fields] == ["lq_heatmap", "lq_flags"]


def test_quality_without_probabilities_is_ccp(fields, dataset, table):
    columns = fields.Columns(("ccp", "iou"))
    assert columns.quality == "ccp"
    ids = dataset.values("id")
    rows = fields.ResultRows(ids, {"ccp": np.full(4, 0.5), "iou": np.full(4, 0.25)})
    fields.write_results(dataset, KEY, [rows], columns, class_table=table, label_field="ground_truth")
    assert dataset.values("lq_quality") == [0.5] * 4
    assert "equals ccp" in dataset.get_field("lq_quality").description
    assert dataset.mask_targets.keys() == {"ground_truth"}


def test_deletion_leaves_the_dataset_as_it_was(fields, dataset, table, columns):
    before = snapshot(dataset)
    _, names = write(fields, dataset, table, columns)
    assert snapshot(dataset) != before
    assert fields.delete_fields(dataset, KEY) == names
    assert snapshot(dataset) == before
    assert fields.delete_fields(dataset, KEY) == []


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_two_keys_live_side_by_side_and_both_can_be_deleted(fields, dataset, table, columns, order):
    before = snapshot(dataset)
    write(fields, dataset, table, columns, "a", seed=1)
    alone = dataset.values("a_quality")
    _, names = write(fields, dataset, table, columns, "b", seed=2)
    assert dataset.values("a_quality") == alone
    assert dataset.app_config.active_fields.paths == ["b_quality", "b_heatmap"]
    first, second = order
    fields.delete_fields(dataset, first)
    assert len(fields.own_fields(dataset, second)) == len(names)
    assert f"Label quality ({second})" in [group.name for group in dataset.app_config.sidebar_groups]
    assert f"{second}_heatmap" in dataset.app_config.active_fields.paths
    assert f"{second}_prediction" in dataset.mask_targets
    fields.delete_fields(dataset, second)
    assert snapshot(dataset) == before


def test_fields_of_a_chosen_run_are_drawn_in_place_of_those_of_another(fields, dataset, table, columns):
    from label_quality.plugin.documents.display import active_for, usual_for

    write(fields, dataset, table, columns, "a", seed=1)
    less = fields.Columns(columns.scores, ("heatmap",))
    write(fields, dataset, table, less, "b", seed=2)
    active = ["index", "a_flags", "a_quality", "b_quality", "ground_truth", "a_heatmap"]
    # The second run has no flags, and what is no run's stays
    assert active_for(dataset, "b", active) == ["index", "b_quality", "ground_truth", "b_heatmap"]
    assert active_for(dataset, "a", active) == ["index", "a_flags", "a_quality", "ground_truth", "a_heatmap"]
    dataset.app_config.active_fields.paths = ["index", "a_heatmap", "a_quality"]
    assert usual_for(dataset, "b") == ["index", "b_quality", "b_heatmap"]
    dataset.app_config.active_fields.exclude = True
    assert usual_for(dataset, "b") == []
    # A user who draws none of them is left alone
    assert active_for(dataset, "b", ["index"]) == ["index"]


def test_settings_of_the_user_stay(fields, fiftyone, dataset, table, columns):
    app = dataset.app_config
    app.color_scheme = fiftyone.ColorScheme(color_by="field", color_pool=["#ff0000"], fields=[{"path": "index"}])
    app.active_fields = fiftyone.ActiveFields(paths=["index"])
    app.sidebar_groups = [fiftyone.SidebarGroupDocument(name="mine", paths=["ground_truth", "index"])]
    dataset.save()
    before = snapshot(dataset)
    write(fields, dataset, table, columns)
    app = dataset.app_config
    assert app.color_scheme.color_by == "field" and app.color_scheme.color_pool == ["#ff0000"]
    assert app.active_fields.paths == ["index", "lq_quality", "lq_heatmap"]
    assert app.sidebar_groups[0].name == "mine"
    fields.delete_fields(dataset, KEY)
    assert snapshot(dataset) == before


def test_the_order_that_a_user_has_given_fields_of_a_run_stays(fields, fiftyone, dataset, table, columns):
    less = fields.Columns(columns.scores, ("heatmap",))
    write(fields, dataset, table, less)
    app = dataset.app_config
    (group,) = [group for group in app.sidebar_groups if group.name == "Label quality (lq)"]
    app.sidebar_groups = [
        fiftyone.SidebarGroupDocument(name="mine", paths=["lq_softmin"]),
        *(one for one in app.sidebar_groups if one is not group),
        group,
    ]
    group.paths = ["index", *reversed([path for path in group.paths if path != "lq_softmin"])]
    group.expanded = False
    app.active_fields.paths = ["lq_heatmap", "index", "lq_quality"]
    dataset.save()
    order = list(group.paths)
    write(fields, dataset, table, less)
    dataset.reload()
    assert dataset.app_config.active_fields.paths == ["lq_heatmap", "index", "lq_quality"]
    groups = dataset.app_config.sidebar_groups
    assert [groups[0].name, groups[-1].name] == ["mine", "Label quality (lq)"]
    assert groups[0].paths == ["lq_softmin"] and groups[-1].paths == order and groups[-1].expanded is False
    # What is new comes beside the field that is listed next to it, and nothing else moves
    write(fields, dataset, table, columns)
    dataset.reload()
    paths = list(dataset.app_config.sidebar_groups[-1].paths)
    assert paths[paths.index("lq_heatmap") + 1] == "lq_prediction"
    assert [path for path in paths if path in order] == order


def test_a_field_of_the_user_is_not_overwritten(fields, fiftyone, dataset, table, columns):
    dataset.add_sample_field("lq_fold", fiftyone.IntField)
    dataset.set_values("lq_fold", [7, 7, 7, 7])
    before = snapshot(dataset)
    with pytest.raises(
        fields.LabelQualityError, match=r"already has a field 'lq_fold' that no run .* with key 'lq' made"
    ):
        write(fields, dataset, table, columns)
    assert snapshot(dataset) == before
    fields.delete_fields(dataset, KEY)
    assert dataset.values("lq_fold") == [7, 7, 7, 7]


def test_a_killed_write_can_be_repeated_or_deleted(fields, dataset, table, columns):
    before = snapshot(dataset)

    class Killed(BaseException):
        pass

    def stop(stage, done, total):
        raise Killed

    with pytest.raises(Killed):
        write(fields, dataset, table, columns, progress=stop)
    assert "lq_quality" in dataset.get_field_schema()
    fields.delete_fields(dataset, KEY)
    assert snapshot(dataset) == before
    with pytest.raises(Killed):
        write(fields, dataset, table, columns, progress=stop)
    rows, _ = write(fields, dataset, table, columns)
    assert dataset.values("lq_ccp") == rows.scores["ccp"].tolist()
    fields.delete_fields(dataset, KEY)
    assert snapshot(dataset) == before


def test_large_portions_are_split_and_all_rows_written(fields, make_dataset, table, monkeypatch):
    monkeypatch.setattr(fields, "_ROWS_A_WRITE", 3)
    dataset = make_dataset(count=7)
    ids = dataset.values("id")
    calls = []
    portions = [
        fields.ResultRows(ids[:4], {"cil": np.arange(4.0)}),
        fields.ResultRows(ids[4:], {"cil": np.arange(4.0, 7)}),
    ]
    fields.write_results(
        dataset,
        KEY,
        iter(portions),
        fields.Columns(("cil",)),
        class_table=table,
        label_field="ground_truth",
        total=7,
        progress=lambda *call: calls.append(call),
    )
    assert dataset.values("lq_cil") == list(range(7))
    assert calls == [("Writing fields", done, 7) for done in (3, 4, 7)]


def test_rgb_class_table_becomes_hex_mask_targets(fields, make_dataset):
    from label_quality.plugin.samples.inputs import open_samples

    dataset = make_dataset(rgb=True)
    samples = open_samples(dataset, "ground_truth")
    rows = fields.ResultRows(samples.ids, others={"prediction": ["/p.png"] * 4})
    columns = fields.Columns((), ("prediction",))
    fields.write_results(dataset, KEY, [rows], columns, class_table=samples.class_table, label_field="ground_truth")
    dataset.reload()
    assert dataset.mask_targets["lq_prediction"]["#804080"] == "road"
