import pytest

from mtunet.case import Laterality, View
from mtunet.study.grouping import Placing, hang, wanted_wall

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
