"""The lesson's pictures: which phantom each is drawn of, what of it is magnified, and what a reader shall see."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from mtunet.case import View
from mtunet.phantom import PhantomSpec
from mtunet.phantom.sample_set import SAMPLE_PHANTOMS

PHANTOM_ORIGIN: Final = "Phantom: computer-made, shows no person."


@dataclass(frozen=True)
class Detail:
    """A square that a picture magnifies: round the `number`-th largest region of a mask, or, where nothing is known,
    at a place seen by eye. at: (x, y) as shares of width and height; share: its side over the image's height.
    """

    mask: str = ""
    side_mm: float = 20.0
    number: int = 0
    at: tuple[float, float] = (0.5, 0.5)
    share: float = 0.1


@dataclass(frozen=True)
class LessonPicture:
    """One picture of the lesson, of a phantom (spec) or of a sample (its key). origin says which, for the reader.

    near: what is shown largest; far: what lies about it, or a second thing to see. other: a second phantom, of which
    the same part is shown as large, beside the first. dots: the known specks are shown as large, beside the part.
    """

    key: str
    caption: str
    near: Detail
    far: Detail
    spec: PhantomSpec | None = None
    sample: str = ""
    other: PhantomSpec | None = None
    dots: bool = False
    origin: str = PHANTOM_ORIGIN


_PLAIN: Final = PhantomSpec(seed=0, density="a", clusters=0, bac_grade=0, benign=0)


def _mc(key: str, caption: str, seed: int, kind: str, layout: str, far_mm: float, near_mm: float) -> LessonPicture:
    spec = replace(_PLAIN, seed=seed, clusters=1, mc_type=kind, distribution=layout)  # type: ignore[arg-type]
    return LessonPicture(key, caption, Detail("mc", near_mm), Detail("mc", far_mm), spec)


def _spread(key: str, caption: str, seed: int, kind: str, layout: str, side_mm: float) -> LessonPicture:
    """With its specks as dots: what is wider than a group is seen by where they lie, not by any one of them."""
    return replace(_mc(key, f"{caption} Right: where the specks are.", seed, kind, layout, 20, side_mm), dots=True)


def _benign(key: str, caption: str, seed: int, kind: str, far_mm: float, near_mm: float) -> LessonPicture:
    spec = replace(_PLAIN, seed=seed, benign=1, benign_kind=kind)  # type: ignore[arg-type]
    return LessonPicture(key, caption, Detail("benign", near_mm), Detail("benign", far_mm), spec)


def _in_two_views(picture: LessonPicture) -> LessonPicture:
    """Large: left from above (CC), right at a slant (MLO)."""
    assert picture.spec is not None
    return replace(picture, spec=replace(picture.spec, view=View.CC), other=replace(picture.spec, view=View.MLO))


def _sample(key: str, caption: str, near: Detail, far: Detail) -> LessonPicture:
    return LessonPicture(key, caption, near, far, SAMPLE_PHANTOMS[key].spec)


_DUCT: Final = replace(_PLAIN, seed=9012, clusters=1, mc_type="pleomorphic", distribution="linear")

_ALL = (
    _sample(
        "both-mostly-bac",
        "Left, large: an artery with calcium in both walls. Right, above: microcalcifications, a group of specks.",
        Detail("bac", 24),
        Detail("mc", 20),
    ),
    # Typically benign
    _in_two_views(
        _benign("skin", "Skin: rings with a clear centre, in the same order in both views.", 9008, "skin", 30, 9)
    ),
    _benign("popcorn", "Coarse, popcorn-like: one dense lump with lobes.", 9001, "popcorn", 40, 14),
    _benign("rod", "Large rods: thick, smooth, solid bars that aim at the nipple.", 9004, "rod", 60, 20),
    _benign("round", "Round: single smooth discs, scattered.", 9001, "round", 60, 8),
    _benign("rim", "Rim: a thin shell about a clear centre.", 9001, "rim", 40, 16),
    _benign(
        "dystrophic",
        "Dystrophic: coarse, irregular pieces over a millimetre, some clear inside.",
        9004,
        "dystrophic",
        40,
        14,
    ),
    _in_two_views(
        _benign(
            "milk",
            "Milk of calcium: smudges from above (left), cups from the side (right).",
            9008,
            "milk_of_calcium",
            30,
            9,
        )
    ),
    _benign("suture", "Suture: a smooth thread of one width with a loop and a knot.", 9003, "suture", 40, 14),
    # Suspicious
    _mc(
        "punctate", "Punctate: round points under half a millimetre, all alike.", 9012, "punctate", "clustered", 30, 10
    ),
    _mc("amorphous", "Amorphous: powder without edges or shapes.", 9012, "amorphous", "clustered", 30, 10),
    _mc(
        "coarse",
        "Coarse heterogeneous: dense, irregular, half to one millimetre, some touching.",
        9015,
        "coarse_heterogeneous",
        "clustered",
        30,
        12,
    ),
    _mc(
        "pleomorphic",
        "Fine pleomorphic: edged grains of differing shape and size.",
        9012,
        "pleomorphic",
        "clustered",
        30,
        10,
    ),
    _mc("fine-linear", "Fine linear: thin broken lines, some forking.", 9015, "fine_linear", "clustered", 30, 10),
    # Distributions
    _spread("diffuse", "Diffuse: all over the breast.", 9012, "punctate", "diffuse", 110),
    _spread("regional", "Regional: over more than 2 cm, along no duct.", 9012, "pleomorphic", "regional", 60),
    _spread("grouped", "Grouped: close together, within 2 cm.", 9012, "pleomorphic", "clustered", 24),
    _spread("linear", "Linear: in single file, towards the nipple.", 9012, "pleomorphic", "linear", 44),
    _spread("segmental", "Segmental: a wedge with its tip at the nipple.", 9012, "pleomorphic", "segmental", 115),
    _in_two_views(
        _mc(
            "two-views",
            "One group, tight from above (left) and at a slant (right).",
            9012,
            "pleomorphic",
            "clustered",
            30,
            14,
        )
    ),
    # Arteries
    _sample("bac-few", "Grade 1: a few specks in the wall of one artery.", Detail("bac", 16), Detail("bac", 40)),
    _sample("bac-film", "Grade 2: tram-tracks on fewer than three arteries.", Detail("bac", 16), Detail("bac", 45)),
    _sample("bac-heavy", "Grade 3: tram-tracks on three or more arteries.", Detail("bac", 18), Detail("bac", 60)),
    LessonPicture(
        "artery-or-duct",
        "The same breast twice. Left: MC in single file in a duct. Right: calcium in the wall of an artery.",
        Detail("", 26),
        Detail("mc", 60),
        _DUCT,
        other=replace(_DUCT, clusters=0, mc_type=None, distribution=None, bac_grade=3),
    ),
    _sample(
        "hard-b",
        "Hard case b. Large: short broken pieces of an artery; above: microcalcifications beside them.",
        Detail("bac", 30),
        Detail("mc", 18),
    ),
    _sample("hard-d", "Hard case d: both types, faint, in a dense breast.", Detail("mc", 20), Detail("bac", 26)),
    LessonPicture(
        "real-pleomorphic",
        "Two groups of pleomorphic microcalcifications in an extremely dense breast, benign on biopsy. Film; the "
        "groups were found by eye, so there is no mask.",
        Detail(at=(0.155, 0.648), share=0.075),
        Detail(at=(0.205, 0.517), share=0.075),
        sample="calc-p00377-left-cc",
        origin="Real mammogram: CBIS-DDSM, digitised film (Lee et al. 2017, Sci Data 4:170177, CC BY 3.0).",
    ),
)
PICTURES: Final[Mapping[str, LessonPicture]] = MappingProxyType({picture.key: picture for picture in _ALL})
