"""Computer-made mammograms with exact masks, for samples, tests, training and teaching. Not for clinical use.

They prove that the software works; what a network scores on them says nothing about real mammograms.
"""

from mtunet.phantom.cohort import cohort
from mtunet.phantom.phantom import MASKS, Facts, Phantom, at_pitch, make_phantom, place_for_calcium
from mtunet.phantom.spec import PHANTOM_VERSION, PhantomSpec

__all__ = [
    "MASKS",
    "PHANTOM_VERSION",
    "Facts",
    "Phantom",
    "PhantomSpec",
    "arterial",
    "at_pitch",
    "benign",
    "calcifications",
    "cohort",
    "dicom_file",
    "display",
    "fields",
    "make_phantom",
    "parenchyma",
    "phantom",
    "place_for_calcium",
    "sample_set",
    "samples",
    "spec",
    "unusual",
    "vessels",
]
