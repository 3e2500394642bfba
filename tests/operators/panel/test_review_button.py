"""The panel's button *Review suspects*: the first that nobody has reviewed, with the others behind it."""

from __future__ import annotations

from typing import Any

from . import test_panel
from .test_panel import PLUGIN, Call, requests, shown, state, view_of

audited, call = test_panel.audited, test_panel.call


def test_the_first_that_nobody_has_reviewed_is_opened(call: Call, audited: Any, fiftyone: Any) -> None:
    from label_quality import order_suspects, set_verdict

    assert "Review suspects" in shown(call("on_load"))
    ids = order_suspects(audited, "lq", "probable").values("id")
    assert len(ids) == 4
    asked = call("review", state())
    queue = view_of(fiftyone, audited, asked)
    assert queue.values("id") == ids
    # First, as it takes the view of the moment for the one to wait for the end of
    order = [one.operator_uri for one in asked.executor._requests]
    assert order.index(f"{PLUGIN}/in_next_view") < order.index("set_view")
    assert requests(asked, f"{PLUGIN}/in_next_view") == [{"id": ids[0]}]
    again = call("review", state(), queue._serialize())
    assert requests(again, "open_sample") == [{"id": ids[0], "group_id": None}] and not requests(again, "set_view")
    set_verdict(audited, "lq", ids[:1], "confirmed")
    assert requests(call("review", state()), f"{PLUGIN}/in_next_view") == [{"id": ids[1]}]
    set_verdict(audited, "lq", ids[1:], "rejected")
    (told,) = requests(call("review", state()), "notify")
    assert told["message"] == "All suspects are reviewed."


def test_what_there_is_to_press_first_is_the_review_once_there_are_suspects(call: Call, audited: Any) -> None:
    from label_quality import load_record
    from label_quality.plugin.records.run_record import save_record

    def primary(text: str) -> list[str]:
        buttons = text.split('"variant": "contained"')[:-1]
        return [one.rpartition('"label": "')[2].partition('"')[0] for one in buttons]

    assert primary(shown(call("on_load"))) == ["Review suspects"]
    record = load_record(audited, "lq")
    record.suspects = None
    save_record(audited, record)
    assert "Review suspects" not in shown(call("on_load"))
