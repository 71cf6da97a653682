"""The phantoms that ship as samples, and how they are written. Titles and lessons are in `mtunet.phantom.samples`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mtunet.case import Laterality, View
from mtunet.phantom.calcifications import box_of
from mtunet.phantom.dicom_file import Encoding, dicom_bytes
from mtunet.phantom.phantom import Phantom, make_phantom, window
from mtunet.phantom.spec import MASTER_PITCH_MM, Density, Distribution, Hard, Look, McType, PhantomSpec

SAMPLE_COHORT: Final = 999
"""The cohort seed whose phantom seeds belong to the samples; never train on it."""
AIR_MM: Final = 8.0
_BASE: Final = SAMPLE_COHORT * 1_000_000
_CC, _MLO = View.CC, View.MLO
_L, _R = Laterality.LEFT, Laterality.RIGHT


@dataclass(frozen=True)
class SamplePhantom:
    """A phantom and the way its file is encoded."""

    spec: PhantomSpec
    encoding: Encoding = "jpeg_ls"
    monochrome1: bool = False


def _spec(
    number: int,
    view: View,
    laterality: Laterality,
    density: Density,
    look: Look,
    mc: tuple[McType | None, Distribution | None] | None = None,
    *,
    clusters: int = 1,
    bac: int = 0,
    benign: int = 0,
    hard: Hard = "",
) -> PhantomSpec:
    """The phantom with this number in the samples' cohort; `mc` None means no MC."""
    return PhantomSpec(
        seed=_BASE + number,
        view=view,
        laterality=laterality,
        density=density,
        look=look,
        clusters=clusters if mc else 0,
        mc_type=mc[0] if mc else None,
        distribution=mc[1] if mc else None,
        bac_grade=bac,
        benign=benign,
        hard=hard,
    )


SAMPLE_PHANTOMS: Final[Mapping[str, SamplePhantom]] = {
    "healthy": SamplePhantom(_spec(1, _MLO, _L, "b", "ffdm")),
    "benign-film": SamplePhantom(_spec(26, _CC, _R, "c", "film", benign=4)),
    "benign-scattered": SamplePhantom(_spec(41, _MLO, _R, "b", "ffdm", benign=4)),
    "bac-few": SamplePhantom(_spec(62, _CC, _L, "b", "ffdm", bac=1, benign=1), encoding="jpeg_2000"),
    "bac-heavy": SamplePhantom(_spec(86, _MLO, _L, "a", "ffdm", bac=3, benign=1)),
    "bac-film": SamplePhantom(_spec(103, _CC, _R, "b", "film", bac=2, benign=1)),
    "mc-pleomorphic": SamplePhantom(_spec(121, _CC, _R, "c", "ffdm", ("pleomorphic", "clustered"), benign=1)),
    "mc-segmental": SamplePhantom(_spec(149, _MLO, _L, "b", "film", ("pleomorphic", "segmental"), benign=2)),
    "mc-fine-linear": SamplePhantom(_spec(171, _CC, _L, "d", "ffdm", ("fine_linear", "linear"))),
    "mc-punctate": SamplePhantom(
        _spec(181, _MLO, _R, "a", "ffdm", ("punctate", "clustered"), clusters=2, benign=1), monochrome1=True
    ),
    "both-mostly-bac": SamplePhantom(_spec(211, _MLO, _R, "b", "ffdm", ("pleomorphic", "clustered"), bac=3, benign=1)),
    "both-film": SamplePhantom(_spec(224, _CC, _L, "c", "film", (None, "clustered"), bac=2, benign=2)),
    "hard-b": SamplePhantom(_spec(241, _MLO, _L, "b", "ffdm", ("pleomorphic", "clustered"), bac=1, hard="b")),
    "hard-c": SamplePhantom(_spec(264, _CC, _R, "b", "film", (None, None), benign=1, hard="c")),
    "hard-d": SamplePhantom(_spec(290, _MLO, _L, "d", "ffdm", ("pleomorphic", "clustered"), bac=2, hard="d")),
}


def sample_phantom(key: str) -> Phantom:
    """The phantom of this sample without the air farther than `AIR_MM` from the breast."""
    whole = make_phantom(SAMPLE_PHANTOMS[key].spec)
    breast, reach = whole.masks["breast"], round(AIR_MM / MASTER_PITCH_MM)
    box = box_of(breast)
    top, left = max(box.top - reach, 0), max(box.left - reach, 0)
    bottom, right = (min(end + reach, size) for end, size in zip((box.bottom, box.right), breast.shape, strict=True))
    return window(whole, top, left, bottom - top, right - left)


def write_samples(folder: Path) -> list[Path]:
    """Write every sample phantom as KEY.dcm, and truth/KEY_mc.png and truth/KEY_bac.png (8 bit, 0 or 255).

    Gives the paths written. The same code and libraries give the same bytes.
    """
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for key, sample in SAMPLE_PHANTOMS.items():
        phantom = sample_phantom(key)
        image = folder / f"{key}.dcm"
        image.write_bytes(dicom_bytes(phantom, key, encoding=sample.encoding, monochrome1=sample.monochrome1))
        written.append(image)
        for name in ("mc", "bac"):
            path = truth / f"{key}_{name}.png"
            mask = phantom.masks[name].astype(np.uint8) * 255
            encoded, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
            if not encoded:
                raise OSError(f"The mask {path.name} could not be encoded as PNG.")
            path.write_bytes(data.tobytes())
            written.append(path)
    return written
