"""The PDF report, opened again by PDFium."""

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pypdfium2
import pytest

from mtunet.case import Networks, Truth
from mtunet.detection.analysis import reweigh
from mtunet.detection.components import masks
from mtunet.output.exports import EXPORTS, Result
from mtunet.output.exports.report import report
from tests.drawn_results import BAC, MC, drawn_mammogram, drawn_segmentation


def result(spacing_mm: tuple[float, float] | None = (0.1, 0.1)) -> Result:
    mammogram = drawn_mammogram(spacing_mm)
    segmentation = drawn_segmentation(mammogram)
    return Result("LCC.dcm", mammogram, reweigh(mammogram, segmentation), segmentation)


def with_findings(count: int) -> Result:
    one = result()
    many = tuple(replace(one.analysis.findings[n % 2], number=n + 1) for n in range(count))
    return replace(one, analysis=replace(one.analysis, findings=many))


def text(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    assert len(document) == 1
    return " ".join(document[0].get_textpage().get_text_range().split())


def seen(content: bytes) -> npt.NDArray[np.uint8]:
    picture = pypdfium2.PdfDocument(content)[0].render(scale=2).to_pil().convert("RGB")
    return np.asarray(picture, dtype=np.uint8)


def has(picture: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) < 40).any())


def test_the_report_says_flag_findings_provenance_and_what_it_is_not_for() -> None:
    said = text(EXPORTS["pdf"].function(result()))
    assert said.count("not for clinical use") == 2  # above and below
    assert "Priority: high." in said
    assert "79 % of the calcified area is arterial" in said
    assert "MC 1 0.90 16 mm² 5.66 mm" in said
    assert "BAC 2 0.80 60 mm² 30.1 mm" in said
    assert "cd" * 32 in said
    assert "Microcalcifications, detected" in said
    assert "ground truth" not in said


def test_the_report_says_how_many_networks_see_a_finding_where_that_is_known() -> None:
    one = result()
    mc, bac = one.analysis.findings
    told = replace(one, analysis=replace(one.analysis, findings=(replace(mc, networks=Networks(1, 2)), bac)))
    said = text(report([told]))
    assert "Finding Probability Networks Area Length Specks" in said
    assert "MC 1 0.90 1 of 2 16 mm²" in said
    assert "Networks" not in text(report([one]))


def test_the_report_measures_in_pixels_where_the_file_has_no_spacing() -> None:
    said = text(EXPORTS["pdf"].function(result(spacing_mm=None)))
    assert "1,600 px" in said
    assert "mm²" not in said


def test_outlines_are_drawn_in_the_colours_of_their_layers() -> None:
    one = result()
    plain = seen(report([one]))
    assert has(plain, (255, 255, 0))
    assert has(plain, (255, 0, 0))
    assert not has(plain, (0, 255, 0))
    assert not has(plain, (0, 0, 255))
    known = replace(one, truth=Truth(masks(one.segmentation, one.analysis.thresholds), "drawn"))
    assert "Arterial calcifications, ground truth" in text(report([known]))
    assert has(seen(report([known])), (0, 255, 0))


def test_no_findings_is_said_and_no_table_is_drawn() -> None:
    one = result()
    none = replace(one, analysis=reweigh(one.mammogram, one.segmentation, {MC: 1.0, BAC: 1.0}))
    said = text(report([none]))
    assert "No microcalcification and no arterial calcification was found." in said
    assert "Probability" not in said.replace("Probabilities", "")


@pytest.mark.parametrize(("views", "count"), [(1, 0), (1, 5), (1, 40), (2, 40), (3, 7), (4, 0), (4, 400)])
def test_it_is_one_page_whatever_was_found_and_counts_what_is_not_listed(views: int, count: int) -> None:
    said = text(report([with_findings(count)] * views))
    total, listed = count * views, len(re.findall(r"LCC (?:MC|BAC) \d+ 0\.", said))
    assert said.count("LCC.dcm") == views
    assert 0 <= listed <= total
    assert (f"{listed} of {total} findings are listed" in said) == (listed < total)
    assert listed >= min(total, 12)


def test_the_leading_findings_of_a_single_view_are_magnified_beside_it() -> None:
    one = text(report([result()]))
    assert "MC 1, magnified" in one
    assert "BAC 2, magnified" in one
    assert "magnified" not in text(report([result()] * 2))


def test_microcalcifications_are_listed_before_arteries() -> None:
    said = text(report([with_findings(8)]))
    places = [said.index(f"{'BAC' if n % 2 == 0 else 'MC'} {n} 0.") for n in (1, 3, 5, 7, 2, 4, 6, 8)]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["日本.dcm", "<b>&amp;</b>.png", "é" * 300, "a b" * 40])
def test_a_strange_file_name_does_not_break_the_page(name: str) -> None:
    said = text(report([replace(result(), file=name)] * 4))
    assert "not for clinical use" in said


def test_the_same_results_give_the_same_bytes() -> None:
    one = result()
    assert report([one]) == report([one])


@pytest.mark.parametrize("count", [0, 5])
def test_none_and_five_views_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="one to 4 views"):
        report([result()] * count)
