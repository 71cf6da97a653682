"""Side, view and kind of projection out of words: one parser and one table, for headers and file names alike.

Words as vendors, archives and people write them, in several languages: `RCC`, `L-MLO`, `RXCCL`, `MLOID`, `LMLO1`,
"Left CC", "CC rechts", "右乳 CC". Abbreviations: ACR labelling of mammograms; DICOM PS3.16 CID 4014 and 4015.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from mtunet.case import Laterality, View
from mtunet.case.scope import Fact

_L, _R = Laterality.LEFT, Laterality.RIGHT
Meant = Laterality | View | Fact

SIDES: Final[Mapping[Laterality, str]] = MappingProxyType(
    {
        _L: "left|lt|lbreast|links|linke|gauche|izquierda|izquierdo|izq|sinistra|sinistro|esquerda|esquerdo"
        "|vanster|venstre|lewa|lewej|левая|левый|vasen|sol meme|左乳|左侧|左側|좌측",
        _R: "right|rt|rbreast|rechts|rechte|droit|droite|derecha|derecho|destra|destro|direita|direito"
        "|hoger|hojre|høyre|hoyre|prawa|prawej|правая|правый|jobb|oikea|sag meme|右乳|右侧|右側|우측",
    }
)
VIEWS: Final[Mapping[View, str]] = MappingProxyType(
    {
        View.CC: "cc|cranio caudal|craniocaudal|kraniokaudal|cranio caudale|craniocaudale|craneo caudal|craneocaudal"
        "|cranio kaudal|face|kk|頭尾|头尾|头尾位|頭尾方向",
        View.MLO: "mlo|medio lateral oblique|mediolateral oblique|mediolateral schrag|mediolateral oblik|oblique"
        "|oblicua|oblicuo|obliqua|oblik|schrag|medio lateral oblicua|mediolateral oblicua|内外斜|内外斜位|内外側斜位",
        View.ML: "ml|medio lateral|medial lateral|mediolateral|mediolaterale|profil|profile|perfil",
        View.LM: "lm|latero medial|lateromedial|lateromediale",
        View.LMO: "lmo|latero medial oblique|lateromedial oblique",
        View.SIO: "sio|superolateral to inferomedial oblique",
        View.XCCL: "xccl|exaggerated cc lateral|cranio caudal exaggerated laterally|craniocaudal exaggerated laterally",
        View.XCCM: "xccm|exaggerated cc medial|cranio caudal exaggerated medially|craniocaudal exaggerated medially",
        View.XCC: "xcc|exaggerated cc|exaggerated craniocaudal|cranio caudal exaggerated|craniocaudal exaggerated",
        View.FB: "fb|from below|caudo cranial|caudocranial",
        View.SPECIMEN: "specimen|praparat|radiografia de pieza|piece operatoire",
    }
)
PROJECTIONS: Final[Mapping[Fact, str]] = MappingProxyType(
    {
        Fact.MAGNIFICATION: "mag|magnification|magnified|vergrosserung|agrandissement|ampliacion|magnificacion"
        "|ingrandimento|ampliacao|forstorning",
        Fact.SPOT: "spot|spt|spot compression|spotcompression|zielaufnahme|compresion focal",
        Fact.TANGENTIAL: "tan|tangential|tangentiell|tangentielle|tangencial",
        Fact.CLEAVAGE: "cleavage",
        Fact.AXILLARY_TAIL: "axillary tail|axillary tissue|axilla tail",
        Fact.IMPLANT_DISPLACED: "implant displaced|eklund|implant displacement|id view",
        Fact.ROLLED_LATERALLY: "rolled lateral|rolled laterally",
        Fact.ROLLED_MEDIALLY: "rolled medial|rolled medially",
        Fact.ROLLED_DOWN: "rolled inferior|rolled inferiorly",
        Fact.ROLLED_UP: "rolled superior|rolled superiorly",
        Fact.NIPPLE_IN_PROFILE: "nipple in profile|nipple profile",
        Fact.ANTERIOR_COMPRESSION: "anterior compression",
        Fact.BELOW_THE_BREAST: "inframammary fold|infra mammary fold",
    }
)
SUFFIXES: Final[Mapping[str, Fact]] = MappingProxyType(
    {
        "ID": Fact.IMPLANT_DISPLACED,
        "RL": Fact.ROLLED_LATERALLY,
        "RM": Fact.ROLLED_MEDIALLY,
        "RI": Fact.ROLLED_DOWN,
        "RS": Fact.ROLLED_UP,
        "NP": Fact.NIPPLE_IN_PROFILE,
        "AC": Fact.ANTERIOR_COMPRESSION,
        "IMF": Fact.BELOW_THE_BREAST,
        "AX": Fact.AXILLARY_TAIL,
    }
)
_PREFIXES: Final = {"M": Fact.MAGNIFICATION, "S": Fact.SPOT}
_INSTEAD: Final = {
    "AT": (View.MLO, Fact.AXILLARY_TAIL),
    "CV": (View.CC, Fact.CLEAVAGE),
    "TAN": (None, Fact.TANGENTIAL),
}
"""Stand in a label where the view would. CID 4015: the axillary tail is taken as an MLO, the cleavage as a CC."""
_LETTERS: Final = {"L": _L, "R": _R, "左": _L, "右": _R}
_NEED_A_PARTNER: Final = frozenset(
    {*("ml", "lm", "fb", "kk", "face", "profil", "profile", "perfil", "oblique", "sio"), *("lt", "rt")}
)
"""Mean something else as often: they count only beside a word of the other kind."""
_EASTERN: Final = "\u2e80-\u9fff\uac00-\ud7af"
_WORD: Final = re.compile(rf"[{_EASTERN}]+|[^\W_{_EASTERN}]+")
_LABEL: Final = re.compile(
    r"(?P<side>RIGHT|LEFT|RT|LT|R|L)?(?P<before>[MS])?(?P<view>XCCL|XCCM|XCC|CC|MLO|LMO|SIO|ML|LM|FB|AT|CV|TAN)"
    r"(?P<after>(?:ID|RL|RM|RI|RS|NP|AC|IMF|AX)*)(?P<last>[RL])?\d{0,2}"
)


def fold(word: str) -> str:
    """For comparing: without case, accents and compatibility forms."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


def _table() -> dict[tuple[str, ...], Meant]:
    tables: tuple[Mapping[Meant, str], ...] = (SIDES, VIEWS, PROJECTIONS)  # type: ignore[assignment]
    return {
        tuple(map(fold, phrase.split())): meant
        for table in tables
        for meant, phrases in table.items()
        for phrase in phrases.split("|")
    }


WORDS: Final[Mapping[tuple[str, ...], Meant]] = MappingProxyType(_table())
_LONGEST: Final = max(map(len, WORDS))


class Placement(NamedTuple):
    """None where nothing or several things are said."""

    side: Laterality | None = None
    view: View | None = None
    facts: frozenset[Fact] = frozenset()


class _Read(NamedTuple):
    """Some words in a row and what they mean together. sure: whether they mean it standing alone."""

    words: tuple[str, ...]
    meant: tuple[Meant, ...]
    sure: bool


def placement_in(text: str, *, label: bool = False) -> Placement:
    """What a text says. label: of an element that holds nothing but side and view, where every word counts."""
    read = list(_read(text, label=label))
    meant: set[Meant] = set()
    for place, (_, here, sure) in enumerate(read):
        beside = [m for other in (*read[max(0, place - 1) : place], *read[place + 1 : place + 2]) for m in other.meant]
        if sure or label or any(_partners(one, other) for one in here for other in beside):
            meant.update(here)
    sides = [m for m in meant if isinstance(m, Laterality)]
    views = [m for m in meant if isinstance(m, View)]
    facts = frozenset(m for m in meant if isinstance(m, Fact))
    return Placement(sides[0] if len(sides) == 1 else None, views[0] if len(views) == 1 else None, facts)


def label(side: Laterality | None, view: View | None, facts: Collection[Fact] = ()) -> str:
    """As burnt into a film: "R MLO", "L MCC" of a magnification, "R CCID" with the implant displaced, "L CC raw".

    What is not known is left out; empty where neither side nor view is known.
    """
    if side is None and view is None:
        return ""
    before = "".join(letter for letter, fact in _PREFIXES.items() if fact in facts)
    after = "".join(letters for letters, fact in SUFFIXES.items() if fact in facts)
    placed = [side.value] if side else []
    placed += [f"{before}{view.value}{after}"] if view else []
    return " ".join([*placed, *(fact.value for fact in (Fact.RAW, Fact.SYNTHETIC) if fact in facts)])


def without_placement(text: str) -> str:
    """What is left of a name when its words for side and view are taken out: "Müller12_L_CC" gives "Müller12"."""
    kept = [word for words, meant, _ in _read(text) for word in words if not meant or not _placing(meant)]
    return " ".join(kept)


def _placing(meant: tuple[Meant, ...]) -> bool:
    return any(isinstance(m, Laterality | View) for m in meant)


def _partners(one: Meant, other: Meant) -> bool:
    return {type(one), type(other)} == {Laterality, View}


def _read(text: str, *, label: bool = False) -> Iterator[_Read]:
    """All words of a text, from left to right, the longest phrases that mean something first."""
    words = [part for word in _WORD.findall(unicodedata.normalize("NFC", text)) for part in _apart(word)]
    folded = [fold(word) for word in words]
    place = 0
    while place < len(words):
        for count in range(min(_LONGEST, len(words) - place), 0, -1):
            key = tuple(folded[place : place + count])
            if (meant := WORDS.get(key)) is not None:
                yield _Read(tuple(words[place : place + count]), (meant,), key[0] not in _NEED_A_PARTNER)
                place += count
                break
        else:
            yield _alone(words[place], label=label)
            place += 1


def _apart(word: str) -> list[str]:
    """A number that is glued to a label is a word of its own: "0012LCC"."""
    glued = re.fullmatch(r"(\d{1,8})([A-Za-z]+\d{0,2})", word)
    parts = _LABEL.fullmatch(glued[2].upper()) if glued else None
    return [glued[1], glued[2]] if glued and parts and parts["side"] and parts["view"] not in _INSTEAD else [word]


def _alone(word: str, *, label: bool) -> _Read:
    capitals = fold(word).upper()
    if capitals in _LETTERS:
        return _Read((word,), (_LETTERS[capitals],), False)
    parts = _LABEL.fullmatch(capitals)
    if parts is None:
        return _Read((word,), (), False)
    side, before, view, after, last = parts["side"], parts["before"], parts["view"], parts["after"], parts["last"]
    if (side and last) or ((before or view in _INSTEAD) and not label and not (side and view not in _INSTEAD)):
        return _Read((word,), (), False)
    sided = side or last
    meant: list[Meant] = [_LETTERS[sided[0]]] if sided else []
    instead = _INSTEAD.get(view)
    meant += [m for m in instead if m] if instead else [View(view)]
    meant += [_PREFIXES[before]] if before else []
    meant += [SUFFIXES[two] for two in re.findall("|".join(SUFFIXES), after)]
    return _Read((word,), tuple(meant), bool(sided) or view.lower() not in _NEED_A_PARTNER)
