"""The tables of a benchmark: the best of each column, what is absent, and the text for a terminal."""

from __future__ import annotations

from typing import Any

from label_quality.plugin.benchmark.tables import describe_benchmark, metric_table


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.05}


def result(kind: str, architecture: str | None, **scores: float) -> dict[str, Any]:
    found = {name: {"auroc": estimate(value)} for name, value in scores.items()}
    return {"kind": kind, "architecture": architecture, "errors": 4, "images": 20, "scores": found}


RESULTS = [
    result("drop", "FPN", softmin=0.79996, ccp=0.8),
    result("swap", None, ccp=0.7, softmin=0.9, evidence=0.8, mine=0.95),
]


def test_the_best_of_each_column_is_bold_and_so_is_what_looks_the_same() -> None:
    header, rows = metric_table(RESULTS, "auroc")
    assert header == ["score", "Drop, FPN", "Swap, own decoder"]
    assert rows == [
        ["Correctly classified pixels", "**0.800** (0.700–0.850)", "0.700 (0.600–0.750)"],
        ["Softmin", "**0.800** (0.700–0.850)", "0.900 (0.800–0.950)"],
        ["Class-pair evidence", "", "0.800 (0.700–0.850)"],
        ["mine", "", "**0.950** (0.850–1.000)"],
    ]


def test_a_metric_that_no_result_has_makes_no_rows() -> None:
    assert metric_table(RESULTS, "lift_at_100") == (["score"], [])
    large = result("drop", "FPN", ccp=0.8)
    large["scores"]["ccp"]["lift_at_100"] = estimate(11.0)
    large["scores"]["iou"] = {"lift_at_100": estimate(9.5)}
    assert metric_table([*RESULTS, large], "lift_at_100", intervals=False) == (
        ["score", "Drop, FPN"],
        [["Correctly classified pixels", "**11.000**"], ["IoU", "9.500"]],
    )


def test_a_benchmark_is_told_in_words_and_tables() -> None:
    benchmark = {"images": 20, "results": RESULTS[:1], "left_out": {"swap": "one class."}, "notes": ["Small."]}
    assert describe_benchmark(benchmark).splitlines() == [
        "",
        "20 images, of which mislabelled: Drop 4 of 20.",
        "Best of each column with *; in brackets 95 % intervals.",
        "",
        "AUROC",
        "",
        "score                        Drop, FPN",
        "---------------------------  ---------------------",
        "Correctly classified pixels  *0.800* (0.700–0.850)",
        "Softmin                      *0.800* (0.700–0.850)",
        "",
        "Swap is left out: one class.",
        "Note: Small.",
    ]
