"""A study of four views as DICOM files: MC in the left breast only, two regions a view, BAC nowhere."""

from tests.dicoms import dicom
from tests.painting import drawing

VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


def four_views(study: str = "1.2.3") -> dict[str, bytes]:
    """By the path of each file in a zip."""
    return {
        f"march/IM{number}": dicom(
            drawing(900, 700, mc=2 if side == "L" else 0, bac=False, seed=number) >> 4,
            ImageLaterality=side,
            ViewPosition=view,
            StudyInstanceUID=study,
            PatientName="SECRET^NAME",
            WindowCenter=2047.5,
            WindowWidth=4095,
        )
        for number, (side, view) in enumerate(VIEWS)
    }
