"""The Evaluation page on a drawn run: it opens on what was measured, and every section answers."""

import base64
import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from mtunet.case import Box
from mtunet.detection import models
from mtunet.detection.devices import describe
from mtunet.detection.network import Magnifier, MagnifierConfig, NetworkConfig, count_parameters
from mtunet.evaluation import between, paper, runs, statistics
from mtunet.evaluation.aggregation import Figure, aggregate
from mtunet.evaluation.between import as_one_family, compared
from mtunet.evaluation.curves import figures_at, pooled, sweeps
from mtunet.evaluation.figures import EVERY, METRICS
from mtunet.evaluation.pictures import SMALL, sketch
from mtunet.evaluation.reading import load
from mtunet.evaluation.run_files import UnreadableRun
from mtunet.evaluation.run_masks import DetectedMasks, lengths_of
from mtunet.evaluation.seeds import seeds_of
from mtunet.evaluation.standing import standings
from mtunet.evaluation.statistics import Estimate
from mtunet.evaluation.table import table
from mtunet.evaluation.together import worked_out
from mtunet.output.drawing import FIGURE_3
from mtunet.store.images import Store
from mtunet.store.worklist import count
from pages.evaluation.address import link
from pages.evaluation.checklist import AUDITS
from pages.evaluation.network_figure import learnt_on, magnifier_of, network_shapes, networks_of
from pages.evaluation.numbers import (
    Behind,
    as_latex,
    as_markdown,
    difference,
    go_behind,
    p_words,
    percent,
    signed,
    span,
)
from pages.evaluation.results_table import units_said
from pages.evaluation.runs_shown import read
from pages.shared import drawn_pictures
from tests import drawn_run
from tests.drawn_run import quick_phantom, write_family, write_run
from training.counting import SWEEP
from training.experiments import EXPERIMENTS

ROOT = Path(__file__).parents[2]

SECTIONS = (
    *("Results", "Folds", "Curves", "Training", "Claims", "Images", "Compare", "Real mammograms", "Checklist"),
    "The paper's table",
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("made") / "drawn")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page looks for runs; empty at first."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setattr(runs, "RUNS", folder)
    return folder


@pytest.fixture
def opened(app: AppTest, root: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    """The page on the drawn run; its phantoms are quick drawings."""
    monkeypatch.setattr("pages.shared.phantoms.make_phantom", quick_phantom)

    def go() -> AppTest:
        shutil.copytree(drawn, root / "drawn", dirs_exist_ok=True)
        app.run()
        return app.switch_page("pages/evaluation/evaluation.py").run()

    return go


def go_to(app: AppTest, section: str) -> AppTest:
    app.session_state["evaluation.section"] = section
    app.run()
    assert not app.exception, app.exception
    assert not app.error, [e.value for e in app.error]
    return app


def said(app: AppTest) -> str:
    return "\n".join([*(m.value for m in app.markdown), *(c.value for c in app.caption), *(i.value for i in app.info)])


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}


def test_without_a_run_it_says_how_to_make_one(app: AppTest, root: Path) -> None:
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    assert not app.exception
    assert "python -m training run" in app.info[0].value


def test_real_mammograms_have_figures_of_their_own_and_are_no_training_run(
    opened: Callable[[], AppTest], root: Path
) -> None:
    shipped = ROOT / "runs" / "real-rules"
    shutil.copytree(shipped, root / "real-rules")
    standing = standings([runs.read(root / "real-rules")])["real-rules"]
    app = go_to(opened(), "Real mammograms")
    assert app.subheader[0].value == "Real mammograms (few, weak labels)"
    assert app.selectbox(key="evaluation.run").options == ["drawn · 4 methods, 3 folds"]
    measured = json.loads((shipped / "summary.json").read_text())["mini_mias"]["hit_as_mc"]
    targets, halves, figures, _ = (table.value for table in app.dataframe)
    assert "Target" in targets
    row = figures[figures["Measure"] == "clusters hit as MC"][f"Value: real-rules ({standing})"].item()
    assert f"({measured['count']} of {measured['of']};" in row
    [found] = halves[halves["Measure"] == "MC lesions found"].to_dict("records")
    assert (found["Chosen on"], found["Sealed"]) == ("0.825 (0.669 to 0.954)", "0.696 (0.584 to 0.833)")
    for told in ("no program chooses anything on them", "They were in sight all the same when people decided"):
        assert told in said(app)


def test_it_opens_on_a_sentence_that_says_what_was_measured_on_what(opened: Callable[[], AppTest]) -> None:
    app = opened()
    assert not app.exception
    first = app.main.markdown[0].value
    assert "18 images of 9 virtual patients" in first
    assert "drawn masks, not a measurement" in first
    assert "3 folds" in first
    assert "MTU-Net" in first


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_drawn(opened: Callable[[], AppTest], section: str) -> None:
    app = go_to(opened(), section)
    assert not app.warning
    assert len(app.main.caption) + len(app.main.dataframe) > 1


def test_the_threshold_moves_the_numbers(opened: Callable[[], AppTest], drawn: Path) -> None:
    app = go_to(opened(), "Curves")
    assert "Operating points that the folds' own inner validation chose: Two single-class U-Nets 0.6," in said(app)
    assert app.select_slider(key="evaluation.threshold").help.startswith("The operating point: the probability")
    sweep = pooled([sweeps(load(drawn), "mtunet")["mc", "256"]])
    seen = set()
    for threshold in (0.5, 0.8):
        app.select_slider(key="evaluation.threshold").set_value(threshold).run()
        table = app.dataframe[0].value
        [row] = [row for _, row in table.iterrows() if row["Method"] == "MTU-Net"]
        expected = figures_at(sweep, threshold)
        assert row["F1, %"] == percent(expected["f1"])
        assert row["Sensitivity, %"] == percent(expected["sensitivity"])
        seen.add(row["F1, %"])
    assert len(seen) == 2


def test_every_threshold_that_was_tried_can_be_chosen(
    opened: Callable[[], AppTest], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those at both ends lie closer than a hundredth."""
    monkeypatch.setattr(drawn_run, "THRESHOLDS", SWEEP)
    fine = write_run(root / "fine", images=4, folds=2, methods=("mtunet",))
    app = opened()
    app.selectbox(key="evaluation.run").set_value("fine").run()
    slider = go_to(app, "Curves").select_slider(key="evaluation.threshold")
    assert len(set(slider.options)) == len(SWEEP) == 32
    assert {"0.0039", "0.0078", "0.0156", "0.9764", "0.9882", "0.996", "1"} < set(slider.options)
    sweep = pooled([sweeps(load(fine), "mtunet")["mc", "256"]])
    slider.set_value(0.9882).run()
    assert app.dataframe[0].value["Sensitivity, %"].item() == percent(figures_at(sweep, 0.9882)["sensitivity"])
    assert address(app)["threshold"] == "0.9882"
    froc = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert [froc[0]["text"][place] for place in (1, 26)] == ["threshold 0.0078", "threshold 0.9764"]
    assert froc[1]["text"] == ["threshold 0.9882"]


def test_folds_show_every_fold_of_the_chosen_metric(opened: Callable[[], AppTest]) -> None:
    app = go_to(opened(), "Folds")
    assert {"Fold 0", "Fold 1", "Fold 2", "Mean", "95 % interval"} <= set(app.dataframe[0].value.columns)
    before = app.dataframe[0].value["Mean"].tolist()
    app.selectbox(key="evaluation.order").set_value("jaccard").run()
    assert app.dataframe[0].value["Mean"].tolist() != before


def test_what_the_paper_lacks_stands_below_its_table_and_has_folds_and_images(
    opened: Callable[[], AppTest], drawn: Path
) -> None:
    app = go_to(opened(), "Results")
    assert "at each fold's operating point, the threshold that its inner validation chose" in said(app)
    assert "What the paper does not report" in [one.value for one in app.subheader]
    assert "not measured in this run" not in said(app)
    go_to(app, "Folds")
    for metric in ("boundary", "false_area"):
        app.selectbox(key="evaluation.order").set_value(metric).run()
        assert not app.exception, app.exception
        assert {"Fold 0", "Mean", "SD"} <= set(app.dataframe[0].value.columns)
        title = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["title"]["text"]
        assert " has the " in title
        assert "Predict nothing" not in title  # it marks nothing falsely, and has no rank
    counts = load(drawn).counts["mtunet", "bac", "256"]
    area = aggregate(counts, "per-fold", EVERY)["false_area"]
    rows = app.dataframe[0].value
    [row] = [r for _, r in rows.iterrows() if (r["Method"], r["Type"]) == ("MTU-Net", "BAC")]
    assert row["Mean"] == f"{area.value:.2f}"
    go_to(app, "Images")
    app.selectbox(key="evaluation.order").set_value("centre_line").run()
    app.button_group(key="evaluation.type").set_value("bac").run()
    assert not app.exception, app.exception
    assert "Centre line, %" in app.dataframe[0].value.columns
    app.button_group(key="evaluation.type").set_value("mc").run()
    assert "Centre line is not counted for MC" in app.info[-1].value


def test_a_run_from_before_says_what_it_did_not_measure(app: AppTest, root: Path, drawn: Path) -> None:
    """Its counts.csv has the pixels and nothing else."""
    shutil.copytree(drawn, root / "old")
    for path in (root / "old").glob("*/fold_*/counts.csv"):
        lines = [line.split(",")[:8] for line in path.read_text().splitlines()]
        assert lines[0] == ["image", "type", "frame", "threshold", "tp", "fp", "fn", "tn"]
        path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    for section in SECTIONS:
        go_to(app, section)
    go_to(app, "Results")
    assert "were not measured in this run" in said(app)
    go_to(app, "Folds")
    assert app.selectbox(key="evaluation.order").options == [metric.title for metric in METRICS.values()]


def titles(app: AppTest) -> str:
    """Of charts, which break them into lines."""
    specs = [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in app.get("plotly_chart")]
    return " ".join(specs).replace("<br>", " ")


def plotted(values: Any) -> list[float]:
    """Of a chart, which packs arrays of numbers."""
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()


def test_every_fold_has_its_time_and_a_gpus_memory(opened: Callable[[], AppTest], root: Path) -> None:
    app = go_to(opened(), "Training")
    [costs] = [table.value for table in app.dataframe if "Fold" in table.value]
    assert len(costs) == 4 * 3
    assert set(costs["Training time per fold, minutes"]) == {"1"}
    assert set(costs["Training speed, draws per second"]) == {"5"}
    assert set(costs["Most memory in use, MB"]) == {"300"}
    assert any(caption.value.startswith("Median of the first seed's folds.") for caption in app.caption)
    assert "mean of the first seed's folds" in titles(app)
    assert "Most memory in use: one MTU-Net takes 100 % of what two U-Nets take" in titles(app)
    for device in (describe(torch.device("cpu"), torch.float32), "Apple GPU (MPS), float32"):
        for timing in (root / "drawn").rglob("timing.json"):
            timing.write_text(json.dumps(json.loads(timing.read_text()) | {"device": device}))
        go_to(app, "Training")
        assert "memory" not in titles(app)
        [costs] = [table.value for table in app.dataframe if "Fold" in table.value]
        assert {name.split(",")[0] for name in costs} == {
            *("Method", "Fold", "Training time per fold", "Training speed", "Time to segment one image"),
            "Size of the network",
        }


def test_claims_without_a_run_say_which_to_make(opened: Callable[[], AppTest]) -> None:
    app = go_to(opened(), "Claims")
    told = "\n".join(info.value for info in app.info)
    assert told.count("Not measured here") == 2
    for name in ("crops-rate-1e-4", "crops-by-image"):
        assert name in EXPERIMENTS
        assert f"python -m training run {name}" in told


def test_claims_are_measured_where_their_runs_are(
    opened: Callable[[], AppTest], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_runs = []
    monkeypatch.setattr(
        between, "seeds_of", lambda run, *methods: opened_runs.append(run.name) or seeds_of(run, *methods)
    )
    write_family(root)
    write_run(root / "e-fast", methods=("single", "mtunet"), seed=8, differs={"learning_rate": 1e-3})
    app = go_to(opened(), "Claims")
    assert not app.info
    rates, borne, leak, leaked = (table.value for table in app.dataframe)
    assert sorted(set(rates["Learning rate"])) == ["0.0001", "0.001"]
    assert set(rates["Method"]) == {"MTU-Net", "Two single-class U-Nets"}
    assert set(leak["Type"]) == {"MC", "BAC"}
    assert set(leak["Seeds"]) == {"0 by image; 0 by patient"}
    assert set(leaked["Claim"]) == {f"Folds by image flatter {method}." for method in set(leak["Method"])}
    for shown, number in ((borne, "P25"), (leaked, "P16")):
        assert set(shown["No."]) == {number}
        assert set(shown["Verdict"]) <= {"shown", "not shown", "contradicted", "not judged"}
    app.run()
    assert len(opened_runs) == 4, "each family once, however often the section is drawn"


def test_images_are_filtered_by_any_column(opened: Callable[[], AppTest]) -> None:
    app = go_to(opened(), "Images")
    every = app.dataframe[0].value
    assert len(set(every["Marked"])) == len(every), "each image has its own small picture"
    rows, columns, colours = drawn_pictures._asked[Path(every["Marked"][0]).name]().shape
    assert (rows, colours) == (SMALL, 3)
    assert columns > 1
    app.text_input(key="evaluation.filter").set_value("fp > 2, density = c").run()
    some = app.dataframe[0].value
    assert sorted(some["Image"]) == sorted(every[(every["FP"] > 2) & (every["Density"] == "c")]["Image"])
    assert 0 < len(some) < len(every)
    assert address(app)["filter"] == "fp > 2, density = c"
    app.text_input(key="evaluation.filter").set_value("nothing").run()
    assert "Not understood: nothing" in app.warning[0].value
    assert len(app.dataframe[0].value) == len(every)


def test_a_sketch_shows_what_was_marked_and_what_is_there() -> None:
    mask = np.zeros((960, 480), bool)
    mask[100:300, 200:400] = True
    small = sketch(DetectedMasks("one", mask.shape, {"mc": lengths_of(mask)}), "mc", [Box(600, 100, 700, 200)])
    assert small.shape == (96, 48, 3)
    assert tuple(small[20, 30]) == FIGURE_3["mc"].colour
    assert tuple(small[60, 12]) == FIGURE_3["truth_mc"].colour
    found = (small == FIGURE_3["mc"].colour).all(axis=2)
    assert found.sum() == 20 * 20


def test_several_runs_stand_beside_one_another(opened: Callable[[], AppTest], root: Path) -> None:
    write_family(root)
    app = opened()
    app.selectbox(key="evaluation.run").set_value("base").run()
    go_to(app, "Compare")
    app.multiselect(key="evaluation.beside").set_value(["fast", "by-image"]).run()
    assert not app.exception, app.exception
    figures, settings = (table.value for table in app.dataframe)
    known = {name: load(root / name) for name in ("base", "fast", "by-image")}
    both = as_one_family([compared(known["base"], known[name], "256", tuple(METRICS)) for name in ("fast", "by-image")])
    assert len(figures) == sum(map(len, both))
    for name, pairs in zip(("fast", "by-image"), both, strict=True):
        [expected] = [row for row in pairs if (row.method, row.type, row.metric) == ("mtunet", "mc", "f1")]
        of = (figures["Method"] == "MTU-Net") & (figures["Type"] == "MC") & (figures["Metric"] == "F1")
        [row] = [row for _, row in figures[of & (figures["Less"] == name)].iterrows()]
        assert row["Difference"] == signed(expected.test.difference.value)
        assert row["Other"] == percent(expected.other.value)
        assert row["p (Holm)"] == p_words(expected.test.corrected_p)
    rate = settings[settings["Setting"] == "experiment.learning_rate"]
    assert [rate[name].item() for name in ("base", "fast", "by-image")] == ["0.0001", "0.001", "0.0001"]
    assert address(app) == {"section": "Compare", "run": "base", "beside": "fast,by-image"}


def test_the_checklist_has_every_point_and_leads_to_what_is_there(opened: Callable[[], AppTest]) -> None:
    points = paper.points()
    assert [int(one.id[1:3]) for one in points if not one.id.endswith(("c", "d"))] == list(range(1, 55))
    files = [name for one in points for name in re.findall(r"[a-z_]+(?:/[a-z_0-9]+)+(?:\.py)?", one.built)]
    assert len(files) > 30
    assert all((ROOT / name).exists() for name in files)
    assert {one.section for one in points} - {""} <= set(SECTIONS)
    shown = go_to(opened(), "Checklist").dataframe[0].value
    assert set(shown[shown["No."].isin(["P49", "P50", "P52"])]["Verdict"]) == {
        *("2 of 6 rows cannot be", "1 of 6 rows cannot be", "5 of 6 rows cannot be")
    }
    assert shown[shown["No."] == "P48"]["Verdict"].item() == "cut off, not rounded"
    assert shown[shown["No."] == "P16"]["Verdict"].item() == "no runs to compare"
    assert shown[shown["No."] == "P09"]["Verdict"].item() == "not judged on this run's data"
    assert set(AUDITS) == {one.id for one in points if one.kind == "audit"}


def test_the_checklist_leads_to_the_run_that_judged(opened: Callable[[], AppTest], root: Path) -> None:
    folder = write_run(root / "beside", methods=("mtunet", "mtunet-no-background", "nothing"))
    statistics.save(folder, worked_out(folder, replicates=0))
    app = opened()
    app.selectbox(key="evaluation.run").select("drawn").run()
    shown = go_to(app, "Checklist").dataframe[0].value
    [row] = shown[shown["No."] == "P09"].to_dict("records")
    assert row["Verdict"].endswith(" (beside)")
    assert row["Where"] == "?run=beside&section=Claims"


def test_the_diagram_of_the_network_has_the_shapes_of_the_network() -> None:
    layers, weights = network_shapes(NetworkConfig(), 256)
    assert weights == 31_030_723
    shapes = {layer.name: layer.shape for layer in layers}
    assert shapes["down 0"] == (64, 256, 256)
    assert shapes["down 4"] == (1024, 16, 16)
    assert shapes["join 3"] == (64, 256, 256)
    assert shapes["head bac"] == (1, 256, 256)


PAPERS = (
    "The paper's MTU-Net (this run does not tell its own): 31,030,723 weights, width 64, no normalisation, for whole "
)


@pytest.mark.parametrize(
    ("name", "titled"),
    [
        (
            "detail-pair",
            [
                "MTU-Net of this run, 1 of 2 networks: 1,093,191 weights, width 12, group normalisation, "
                "for crops of 256 × 256 at 0.2 mm",
                "MTU-Net of this run, 1 of 2 networks: 1,942,323 weights, width 16, group normalisation, "
                "for crops of 256 × 256 at 0.2 mm",
            ],
        ),
        (
            "detail-recipe-pair",
            [
                "MTU-Net of this run, 2 of 2 networks: 1,942,323 weights, width 16, group normalisation, "
                "for crops of 128 × 128 at 0.2 mm"
            ],
        ),
        (
            "paper",
            ["MTU-Net of this run: 1,093,191 weights, width 12, group normalisation, for whole views of 256 × 256"],
        ),
        (
            "whole",
            ["MTU-Net of this run: 486,427 weights, width 8, group normalisation, for whole views of 256 × 256"],
        ),
        (
            "crops",
            ["MTU-Net of this run: 486,427 weights, width 8, group normalisation, for crops of 128 × 128 at 0.2 mm"],
        ),
        ("drawn", [f"{PAPERS}views of 256 × 256"]),
    ],
)
def test_the_diagram_is_of_the_networks_of_the_run(
    opened: Callable[[], AppTest], root: Path, name: str, titled: list[str]
) -> None:
    if name != "drawn":
        shutil.copytree(ROOT / "runs" / name, root / name)
    app = opened()
    app.selectbox(key="evaluation.run").set_value(name).run()
    go_to(app, "Checklist")
    charts = [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in app.get("plotly_chart")]
    assert [title.replace("<br>", " ") for title in charts] == titled


@pytest.mark.parametrize(("model", "run"), [("detail", "detail-further"), ("paper", "paper")])
def test_the_diagrams_of_what_ships_have_as_many_weights_as_it(model: str, run: str) -> None:
    config = json.loads((ROOT / "runs" / run / "config.json").read_text())
    side, _ = learnt_on(config)
    drawn = sum(network_shapes(each, side)[1] for each in networks_of(config))
    network = models.load_model(model, "cpu").network
    told = 0 if network.magnifier is None else count_parameters(network.magnifier)
    assert drawn + told == count_parameters(network)
    assert bool(told) == (f"{told:,} weights" in magnifier_of(config))


def test_of_what_a_run_does_not_tell_nothing_is_said() -> None:
    """The paper's objective has no normalisation, whatever the experiment names for MTU-Net."""
    assert networks_of({"experiment": {"width": 8, "norm": "group"}, "methods": ["mtunet-paper", "nothing"]}) == ()
    assert networks_of({}) == networks_of({"experiment": "detail"}) == ()


def test_a_magnifier_is_told_beside_the_diagram_and_not_drawn() -> None:
    config = NetworkConfig(8, "group", magnifier=MagnifierConfig((8, 16)))
    told = {"experiment": {"network": config.to_json()}}
    assert networks_of(told) == (replace(config, magnifier=None),)
    assert f"{count_parameters(Magnifier(MagnifierConfig((8, 16)))):,} weights" in magnifier_of(told)
    assert magnifier_of({"experiment": {"network": networks_of(told)[0].to_json()}}) == magnifier_of({}) == ""


def test_a_table_for_a_paper_has_its_intervals(drawn: Path) -> None:
    cells = table(load(drawn), "256", "pooled")
    text, tex = as_markdown(cells).decode(), as_latex(cells).decode()
    [cell] = [one for one in cells if (one.method, one.type, one.metric) == ("mtunet", "mc", "f1")]
    assert cell.interval is not None
    said = f"{percent(cell.ours.value)} [{percent(cell.interval[0])}, {percent(cell.interval[1])}]"
    assert said in next(line for line in text.splitlines() if line.startswith("| MTU-Net | MC |"))
    row = next(line for line in tex.splitlines() if line.startswith("MTU-Net & MC &"))
    assert said in row
    assert row.endswith("\\\\")
    nearly = [replace(cell, ours=replace(cell.ours, value=value), interval=None) for value in (0.99999, 0.0001)]
    assert [as_latex([one]).decode().splitlines()[4] for one in nearly] == [
        f"MTU-Net & MC & {text} \\\\" for text in ("$>$99.9", "$<$0.1")
    ]


def test_a_number_says_of_how_many_images_and_seeds_it_is() -> None:
    assert units_said(Figure(0.5, 1515, 2202, seeds=3), "images") == (
        "; from 1,515 images, counted with each of 3 seeds; 2,202 more are undefined (0/0) and left out"
    )
    assert units_said(Figure(0.5, 5, 0), "folds") == "; from 5 folds"
    assert units_said(Figure(0.5, None, None, seeds=3), "images") == ""


def test_from_a_number_to_its_images(
    opened: Callable[[], AppTest], drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, state = opened(), SimpleNamespace(session_state={})
    with monkeypatch.context() as patched:  # what the callback of a table or a chart does
        patched.setattr("pages.evaluation.address.st", state)
        go_behind(Behind("multiclass", "bac", "sensitivity", fold=1))
    for key, value in state.session_state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    rows = app.dataframe[0].value
    assert set(rows["Fold"]) == {1}
    assert sorted(rows["Image"]) == sorted(json.loads((drawn / "splits.json").read_text())[1]["test"])
    assert "Sensitivity, %" in rows.columns
    assert [b.label for b in app.button].count("Open in the viewer") == 1
    asked = {"section": "Images", "run": "drawn", "method": "multiclass", "type": "bac", "order": "sensitivity"}
    assert address(app) == asked | {"fold": "1"}


def test_an_address_opens_the_same_place_again(opened: Callable[[], AppTest]) -> None:
    app = opened()
    assert not app.query_params
    asked = {"section": "Images", "run": "drawn", "method": "single", "type": "bac", "order": "jaccard"}
    asked |= {"fold": "1", "outcomes": "a,e", "resolution": "native"}
    for name, value in asked.items():
        app.query_params[name] = value
    app.run()
    rows = app.dataframe[0].value
    names = rows["Image"].tolist()
    assert set(rows["Fold"]) == {1}
    assert "Jaccard, %" in rows.columns
    app.query_params["image"] = names[-1]
    app.run()
    assert not app.exception, app.exception
    assert f"**{names[-1]}**".replace("-", r"\-") in [one.value for one in app.markdown]
    assert address(app) == asked | {"image": names[-1]}
    app.query_params.clear()
    app.query_params["fold"], app.query_params["threshold"] = "seven", "<script>"
    app.run()
    assert not app.exception, app.exception
    assert not app.query_params  # what is not there is forgotten


def test_only_images_with_an_outcome_are_listed(opened: Callable[[], AppTest]) -> None:
    app = go_to(opened(), "Images")
    every = len(app.dataframe[0].value)
    app.button_group(key="evaluation.outcomes").set_value(["a"]).run()
    some = app.dataframe[0].value
    assert 0 < len(some) < every
    assert all("a" in text for text in some["Outcomes"])


def test_an_image_is_opened_in_the_viewer_and_as_a_case_and_lies_in_no_worklist(
    opened: Callable[[], AppTest], data: Path
) -> None:
    app = go_to(opened(), "Images")
    next(button for button in app.button if button.label == "Open in the viewer").click().run()
    assert not app.exception, app.exception
    assert address(app)["view"] == "viewer"
    [link] = [one for one in app.get("page_link") if one.proto.label == "Open in the case page"]
    assert re.fullmatch("image=[0-9a-f]{64}", link.proto.query_string)
    with Store.open(data) as store:
        assert store.image(link.proto.query_string.removeprefix("image=")) is not None
        assert count(store) == 0


def test_an_unfinished_run_is_shown_as_unfinished(app: AppTest, root: Path, drawn: Path) -> None:
    shutil.copytree(drawn, root / "half")
    (root / "half" / "summary.json").unlink()
    for fold in (1, 2):
        (root / "half" / "mtunet" / f"fold_{fold}" / "timing.json").unlink()
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    assert not app.exception
    assert "unfinished: 10 of its parts" in app.warning[0].value
    assert "Done by all that learn – seed 0: fold 0 of 3." in app.warning[0].value
    assert "Claims wait until a seed has every fold, and every baseline." in app.warning[0].value
    assert "done" in app.dataframe[0].value["State"].tolist()
    assert len([state for state in app.dataframe[0].value["State"] if state != "done"]) == 2
    shutil.copy(drawn / "mtunet/fold_1/timing.json", root / "half" / "mtunet/fold_1/timing.json")
    app.run()
    assert "unfinished: 11 of its parts" in app.warning[0].value
    rows = [{"epoch": n, "seconds": 1.0, "loss_mc": 1 - n / 4, "validation_f1_mc": n / 5} for n in (1, 2, 3)]
    part = {"method": "mtunet", "fold": 2, "seed": 0, "epoch": 3, "epochs": 4, "rows": [rows]}
    progress = {"tasks": 12, "seconds_left": 7200, "at": time.time(), "running": [part]}
    runs.save_progress(root / "half", progress)
    app.run()
    assert "About 2.0 hours left" in said(app)
    assert app.get("progress")[0].proto.text.startswith("11 of 12 parts done")
    line = "mtunet fold 2 seed 0 · epoch {} of 4 · loss_mc {:.3f} validation_f1_mc {:.3f}"
    assert app.code[0].value == line.format(3, 0.25, 0.6)
    go_to(app, "Training")
    assert app.code[1].value.splitlines() == [line.format(n, 1 - n / 4, n / 5) for n in (1, 2, 3)]
    assert "MTU-Net, fold 2, seed 0: F1 on the inner validation part, MC 0.60" in titles(app)
    [f1] = [json.loads(one.proto.spec) for one in app.get("plotly_chart") if "MC 0.60" in one.proto.spec]
    assert f1["data"][0]["mode"] == "lines+markers"
    assert plotted(f1["data"][0]["y"]) == [0.2, 0.4, 0.6]
    rows.append({"epoch": 4, "seconds": 1.0, "loss_mc": 0.0, "validation_f1_mc": 0.8})
    runs.save_progress(root / "half", progress)
    app.run()
    assert "inner validation part, MC 0.80" in titles(app)
    runs.save_progress(root / "half", progress | {"at": time.time() - 1000})
    app.run()
    assert "Learning now" not in [one.value for one in app.subheader]
    assert "No network says now how far it is." in said(app)


def test_a_run_that_has_stored_nothing_yet_is_no_error(app: AppTest, root: Path) -> None:
    (root / "new").mkdir()
    (root / "new" / "config.json").write_text('{"kind": "cross-validation", "methods": ["mtunet"], "folds": 2}')
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    for section in SECTIONS:
        go_to(app, section)
    assert "Nothing is scored" in said(app)


@pytest.mark.parametrize("file", ["config.json", "statistics.json"])
def test_a_broken_run_does_not_hide_the_others(app: AppTest, root: Path, drawn: Path, file: str) -> None:
    for name in ("drawn", "broken"):
        shutil.copytree(drawn, root / name)
    (root / "broken" / file).write_text("{")
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    assert not app.exception
    assert "not a JSON object" in app.warning[0].value
    assert "18 images" in app.main.markdown[0].value
    with pytest.raises(UnreadableRun):  # also where an unfinished run is looked at again
        read(str(root / "broken"), "damaged")


@pytest.mark.parametrize("name", ["detail", "paper"])
def test_the_runs_of_one_model_say_what_they_lack(app: AppTest, root: Path, name: str) -> None:
    shutil.copytree(ROOT / "runs" / name, root / name)
    app.run()
    app.switch_page("pages/evaluation/evaluation.py").run()
    assert f"The model **{name}**" in app.main.markdown[0].value
    assert "one model on one split" in app.info[0].value
    for section in SECTIONS:
        go_to(app, section)


def test_numbers_are_never_rounded_to_none_or_all() -> None:
    assert [p_words(p) for p in (None, 0.0004, 0.0312, 1.0)] == ["–", "<0.001", "0.031", "1.000"]
    assert [percent(v) for v in (0, 0.0001, 0.5, 0.99999, 1, None, -0.123)] == [
        *("0", "<0.1", "50.0", ">99.9", "100", "–", "−12.3"),
    ]
    assert [signed(v) for v in (0.295, -0.295, None)] == ["+29.5", "−29.5", "–"]


def test_differences_and_their_ends_are_in_points_or_in_their_own_unit() -> None:
    assert [difference(value, "%") for value in (0.032, -0.065, None)] == ["+3.2", "−6.5", "–"]
    assert [difference(value, "mm²") for value in (2.2235, -20.26, None)] == ["+2.22", "−20.3", "–"]
    assert span(Estimate(-0.065, -0.1306, 0.0011), "%") == "−13.1 to 0.1"
    assert span(Estimate(2.2235, -7.3254, 11.772), "mm²") == "−7.33 to 11.8"
    assert span(Estimate(2.2235), "mm²") == "–"
    assert link(run="my run", section="The paper's table") == "?run=my%20run&section=The%20paper's%20table"


def test_two_measurements_stand_side_by_side_with_targets_and_notes(opened: Callable[[], AppTest], root: Path) -> None:
    """What ships stands second, though the same weights with other settings, and others, were measured after it."""
    shipped, spec = ROOT / "runs" / "real-detail", models.MODELS["detail"]
    now = models.read_metadata(spec)["settings"]
    for name, recall, day, weights, settings in (
        ("real-old", 0.5, "2002-01-01", "0" * 64, now),
        ("real-strict", 0.7, "2003-01-01", spec.sha256, now | {"minimum_peak": 0.123}),
        ("real-new", 0.9, "2001-01-01", spec.sha256, now),
    ):
        shutil.copytree(shipped, root / name)
        of = {"measured_at": day, "weights_sha256": weights, "settings": settings}
        for file, changes in (("summary.json", {"mg1": {"recall": recall}}), ("config.json", of)):
            said_there = json.loads((root / name / file).read_text())
            for key, value in changes.items():
                said_there[key] = said_there[key] | value if key == "mg1" else value
            (root / name / file).write_text(json.dumps(said_there))
    (root / "real-new" / "notes.csv").write_text("image,note\nmdb003,A strand below the nipple.\n")
    (root / "real-new" / "notes.md").write_text("A radiologist would complain about strands.")
    app = go_to(opened(), "Real mammograms")
    targets, figures, images = (table.value for table in app.dataframe)
    row = targets[targets["Measure"] == "length of traced arteries found as BAC"]
    assert row["Before: real-old (other weights)"].item() == "missed: 50.0%"
    assert row["After: real-new (ships now)"].item() == "met: 90.0%"
    assert row["Target"].item() == "≥ 85 %"
    assert "After: real-new (ships now)" in figures.columns
    phantoms = targets[targets["Images"] == "sealed phantoms (synthetic)"]
    assert set(phantoms["After: real-new (ships now)"]) == {"not measured"}
    assert "by an older protocol, has no sealed half" in said(app)
    assert app.selectbox(key="evaluation.after").options == [
        *("real-old (other weights)", "real-strict (older rules)", "real-new (ships now)"),
    ]
    assert images[images["Image"] == "mdb003"]["Looked at"].item() == "A strand below the nipple."
    assert "complain about strands" in said(app)
    assert "Missed: " in said(app)
    assert "length of traced arteries found as BAC" not in said(app).split("Missed: ")[1].split("\n")[0]
    app.selectbox(key="evaluation.before").set_value("none").run()
    assert address(app) == {"section": "Real mammograms", "run": "drawn", "before": "none"}
