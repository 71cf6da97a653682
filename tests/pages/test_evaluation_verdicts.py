"""The Claims section says what the run's statistics hold: gate, verdicts, removal of BAC, outcomes."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.evaluation import runs, statistics
from mtunet.evaluation.curves import calibrations
from mtunet.evaluation.reading import load
from mtunet.evaluation.significance import own_interval
from mtunet.evaluation.together import worked_out
from pages.evaluation import curve_charts, folds, verdicts
from pages.evaluation.numbers import difference, percent, span
from tests.drawn_run import write_run


def titles(app: AppTest) -> str:
    """Of charts, which break them into lines."""
    specs = [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in app.get("plotly_chart")]
    return "\n".join(specs).replace("<br>", " ")


def test_claims_have_their_verdicts_and_methods_their_gate(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path / "runs" / "drawn", seeds=(1, 2))
    for timing in folder.glob("mtunet/seed_2/*/timing.json"):  # where the first seed took a minute
        timing.write_text(json.dumps(json.loads(timing.read_text()) | {"train_seconds": 180.0}))
    statistics.save(folder, worked_out(folder, replicates=50))
    (folder / "notes.md").write_text("Drawn **twice**.")
    told = statistics.read(folder)
    assert told is not None
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    handed: dict[str, Sequence[Mapping[str, Any]]] = {}
    for section in (curve_charts, folds, verdicts):
        monkeypatch.setattr(section, "downloads", lambda name, records: handed.update({name: records}))
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    app.session_state["evaluation.section"] = "Claims"
    app.run()
    assert not app.exception
    said = "\n".join(one.value for one in app.markdown)
    assert "**MTU-Net** learnt: all 12 times better than every baseline" in said
    hurdles = [(gate, hurdle) for gate in told.gates for hurdle in gate.hurdles]
    assert len(handed["drawn-gate"]) == len(hurdles) == 3 * 12
    assert handed["drawn-gate"][0] == {"method": hurdles[0][0].method, **vars(hurdles[0][1]), "passed": 1}
    last = told.froc[-1]
    assert handed["drawn-froc"][-1] == {
        **{
            "method": last.method,
            "type": "bac",
            "without_bac": 0,
            "marks": 8.0,
            "sensitivity": last.sensitivity[-1].value,
        },
        **{"low": last.sensitivity[-1].low, "high": last.sensitivity[-1].high, "seeds_on_line": last.unreached[-1]},
    }
    [called] = [one.regions for one in told.confusions if one.method == "single"]
    cells = {
        (row["truly"], row["called"]): row["regions"] for row in handed["drawn-matrix"] if row["method"] == "single"
    }
    assert len(cells) == 8
    assert cells["bac", "mc"] == called["bac"]["mc"]
    claims, removal, matrix, strata = (table.value for table in app.dataframe)
    assert claims["Verdict"].tolist() == [claim.verdict for claim in told.claims]
    first = told.claims[0]
    assert first.test.difference.value is not None
    assert claims["Difference"][0] == f"{100 * first.test.difference.value:+.1f}".replace("-", "−")
    # What a verdict is beside never gainsays it: the interval is that of the test.
    by_test = 0
    for row, claim in zip(claims.to_dict("records"), told.claims, strict=True):
        if claim.test.p is not None:
            low, high = own_interval(claim.test).low, own_interval(claim.test).high
            assert low is not None
            assert high is not None
            assert (low <= 0 <= high) == (claim.test.p >= 0.05 or low == high == 0)
            if claim.unit == "%":
                by_test += 1
                assert row["95 % interval"] == f"{100 * low:.1f} to {100 * high:.1f}".replace("-", "−")
        assert row["Parts"] == claim.test.parts
    assert by_test > 5
    records = handed["drawn-claims"]
    assert [record["drawn_low"] for record in records] == [claim.test.difference.low for claim in told.claims]
    assert records[0]["low"] == own_interval(first.test).low
    assert claims["Detectable"][0] == f"{100 * first.test.detectable:.1f}"  # type: ignore[operator]
    absent = next(number for number, claim in enumerate(told.claims) if claim.other == "mtunet-paper")
    assert claims["Remark"][absent] == "This run has no method mtunet-paper."
    assert len(removal) == len(told.removals) == 6
    assert removal["Parts on the line from none"].tolist() == [str(one.unreached) for one in told.removals]
    [regions] = [one.regions for one in told.confusions if one.method == "mtunet"]
    assert float(matrix["Called MC"][0]) == regions["mc"]["mc"]
    assert matrix["Truly"].tolist() == ["MC", "BAC", "neither: false marks"]
    assert matrix["Called nothing"][2] == "–"
    [caption] = [one.value for one in app.caption if one.value.startswith("Regions,")]
    assert caption.startswith("Regions, mean of seeds 1 and 2, as are")
    assert "where 10 % of its area" in caption
    assert "or 20 % of both in common" in caption
    assert "keeps no regions" not in caption
    [notes] = [one for one in app.expander if one.label == "Notes on this run"]
    assert notes.markdown[0].value == "Drawn **twice**."
    assert len(strata) == sum((one.method, one.type) == ("mtunet", "mc") for one in told.strata)
    app.button_group(key="evaluation.type").set_value("bac").run()
    assert not app.exception
    assert "BAC called MC, %" in app.dataframe[3].value.columns
    app.selectbox(key="evaluation.method").set_value("single").run()
    assert {name: app.query_params[name] for name in ("method", "type")} == {"method": "single", "type": "bac"}
    assert len(app.dataframe[3].value) == sum((one.method, one.type) == ("single", "bac") for one in told.strata)
    app.session_state["evaluation.section"] = "Folds"
    app.run()
    dots = next(one.value for one in app.caption if one.value.startswith("A dot is a fold"))
    assert "its images pooled, the mean of 2 seeds" in dots
    assert dots.endswith("to see the images behind it. Images are of seed 1 alone.")
    [aside] = [one for one in app.expander if "other patients" in one.label]
    [words] = [one.value for one in aside.markdown]
    assert "nothing of methods: another training may turn it round" in words
    assert "[Claims](?run=drawn&section=Claims)" in words
    [same] = [table.value for table in aside.dataframe]
    assert len(same) == len(told.paired) == 12
    for row, test in zip(same.to_dict("records"), told.paired, strict=True):
        unit = "%" if test.measure == "f1" else "mm²"
        assert row["Mean difference"] == difference(test.difference.value, unit)
        assert row["95 % interval"] == span(test.difference, unit) != "–"
    assert handed["drawn-same-networks"][0]["low"] == told.paired[0].difference.low
    app.session_state["evaluation.section"] = "Checklist"
    app.run()
    f1 = [
        one.estimate.value
        for one in told.figures
        if (one.method, one.frame, one.aggregation, one.metric) == ("mtunet", told.frame, "pooled", "f1")
    ]
    points = app.dataframe[0].value
    overall = points[points["No."] == "P38"]["Verdict"].item()
    assert overall == f"F1 91.5 there, {percent(sum(f1) / 2)} here"  # type: ignore[arg-type]
    share = points[points["No."] == "P54"]["Verdict"].item()
    app.session_state["evaluation.section"] = "The paper's table"
    app.run()
    [whole] = [one.value for one in app.markdown if "true pixels are" in one.value]
    assert re.findall(r"F1 of ([\d.]+),", whole) == re.findall(r"(?:MC|BAC) ([\d.]+)", share)
    app.session_state["evaluation.section"] = "Training"
    app.run()
    assert "Training time per fold: one MTU-Net takes 200 % of what two U-Nets take" in titles(app)
    assert any("Of seed 1 alone." in one.value for one in app.caption)
    app.session_state["evaluation.section"] = "Curves"
    app.run()
    app.button_group(key="evaluation.methods").set_value(["single"]).run()
    assert app.query_params["methods"] == "single"
    bins = [row for row in handed["drawn-calibration"] if (row["method"], row["type"]) == ("mtunet", "mc")]
    [known] = [one for one in calibrations(load(folder)) if (one.method, one.type) == ("mtunet", "mc")]
    assert [row["pixels"] for row in bins] == known.pixels.tolist()
    assert bins[0]["true"] == known.true[0]
    app.session_state["evaluation.section"] = "Images"
    app.run()
    assert not app.exception
    outcomes = app.dataframe[-1].value
    [mine] = [row for _, row in outcomes.iterrows() if (row["Method"], row["Type"]) == ("MTU-Net", "MC")]
    assert float(mine["(a) found"]) == regions["mc"]["mc"]
    assert float(mine["(c) MC called BAC"]) == regions["mc"]["bac"]
