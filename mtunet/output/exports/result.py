"""What an export is made of, and what one entry of the registry says about itself."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mtunet.case import Analysis, Mammogram, Segmentation, Truth
from mtunet.output.drawing import FIGURE_3, Palette


@dataclass(frozen=True, eq=False)
class Result:
    """What an export is made of.

    file: the image's name as the person knows it. truth: drawn where it is known.
    study: what the images of one examination have in common, hashed into the UIDs of DICOM objects and shown nowhere;
        "" makes each image its own study.
    origin: the header of the DICOM file that was read, *with* its identifiers, for DICOM objects that go back to the
        archive the image came from. None, unless a person asked for it (`dicom_source.read_origin`).
    """

    file: str
    mammogram: Mammogram
    analysis: Analysis
    segmentation: Segmentation
    truth: Truth | None = None
    palette: Palette = field(default_factory=lambda: FIGURE_3)
    study: str = ""
    origin: Any = None


class Drawable(Protocol):
    """What a page of a report is drawn from: a `Result`, or a view of a study."""

    @property
    def file(self) -> str: ...
    @property
    def mammogram(self) -> Mammogram: ...
    @property
    def analysis(self) -> Analysis: ...
    @property
    def truth(self) -> Truth | None: ...
    @property
    def palette(self) -> Palette: ...


@dataclass(frozen=True)
class Export:
    """One form.

    suffix: what is put after the stem, with its extension. function: the file's bytes, of a Result or a StudyResult.
    about: one sentence on what it is for. needs: a package that may be absent, and the extra that installs it.
    """

    label: str
    suffix: str
    mime: str
    function: Callable[[Any], bytes]
    about: str
    needs: tuple[str, str] | None = None

    @property
    def missing(self) -> str:
        """Why it cannot be made here and what to do, in a sentence; "" when it can."""
        if self.needs is None or importlib.util.find_spec(self.needs[0]) is not None:
            return ""
        package, extra = self.needs
        return (
            f"{self.label} needs the Python package {package}, which is not installed here. "
            f"Install it with: python -m pip install -e '.[{extra}]'"
        )
