"""Kinds of findings that most masks have: what of them stays, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

from label_quality.plugin.lint.config import LintConfig
from label_quality.plugin.lint.findings import GAP, HOLE, OUTLIER, STRAY, Finding
from label_quality.plugin.lint.usual_findings import without_usual

from .masks import clean_masks, linted, written

#: More than half of them have a stray of sky in tree
MASKS, USUAL = 40, 24


def found(
    sample: int,
    given: str = "sky",
    beside: str = "tree",
    kind: str = STRAY,
    strength: float = 0.0,
    cut_off: bool = False,
) -> Finding:
    return Finding(kind, sample, "A reason.", given, strength=strength, beside=beside, cut_off=cut_off)


def test_what_most_masks_have_is_one_sentence() -> None:
    usual = [found(sample) for sample in range(USUAL)]
    # Four masks of 40 are a tenth
    rare = [*(found(sample, "car") for sample in range(4)), found(5, "sky", "road")]
    others = [found(3, kind=HOLE), found(4, kind=OUTLIER)]
    notes: list[str] = []
    left = without_usual([*usual, *rare, *others], MASKS, LintConfig(), notes)
    assert sorted(left, key=str) == sorted([*rare, *others], key=str)
    assert notes == [
        "Usual here: 60 % of the masks have findings of the kind 'stray'. Not reported are the 24 of sorts that more "
        "than 10 % of the masks have: 'sky' in 'tree'."
    ]


def test_from_which_share_on_a_sort_is_usual_can_be_said() -> None:
    strays = [found(sample, given=f"class {sample // 8}") for sample in range(USUAL)]
    notes: list[str] = []
    # Three sorts, each in eight masks of 40
    assert without_usual(strays, MASKS, LintConfig(usual_share=0.2), notes) == strays and notes == []
    assert without_usual(strays, MASKS, LintConfig(usual_share=0.19), notes) == []
    assert "more than 19 % of the masks have: 'class 0' in 'tree', 'class 1' in 'tree', 'class 2' in" in notes[0]
    everywhere = [found(sample) for sample in range(MASKS)]
    assert without_usual(everywhere, MASKS, LintConfig(usual_share=1.0), notes) == everywhere
    rare = [found(sample, given=f"class {sample}") for sample in range(USUAL)]
    assert without_usual(rare, MASKS, LintConfig(usual_share=0.0), notes) == []


def test_pieces_that_one_pixel_has_cut_off_are_one_sort_whatever_their_class() -> None:
    # Each sort is in three masks of 40 alone, the pieces are in 24 and strays in 27
    pieces = [found(sample, given=f"class {sample // 3}", cut_off=True) for sample in range(USUAL)]
    apart = [found(sample, given=f"class {sample // 3}") for sample in range(USUAL, USUAL + 3)]
    notes: list[str] = []
    assert without_usual([*pieces, *apart], MASKS, LintConfig(), notes) == apart
    assert notes == [
        "Usual here: 68 % of the masks have findings of the kind 'stray'. Not reported are the 24 of sorts that more "
        "than 10 % of the masks have: pieces that one pixel parts from more of their class."
    ]
    # Where a tenth of the masks have any, and where the kind is not usual, they stay
    few = [*pieces[:4], *(found(sample, given=f"class {sample // 3}") for sample in range(4, USUAL))]
    assert without_usual(few, MASKS, LintConfig(), []) == few
    assert without_usual(pieces[:20], MASKS, LintConfig(), []) == pieces[:20]
    # Strips are told apart by their length
    gaps = [found(sample, given=f"class {sample}", kind=GAP, strength=9.0, cut_off=True) for sample in range(USUAL)]
    assert without_usual(gaps, MASKS, LintConfig(), []) == gaps


def test_a_sort_and_the_pieces_are_named_together() -> None:
    usual = [found(sample, cut_off=sample > 4) for sample in range(USUAL)]
    notes: list[str] = []
    assert without_usual(usual, MASKS, LintConfig(), notes) == []
    assert notes[0].endswith("the masks have: 'sky' in 'tree'; pieces that one pixel parts from more of their class.")


def test_strips_that_are_longer_than_usual_stay() -> None:
    gaps = [found(sample, kind=GAP, strength=10.0 + sample) for sample in range(USUAL)]
    notes: list[str] = []
    # A tenth of the masks have one that is at least as long as the fourth longest
    assert without_usual(gaps, MASKS, LintConfig(), notes) == gaps[-4:]
    assert "'gap'. Not reported are the 20 of" in notes[0]


def test_what_half_of_the_masks_have_stays() -> None:
    notes: list[str] = []
    half = [found(sample) for sample in range(MASKS // 2)]
    assert without_usual(half, MASKS, LintConfig(), notes) == half and notes == []


def test_of_few_masks_nothing_is_usual() -> None:
    notes: list[str] = []
    some = [found(sample) for sample in range(19)]
    assert without_usual(some, 19, LintConfig(), notes) == some and notes == []
    assert without_usual([*some, found(19)], 20, LintConfig(), notes) == [] and len(notes) == 1


def test_a_mask_with_more_than_is_usual_has_its_strongest_beyond_that() -> None:
    usual = [found(sample) for sample in range(USUAL)]
    many = [found(30, strength=float(place)) for place in range(20)]
    counts = [*[1] * USUAL, 20, *[0] * (MASKS - USUAL - 1)]
    mean = sum(counts) / MASKS
    deviation = (sum((one - mean) ** 2 for one in counts) / MASKS) ** 0.5
    notes: list[str] = []
    left = without_usual([*usual, *many], MASKS, LintConfig(), notes)
    beyond = 20 - int(mean + 5.0 * deviation)
    assert beyond == 4
    assert [(one.sample, one.strength) for one in left] == [(30, 16.0), (30, 17.0), (30, 18.0), (30, 19.0)]
    assert "the 40 of sorts" in notes[0]


def test_masks_full_of_specks_of_one_class_leave_those_of_another(tmp_path: Path) -> None:
    masks = clean_masks(30)
    for index, mask in enumerate(masks):
        # A speck of sky in the road, and in one mask one of a car as well
        mask[112:114, 20:22] = 1
        if index == 7:
            mask[4:6, 60:62] = 4
    result = linted(written(tmp_path, masks), few_pixels=9)
    assert [(one.sample, one.given, one.box) for one in result.findings] == [(7, "car", (60, 4, 2, 2))]
    (note,) = (one for one in result.notes if one.startswith("Usual here"))
    assert note.startswith(
        "Usual here: 100 % of the masks have findings of the kind 'hole'. Not reported are the 30 of"
    )
    assert note.endswith("'sky' in 'road'.")
