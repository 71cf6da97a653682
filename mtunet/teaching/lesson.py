"""The lesson as data: chapters of statements, each with the text that says so and the picture that shows it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Statement:
    """One thing to know. sources: keys of `SOURCES`."""

    words: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """Statements and the picture that shows them, a key of `PICTURES`."""

    picture: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Chapter:
    """A heading, and what to see and know."""

    title: str
    shown: tuple[Shown, ...]


def _say(words: str, *sources: str) -> Statement:
    return Statement(words, sources)


LESSON: Final[tuple[Chapter, ...]] = (
    Chapter(
        "Two kinds of calcium",
        (
            Shown(
                "both-mostly-bac",
                (
                    _say(
                        "Microcalcifications (MC) are small deposits in breast tissue; some are the first sign of a "
                        "cancer.",
                        "paper",
                        "pictorial",
                    ),
                    _say(
                        "Breast arterial calcifications (BAC) lie in the wall of an artery: parallel lines along its "
                        "course. They are no sign of cancer.",
                        "vascular",
                        "kinds",
                    ),
                    _say(
                        "Detection systems take one for the other. Of 382 examinations without cancer that one system "
                        "scored highest, three in ten showed calcifications alone; four fifths of these looked benign.",
                        "false_alarms",
                        "paper",
                    ),
                    _say(
                        "What is seen is described by the shape of the particles and by how they lie. The two are "
                        "judged together, and the most worrying feature decides.",
                        "together",
                        "review",
                    ),
                ),
            ),
        ),
    ),
    Chapter(
        "Shapes that are typically benign: category 2, no recall",
        (
            Shown(
                "skin",
                (
                    _say(
                        "Skin: rings with a clear centre in tight groups under 5 mm; below the breast, near the "
                        "breastbone, at the armpit, about the areola.",
                        "kinds",
                    ),
                    _say("They keep their places to each other in every view: the tattoo sign.", "skin"),
                    _say("A tangential view with a marker on the skin proves it.", "skin"),
                ),
            ),
            Shown(
                "popcorn",
                (
                    _say("Coarse or popcorn-like: over 2 to 3 mm, in an ageing fibroadenoma.", "kinds"),
                    _say("While they are small and many they can look malignant, and then need a biopsy.", "kinds"),
                ),
            ),
            Shown(
                "rod",
                (
                    _say(
                        "Large rods: smooth bars, mostly half a millimetre thick or more and 3 to 10 mm long, that run "
                        "to the nipple and may fork; usually in both breasts, after 60.",
                        "kinds",
                        "secretory",
                    ),
                    _say("Thicker and larger than fine linear ones, which are suspicious.", "rods"),
                ),
            ),
            Shown(
                "round",
                (
                    _say(
                        "Round: benign where they are diffuse and under 1 mm; often formed in the acini of lobules. "
                        "Under half a millimetre they are called punctate.",
                        "kinds",
                    ),
                ),
            ),
            Shown(
                "rim",
                (
                    _say(
                        "Rim (eggshell): a thin wall, under 1 mm, about a clear centre: fat necrosis, an oil cyst, the "
                        "wall of a cyst.",
                        "kinds",
                    ),
                ),
            ),
            Shown(
                "dystrophic",
                (
                    _say(
                        "Dystrophic: coarse, irregular, mostly over 1 mm, often with a clear centre; after an "
                        "operation, an injury or irradiation.",
                        "dystrophic",
                    ),
                    _say(
                        "Early ones can look suspicious; new doubtful ones at a scar may need a biopsy.", "fat_necrosis"
                    ),
                ),
            ),
            Shown(
                "milk",
                (
                    _say(
                        "Milk of calcium: sediment in small cysts. From above (CC) a round smudge; from the side sharp "
                        "cups, hollow side up.",
                        "kinds",
                        "teacup",
                    ),
                    _say(
                        "The change of shape between views makes the diagnosis; where the oblique view does not show "
                        "it, a true lateral does. No biopsy.",
                        "layering",
                        "teacup",
                    ),
                ),
            ),
            Shown(
                "suture",
                (_say("Suture: a smooth line or tube at the site of an operation, often with a knot.", "suture"),),
            ),
        ),
    ),
    Chapter(
        "Shapes to worry about",
        (
            Shown(
                "punctate",
                (
                    _say(
                        "Punctate, in one group: category 3 on a first mammogram; biopsy if new, increasing, linear, "
                        "segmental or beside a known cancer.",
                        "kinds",
                        "approach",
                    ),
                ),
            ),
            Shown(
                "amorphous",
                (
                    _say("Amorphous: too small or too hazy for a shape.", "kinds"),
                    _say(
                        "About 20 % are cancer, hence category 4B; 9.5 % in a series of 2025. On both sides and "
                        "diffuse they usually may be let be.",
                        "kinds",
                        "hegde",
                    ),
                ),
            ),
            Shown(
                "coarse",
                (
                    _say(
                        "Coarse heterogeneous: dense, irregular, half to one millimetre, tending to merge; smaller "
                        "than dystrophic ones.",
                        "kinds",
                    ),
                    _say("A single group: somewhat under 15 % cancer, 4B; 45 % in a series of 2025.", "kinds", "hegde"),
                ),
            ),
            Shown(
                "pleomorphic",
                (
                    _say(
                        "Fine pleomorphic: clearer than amorphous, of differing size and shape, mostly under half a "
                        "millimetre, none drawn out to a line.",
                        "kinds",
                    ),
                    _say("Half of those biopsied in a series of 2025 were cancer.", "hegde"),
                ),
            ),
            Shown(
                "fine-linear",
                (
                    _say(
                        "Fine linear or branching: thin, irregular, broken lines under half a millimetre across, some "
                        "forking: the cast of a duct.",
                        "kinds",
                    ),
                    _say(
                        "The most suspicious shape: 81 % cancer in an early series, all in one of 2025.",
                        "liberman",
                        "hegde",
                    ),
                ),
            ),
        ),
    ),
    Chapter(
        "How they lie",
        (
            Shown(
                "diffuse",
                (
                    _say(
                        "Diffuse: at random through the breast. Punctate and amorphous ones are then almost always "
                        "benign, above all on both sides.",
                        "layouts",
                        "pictorial",
                    ),
                ),
            ),
            Shown(
                "regional",
                (
                    _say("Regional: over more than 2 cm, along no duct; cancer is less likely.", "layouts"),
                    _say("Of those that were biopsied 33 % were cancer, so the shape decides.", "biopsies", "layouts"),
                ),
            ),
            Shown(
                "grouped",
                (
                    _say("Grouped: from five within 1 cm to many within 2 cm.", "layouts"),
                    _say("Of those that were biopsied 22 % were cancer.", "biopsies"),
                ),
            ),
            Shown(
                "linear",
                (
                    _say(
                        "Linear: in a line, as in a duct. Arteries and rods are linear too: then the shape decides.",
                        "layouts",
                    ),
                    _say("Cancer in 55 to 68 % of those biopsied.", "biopsies", "liberman"),
                ),
            ),
            Shown(
                "segmental",
                (
                    _say(
                        "Segmental: ducts of one lobe and their branches; a triangle, its sharpest angle at the "
                        "nipple.",
                        "segmental",
                        "layouts",
                    ),
                    _say("Cancer in 42 to 74 % of those biopsied.", "biopsies", "liberman"),
                ),
            ),
        ),
    ),
    Chapter(
        "What to do next",
        (
            Shown(
                "two-views",
                (
                    _say(
                        "A group must be tight in two views at right angles; else its particles only lie above each "
                        "other.",
                        "two_views",
                    ),
                    _say("At screening: what does not look clearly benign is recalled, category 0.", "approach"),
                    _say(
                        "At work-up: magnification from above and truly from the side, for shape, number and layering.",
                        "review",
                        "approach",
                    ),
                    _say(
                        "Six readers had an area under the curve of 0.66 without magnification and of 0.81 with it.",
                        "magnified",
                    ),
                    _say(
                        "On a screen at 30 % of the image's size 94 % of the images with MC were seen; from 61 % on, "
                        "99 to 100 %.",
                        "zoom",
                    ),
                    _say(
                        "Category 2: routine. 3 (at most 2 % cancer): control at 6, 12 and 24 months. 4A to 10 %, 4B "
                        "to 50 %, 4C below 95 %, 5 from 95 %: biopsy.",
                        "categories",
                        "control",
                    ),
                    _say(
                        "Stability does not rescue a suspicious shape: a quarter of 105 proven malignant ones had been "
                        "stable for 8 to 63 months.",
                        "stable",
                    ),
                    _say(
                        "Of 111 missed cancers three in ten were calcifications alone: hidden by dense tissue (34 %) "
                        "or overlooked (31 %).",
                        "missed",
                    ),
                ),
            ),
        ),
    ),
    Chapter(
        "Arteries: grades, and why to report them",
        (
            Shown(
                "bac-few",
                (
                    _say("Grade 1: few specks, nothing coarse, no tram-track, no ring.", "csbi"),
                    _say(
                        "Early ones lie in one wall, broken, granular or fine linear, and arouse suspicion; "
                        "magnification in another view mostly settles it.",
                        "early",
                    ),
                ),
            ),
            Shown(
                "bac-film",
                (_say("Grade 2: coarse or tram-track in fewer than three vessels.", "csbi"),),
            ),
            Shown(
                "bac-heavy",
                (
                    _say("Grade 3: coarse or tram-track in three or more vessels: to be reported.", "csbi"),
                    _say(
                        "Women of 60 to 79 with BAC had 1.51 times the hazard of heart attack, stroke or death of them "
                        "(95 % interval 1.08 to 2.11).",
                        "minerva",
                    ),
                    _say(
                        "BAC under 50 is unusual (2 %), so are grades 2 and 3 under 60 (1 %); lower grades under 55 "
                        "may be reported.",
                        "age",
                        "csbi",
                    ),
                ),
            ),
            Shown(
                "artery-or-duct",
                (
                    _say(
                        "Calcium in one wall of a vessel can look like calcium in a duct. An artery mostly goes on as "
                        "one tube: look for the second wall.",
                        "kinds",
                        "early",
                    ),
                    _say("A rod is one solid bar; an artery has two lines and bends.", "rods", "vascular"),
                ),
            ),
        ),
    ),
    Chapter(
        "The paper's hard cases",
        (
            Shown(
                "hard-b",
                (
                    _say(
                        "b: broken pieces of an artery over and beside MC; each is easily taken for the other.", "paper"
                    ),
                ),
            ),
            Shown(
                "hard-d",
                (_say("d: dense tissue hides both; what is left is too little to show a course.", "paper", "missed"),),
            ),
        ),
    ),
    Chapter(
        "A real one",
        (
            Shown(
                "real-pleomorphic",
                (
                    _say(
                        "Everything above was drawn by this program. Real breasts are harder: this is one, on "
                        "digitised film.",
                        "cbis",
                        "phantom",
                    ),
                ),
            ),
        ),
    ),
)

TEN_FACTS: Final[tuple[tuple[str, str], ...]] = (
    ("Which view shows that sediment layers?", "where the oblique view does not show it, a true lateral does"),
    ("What is the tattoo sign?", "They keep their places to each other in every view"),
    ("How are large rods told from casts of ducts?", "Thicker and larger than fine linear ones"),
    ("Which shape is the most suspicious?", "The most suspicious shape"),
    ("What is a group, and from how many on?", "from five within 1 cm to many within 2 cm"),
    ("Which distribution has its tip at the nipple, and what does it mean?", "its sharpest angle at the nipple"),
    ("A group of punctate ones on a first mammogram: which category?", "category 3 on a first mammogram"),
    ("What do diffuse amorphous ones on both sides mean?", "On both sides and diffuse they usually may be let be"),
    ("Does stability make a suspicious shape benign?", "Stability does not rescue a suspicious shape"),
    ("Which arteries must be reported, and at which age are they unusual?", "BAC under 50 is unusual"),
)
"""What a resident is examined on, and the words of the lesson that answer it."""
