"""Where the lesson's statements come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Source:
    """A text that says it. address: where it can be read."""

    words: str
    address: str


SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {
        "paper": Source("Alghamdi 2024, MTU-Net", "https://doi.org/10.48084/etasr.8403"),
        "suspicious": Source(
            "Radiopaedia, Suspicious breast calcifications (BI-RADS, 5th edition)",
            "https://radiopaedia.org/articles/suspicious-breast-calcifications",
        ),
        "benign": Source(
            "StatPearls 2023, Benign breast calcifications", "https://www.statpearls.com/point-of-care/18596"
        ),
        "vascular": Source(
            "IARC, Atlas of breast cancer early detection, case 150",
            "https://screening.iarc.fr/atlasbreastdiag_detail.php?Id=AHB&FinalDiag=Vascular",
        ),
        "csbi": Source(
            "Canadian Society of Breast Imaging, position statement on breast arterial calcification",
            "https://csbi.ca/canadian-society-of-breast-imaging-position-statement-on-breast-arterial-calcification-"
            "reporting-on-mammography/",
        ),
        "heart": Source(
            "BAC-SS, a semiquantitative score of breast arterial calcifications, Quant Imaging Med Surg",
            "https://qims.amegroups.org/article/view/64277/html",
        ),
        "short": Source(
            "Benign calcifications, chapter on vascular and skin calcifications",
            "https://www.rrnursingschool.biz/breast-cancer-3/benign-calcifications.html",
        ),
        "teacup": Source('The "teacup sign", Clin Imaging 2023;104:110009', "https://www.pubmed.gov/37952484/"),
        "false_alarms": Source(
            "Calcifications in examinations without cancer that a detection system scored highest, Acta Radiol",
            "https://doi.org/10.1177/02841851251363697",
        ),
        "cbis": Source(
            "Lee et al. 2017, CBIS-DDSM, Sci Data 4:170177, CC BY 3.0", "https://doi.org/10.1038/sdata.2017.177"
        ),
        "phantom": Source("this program's phantom generator (mtunet/phantom)", ""),
    }
)
