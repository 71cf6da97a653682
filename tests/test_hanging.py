import pytest

from mtunet.case import Laterality, View
from mtunet.case.scope import Fact
from mtunet.store.records import Image
from mtunet.study.grouping import Placing, companions, hang, wanted_wall

R, L = Laterality.RIGHT, Laterality.LEFT
RCC, LCC, RMLO, LMLO = (R, View.CC), (L, View.CC), (R, View.MLO), (L, View.MLO)


def test_four_views_hang_right_beside_left_and_cc_over_mlo_in_whatever_order_they_come() -> None:
    hung = hang([LMLO, RCC, LCC, RMLO])
    assert (hung.rows, hung.columns, hung.slots, hung.empty) == (2, 2, ((1, 1), (0, 0), (0, 1), (1, 0)), {})


@pytest.mark.parametrize(
    ("images", "shape", "slots", "empty"),
    [
        ([RCC], (1, 1), ((0, 0),), {}),
        ([RMLO, LMLO], (1, 2), ((0, 0), (0, 1)), {}),
        ([RCC, RMLO], (1, 2), ((0, 0), (0, 1)), {}),
        ([RCC, LCC, RMLO], (2, 2), ((0, 0), (0, 1), (1, 0)), {(1, 1): LMLO}),
        ([RCC, LCC, RCC], (2, 2), ((0, 0), (0, 1), (1, 0)), {}),
        ([RCC, LCC, (None, None), (None, None)], (2, 2), ((0, 0), (0, 1), (1, 0), (1, 1)), {}),
        ([(L, View.ML), LMLO, LCC], (3, 2), ((2, 1), (1, 1), (0, 1)), {(0, 0): RCC, (1, 0): RMLO}),
        ([(None, None), (None, None)], (1, 2), ((0, 0), (0, 1)), {}),
        ([LCC, LMLO, (L, None)], (3, 2), ((0, 1), (1, 1), (2, 1)), {(0, 0): RCC, (1, 0): RMLO}),
    ],
)
def test_what_is_absent_leaves_its_place_and_what_is_more_comes_below(
    images: list[Placing], shape: tuple[int, int], slots: tuple[tuple[int, int], ...], empty: dict[object, object]
) -> None:
    hung = hang(images)
    assert ((hung.rows, hung.columns), hung.slots, hung.empty) == (shape, slots, empty)


def test_no_two_images_share_a_place() -> None:
    hung = hang([RCC] * 5 + [LMLO] * 3 + [(None, View.CC)] * 4)
    assert len(set(hung.slots)) == 12


def test_the_chest_walls_face_one_another() -> None:
    assert (wanted_wall(R), wanted_wall(L), wanted_wall(None)) == ("right", "left", "")


# Which of several images of one view counts


def shown(
    sha256: str, placing: Placing = RCC, *facts: Fact, instance: str | None = None, derived_from: tuple[str, ...] = ()
) -> Image:
    side, view = placing
    return Image(sha256, sha256, "upload", "", 1, 1, None, side, view, (), frozenset(facts), instance, derived_from)


RAW, SYNTHETIC, LOSSY, SPOT = Fact.RAW, Fact.SYNTHETIC, Fact.LOSSY, Fact.SPOT
COUNTED: dict[str, tuple[list[Image], dict[str, str]]] = {
    "presentation before raw": ([shown("raw", RCC, RAW), shown("read")], {"raw": "read"}),
    "original before synthetic": (
        [shown("synthetic", RCC, SYNTHETIC), shown("raw", RCC, RAW), shown("read")],
        {"synthetic": "read", "raw": "read"},
    ),
    "raw before synthetic": ([shown("synthetic", RCC, SYNTHETIC), shown("raw", RCC, RAW)], {"synthetic": "raw"}),
    "a second exposure counts": ([shown("one"), shown("two")], {}),
    "a raw exposure that has no other form counts": (
        [shown("raw", RCC, RAW), shown("raw 2", RCC, RAW), shown("read")],
        {"raw": "read"},
    ),
    "by what it was made of": (
        [shown("raw", RCC, RAW), shown("raw 2", RCC, RAW, instance="2"), shown("read", derived_from=("2",))],
        {"raw 2": "read"},
    ),
    "made of it, of no known view": (
        [shown("read", (None, None), instance="1"), shown("copy", (None, None), LOSSY, derived_from=("1",))],
        {"copy": "read"},
    ),
    "other views": ([shown("raw", RMLO, RAW), shown("read"), shown("left", LCC, SYNTHETIC)], {}),
    "other projections": ([shown("spot", RCC, SPOT), shown("raw", RCC, RAW)], {}),
    "unknown views": ([shown("raw", (None, None), RAW), shown("read", (None, None))], {}),
}


@pytest.mark.parametrize("case", COUNTED.values(), ids=COUNTED.keys())
def test_one_image_of_a_view_counts(case: tuple[list[Image], dict[str, str]]) -> None:
    images, beside = case
    assert companions(images) == beside
    assert set(companions(images[::-1]).values()) == set(beside.values())
