"""The Claims section says what the run's statistics hold: gate, verdicts, removal of BAC, outcomes."""

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.evaluation import runs, statistics
from mtunet.evaluation.together import worked_out
from pages.evaluation.numbers import percent
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
    told = worked_out(folder, replicates=50)
    statistics.save(folder, told)
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    app.session_state["evaluation.section"] = "Claims"
    app.run()
    assert not app.exception
    said = "\n".join(one.value for one in app.markdown)
    assert "**MTU-Net** learnt: all 12 times better than every baseline" in said
    verdicts, removal, matrix, strata = (table.value for table in app.dataframe)
    assert verdicts["Verdict"].tolist() == [claim.verdict for claim in told.claims]
    first = told.claims[0]
    assert first.test.difference.value is not None
    assert verdicts["Difference"][0] == f"{100 * first.test.difference.value:+.1f}".replace("-", "−")
    assert verdicts["Detectable"][0] == f"{100 * first.test.detectable:.1f}"  # type: ignore[operator]
    absent = next(number for number, claim in enumerate(told.claims) if claim.other == "mtunet-paper")
    assert verdicts["Why not"][absent] == "This run has no method mtunet-paper."
    assert len(removal) == len(told.removals) == 6
    [regions] = [one.regions for one in told.confusions if one.method == "mtunet"]
    assert float(matrix["Called MC"][0]) == regions["mc"]["mc"]
    assert len(strata) == sum((one.method, one.type) == ("mtunet", "mc") for one in told.strata)
    app.button_group(key="evaluation.type").set_value("bac").run()
    assert not app.exception
    assert "BAC called MC, %" in app.dataframe[3].value.columns
    app.selectbox(key="evaluation.method").set_value("single").run()
    assert {name: app.query_params[name] for name in ("method", "type")} == {"method": "single", "type": "bac"}
    assert len(app.dataframe[3].value) == sum((one.method, one.type) == ("single", "bac") for one in told.strata)
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
    app.session_state["evaluation.section"] = "Images"
    app.run()
    assert not app.exception
    outcomes = app.dataframe[-1].value
    [mine] = [row for _, row in outcomes.iterrows() if (row["Method"], row["Type"]) == ("MTU-Net", "MC")]
    assert float(mine["(a) found"]) == regions["mc"]["mc"]
    assert float(mine["(c) MC called BAC"]) == regions["mc"]["bac"]
