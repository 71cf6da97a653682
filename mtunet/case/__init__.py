"""The nouns of this project. Every other module is functions over these.

Imports numpy and `scope`, so it can be read first and trusted everywhere.

Frames. Pixel coordinates are (x, y) = (column, row); the centre of the top-left pixel is (0, 0).
Boxes are half-open in pixels. "The image's own grid" is the grid of the file that was read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtunet.case.scope import Fact

NOT_FOR_CLINICAL_USE = "Research demonstration, not for clinical use."
"""The sentence that stands on every export."""


class Calcification(StrEnum):
    """What MTU-Net segments, in the order of the network's output channels."""

    MICRO = "mc"
    """Microcalcifications, possibly malignant."""
    ARTERIAL = "bac"
    """Breast arterial calcifications, benign for cancer."""


class Laterality(StrEnum):
    """Image Laterality (0020,0062)."""

    LEFT = "L"
    RIGHT = "R"


class View(StrEnum):
    """View Code Sequence (0054,0220), by the acronyms of CID 4014."""

    CC = "CC"
    MLO = "MLO"
    ML = "ML"
    LM = "LM"
    LMO = "LMO"
    SIO = "SIO"
    XCC = "XCC"
    XCCL = "XCCL"
    XCCM = "XCCM"
    FB = "FB"
    SPECIMEN = "SPECIMEN"


class Flag(StrEnum):
    """What triage says of an image, in one word."""

    NONE = "none"
    MC = "mc"
    MOSTLY_BAC = "mostly_bac"
    MOSTLY_BAC_MC_LEFT = "mostly_bac_mc_left"
    NOT_ASSESSABLE = "not_assessable"


class Priority(StrEnum):
    """Who is read first. MC always makes it high, whatever share is BAC."""

    HIGH = "high"
    CHECK = "check"
    ROUTINE = "routine"


class ScaleSource(StrEnum):
    """How the size of a pixel was found, the surest first."""

    STATED = "stated"
    FRAME = "frame"
    WHOLE_VIEW = "whole_view"
    TRIED = "tried"
    OPEN = "open"
    """Of a part of a breast, by a model that looks at every picture at one size: there is nothing to try."""


SCALE_WORDS: Mapping[ScaleSource, str] = MappingProxyType(
    {
        ScaleSource.STATED: "stated by the file",
        ScaleSource.FRAME: "known by the size of the frame",
        ScaleSource.WHOLE_VIEW: "assumed of a whole view",
        ScaleSource.TRIED: "tried at two scales",
        ScaleSource.OPEN: "assumed of a part of a breast",
    }
)


class Refusal(StrEnum):
    """Why a file is not analysed. Each kind has a sentence that says expected, found, what to do."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    DAMAGED = "damaged"
    NO_PIXELS = "no_pixels"
    BAD_HEADER = "bad_header"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    TOO_SLOW = "too_slow"
    DECODER_CRASHED = "decoder_crashed"
    COLOUR = "colour"
    MANY_FRAMES = "many_frames"
    TOMOSYNTHESIS = "tomosynthesis"
    SCREEN_SAVE = "screen_save"
    OTHER_MODALITY = "other_modality"
    NOT_A_PICTURE = "not_a_picture"
    """A DICOM object that holds no picture: SR, SEG, KO, PR, plan, directory."""
    BLANK = "blank"
    ENCRYPTED = "encrypted"
    BAD_ARCHIVE = "bad_archive"
    NOT_READ = "not_read"
    """Handed in, and the program ended before its turn."""


class UnreadableImage(ValueError):
    """A file that cannot be analysed. `str()` is the sentence for the person; it never quotes the file's contents."""

    def __init__(self, kind: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.sentence = sentence


class DeviceUnavailable(ValueError):
    """A device was asked for that this machine does not have; `str()` is the sentence for the person."""


class Cancelled(Exception):
    """The person stopped the work."""


class Box(NamedTuple):
    """Half-open, in pixels of the image's own grid."""

    top: int
    left: int
    bottom: int
    right: int


class FileWindow(NamedTuple):
    """A window that the file names. low, high: the brightness of the picture as displayed, 0 to 1, that it shows black
    and white; they may lie beyond."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Mammogram:
    """One mammogram as displayed: bright is dense, no patient identifiers.

    pixels: (rows, columns) float32 in [0, 1], read-only.
    spacing_mm: (row, column) distance between pixel centres in the breast, mm: Imager Pixel Spacing (0018,1164)
        divided by Estimated Radiographic Magnification Factor (0018,1114); None when the file does not say,
        and then areas are in pixels only.
    laterality, view: None when the file does not say.
    sha256: of the file's bytes, in hex: the image's name everywhere.
    notes: sentences on what the reader had to decide or assume, for the person to see.
    facts: what header or picture say that bears on how far a result may be trusted (`scope`).
    windows: that the file names, first how `pixels` are shown, then the others.
    tones: (256,) or (65536,) float32 in [0, 1]: how bright each stored value of a DICOM file became, from the lowest
        that its kind of number can be; None for other files and for an image from the store.
    """

    pixels: npt.NDArray[np.float32]
    spacing_mm: tuple[float, float] | None
    laterality: Laterality | None
    view: View | None
    sha256: str
    notes: tuple[str, ...] = ()
    facts: frozenset[Fact] = frozenset()
    windows: tuple[FileWindow, ...] = ()
    tones: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        p = self.pixels
        if p.ndim != 2 or p.dtype != np.float32 or p.size == 0:
            raise ValueError(f"Mammogram.pixels must be a non-empty 2-D float32 array, not {p.shape} {p.dtype}.")
        low, high = float(p.min()), float(p.max())
        if not (low >= 0.0 and high <= 1.0):  # also false for NaN
            raise ValueError(f"Mammogram.pixels must lie in [0, 1], not in [{low}, {high}].")
        _refuse_bad_spacing(self.spacing_mm)
        p.flags.writeable = False

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def pixels_sha256(self) -> str:
        """Of the picture rounded to 16 bits, in hex: the same however it was encoded or kept."""
        digest = hashlib.sha256(f"{self.pixels.shape}".encode())
        for top in range(0, self.pixels.shape[0], 256):
            rows = self.pixels[top : top + 256]
            digest.update(np.rint(rows * np.float32(65_535)).astype("<u2").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Belonging:
    """Which image it is, of which study and patient, as keyed hashes: alike for alike, telling nothing. None: unsaid.

    shifted_day: the day of the study, moved by a secret number of days that is the same for every study of a patient:
        only the difference between two studies of one patient means anything.
    instance: the image itself, whatever file it lies in (SOP Instance UID). derived_from: the images it was made of.
    """

    study: str | None = None
    patient: str | None = None
    shifted_day: int | None = None
    instance: str | None = None
    derived_from: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Truth:
    """Where the calcifications are known to be.

    masks: (rows, columns) bool per type, on the mammogram's own grid; a type that is absent here is *unknown*,
        an all-False mask is *known absent*.
    source: whose truth it is, for the person to see ("phantom, exact", "CBIS-DDSM, drawn regions").
    """

    masks: Mapping[Calcification, npt.NDArray[np.bool_]]
    source: str


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What the network saw, on the mammogram's own grid. MC and BAC may overlap.

    probability: per type (rows, columns) float32 in [0, 1]. Zero outside `breast`.
    breast: (rows, columns) bool, the region that was looked at. left_out: what looks like tissue and is not in it, as a
        share of both together. negative: the picture looks like one, bright being air.
    spacing_mm: (row, column) mm that the network took. scale_source: how that was found; None in maps of earlier
        versions where the file does not say it. scale_said: the same, as the end of a sentence; "" for the file's own.
    thresholds: per type, probability at and above which a pixel counts.
    minimum_mm2: per type, smaller components are dropped (measured with spacing_mm).
    specks: (n, 2) int32 row and column of bright specks where MC is possible (`specks`); None: not looked for.
    minimum_specks and minimum_peak, minimum_track_mm2: what MC and BAC need besides to count
        (`mtunet.detection.components`).
    networks: how many are told apart in `seen_by`: per type (rows, columns) uint8 whose bit k says that network k
        reaches the threshold there by itself. 0, and empty, where one network looked and in maps of earlier versions.
    overruled: (rows, columns) bool, MC that would be on the map but for a closer look (`magnification`); None where
        there is none.
    model, weights_sha256, device, seconds: provenance of the maps.
    """

    probability: Mapping[Calcification, npt.NDArray[np.float32]]
    breast: npt.NDArray[np.bool_]
    spacing_mm: tuple[float, float]
    scale_source: ScaleSource | None
    thresholds: Mapping[Calcification, float]
    minimum_mm2: Mapping[Calcification, float]
    model: str
    weights_sha256: str
    device: str
    seconds: float
    specks: npt.NDArray[np.int32] | None = None
    minimum_specks: int = 0
    minimum_track_mm2: float = 0.0
    left_out: float = 0.0
    negative: bool = False
    scale_said: str = ""
    minimum_peak: float = 0.0
    networks: int = 0
    seen_by: Mapping[Calcification, npt.NDArray[np.uint8]] = field(default_factory=dict)
    overruled: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        _refuse_bad_spacing(self.spacing_mm)
        if self.minimum_specks and self.specks is None:
            raise ValueError("Specks are asked for, but were not looked for.")
        if self.overruled is not None and self.overruled.shape != self.breast.shape:
            raise ValueError(f"What was overruled is {self.overruled.shape}, the breast mask {self.breast.shape}.")
        for kind in Calcification:
            if kind not in self.probability:
                raise ValueError(f"Segmentation.probability has no map for {kind.value}.")
            shapes = {self.probability[kind].shape, *([self.seen_by[kind].shape] if self.seen_by else [])}
            for shape in shapes:
                if shape != self.breast.shape:
                    raise ValueError(f"Map {kind.value} is {shape}, the breast mask {self.breast.shape}: not one grid.")


class Networks(NamedTuple):
    """How many of a model's networks see a finding by themselves: reach the threshold on half of it or more."""

    agree: int
    of: int

    def __str__(self) -> str:
        return f"{self.agree} of {self.of}"


@dataclass(frozen=True)
class Finding:
    """One connected component of one type, on the image's own grid.

    contour: outer outline, ((x, y), …) in pixel coordinates, closed implicitly.
    area_mm2, length_mm: None when the file has no spacing.
    length_px, length_mm: of the centre line for BAC; of the longest extent for MC.
    specks: bright specks counted inside an MC region; None for BAC.
    probability: mean over the component of its own type's map.
    probabilities: mean over the component of each type's map.
    below: why it does not count, as the end of a sentence; "" for one that does.
    networks: None of a model of one network, at another threshold than the model's, and in results of earlier versions.
    """

    number: int
    type: Calcification
    contour: tuple[tuple[float, float], ...]
    box: Box
    area_px: int
    area_mm2: float | None
    length_px: float
    length_mm: float | None
    specks: int | None
    probability: float
    probabilities: Mapping[Calcification, float] = field(default_factory=dict)
    below: str = ""
    networks: Networks | None = None


@dataclass(frozen=True)
class Reason:
    """One sentence of the flag, and the rule that says it."""

    rule: str
    sentence: str


@dataclass(frozen=True)
class Triage:
    """Why before what. bac_share: BAC area / (BAC + MC area) in [0, 1]; None when nothing is calcified."""

    flag: Flag
    priority: Priority
    reasons: tuple[Reason, ...]
    bac_share: float | None
    rules: str


@dataclass(frozen=True)
class Provenance:
    """What made a result, so that it can be made again."""

    model: str
    weights_sha256: str
    version: str
    rules: str
    device: str
    seconds: float
    made_at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class Analysis:
    """Everything an export, a page or an auditor needs of one image, without its arrays.

    looked_share: of what looks like tissue, in [0, 1], what was looked at. looked_mm: (row, column) of a pixel as it
        was taken to be, and scale_source how that was found. All None in results of earlier versions. below: regions
        above the thresholds that do not count, each with its reason; numbered on from the findings.
    """

    sha256: str
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    laterality: Laterality | None
    view: View | None
    notes: tuple[str, ...]
    breast_px: int
    breast_mm2: float | None
    looked_share: float | None
    looked_mm: tuple[float, float] | None
    scale_source: ScaleSource | None
    thresholds: Mapping[Calcification, float]
    findings: tuple[Finding, ...]
    below: tuple[Finding, ...]
    triage: Triage
    provenance: Provenance


def _refuse_bad_spacing(spacing_mm: tuple[float, float] | None) -> None:
    if spacing_mm is not None and not (min(spacing_mm) > 0.0 and max(spacing_mm) < 10.0):
        raise ValueError(f"Pixel spacing must be (row, column) millimetres between 0 and 10, not {spacing_mm}.")


def frozen(mapping: Mapping[Calcification, float]) -> Mapping[Calcification, float]:
    """A read-only copy, for the mappings inside frozen dataclasses."""
    return MappingProxyType(dict(mapping))
