"""Phantoms as DICOM: what is written is what was made, and it says that it is no patient."""

from io import BytesIO

import numpy as np
import pydicom
import pytest

from mtunet.case import Laterality
from mtunet.phantom import Phantom, PhantomSpec, at_pitch, make_phantom
from mtunet.phantom.__main__ import main
from mtunet.phantom.dicom_file import BITS, Encoding, dicom_bytes


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return at_pitch(make_phantom(PhantomSpec(seed=21, laterality=Laterality.RIGHT, clusters=1, bac_grade=2)), 0.4)


@pytest.mark.parametrize("encoding", ["jpeg_ls", "jpeg_2000"])
@pytest.mark.parametrize("monochrome1", [False, True])
def test_pixels_come_back_exactly(phantom: Phantom, encoding: Encoding, monochrome1: bool) -> None:
    dataset = pydicom.dcmread(BytesIO(dicom_bytes(phantom, "test", encoding=encoding, monochrome1=monochrome1)))
    stored = dataset.pixel_array
    made = phantom.pixels >> (16 - BITS)
    assert dataset.PhotometricInterpretation == ("MONOCHROME1" if monochrome1 else "MONOCHROME2")
    assert dataset.PresentationLUTShape == ("INVERSE" if monochrome1 else "IDENTITY")
    assert np.array_equal(255 - stored if monochrome1 else stored, made)


def test_the_same_phantom_and_name_give_the_same_file(phantom: Phantom) -> None:
    assert dicom_bytes(phantom, "test") == dicom_bytes(phantom, "test")
    first, other = (pydicom.dcmread(BytesIO(dicom_bytes(phantom, name))) for name in ("test", "other"))
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert first.StudyInstanceUID != other.StudyInstanceUID


def test_the_file_says_it_is_no_patient_and_how_it_lies(phantom: Phantom) -> None:
    dataset = pydicom.dcmread(BytesIO(dicom_bytes(phantom, "test")))
    assert dataset.PatientName == "PHANTOM^TEST"
    assert "not for clinical use" in dataset.SeriesDescription
    assert dataset.PatientOrientation == ["P", "FL"]
    assert [float(value) for value in dataset.ImagerPixelSpacing] == pytest.approx(phantom.spacing_mm, rel=1e-4)
    assert dataset.ViewCodeSequence[0].CodeValue == "399368009"


def test_the_command_refuses_to_guess_where_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["samples"])
    assert stopped.value.code == 2
    assert "--out" in capsys.readouterr().err
