"""The weights that ship do on shipped samples what the product promises, from the file's bytes to the flag."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mtunet.case import Analysis, Calcification, Flag, Segmentation
from mtunet.detection.analysis import analyse
from mtunet.detection.components import masks
from mtunet.detection.models import load_model
from mtunet.evaluation.metrics import count_lesions, count_pixels
from mtunet.imaging.reading import read
from mtunet.phantom.samples import FOLDER, SAMPLES, read_truth, sample_bytes

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
BY_KEY = {sample.key: sample for sample in SAMPLES}


@cache
def seen(key: str) -> tuple[Analysis, Segmentation]:
    torch.set_num_threads(2)
    sample = BY_KEY[key]
    return analyse(read(sample_bytes(sample), sample.file), load_model("detail", "cpu"))


def test_heavy_arterial_calcification_is_found_and_flagged_as_mostly_arterial() -> None:
    analysis, segmentation = seen("bac-heavy")
    truth = read_truth(BY_KEY["bac-heavy"])
    assert truth is not None
    counts = count_pixels(masks(segmentation)[BAC], truth.masks[BAC])
    assert counts.value("f1") is not None
    assert counts.value("f1") > 0.6
    assert analysis.triage.flag in (Flag.MOSTLY_BAC, Flag.MOSTLY_BAC_MC_LEFT)


@pytest.mark.parametrize("key", ["mc-pleomorphic", "mc-segmental"])
def test_a_cluster_of_microcalcifications_is_found(key: str) -> None:
    analysis, segmentation = seen(key)
    truth = read_truth(BY_KEY[key])
    assert truth is not None
    assert count_lesions(masks(segmentation)[MC], truth.masks[MC]).hit >= 1
    assert analysis.triage.flag is Flag.MC


def test_mostly_arterial_with_microcalcifications_left_says_both() -> None:
    analysis, _ = seen("both-mostly-bac")
    assert analysis.triage.flag is Flag.MOSTLY_BAC_MC_LEFT
    assert {finding.type for finding in analysis.findings} == {MC, BAC}


def test_the_same_file_and_model_give_the_same_result_on_the_command_line(tmp_path: Path) -> None:
    """In another process, from the file on disk."""
    analysis, segmentation = seen("bac-heavy")
    command = [sys.executable, "-m", "mtunet", "analyse", str(FOLDER / "bac-heavy.dcm"), "--out", str(tmp_path)]
    subprocess.run([*command, "--masks", "--device", "cpu"], check=True, cwd=FOLDER.parent, capture_output=True)
    written = json.loads((tmp_path / "bac-heavy.json").read_text())
    assert written["triage"]["flag"] == analysis.triage.flag.value
    assert written["provenance"]["weights_sha256"] == segmentation.weights_sha256
    assert sum(f["area_px"] for f in written["findings"]) == pytest.approx(
        sum(f.area_px for f in analysis.findings), rel=0.01
    )
    found = np.count_nonzero(masks(segmentation)[BAC])
    mask = cv2.imread(str(tmp_path / "bac-heavy_bac.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == segmentation.breast.shape
    assert set(np.unique(mask)) == {0, 255}
    assert np.count_nonzero(mask) == pytest.approx(found, rel=0.01)
