"""The samples that ship: complete, licensed, honest about what they are, with truth on their own grid."""

import cv2
import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from mtunet.case import Calcification
from mtunet.phantom import PHANTOM_VERSION
from mtunet.phantom.dicom_file import BITS
from mtunet.phantom.sample_set import SAMPLE_PHANTOMS, sample_phantom
from mtunet.phantom.samples import FOLDER, SAMPLES, ShippedSample, read_truth, sample_bytes

PHANTOMS = [sample for sample in SAMPLES if sample.truth is not None]
REAL = [sample for sample in SAMPLES if sample.truth is None]


def named(sample: ShippedSample) -> str:
    return sample.key


def pixels(sample: ShippedSample) -> npt.NDArray[np.float64]:
    """As displayed: bright is dense, 0–1."""
    dataset = pydicom.dcmread(FOLDER / sample.file)
    highest = 2**dataset.BitsStored - 1
    stored = dataset.pixel_array.astype(np.float64) / highest
    return 1 - stored if dataset.PhotometricInterpretation == "MONOCHROME1" else stored


def test_every_listed_file_exists_and_every_file_is_listed() -> None:
    listed = {sample.file for sample in SAMPLES} | {file for s in PHANTOMS for file in (s.truth or {}).values()}
    present = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert present - {"README.md"} == listed


def test_all_together_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 15e6


def test_keys_and_titles_are_unique_and_every_sample_teaches_one_sentence() -> None:
    assert len({sample.key for sample in SAMPLES}) == len({sample.title for sample in SAMPLES}) == len(SAMPLES)
    for sample in SAMPLES:
        assert sample.teaches.endswith(".")
        assert sample.teaches.count(". ") == 0
        assert 30 < len(sample.teaches) <= 120


def test_every_sample_says_its_source_and_licence() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(sample.licence and sample.source for sample in SAMPLES)
    for sample in REAL:
        assert sample.licence == "CC BY 3.0"
        assert "Lee et al. 2017" in sample.source
        assert "10.7937/K9/TCIA.2016.7O02S9CY" in sample.source
    assert "CC BY 3.0" in readme
    assert "10.7937/K9/TCIA.2016.7O02S9CY" in readme


def test_the_samples_cover_what_the_tool_tells_apart() -> None:
    specs = [sample.spec for sample in SAMPLE_PHANTOMS.values()]
    contents = {(spec.clusters > 0, spec.bac_grade > 0) for spec in specs}
    assert [sample.key for sample in PHANTOMS] == list(dict.fromkeys(sample.key for sample in PHANTOMS))
    assert set(SAMPLE_PHANTOMS) == {sample.key for sample in PHANTOMS}
    assert len(specs) >= 12
    assert contents == {(False, False), (True, False), (False, True), (True, True)}
    assert {spec.hard for spec in specs} == {"", "b", "c", "d"}
    assert {spec.density for spec in specs} == set("abcd")
    assert {(spec.view.value, spec.look) for spec in specs} == {
        (view, look) for view in ("CC", "MLO") for look in ("ffdm", "film")
    }


@pytest.mark.parametrize("sample", PHANTOMS, ids=named)
def test_truth_lies_on_the_images_grid_and_says_what_the_spec_said(sample: ShippedSample) -> None:
    header = pydicom.dcmread(FOLDER / sample.file, stop_before_pixels=True)
    truth = read_truth(sample)
    assert truth is not None
    assert truth.source == "phantom, exact"
    spec = SAMPLE_PHANTOMS[sample.key].spec
    for kind, wanted in ((Calcification.MICRO, spec.clusters > 0), (Calcification.ARTERIAL, spec.bac_grade > 0)):
        assert truth.masks[kind].shape == (header.Rows, header.Columns)
        assert truth.masks[kind].dtype == bool
        assert bool(truth.masks[kind].any()) == wanted


def shares(key: str) -> float:
    sample = next(sample for sample in SAMPLES if sample.key == key)
    truth = read_truth(sample)
    assert truth is not None
    mc, bac = (int(truth.masks[kind].sum()) for kind in (Calcification.MICRO, Calcification.ARTERIAL))
    return bac / (bac + mc)


def test_one_sample_is_mostly_bac_and_one_has_mc_left() -> None:
    assert shares("bac-heavy") == 1.0
    assert 0.75 < shares("both-mostly-bac") < 1.0
    assert shares("both-film") < 0.5


@pytest.mark.parametrize("sample", PHANTOMS, ids=named)
def test_phantom_files_are_honest_about_what_they_are(sample: ShippedSample) -> None:
    header = pydicom.dcmread(FOLDER / sample.file, stop_before_pixels=True)
    spec = SAMPLE_PHANTOMS[sample.key].spec
    assert header.Manufacturer == "MTU-Net phantom"
    assert str(header.PatientName).startswith("PHANTOM^")
    assert header.ImageType[0] == "DERIVED"
    assert header.Modality == "MG"
    assert (header.ImageLaterality, header.ViewPosition) == (spec.laterality.value, spec.view.value)
    digital = spec.look == "ffdm"
    assert header.SOPClassUID == ("1.2.840.10008.5.1.4.1.1.1.2" if digital else "1.2.840.10008.5.1.4.1.1.7")
    spacing = header.ImagerPixelSpacing if digital else header.NominalScannedPixelSpacing
    assert [float(value) for value in spacing] == [0.1, 0.1]
    assert header.BitsStored == BITS
    assert header.SoftwareVersions == PHANTOM_VERSION
    assert len(sample_bytes(sample)) < 1.1e6


def test_one_phantom_is_stored_inverted_and_looks_like_the_others() -> None:
    inverted = [
        sample
        for sample in PHANTOMS
        if pydicom.dcmread(FOLDER / sample.file, stop_before_pixels=True).PhotometricInterpretation == "MONOCHROME1"
    ]
    assert [sample.key for sample in inverted] == ["mc-punctate"]
    shown = pixels(inverted[0])
    assert shown[:, 0].mean() < 0.05 < shown[:, -1].mean()  # a right breast: air on the left


def test_the_generator_still_makes_the_shipped_files() -> None:
    """Up to the rounding of other Fourier libraries."""
    sample = next(sample for sample in SAMPLES if sample.key == "hard-b")
    again, truth = sample_phantom("hard-b"), read_truth(sample)
    assert truth is not None
    assert np.abs(pixels(sample) - again.pixels / 65535).mean() < 0.005
    for kind, mask in truth.masks.items():
        both = (mask & again.masks[kind.value]).sum()
        assert both > 0.98 * (mask | again.masks[kind.value]).sum()


@pytest.mark.parametrize("sample", REAL, ids=named)
def test_real_views_are_grey_pictures_without_truth(sample: ShippedSample) -> None:
    picture = cv2.imdecode(np.frombuffer(sample_bytes(sample), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.ndim == 2
    assert picture.dtype == np.uint8
    assert read_truth(sample) is None
