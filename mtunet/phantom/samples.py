"""The images that come with the app: drawn phantoms with exact truth, and six redistributable film views.

The phantoms' files are made by `python -m mtunet.phantom samples --out samples`.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

import mtunet
from mtunet.case import Calcification, Truth

FOLDER: Final = mtunet.shipped("samples")
PHANTOM_SOURCE: Final = "Computer-made phantom of this project: it shows no person."
PHANTOM_LICENCE: Final = "Apache-2.0, as this project"
CBIS_SOURCE: Final = (
    "CBIS-DDSM, digitised film, 8 bit and about half size. Lee et al. 2017, A curated mammography data set for use in "
    "computer-aided detection and diagnosis research, Sci Data 4:170177; The Cancer Imaging Archive, "
    "doi 10.7937/K9/TCIA.2016.7O02S9CY"
)
CBIS_LICENCE: Final = "CC BY 3.0"


@dataclass(frozen=True)
class ShippedSample:
    """One image that ships with the app.

    teaches: one sentence on what to look for. file: path under `FOLDER`. truth: mask file per type, under
    `FOLDER`; None where the calcifications are not known.
    """

    key: str
    title: str
    teaches: str
    file: str
    source: str
    licence: str
    truth: Mapping[Calcification, str] | None


def _phantom(key: str, title: str, teaches: str) -> ShippedSample:
    truth = {kind: f"truth/{key}_{kind.value}.png" for kind in Calcification}
    return ShippedSample(key, title, teaches, f"{key}.dcm", PHANTOM_SOURCE, PHANTOM_LICENCE, truth)


def _cbis(key: str, title: str, teaches: str) -> ShippedSample:
    return ShippedSample(key, title, teaches, f"cbis-ddsm/{key}.png", CBIS_SOURCE, CBIS_LICENCE, None)


SAMPLES: Final[tuple[ShippedSample, ...]] = (
    _phantom(
        "both-mostly-bac",
        "Mostly arterial, microcalcifications left",
        "Three calcified arteries fill most of the calcified area, but a small cluster is left: the flag says both.",
    ),
    _phantom(
        "bac-heavy",
        "Mostly arterial",
        "Tram-tracks run along four arteries and there is no microcalcification: the image is flagged as mostly BAC.",
    ),
    _phantom(
        "mc-pleomorphic",
        "Pleomorphic cluster",
        "Specks of differing shape and size in one cluster, in a dense breast: what must not be missed.",
    ),
    _phantom(
        "hard-b",
        "Hard case b: broken artery over a cluster",
        "Short, broken pieces of a calcified artery lie among microcalcifications, so the two regions overlap.",
    ),
    _phantom(
        "hard-c",
        "Hard case c: microcalcifications in a line",
        "Specks in single file look like a vessel, but there is no second wall.",
    ),
    _phantom(
        "hard-d",
        "Hard case d: faint, in a dense breast",
        "Faint microcalcifications and faint arterial calcifications, both hidden by dense tissue.",
    ),
    _phantom(
        "bac-few",
        "A few arterial deposits",
        "Single specks in the wall of one artery: the mildest grade, easily taken for microcalcifications.",
    ),
    _phantom(
        "bac-film",
        "Arterial calcification on film",
        "Tram-tracks on two arteries, seen on digitised film with its grain, fog, dust and scratches.",
    ),
    _phantom(
        "mc-segmental",
        "Segmental microcalcifications on film",
        "Many specks fill a wedge of the breast that follows a duct system.",
    ),
    _phantom(
        "mc-fine-linear",
        "Fine linear microcalcifications",
        "Thin branching casts of ducts in an extremely dense breast: lines, but not of a vessel.",
    ),
    _phantom(
        "mc-punctate",
        "Two punctate clusters",
        "Two clusters of small round specks in a fatty breast; the file stores grey values inverted (MONOCHROME1).",
    ),
    _phantom(
        "both-film",
        "Both types on film",
        "One calcified artery and a cluster that is larger than it, so the image is not mostly arterial.",
    ),
    _phantom(
        "healthy",
        "No calcification",
        "Vessels, strands and gland without any calcium: nothing should be outlined.",
    ),
    _phantom(
        "benign-scattered",
        "Scattered benign calcifications",
        "Round, lucent-centred and popcorn-like calcifications far apart: neither microcalcification nor artery.",
    ),
    _phantom(
        "benign-film",
        "Benign calcifications and film artefacts",
        "A popcorn-like calcification, a rim, round ones and a label on film: none should be outlined.",
    ),
    _cbis(
        "calc-p00377-left-cc",
        "Real film: two pleomorphic clusters",
        "Two clusters of pleomorphic microcalcifications in an extremely dense breast, benign on biopsy.",
    ),
    _cbis(
        "calc-p00373-left-mlo",
        "Real film: a punctate cluster",
        "A subtle cluster of punctate microcalcifications in an extremely dense breast, benign on biopsy.",
    ),
    _cbis(
        "mass-p00001-left-cc",
        "Real film: a spiculated mass, CC view",
        "A malignant mass with architectural distortion: it is not what this tool looks for and stays without outline.",
    ),
    _cbis(
        "mass-p00001-left-mlo",
        "Real film: a spiculated mass, MLO view",
        "The other view of the same breast, with coarse benign calcifications, lymph nodes and mirrored lead letters.",
    ),
    _cbis(
        "mass-p00092-left-cc",
        "Real film: an oval mass",
        "A circumscribed malignant mass; whatever is outlined here should be checked, as truth is not known.",
    ),
    _cbis(
        "mass-p00264-left-mlo",
        "Real film: an obscured mass",
        "A malignant mass partly hidden by tissue; whatever is outlined here should be checked, as truth is not known.",
    ),
)


def sample_bytes(sample: ShippedSample) -> bytes:
    """The file as it would be uploaded. Raises FileNotFoundError where the samples were not shipped."""
    return (FOLDER / sample.file).read_bytes()


@functools.cache
def truly_holds(key: str) -> frozenset[Calcification] | None:
    """The types that are there in the sample called so; None where that is not known."""
    truth = read_truth(next(sample for sample in SAMPLES if sample.key == key))
    return None if truth is None else frozenset(kind for kind, mask in truth.masks.items() if mask.any())


def read_truth(sample: ShippedSample) -> Truth | None:
    """Known masks, (rows, columns) bool on the file's own grid; None where they are not known."""
    if sample.truth is None:
        return None
    masks = {}
    for kind, path in sample.truth.items():
        stored = cv2.imdecode(np.frombuffer((FOLDER / path).read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
        if stored is None:
            raise ValueError(f"The truth file {path} of the sample {sample.key} is not a picture; restore it.")
        masks[kind] = np.asarray(stored > 127, dtype=np.bool_)
    return Truth(masks=masks, source="phantom, exact")
