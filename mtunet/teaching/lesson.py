"""The lesson as data: chapters of statements, each with its source, and pictures that say what they are of."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """One picture of the lesson, of a phantom (spec) or of a sample (its key). origin says which, for the reader."""

    key: str
    caption: str
    parts: tuple[Detail, Detail]
    spec: PhantomSpec | None = None
    sample: str = ""
    origin: str = PHANTOM_ORIGIN


@dataclass(frozen=True)
class Statement:
    """One thing to know. sources: keys of `SOURCES`."""

    words: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Chapter:
    """A heading, what to know, what to see. pictures: keys of `PICTURES`."""

    title: str
    statements: tuple[Statement, ...]
    pictures: tuple[str, ...]


def _sample(key: str, caption: str, *parts: Detail) -> LessonPicture:
    far, near = parts
    return LessonPicture(key, caption, (far, near), spec=SAMPLE_PHANTOMS[key].spec)


def _closer(mask: str, far_mm: float, near_mm: float) -> tuple[Detail, Detail]:
    return Detail(mask, far_mm), Detail(mask, near_mm)


_ALL = (
    _sample(
        "both-mostly-bac",
        "1 microcalcifications: a group of specks. 2 arterial calcification: two walls of one vessel. Right: masks.",
        Detail("mc", 20),
        Detail("bac", 28),
    ),
    _sample("mc-punctate", "Punctate: small, round, alike. Two groups in a fatty breast.", *_closer("mc", 24, 10)),
    LessonPicture(
        "mc-amorphous",
        "Amorphous: specks so small or hazy that none has a shape of its own.",
        _closer("mc", 24, 10),
        spec=PhantomSpec(
            seed=8_000_000_200, density="b", mc_type="amorphous", distribution="clustered", bac_grade=0, benign=0
        ),
    ),
    _sample("mc-pleomorphic", "Pleomorphic: specks of differing shape and size.", *_closer("mc", 24, 10)),
    _sample("mc-fine-linear", "Fine linear branching: thin casts of ducts, some fork.", *_closer("mc", 30, 12)),
    LessonPicture(
        "mc-linear",
        "Linear: specks in single file, as a duct runs. Hard case c: taken for one wall of a vessel.",
        _closer("mc", 40, 18),
        spec=PhantomSpec(seed=8_000_000_301, density="a", bac_grade=0, benign=0, hard="c"),
    ),
    _sample("mc-segmental", "Segmental: specks fill a wedge that points to the nipple.", *_closer("mc", 45, 16)),
    _sample("bac-few", "Grade 1: a few specks in the wall of one artery.", *_closer("bac", 36, 14)),
    _sample("bac-film", "Grade 2: tram-tracks on fewer than three arteries.", *_closer("bac", 40, 16)),
    _sample("bac-heavy", "Grade 3: tram-tracks on three or more arteries.", *_closer("bac", 50, 18)),
    _sample(
        "hard-b",
        "Hard case b: short broken pieces of a calcified artery beside and over microcalcifications.",
        Detail("bac", 36),
        Detail("mc", 18),
    ),
    _sample("hard-d", "Hard case d: both types, faint, in a dense breast.", Detail("mc", 22), Detail("bac", 26)),
    LessonPicture(
        "benign-popcorn-rim",
        "Popcorn-like and rim calcifications (grey in the masks: neither MC nor BAC).",
        (Detail("benign", 22, 0), Detail("benign", 22, 1)),
        spec=PhantomSpec(seed=8_000_000_055, view=View.CC, clusters=0, bac_grade=0, benign=2),
    ),
    LessonPicture(
        "benign-milk-skin",
        "Milk of calcium, seen from above as soft smudges, and lucent-centred skin calcifications.",
        (Detail("benign", 24, 0), Detail("benign", 16, 1)),
        spec=PhantomSpec(seed=8_000_000_331, view=View.CC, density="a", clusters=0, bac_grade=0, benign=2),
    ),
    LessonPicture(
        "real-pleomorphic",
        "Two groups of pleomorphic microcalcifications in an extremely dense breast, benign on biopsy. Film; the "
        "groups were found by eye, so there is no mask.",
        (Detail(at=(0.155, 0.648), share=0.075), Detail(at=(0.205, 0.517), share=0.075)),
        sample="calc-p00377-left-cc",
        origin="Real mammogram: CBIS-DDSM, digitised film (Lee et al. 2017, Sci Data 4:170177, CC BY 3.0).",
    ),
)
PICTURES: Final[Mapping[str, LessonPicture]] = MappingProxyType({picture.key: picture for picture in _ALL})

LESSON: Final[tuple[Chapter, ...]] = (
    Chapter(
        "Two kinds of calcium",
        (
            Statement(
                "Microcalcifications (MC) are small deposits in breast tissue; some are the first sign of a cancer.",
                ("paper", "suspicious"),
            ),
            Statement(
                "Breast arterial calcifications (BAC) lie in the wall of an artery. They are benign for cancer and "
                "seen as parallel lines along the course of a vessel.",
                ("vascular", "paper"),
            ),
            Statement(
                "BAC says something else: it goes with a higher risk of disease of the heart and its vessels.",
                ("heart", "csbi"),
            ),
            Statement(
                "Detection systems often take BAC for MC. In one set of examinations without cancer that such a system "
                "scored highest, calcifications were a reason in three of ten, and four fifths of those looked benign.",
                ("false_alarms", "paper"),
            ),
        ),
        ("both-mostly-bac",),
    ),
    Chapter(
        "MC: what one speck looks like",
        (
            Statement("Punctate: round and under half a millimetre; benign more often than not.", ("benign",)),
            Statement("Amorphous: too small or too hazy to say what shape it has. Suspicious.", ("suspicious",)),
            Statement(
                "Fine pleomorphic: differing, irregular shapes, mostly under half a millimetre. More suspicious.",
                ("suspicious",),
            ),
            Statement(
                "Fine linear or branching: thin irregular lines, as if a duct had been cast. The most suspicious.",
                ("suspicious",),
            ),
        ),
        ("mc-punctate", "mc-amorphous", "mc-pleomorphic", "mc-fine-linear"),
    ),
    Chapter(
        "MC: how the specks lie together",
        (
            Statement("Grouped (clustered): at least five within a centimetre of each other.", ("suspicious",)),
            Statement("Linear: in a line, which suggests a duct.", ("suspicious",)),
            Statement(
                "Segmental: in the ducts of one segment, a wedge towards the nipple. The most suspicious.",
                ("suspicious",),
            ),
        ),
        ("mc-linear", "mc-segmental"),
    ),
    Chapter(
        "BAC: along an artery",
        (
            Statement("Tram-track: both walls of the vessel, two parallel lines that bend together.", ("vascular",)),
            Statement(
                "Grades: 0 none, 1 a few specks, 2 coarse or tram-track in under three vessels, 3 in three or more.",
                ("csbi",),
            ),
            Statement(
                "Ask: does it keep one continuous course, as a tube with two walls does?",
                ("vascular", "short"),
            ),
        ),
        ("bac-few", "bac-film", "bac-heavy"),
    ),
    Chapter(
        "Why the two are confused",
        (
            Statement(
                "An early artery has calcium in short pieces and in one wall only: grains or fine lines, like MC.",
                ("short", "paper"),
            ),
            Statement("MC in single file look like one wall of a vessel: look for the second wall.", ("paper",)),
            Statement("Dense tissue hides both; what is left visible is too little to show a course.", ("paper",)),
        ),
        ("hard-b", "hard-d"),
    ),
    Chapter(
        "What else is benign",
        (
            Statement("Popcorn-like: coarse, in an ageing fibroadenoma.", ("benign",)),
            Statement("Rim: a thin shell, as of an oil cyst.", ("benign",)),
            Statement(
                "Milk of calcium: settles in small cysts; smudges from above (CC), teacups from the side.", ("teacup",)
            ),
            Statement("Skin: near the edge, often with a clear centre.", ("short", "benign")),
        ),
        ("benign-popcorn-rim", "benign-milk-skin"),
    ),
    Chapter(
        "A real one",
        (
            Statement(
                "Everything above was drawn by this program. Real breasts are harder: this is one, on digitised film.",
                ("cbis", "phantom"),
            ),
        ),
        ("real-pleomorphic",),
    ),
)


# Where the lesson's statements come from.


@dataclass(frozen=True)
class Reference:
    """A text that says it. address: where it can be read."""

    words: str
    address: str


SOURCES: Final[Mapping[str, Reference]] = MappingProxyType(
    {
        "paper": Reference("Alghamdi 2024, MTU-Net", "https://doi.org/10.48084/etasr.8403"),
        "suspicious": Reference(
            "Radiopaedia, Suspicious breast calcifications (BI-RADS, 5th edition)",
            "https://radiopaedia.org/articles/suspicious-breast-calcifications",
        ),
        "benign": Reference(
            "StatPearls 2023, Benign breast calcifications", "https://www.statpearls.com/point-of-care/18596"
        ),
        "vascular": Reference(
            "IARC, Atlas of breast cancer early detection, case 150",
            "https://screening.iarc.fr/atlasbreastdiag_detail.php?Id=AHB&FinalDiag=Vascular",
        ),
        "csbi": Reference(
            "Canadian Society of Breast Imaging, position statement on breast arterial calcification",
            "https://csbi.ca/canadian-society-of-breast-imaging-position-statement-on-breast-arterial-calcification-"
            "reporting-on-mammography/",
        ),
        "heart": Reference(
            "BAC-SS, a semiquantitative score of breast arterial calcifications, Quant Imaging Med Surg",
            "https://qims.amegroups.org/article/view/64277/html",
        ),
        "short": Reference(
            "Benign calcifications, chapter on vascular and skin calcifications",
            "https://www.rrnursingschool.biz/breast-cancer-3/benign-calcifications.html",
        ),
        "teacup": Reference('The "teacup sign", Clin Imaging 2023;104:110009', "https://www.pubmed.gov/37952484/"),
        "false_alarms": Reference(
            "Calcifications in examinations without cancer that a detection system scored highest, Acta Radiol",
            "https://doi.org/10.1177/02841851251363697",
        ),
        "cbis": Reference(
            "Lee et al. 2017, CBIS-DDSM, Sci Data 4:170177, CC BY 3.0", "https://doi.org/10.1038/sdata.2017.177"
        ),
        "phantom": Reference("this program's phantom generator (mtunet/phantom)", ""),
    }
)
