"""Data sets of real mammograms: what they say, repaired where they are known to be wrong, and a card for each.

One file per data set; each gives `card` and `samples`. Views come one at a time, because one is up to 100 MB.
Phantoms need no folder and are made by `training.data.samples`.
"""

from collections.abc import Iterator
from pathlib import Path

from training.data import cbis_ddsm, folder, inbreast, mini_mias
from training.data.labelled import (
    DataSet,
    DataSetMissing,
    Known,
    LabelledView,
    Lesion,
    Say,
    Unusable,
    to_stderr,
    touched,
)

__all__ = [
    "DATASETS",
    "DataSet",
    "DataSetMissing",
    "Known",
    "LabelledView",
    "Lesion",
    "Unusable",
    "card",
    "samples",
    "touched",
]

DATASETS: dict[str, DataSet] = {
    "cbis-ddsm": DataSet(
        name="cbis-ddsm",
        title="CBIS-DDSM, digitised film with drawn regions",
        use="training and evaluation of MC; of BAC where a row says VASCULAR",
        licence="CC BY 3.0: cite Lee et al. 2017 (doi 10.1038/sdata.2017.177) and The Cancer Imaging Archive",
        layout="the four case description CSVs and the images in any of the four usual folder layouts",
        get="https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY",
        card=cbis_ddsm.card,
        samples=cbis_ddsm.samples,
    ),
    "folder": DataSet(
        name="folder",
        title="a folder of images and masks",
        use="training and evaluation of whichever type has masks",
        licence="whatever its owner says; ask before sharing weights trained on it",
        layout="images/NAME.png with masks/mc/NAME.png and masks/bac/NAME.png, or manifest.csv",
        get="your own data; BAC masks of AlGhamdi et al. 2020 (IEEE TMI 39(10):3240) only from their authors",
        card=folder.card,
        samples=folder.samples,
    ),
    "inbreast": DataSet(
        name="inbreast",
        title="INbreast, digital mammograms with marked specks",
        use="evaluation of MC",
        licence="research only, under the authors' agreement: cite Moreira et al. 2012",
        layout="AllDICOMs/*.dcm, AllXML/*.xml and INbreast.csv",
        get="from its authors, on request",
        card=inbreast.card,
        samples=inbreast.samples,
    ),
    "mini-mias": DataSet(
        name="mini-mias",
        title="mini-MIAS, digitised film with circles",
        use="evaluation of MC detection",
        licence="research only: cite Suckling et al. 1994",
        layout="Info.txt and mdbNNN.pgm (or .png)",
        get="http://peipa.essex.ac.uk/info/mias.html",
        card=mini_mias.card,
        samples=mini_mias.samples,
    ),
}


def card(name: str, root: Path) -> str:
    """What is under `root` of the data set `name`, for people; raises DataSetMissing with a sentence."""
    chosen = DATASETS[name]
    return "\n".join(
        [
            f"{chosen.name}: {chosen.title}",
            f"for: {chosen.use}",
            f"licence: {chosen.licence}",
            f"from: {chosen.get}",
            f"folder: {root}",
            chosen.card(Path(root)),
        ]
    )


def samples(name: str, root: Path, say: Say = to_stderr) -> Iterator[LabelledView]:
    """The usable views of a data set, one at a time, in the same order each time.

    say: is given a sentence for every view that is left out and every label that could not be used.
    Raises DataSetMissing with a sentence when there is nothing to read.
    """
    return DATASETS[name].samples(Path(root), say)
