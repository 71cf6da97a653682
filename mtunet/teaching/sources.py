"""Where the lesson's statements come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


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
