"""What methods and types are called. A run knows them by short names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

METHOD_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "single": "Two single-class U-Nets",
        "multiclass": "Multi-class U-Net",
        "mtunet": "MTU-Net",
        "mtunet-paper": "MTU-Net (the paper's objective)",
        "mtunet-no-background": "MTU-Net without background head",
        "multiclass-softmax": "Multi-class U-Net (softmax)",
        "multiclass-bce": "Multi-class U-Net (binary loss)",
        "heads-bac": "BAC head alone",
        "heads-bac-background": "BAC and background heads",
        "nothing": "Predict nothing",
        "everything": "Predict everything",
        "classical": "Classical filters",
        "prior": "Average place",
    }
)
TYPE_TITLES: Final[Mapping[str, str]] = MappingProxyType({"mc": "MC", "bac": "BAC"})
BASELINES: Final = ("nothing", "everything", "classical", "prior")
"""They learn nothing, and must be beaten."""


def method_title(method: str) -> str:
    """ "Two single-class U-Nets"; a method that has no title here is called what its run calls it."""
    return METHOD_TITLES.get(method, method.replace("-", " ").replace("_", " ").capitalize())
