"""The stages joined, and an analysis as JSON and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mtunet.case import (
    Analysis,
    Box,
    Calcification,
    Finding,
    Flag,
    Laterality,
    Networks,
    Priority,
    Provenance,
    Reason,
    ScaleSource,
    Triage,
    View,
)
from mtunet.detection.analysis import analyse, reweigh
from mtunet.detection.analysis_json import SCHEMA_FILE, from_json, to_json
from tests.drawn_results import BAC, MC, drawn_mammogram, drawn_segmentation

VALID = Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
SHARES = st.floats(0, 1)
SIZES = st.floats(0, 1e6)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PIXELS = st.integers(1, 10**6)


def findings() -> st.SearchStrategy[Finding]:
    return st.builds(
        Finding,
        number=PIXELS,
        type=st.sampled_from(Calcification),
        contour=st.lists(st.tuples(SIZES, SIZES), min_size=3, max_size=6).map(tuple),
        box=st.builds(Box, PIXELS, PIXELS, PIXELS, PIXELS),
        area_px=PIXELS,
        area_mm2=st.none() | SIZES,
        length_px=SIZES,
        length_mm=st.none() | SIZES,
        specks=st.none() | st.integers(0, 99),
        probability=SHARES,
        probabilities=st.fixed_dictionaries(dict.fromkeys(Calcification, SHARES)),
        networks=st.none() | st.builds(Networks, st.integers(0, 9), st.integers(2, 9)),
    )


@st.composite
def analyses(draw: st.DrawFn) -> Analysis:
    rules = draw(WORDS)
    thresholds = st.floats(0, 1, exclude_min=True)
    return Analysis(
        sha256=draw(HEX),
        rows=draw(PIXELS),
        columns=draw(PIXELS),
        spacing_mm=draw(st.none() | st.tuples(*[st.floats(0.001, 9)] * 2)),
        laterality=draw(st.none() | st.sampled_from(Laterality)),
        view=draw(st.none() | st.sampled_from(View)),
        notes=tuple(draw(st.lists(WORDS, max_size=2))),
        breast_px=draw(st.integers(0, 10**7)),
        breast_mm2=draw(st.none() | SIZES),
        looked_share=draw(st.none() | st.floats(0, 1)),
        looked_mm=draw(st.none() | st.tuples(*[st.floats(0.001, 9)] * 2)),
        scale_source=draw(st.none() | st.sampled_from(ScaleSource)),
        thresholds={kind: draw(thresholds) for kind in Calcification},
        findings=tuple(draw(st.lists(findings(), max_size=3))),
        below=tuple(replace(one, below=draw(WORDS) or "small") for one in draw(st.lists(findings(), max_size=2))),
        triage=Triage(
            flag=draw(st.sampled_from(Flag)),
            priority=draw(st.sampled_from(Priority)),
            reasons=tuple(draw(st.lists(st.builds(Reason, WORDS, WORDS), min_size=1, max_size=3))),
            bac_share=draw(st.none() | SHARES),
            rules=rules,
        ),
        provenance=Provenance(
            draw(WORDS), draw(HEX), draw(WORDS), rules, draw(WORDS), draw(SIZES), "2026-01-02T03:04:05+00:00"
        ),
    )


@settings(max_examples=40, deadline=None)
@given(analysis=analyses(), file=WORDS)
def test_json_gives_the_analysis_back_and_keeps_to_the_schema(analysis: Analysis, file: str) -> None:
    value = json.loads(json.dumps(to_json(analysis, file=file)))
    VALID.validate(value)
    assert value["file"] == file
    assert from_json(value) == analysis


def test_the_schema_is_one_and_refuses_what_is_missing_or_unknown() -> None:
    Draft202012Validator.check_schema(VALID.schema)
    mammogram = drawn_mammogram()
    value: dict[str, Any] = to_json(reweigh(mammogram, drawn_segmentation(mammogram)), file="a.dcm")
    assert VALID.is_valid(value)
    for key in value:
        assert not VALID.is_valid({k: v for k, v in value.items() if k != key})
    assert not VALID.is_valid(value | {"patient": "Doe"})
    assert not VALID.is_valid(value | {"triage": value["triage"] | {"flag": "cancer"}})


def test_json_of_another_schema_is_refused_with_what_was_expected() -> None:
    with pytest.raises(ValueError, match="Expected an analysis of schema mtunet-analysis-1, found 'other'"):
        from_json({"schema": "other"})


def test_json_that_is_damaged_is_refused_with_where_and_no_word_of_what_stands_there() -> None:
    mammogram = drawn_mammogram()
    value = to_json(reweigh(mammogram, drawn_segmentation(mammogram)), file="Doe.dcm")
    value["findings"][0]["box"] = "Doe"
    with pytest.raises(ValueError, match=r"schema mtunet-analysis-1 in findings\.0\.box\. Analyse it again") as refused:
        from_json(value)
    assert "Doe" not in str(refused.value)


def test_an_analysis_that_knows_nothing_of_networks_is_read() -> None:
    """As earlier versions wrote it."""
    mammogram = drawn_mammogram()
    analysis = reweigh(mammogram, drawn_segmentation(mammogram))
    value = to_json(analysis, file="a.dcm")
    for finding in value["findings"]:
        assert finding.pop("networks") is None
    VALID.validate(value)
    assert from_json(value) == analysis


def test_reweighing_measures_what_is_drawn() -> None:
    mammogram = drawn_mammogram()
    analysis = reweigh(mammogram, drawn_segmentation(mammogram))
    mc, bac = analysis.findings
    assert (mc.area_mm2, bac.area_mm2) == (pytest.approx(16), pytest.approx(60))
    assert bac.length_mm == pytest.approx(30, abs=0.2)
    assert analysis.triage.bac_share == pytest.approx(60 / 76)
    assert analysis.triage.flag is Flag.MOSTLY_BAC_MC_LEFT
    assert analysis.breast_mm2 == pytest.approx(600 * 400 * 0.01)
    assert (analysis.rows, analysis.columns, analysis.view) == (600, 400, View.CC)


def test_other_thresholds_change_findings_and_flag_and_are_kept() -> None:
    mammogram = drawn_mammogram()
    segmentation = drawn_segmentation(mammogram)
    analysis = reweigh(mammogram, segmentation, {MC: 0.95, BAC: 0.5})
    assert [f.type for f in analysis.findings] == [BAC]
    assert analysis.triage.flag is Flag.MOSTLY_BAC
    assert analysis.thresholds == {MC: 0.95, BAC: 0.5}
    assert reweigh(mammogram, segmentation, {MC: 0.5, BAC: 0.85}).triage.flag is Flag.MC


def test_without_spacing_no_number_is_in_millimetres() -> None:
    mammogram = drawn_mammogram(spacing_mm=None)
    value = to_json(reweigh(mammogram, drawn_segmentation(mammogram)), file="a.png")
    VALID.validate(value)
    assert value["image"]["breast_mm2"] is None
    assert all(f["area_mm2"] is None and f["length_mm"] is None for f in value["findings"])
    assert not any("mm²" in reason["sentence"] for reason in value["triage"]["reasons"])


def test_an_image_without_a_breast_is_not_assessable() -> None:
    from dataclasses import replace

    mammogram = drawn_mammogram()
    nothing = np.zeros(mammogram.shape, np.float32)
    empty = replace(
        drawn_segmentation(mammogram), breast=nothing.astype(np.bool_), probability={MC: nothing, BAC: nothing}
    )
    assert reweigh(mammogram, empty).triage.flag is Flag.NOT_ASSESSABLE


def test_analyse_hands_progress_and_cancel_to_the_network_and_says_what_made_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import mtunet.detection.segmentation

    heard: list[Any] = []

    def segment(model: Any, mammogram: Any, *, progress: Any, cancelled: Any) -> Any:
        heard.extend([model, progress, cancelled])
        return drawn_segmentation(mammogram)

    monkeypatch.setattr(mtunet.detection.segmentation, "segment", segment)
    before = datetime.now(UTC).replace(microsecond=0)
    analysis, segmentation = analyse(drawn_mammogram(), "model", progress=print, cancelled=bool)  # type: ignore[arg-type]
    assert heard == ["model", print, bool]
    assert int(segmentation.breast.sum()) == analysis.breast_px
    made = analysis.provenance
    assert (made.model, made.weights_sha256, made.version) == ("detail", "cd" * 32, mtunet.__version__)
    assert (made.device, made.seconds, made.rules) == ("cpu", 0.5, analysis.triage.rules)
    assert before <= datetime.fromisoformat(made.made_at) <= datetime.now(UTC)
