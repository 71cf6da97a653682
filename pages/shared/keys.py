"""Every key of the viewer and of the case that is read in it: one registry, which the browser obeys and `?` lists."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One thing that keys do.

    action: its name in `frontend/src/keys.js`, "" for what the mouse does alone. keys: as the browser calls them, a
    capital letter for one with Shift. words: what it does. reading: whether it is of a case, and not of every image.
    """

    action: str
    keys: tuple[str, ...]
    words: str
    reading: bool = False


KEYS = (
    Key("next_finding", ("j",), "the next finding without a verdict, centred", reading=True),
    Key("previous_finding", ("k",), "the finding before", reading=True),
    Key("agree", ("a",), "agree with the finding", reading=True),
    Key("other_type", ("t",), "it is the other type", reading=True),
    Key("nothing", ("x",), "it is no calcification", reading=True),
    Key("mark", ("b",), "draw a box round something missed", reading=True),
    Key("recall", ("y",), "recall", reading=True),
    Key("no_recall", ("o",), "no recall", reading=True),
    Key("recall_next", ("Y",), "recall, and the next study", reading=True),
    Key("no_recall_next", ("O",), "no recall, and the next study", reading=True),
    Key("note", ("w",), "write a note", reading=True),
    Key("undo", ("z",), "undo my last decision", reading=True),
    Key("next_study", ("n",), "next study", reading=True),
    Key("previous_study", ("p",), "previous study", reading=True),
    Key("hide_marks", (" ",), "hide all marks, while held or until pressed again"),
    Key("hide_mc", (",",), "hide or show MC"),
    Key("hide_bac", (".",), "hide or show BAC"),
    Key("view_1", ("1",), "the first view alone; again: all", reading=True),
    Key("view_2", ("2",), "the second", reading=True),
    Key("view_3", ("3",), "the third", reading=True),
    Key("view_4", ("4",), "the fourth", reading=True),
    Key("layout_row", ("5",), "all views in a row", reading=True),
    Key("layout_grid", ("6",), "two by two", reading=True),
    Key("layout_cc", ("7",), "the CC pair", reading=True),
    Key("layout_mlo", ("8",), "the MLO pair", reading=True),
    Key("prior", ("9",), "the earlier study under this one, or not", reading=True),
    Key("alone", ("e",), "enlarge this view; again: all"),
    Key("fit", ("0",), "fit the breast; again: the whole image"),
    Key("native", ("s",), "one image pixel per screen pixel"),
    Key("zoom_in", ("+", "="), "zoom in; also the wheel"),
    Key("zoom_out", ("-",), "zoom out"),
    Key("left", ("ArrowLeft",), "move; also drag"),
    Key("right", ("ArrowRight",), "move"),
    Key("up", ("ArrowUp",), "move"),
    Key("down", ("ArrowDown",), "move"),
    Key("reset", ("r",), "the window of the file; again: its next one"),
    Key("calcium", ("c",), "a window for calcium"),
    Key("invert", ("i",), "invert"),
    Key("darker", ("[",), "level; also drag with the right button"),
    Key("brighter", ("]",), "level"),
    Key("narrower", ("{",), "window"),
    Key("wider", ("}",), "window"),
    Key("lens", ("l",), "magnifier"),
    Key("measure", ("m",), "measure"),
    Key("full", ("f",), "full screen"),
    Key("panel", ("d",), "fold the panel away", reading=True),
    Key("help", ("?", "h"), "this list"),
    Key("leave", ("Escape",), "leave a tool"),
)

NAMES = {" ": "Space", "Escape": "Esc", "ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}
"""How keys are written where their letter is not enough."""


def written(key: Key) -> str:
    """ "J", "Shift Y", "+ ="."""
    return " ".join(NAMES.get(k) or (f"Shift {k}" if k.isalpha() and k.isupper() else k.upper()) for k in key.keys)


def table() -> str:
    """All of them as Markdown, for the page that explains the program."""
    rows = [f"| {written(key)} | {key.words} |" for key in KEYS]
    return "\n".join(["| key | what it does |", "|---|---|", *rows])


def for_browser(*, reading: bool) -> list[list[object]]:
    """[action, keys, how they are written, words] per entry that holds there."""
    return [[key.action, list(key.keys), written(key), key.words] for key in KEYS if reading or not key.reading]
