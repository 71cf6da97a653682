"""Where the lesson's statements come from: texts that say so, each looked up."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


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
