"""Real images that the user adds by a folder and a table: what counts, what is refused, what is known of the places."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mtunet.case import Calcification
from mtunet.teaching.__main__ import main
from mtunet.teaching.cases import ANY, Source, cases, describing_questions, find_case, source_of
from mtunet.teaching.contents import Answer
from mtunet.teaching.quiz import Given, mark, why
from mtunet.teaching.real_cases import (
    BadRow,
    RealCase,
    _read,
    known_of,
    own_cases,
    own_problems,
    read_folder,
    real_questions,
)

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
HEADER = "file,morphology,distribution,assessment,pathology,calcium,subtlety,mc_mask,bac_mask"
ROWS = (
    "a.png,PLEOMORPHIC,CLUSTERED,4,MALIGNANT,mc,2,a_mc.png,",
    "b.png,VASCULAR,N/A,2,BENIGN_WITHOUT_CALLBACK,,5,,",
    "c.png,N/A,,3,BENIGN,neither,,,",
    "d.png,PUNCTATE-PLEOMORPHIC,SEGMENTAL,4B,MALIGNANT,,,,",
    "d.png,AMORPHOUS,CLUSTERED,4C,MALIGNANT,,,,",
    "e.png,LUCENT_CENTERED,DIFFUSELY_SCATTERED,2,BENIGN,,,,",
    "f.png,punctate,grouped,4,BENIGN,,,,",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures and a mask; `a` is 200 × 120 pixels with MC about (x 60, y 90)."""
    made = tmp_path / "mine"
    made.mkdir()
    rng = np.random.default_rng(1)
    for name in "abcdef":
        picture = np.zeros((200, 120), np.uint8)
        picture[20:180, :90] = rng.integers(60, 200, (160, 90))
        cv2.imwrite(str(made / f"{name}.png"), picture)
    mask = np.zeros((200, 120), np.uint8)
    mask[80:100, 50:70] = 255
    cv2.imwrite(str(made / "a_mc.png"), mask)
    (made / "cases.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    return made


def by_name(folder: Path) -> dict[str, RealCase]:
    return {case.file[0]: case for case in read_folder(folder)[0]}


def test_a_row_says_what_counts_and_no_more(folder: Path) -> None:
    found = by_name(folder)
    assert {name: (case.answer, case.known) for name, case in found.items()} == {
        "a": (Answer.MC, {MC, BAC}),
        "b": (Answer.BAC, {BAC}),
        "c": (Answer.NEITHER, {MC, BAC}),
        "d": (Answer.MC, {MC}),
        "e": (Answer.NEITHER, set()),
        "f": (Answer.MC, {MC}),
    }
    assert all(known_of(case.id) == case.known and why(case).endswith(".") for case in found.values())
    asked = {name: {one.key: one.truth for one in real_questions(case)} for name, case in found.items()}
    assert asked == {
        "a": {"shape": "pleomorphic", "layout": "clustered", "recall": "yes", "category": "4"},
        "b": {},
        "c": {},  # its category may be of a mass
        "d": {"recall": "yes", "category": "4"},
        "e": {"shape": "rim", "layout": "diffuse", "recall": "no", "category": "2"},
        "f": {"shape": "punctate", "layout": "clustered"},  # its category could be defended as 3 and as 4
    }
    assert [found[name].level for name in "abc"] == ["hard", "easy", "medium"]


def test_a_perfect_player_scores_all_and_a_random_one_at_chance(folder: Path) -> None:
    rng = random.Random(3)
    for case in by_name(folder).values():
        rights = [said for said in Answer if mark(case, Given(said, 0.5), {}, (0.1, 0.1)).right]
        assert case.answer in rights
        assert len(rights) == 4 / 2 ** len(case.known)  # each known type halves what is right
        for one in real_questions(case):
            assert one.truth in one.options
            guessed = np.mean([rng.choice(list(one.options)) == one.truth for _ in range(2000)])
            assert abs(guessed - 1 / len(one.options)) < 0.05


def test_a_mark_is_judged_where_a_mask_says_and_nowhere_else(folder: Path) -> None:
    found = by_name(folder)
    masks = found["a"].read_masks((200, 120))
    assert (masks[MC].sum(), masks[BAC].sum()) == (400, 0)
    said = [(Answer.MC, (6.0, 9.0)), (Answer.MC, (6.0, 2.0)), (Answer.BAC, (6.0, 9.0))]
    assert [mark(found["a"], Given(a, 0.5, place), masks, (0.1, 0.1)).hit for a, place in said] == [True, False, False]
    assert not any(mask.any() for mask in found["c"].read_masks((200, 120)).values())  # every mark there misses
    assert found["d"].read_masks((200, 120)) == {}
    assert {case.places_asked for case in found.values()} == {True}  # that a place is asked gives nothing away
    with pytest.raises(BadRow, match=r"a_mc\.png is 120 × 200 pixels; the image has 120 × 201"):
        found["a"].read_masks((201, 120))


def test_findings_of_one_file_count_together(folder: Path) -> None:
    """One row a finding, each with its own mask and pathology, as CBIS-DDSM has them."""
    second = np.zeros((200, 120), np.uint8)
    second[140:150, 20:30] = 255
    cv2.imwrite(str(folder / "second.png"), second)
    rows = (
        "a.png,PUNCTATE,CLUSTERED,2,BENIGN_WITHOUT_CALLBACK,,,a_mc.png,",
        "a.png,AMORPHOUS,,4,MALIGNANT,,,second.png,",
    )
    (folder / "cases.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    [case] = read_folder(folder)[0]
    masks = case.read_masks((200, 120))
    assert {kind: mask.sum() for kind, mask in masks.items()} == {MC: 500}
    for place in ((6.0, 9.0), (2.5, 14.5)):
        assert mark(case, Given(Answer.MC, 0.5, place), masks, (0.1, 0.1)).hit is True
    assert why(case).endswith("; benign without callback; malignant.")


def test_a_mark_for_what_nobody_knows_the_place_of_is_neither_on_nor_off_it(folder: Path) -> None:
    """Of `a` the MC lie in a mask and arteries are absent; without `calcium` nothing is known of arteries, and with
    both there but one mask, their place is not."""
    table, row = folder / "cases.csv", "a.png,PLEOMORPHIC,,,,{},,a_mc.png,"
    beside, on = (2.0, 2.0), (6.0, 9.0)
    expected = {"mc": (False, False, False), "": (False, None, None), "both": (False, None, None)}
    for calcium, hits_beside in expected.items():
        table.write_text(f"{HEADER}\n{row.format(calcium)}\n")
        _read.cache_clear()
        [case] = read_folder(folder)[0]
        masks = case.read_masks((200, 120))
        said = (Answer.MC, Answer.BAC, Answer.BOTH)
        assert [mark(case, Given(one, 0.5, on), masks, (0.1, 0.1)).hit for one in (Answer.MC, Answer.BOTH)] == [
            True
        ] * 2
        assert tuple(mark(case, Given(one, 0.5, beside), masks, (0.1, 0.1)).hit for one in said) == hits_beside


def test_a_table_of_any_spreadsheet_is_read_and_what_is_none_gives_a_sentence(folder: Path) -> None:
    expected = by_name(folder)
    (folder / "cases.csv").write_bytes("\r".join([HEADER, *ROWS]).encode())  # an older Excel on a Mac
    _read.cache_clear()
    assert by_name(folder) == expected
    (folder / "cases.csv").write_text(f"{HEADER}\na.png,{'x' * 200_000}\n")
    _read.cache_clear()
    assert "cases.csv is no table that can be read" in read_folder(folder)[1][0]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("../x.png,PUNCTATE,,,,,,,", "names no file below the folder"),
        ("z.png,PUNCTATE,,,,,,,", "z.png is not in the folder"),
        ("a.png,SPIKY,,,,,,,", "morphology 'spiky' is not known; possible are amorphous"),
        ("a.png,PUNCTATE,HEAP,,,,,,", "distribution 'heap' is not known"),
        ("a.png,PUNCTATE,,9,,,,,", "assessment '9' is no BI-RADS category"),
        ("a.png,PUNCTATE,,,,maybe,,,", "calcium is maybe; possible is one of neither, mc, bac, both"),
        ("a.png,PUNCTATE,,,,neither,,,", "calcium is neither, but morphology or masks say otherwise"),
        ("a.png,PUNCTATE,,,,,x,,", "subtlety 'x' is no number"),
        ("a.png,PUNCTATE,,,,,,none.png,", "none.png is not in the folder"),
    ],
)
def test_what_is_no_case_is_said_with_its_line(folder: Path, row: str, sentence: str) -> None:
    (folder / "cases.csv").write_text(f"{HEADER}\n{row}\n")
    found, [problem] = read_folder(folder)
    assert not found
    assert problem.startswith("cases.csv, line 2: ")
    assert sentence in problem


@pytest.mark.parametrize(("text", "sentence"), [("", "has no rows"), ("file;x\na;b\n", "has no column morphology")])
def test_a_table_that_is_none_is_said(folder: Path, text: str, sentence: str) -> None:
    (folder / "cases.csv").write_text(text)
    assert sentence in read_folder(folder)[1][0]
    assert "There is no cases.csv" in read_folder(folder / "nowhere")[1][0]


def test_a_folder_is_asked_once_it_was_read_until_it_is_forgotten(folder: Path, data: Path) -> None:
    (folder / "b.png").write_bytes(b"no picture")
    assert own_cases() == ()
    told = CliRunner().invoke(main, ["own", str(folder)])
    assert told.exit_code == 0, told.output
    assert "left out: b.png: " in told.output
    assert 'The quiz asks 5 of these images as "Your images".' in told.output
    asked = cases(Source.OWN)
    assert [case.id for case in asked] == [case.id for case in own_cases()]
    assert len(asked) == 5
    assert {source_of(case) for case in asked} == {Source.OWN}
    assert {case.id for case in asked} <= {case.id for case in cases(ANY)}
    assert all(find_case(case.id) == case and isinstance(describing_questions(case), tuple) for case in asked)
    (folder / "cases.csv").unlink()
    assert own_cases() == ()
    assert "There is no cases.csv" in own_problems()[0]
    assert known_of(asked[0].id) == {MC, BAC}  # answers stay what they were
    assert CliRunner().invoke(main, ["own", "--forget"]).exit_code == 0
    assert own_problems() == ()
    assert "Name the folder" in CliRunner().invoke(main, ["own"]).output
    refused = CliRunner().invoke(main, ["own", str(folder)])
    assert refused.exit_code == 1
    assert "None of it can be asked" in refused.output


def test_the_commands_help_gives_each_column_a_line_of_its_own() -> None:
    lines = CliRunner().invoke(main, ["own", "--help"]).output.splitlines()
    first_words = [line.split()[0] for line in lines if line.startswith(" " * 6) and line.split()]
    assert {"file", "morphology", "calcium", "mc_mask,", "source"} <= set(first_words)
