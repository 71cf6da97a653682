"""The breast region against the tissue masks of 66 DDSM views."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mtunet.detection.breast import breast_region
from training.data.registry import DataSetMissing

BACKGROUND_BELOW = 96
"""Labels are 64 background, 128 adipose, 192 fibroglandular, 255 pectoral muscle."""


def overlaps(root: Path) -> Iterator[tuple[str, float]]:
    """Name and intersection over union of each view's breast region, pectoral muscle included."""
    folder = root / "ddsm_tissue"
    images = sorted(folder.glob("*/fgt_seg/*"))
    if not images:
        raise DataSetMissing(f"Expected DDSM views in */fgt_seg and labels in */fgt_seg_labels under {folder}.")
    for path in images:
        labels = next((path.parent.parent / "fgt_seg_labels").glob(f"{path.stem}*"), None)
        if labels is None:
            continue
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        truth = np.asarray(cv2.imread(str(labels), cv2.IMREAD_GRAYSCALE)) > BACKGROUND_BELOW
        found = breast_region(np.asarray(image, np.float32) / np.float32(255))
        yield path.stem, float((found & truth).sum() / (found | truth).sum())
