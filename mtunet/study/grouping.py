"""Studies: the images of one examination, and by what signs images are taken for such.

A DICOM file says which study it is of (`case.Belonging`). Of other files the name is all there is: those that lie in
one folder, or came together, and are called alike but for side and view (`12_LCC.png`, `12_RMLO.png`) are guessed to
be of one study. A guess is marked and can be corrected; what says neither side nor view is a study of its own.
"""

import hashlib
from dataclasses import dataclass

from mtunet.case import Belonging
from mtunet.names import display_name, side_and_view_in, stem, without_side_and_view


@dataclass(frozen=True)
class Study:
    """One row of the worklist.

    id: random; it tells nothing of the patient.
    title: as the files were called; for showing only.
    made_at: when its first image came in, UTC, ISO 8601.
    patient: a keyed hash, the same for every study of a patient; None where the files do not say.
    shifted_day: see `case.Belonging`; None where unknown.
    opened_at: when somebody first opened it; None for a new one.
    guessed: whether any of its images is in it because of its file name alone.
    """

    id: str
    title: str
    made_at: str
    patient: str | None
    shifted_day: int | None
    opened_at: str | None
    guessed: bool


@dataclass(frozen=True)
class StudyPlace:
    """The study that an image goes to.

    group: the same for images of one study; None for an image that is a study of its own.
    numbered: whether a title that is taken already gets a number.
    """

    group: str | None
    title: str
    guessed: bool = False
    numbered: bool = False
    patient: str | None = None
    shifted_day: int | None = None


def place(name: str, batch: str, belonging: Belonging, *, archive: str = "", title: str | None = None) -> StudyPlace:
    """Where an image goes.

    name: of its file, with the folders it lay in. archive: the file name of the zip it came in. batch: what was handed
    in together; a name means nothing beyond that. title: the study's, when someone has given one.
    """
    folder, _, last = name.replace("\\", "/").rpartition("/")
    within = display_name(folder) if folder else stem(archive) if archive else ""
    rest = without_side_and_view(stem(last))
    if belonging.study is not None:
        return StudyPlace(
            group=f"header:{belonging.study}",
            title=title or within or (rest if rest != stem(last) else "") or display_name(last),
            numbered=bool(within) and title is None,
            patient=belonging.patient,
            shifted_day=belonging.shifted_day,
        )
    if title is not None or side_and_view_in(stem(last)) == (None, None):
        return StudyPlace(
            None,
            title or display_name(last),
            patient=belonging.patient,
            shifted_day=belonging.shifted_day,
        )
    return StudyPlace(
        group=f"name:{_digest(batch, archive, folder, rest.casefold())}",
        title=f"{within} · {rest}" if folder and rest.isdigit() else rest or within or display_name(last),
        guessed=True,
        patient=belonging.patient,
        shifted_day=belonging.shifted_day,
    )


def numbered(title: str, number: int) -> str:
    """The title of the study that is the number-th under it: "export", "export (2)", …"""
    return title if number < 2 else f"{title} ({number})"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
