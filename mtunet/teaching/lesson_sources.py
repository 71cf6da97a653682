"""What the lesson's statements rest on: texts that say so, each looked up, and pictures that show it.

`SOURCES`, `PICTURES`: by the keys that `LESSON` names. `lesson_table`: all of it, for who checks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mtunet.case import View
from mtunet.phantom import PhantomSpec
from mtunet.phantom.sample_set import SAMPLE_PHANTOMS
from mtunet.teaching.lesson import LESSON, TEN_FACTS

TABLE: Final = Path(__file__).parents[2] / "docs" / "lesson.md"
PHANTOM_ORIGIN: Final = "Phantom: computer-made, shows no person."


@dataclass(frozen=True)
class Reference:
    """A text that says it. address: where it can be read; "" for this program itself."""

    words: str
    address: str


SOURCES: Final[Mapping[str, Reference]] = MappingProxyType(
    {
        "paper": Reference("Alghamdi 2024, MTU-Net", "https://doi.org/10.48084/etasr.8403"),
        "kinds": Reference(
            "BI-RADS Atlas, kinds of calcification, as HL7 repeats them",
            "https://hl7.org/fhir/us/breast-radiology/2020May/CodeSystem-MammoCalcificationTypeCS.html",
        ),
        "layouts": Reference(
            "BI-RADS Atlas, distributions, as HL7 repeats them",
            "https://hl7.org/fhir/us/breast-radiology/2020May/CodeSystem-CalcificationDistributionCS.xml.html",
        ),
        "categories": Reference(
            "BI-RADS categories and their management, Cleve Clin J Med",
            "https://www.ccjm.org/highwire/markup/859/expansion?height=500&iframe=true&width=1000",
        ),
        "approach": Reference(
            "Radiopaedia, Breast calcifications (an approach)",
            "https://radiopaedia.org/articles/breast-calcifications-an-approach",
        ),
        "review": Reference(
            "Mammography of breast calcifications, a review (abstract)",
            "https://discovery.researcher.life/article/mammography-of-breast-calcifications/"
            "a1cdb3b3e4c23582a054f715fd67c5e6",
        ),
        "together": Reference(
            "Shaffer, Calcifications: basics",
            "https://shafferradiology.com/everweb_mammo/mammography/calcifications/basics.html",
        ),
        "biopsies": Reference("849 vacuum biopsies, Eur J Radiol 2017;86:221", "https://www.pubmed.gov/28027751/"),
        "hegde": Reference(
            "Hegde, 56 biopsied lesions without a mass, Indian J Radiol Imaging 2025",
            "https://doi.org/10.1055/s-0045-1809161",
        ),
        "liberman": Reference(
            "Liberman 1998, 492 biopsied lesions, AJR",
            "https://scilit.net/publications/0851bd09274456710b199f3e94ffa5fb",
        ),
        "segmental": Reference(
            "Segmental breast calcifications (abstract)",
            "https://discovery.researcher.life/article/segmental-breast-calcifications/"
            "8d822980b586378a8b866430425775b5",
        ),
        "pictorial": Reference(
            "Joshi 2022, a pictorial essay, Indian J Cancer 59:136", "https://doi.org/10.4103/ijc.IJC_1361_20"
        ),
        "skin": Reference(
            "Radiopaedia, Skin calcifications", "https://radiopaedia.org/articles/skin-calcifications-in-the-breast"
        ),
        "rods": Reference(
            "University of Washington, teaching file 9", "https://rad.washington.edu/teaching-files/case-9"
        ),
        "secretory": Reference(
            "University of Rochester, teaching file 79",
            "http://urmc-mirc2.urmc.rochester.edu/storage/ss1/docs/20090520082623277/MIRCdocument.xml",
        ),
        "dystrophic": Reference(
            "Holbrook, Dystrophic calcifications", "https://doi.org/10.1093/med/9780190270261.003.0033"
        ),
        "fat_necrosis": Reference(
            "ARRS case of the week, January 2018",
            "https://sjmorads.com/2018/01/24/arrs-case-of-the-week-jan-22-2018",
        ),
        "suture": Reference(
            "Suture calcification, Radiology 1989;172:247", "https://doi.org/10.1148/radiology.172.1.2740511"
        ),
        "teacup": Reference('The "teacup sign", Clin Imaging 2023;104:110009', "https://www.pubmed.gov/37952484/"),
        "layering": Reference(
            "University of Washington, teaching file 42",
            "http://www.rad.washington.edu/academics/academic-sections/mbi/education/mammoed/teaching-files/case-42/"
            "case-42-answer",
        ),
        "magnified": Reference("Magnification views, RöFo 2013", "https://doi.org/10.1055/s-0033-1350572"),
        "zoom": Reference("Zooming and microcalcifications (abstract)", "https://pubmed.ncbi.nlm.nih.gov/19896068/"),
        "two_views": Reference(
            "Mammographic analysis of breast calcifications, a chapter",
            "https://clinicalgate.com/mammographic-analysis-of-breast-calcifications",
        ),
        "stable": Reference(
            "Stability of malignant breast microcalcifications (abstract)",
            "https://discovery.researcher.life/article/stability-of-malignant-breast-microcalcifications/"
            "a01cef371d9533309cd4caa2c855db60",
        ),
        "control": Reference("Radiopaedia, case 5875, discussion", "https://radiopaedia.org/cases/5875/discussion"),
        "missed": Reference(
            "Birdwell, 111 missed cancers, RSNA",
            "https://cdn.auntminnie.com/clinical-news/womens-imaging/breast/article/15554970/"
            "misses-on-mammo-range-from-typical-to-nonspecific-findings",
        ),
        "vascular": Reference(
            "IARC, Atlas of breast cancer early detection, case 150",
            "https://screening.iarc.fr/atlasbreastdiag_detail.php?Id=AHB&FinalDiag=Vascular",
        ),
        "early": Reference(
            "Benign calcifications, a chapter",
            "https://www.rrnursingschool.biz/breast-cancer-3/benign-calcifications.html",
        ),
        "csbi": Reference(
            "Canadian Society of Breast Imaging, position statement on BAC",
            "https://csbi.ca/canadian-society-of-breast-imaging-position-statement-on-breast-arterial-calcification-"
            "reporting-on-mammography/",
        ),
        "minerva": Reference(
            "MINERVA, 5,059 women, Circ Cardiovasc Imaging 2022", "https://pmc.ncbi.nlm.nih.gov/articles/PMC8931858"
        ),
        "age": Reference(
            "Loberant 2013, 1,786 women, J Clin Imaging Sci",
            "https://d.docksci.com/prevalence-and-degree-of-breast-arterial-calcifications-on-mammography-a-cross-s_"
            "5cf07d21d64ab2c4a738ed30.html",
        ),
        "false_alarms": Reference(
            "382 examinations without cancer that a detection system scored highest, Acta Radiol",
            "https://doi.org/10.1177/02841851251363697",
        ),
        "cbis": Reference(
            "Lee et al. 2017, CBIS-DDSM, Sci Data 4:170177, CC BY 3.0", "https://doi.org/10.1038/sdata.2017.177"
        ),
        "phantom": Reference("this program's phantom generator (mtunet/phantom)", ""),
    }
)


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


def lesson_table() -> str:
    """Markdown. Each of TEN_FACTS beside the statement that answers it; KeyError where the lesson has none."""
    rows = [
        (number, statement.words, statement.sources, shown.picture)
        for number, chapter in enumerate(LESSON, 1)
        for shown in chapter.shown
        for statement in shown.statements
    ]
    lines = [
        "# The lesson, statement by statement",
        "",
        "Made by `python -m mtunet.teaching table`. Each statement was looked up in the text named beside it; pictures",
        "are drawn from phantoms, but for the last one. Shares of cancer are of cases that were biopsied.",
        "",
        "| | statement | source | picture |",
        "|---|---|---|---|",
        *(f"| {number} | {words} | {_linked(sources)} | {_seen(key)} |" for number, words, sources, key in rows),
        "",
        "## What a resident is examined on, and where the lesson answers it",
        "",
        "| question | the lesson's answer |",
        "|---|---|",
        *(
            f"| {question} | {next(words for _, words, _, _ in rows if part in words)} |"
            for question, part in TEN_FACTS
        ),
    ]
    return "\n".join(lines) + "\n"


def _linked(keys: tuple[str, ...]) -> str:
    sources = [SOURCES[key] for key in keys]
    return "; ".join(f"[{source.words}]({source.address})" if source.address else source.words for source in sources)


def _seen(key: str) -> str:
    return f"[{PICTURES[key].caption}](../mtunet/teaching/pictures/{key}.webp)"
