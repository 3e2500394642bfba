"""Reports: what they say of a run and of its review, that they need nothing else, and what is refused."""

from __future__ import annotations

import base64
import re
import signal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.records.record_parts import ClassScore, GainPart, Measured, TrainedScore

from ..predicted import WITH_FILES, add_predictions
from ..snapshots import Snapshot

NAME = "street <s>&'\"</s>"


class Page(HTMLParser):
    """What a page has: its text, tags with attributes, and whether tags are closed in order."""

    VOID = frozenset({"meta", "image", "use", "path", "rect", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def six(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality import audit_labels

    names = {0: "unlabelled", 3: NAME, 7: "car", 20: "tree"}
    dataset = make_module_dataset(count=6, sizes=((48, 64),), targets=names)
    add_predictions(dataset, module_folder)
    audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder)


@pytest.fixture
def audited(six: Snapshot) -> Any:
    """Six images with a run ``lq``; the name of a class is markup."""
    return six.put_back()


def report(dataset: Any, path: Path, **changes: Any) -> Page:
    from label_quality import write_report

    made = write_report(dataset, "lq", path, overwrite=True, **changes)
    assert made.path == str(path)
    return Page(path.read_text(encoding="utf-8"))


def test_it_says_what_was_found_and_decided_and_needs_nothing_else(audited: Any, tmp_path: Path) -> None:
    from label_quality import load_record, set_verdict

    record = load_record(audited, "lq")
    suspects = audited.values("lq_suspects.detections.id", unwind=True)
    probabilities = audited.values("lq_suspects.detections.probability", unwind=True)
    page = report(audited, tmp_path / "report.html")
    assert f"{len(suspects)} suspects, 0 confirmed and 0 rejected by people" in page.text
    assert f"≈ {round(sum(probabilities))} of the {len(suspects)} that nobody has reviewed" in page.text
    assert "Nobody has reviewed a suspect yet." in page.text and "The 6 worst images" in page.text
    assert "What the clean masks are worth" not in page.text
    worst = audited.sort_by("lq_quality").first()
    assert f"1. {Path(worst.filepath).name}" in page.text and f"quality {worst.lq_quality:.3f}" in page.text
    for issue in record.issues[:10]:
        assert issue.title in page.text
    # A class that is called like markup is text, and nothing is fetched from anywhere
    assert NAME in page.text and not any(tag in ("s", "script", "link", "img", "iframe") for tag, _ in page.tags)
    sources = [value for _, given in page.tags for name, value in given.items() if name in ("href", "src")]
    assert len(sources) > 30 and all(str(one).startswith(("data:image/", "#")) for one in sources)
    targets = {given["id"] for _, given in page.tags if given.get("id")}
    assert {str(one)[1:] for one in sources if str(one).startswith("#")} <= targets

    set_verdict(audited, "lq", suspects[:2], "confirmed", reviewer="Ann")
    set_verdict(audited, "lq", suspects[2:3], "rejected", reviewer="Ben")
    page = report(audited, tmp_path / "report.html")
    assert f"{len(suspects)} suspects, 2 confirmed and 1 rejected by people" in page.text
    left = [one for number, one in enumerate(probabilities) if number > 2]
    assert f"≈ {round(sum(left))} of the {len(left)} that nobody has reviewed" in page.text
    assert re.search(r"Ann 2 Ben 1", page.text)


def test_what_was_redrawn_counts_as_confirmed(audited: Any) -> None:
    from label_quality import set_verdict
    from label_quality.plugin.report.findings import count_reviewed

    suspects = audited.values("lq_suspects.detections.id", unwind=True)
    set_verdict(audited, "lq", suspects[:1], "confirmed", reviewer="Ann")
    sample = audited.match_labels(ids=suspects[:1]).first()
    next(one for one in sample.lq_suspects.detections if one.id == suspects[0]).verdict = "edited"
    sample.save()
    found = count_reviewed(audited, "lq")
    assert (found.confirmed, found.rejected, found.reviewers) == (1, 0, {"Ann": 1})


def test_its_pictures_are_the_image_and_its_masks(audited: Any, tmp_path: Path) -> None:
    page = report(audited, tmp_path / "report.html", images=1, issues=0)
    worst = audited.sort_by("lq_quality").first()
    images = [given for tag, given in page.tags if tag == "image"]
    whole = next(one for one in images if (one["width"], one["height"]) == ("64", "48") and not one.get("id"))
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(str(whole["href"]).partition(",")[2]), np.uint8), 1)
    assert np.abs(shown.astype(int) - cv2.imread(worst.filepath).astype(int)).mean() < 12
    boxes = [given for tag, given in page.tags if tag == "rect" and given.get("stroke")]
    assert len(boxes) == len(worst.lq_suspects.detections)
    region = worst.lq_suspects.detections[0]
    left, top, width, height = region.bounding_box
    assert [float(str(boxes[0][name])) for name in ("x", "y", "width", "height")] == pytest.approx(
        [left * 64, top * 48, width * 64, height * 48]
    )
    assert f"Given: {region.given}" in page.text and f"Suggested: {region.label}" in page.text


def test_a_gain_that_was_measured_is_in_it(audited: Any, tmp_path: Path) -> None:
    from label_quality import load_record
    from label_quality.plugin.records.run_record import save_record

    low, high, more = Measured(0.5, 0.4, 0.6), Measured(0.75, 0.7, 0.8), Measured(0.25, 0.2, 0.3)
    scores = [
        TrainedScore("given", low, low, classes=[ClassScore("car", low)]),
        TrainedScore("unsuspected", low, low, Measured(0.0, -0.1, 0.1), more, [ClassScore("car", low, more)], 0.01),
        TrainedScore("clean", high, high, more, more, [ClassScore("car", high, more)], 0.02),
    ]
    record = load_record(audited, "lq")
    record.gain = GainPart("0", trained=6, judged=5, repeats=3, resamples=100, scores=scores, notes=["A note on it."])
    save_record(audited, record)
    page = report(audited, tmp_path / "report.html", images=0, issues=0)
    assert "+0.250 mIoU gained by training on the clean masks" in page.text
    assert (
        "Trained on the clean masks, mIoU is 0.750 instead of 0.500 (+0.250, 95 % interval +0.200 to +0.300)."
        in page.text
    )
    assert "Clean 2.0 % 0.750 (0.700 to 0.800) +0.250 (+0.200 to +0.300)" in page.text
    assert "car 0.500 0.500 0.750 +0.250 (+0.200 to +0.300)" in page.text and "A note on it." in page.text


def test_an_estimate_is_in_it_as_far_as_places_are_judged(audited: Any, tmp_path: Path) -> None:
    from label_quality import estimate_errors, set_verdict

    estimate_errors(audited, "lq", verdicts=20, suspects=5, images=6)
    page = report(audited, tmp_path / "report.html", images=0, issues=0)
    assert "How many errors there are" in page.text and "Judged: 0 of 20 places" in page.text
    audited.reload()
    set_verdict(audited, "lq", audited.values("lq_sample.detections.id", unwind=True), "rejected")
    found = estimate_errors(audited, "lq")
    assert found.wrong_pixels is not None and found.wrong_pixels.low == 0
    page = report(audited, tmp_path / "report.html", images=0, issues=0)
    assert "Judged: 20 of" in page.text and "0 % of the pixels are wrong (0 % to" in page.text
    assert "Mean IoU of the labels" in page.text and "Truly another class" in page.text
    judged = [one for one in found.issues if one.judged and one.suspects]
    assert "Of the suspects that nobody has reviewed, how many are really mistakes, by issue." in page.text and judged
    assert "Suspects probability yes" in page.text and "Suspects min_probability" in page.text
    for one in judged:
        assert f"{one.suggested} given as {one.given} {one.suspects} {one.judged} 0 (0 to " in page.text


def test_an_image_that_is_gone_is_said_and_does_not_end_it(audited: Any, tmp_path: Path) -> None:
    worst = audited.sort_by("lq_quality").first()
    Path(worst.filepath).unlink()
    page = report(audited, tmp_path / "report.html", images=1, issues=0)
    assert "The image cannot be read." in page.text and "it cannot be shown." in page.text


def test_what_cannot_be_written_is_refused_before_the_work(audited: Any, dataset: Any, tmp_path: Path) -> None:
    from label_quality import write_report
    from label_quality.plugin.records.run_record import RunRecord, save_record

    path = tmp_path / "there.html"
    path.write_text("mine")
    with pytest.raises(LabelQualityError, match=r"There is a file .*there\.html already\. Give another `path`, or"):
        write_report(audited, "lq", path)
    assert path.read_text() == "mine"
    with pytest.raises(LabelQualityError, match=r"Expected parameter `path` to end in \.html, but got 'report\.pdf'"):
        write_report(audited, "lq", "report.pdf")
    with pytest.raises(LabelQualityError, match="Expected parameter `images` to be in"):
        write_report(audited, "lq", tmp_path / "new.html", images=-1)
    with pytest.raises(LabelQualityError, match="Unknown parameter 'nonsense'"):
        write_report(audited, "lq", nonsense=1)
    save_record(dataset, RunRecord("lq", "ground_truth", status="predicted"))
    with pytest.raises(LabelQualityError, match="Run 'lq' has no scores to report, as it is predicted"):
        write_report(dataset, "lq", tmp_path / "new.html")
    assert not (tmp_path / "new.html").exists()


def test_the_form_says_what_will_be_written_and_the_operator_writes_it(audited: Any, tmp_path: Path) -> None:
    from ..operators.calls import Calls, errors

    calls = Calls("@label-quality/segmentation/write_report")
    path = tmp_path / "from-the-app.html"
    properties = calls.form(audited, path=str(path))
    assert errors(properties) == {}
    assert properties["notice_plan"].view.label.startswith(
        "Writes a page with the 20 worst images and 10 issues at most"
    )
    assert "to end in .html" in errors(calls.form(audited, path="x.txt"))["path"]
    result = calls.operator()(audited, path=str(path), images=2, issues=1, progress=False).result
    assert result == {"path": str(path), "images": 2, "issues": 1} and path.stat().st_size > 10_000
    assert calls.operator().message(result) == f"Wrote a report with 2 images and 1 issue to {path}."
    assert "already" in errors(calls.form(audited, path=str(path)))["path"]
    assert errors(calls.form(audited, path=str(path), overwrite=True)) == {}


def test_a_report_that_was_killed_leaves_the_old_one_whole(audited: Any, interrupt: Any, tmp_path: Path) -> None:
    from label_quality import set_verdict, write_report

    def documents() -> list[str]:
        audited.reload()
        return [sample.to_json() for sample in audited]

    def words(path: Path) -> str:
        # When it was written, to the minute
        return re.sub(r"[0-9]{2}:[0-9]{2} UTC", "", path.read_text(encoding="utf-8"))

    folder = tmp_path / "reports"
    folder.mkdir()
    target, undisturbed = folder / "report.html", tmp_path / "undisturbed.html"
    (folder / ".mine.html.123-4.tmp").write_text("the user's")
    write_report(audited, "lq", target)
    old = target.read_bytes()
    suspect = audited.values("lq_suspects.detections.id", unwind=True)[0]
    set_verdict(audited, "lq", [suspect], "confirmed", reviewer="Ann")
    write_report(audited, "lq", undisturbed)
    before, wanted = documents(), {"key": "lq", "path": str(target), "overwrite": True}
    assert words(undisturbed) != words(target)
    for done in (1, 4):
        answer = interrupt(audited, "write_report", ["Drawing", done], **wanted)
        assert answer["signal"] == signal.SIGKILL and answer["reports"][-1][:2] == ["Drawing", done]
        assert sorted(one.name for one in folder.iterdir()) == [".mine.html.123-4.tmp", "report.html"]
        assert target.read_bytes() == old and documents() == before
    answer = interrupt(audited, "write_report", "largest_file", largest_file=len(old) // 2, **wanted)
    assert answer["signal"] == signal.SIGXFSZ
    (half,) = set(folder.glob(".report.html.*")) - {target}
    assert half.stat().st_size == len(old) // 2
    assert target.read_bytes() == old and documents() == before

    # Without overwrite=True the old one stays; with it, the new one is whole and nothing is left over
    with pytest.raises(LabelQualityError, match=r"There is a file .*report\.html already"):
        write_report(audited, "lq", target)
    assert target.read_bytes() == old
    write_report(audited, "lq", target, overwrite=True)
    assert words(target) == words(undisturbed)
    assert sorted(one.name for one in folder.iterdir()) == [".mine.html.123-4.tmp", "report.html"]
    assert documents() == before
