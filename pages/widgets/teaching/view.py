"""The quiz's image: the viewer with what is to be shown over it."""

from collections.abc import Mapping, Sequence

from mtunet.drawing import FIGURE_3
from mtunet.records import Image
from pages.widgets.case.controls import Look, looks
from pages.widgets.teaching.marking import Place, ring
from pages.widgets.viewer import Outline, Pane, viewer
from pages.widgets.words import marker, view_words

HEIGHT = 640
MARK_LOOKS = {"mark": Look("#ffffff", False, "Your mark"), "others": Look("#ffffff", False, "Marks of the class")}


def show_view(
    image: Image,
    layers: Mapping[str, Sequence[Outline]],
    mark: Place | None = None,
    *,
    others: Sequence[Place] | None = None,
    height: int = HEIGHT,
) -> None:
    """layers: outlines by the names of Figure 3's palette. others: where a class marked, in place of the one mark."""
    # The mark's layer is there from the start: were it added with the mark, the legend would grow and the image jump.
    if others is None:
        marks = {"mark": [] if mark is None else ring(image, mark)}
    else:
        marks = {"others": [ring(image, place, "A mark of the class")[0] for place in others]}
    contours = {**layers, **marks}
    pane = Pane(
        id=image.sha256[:16],
        title=view_words(image),
        sha256=image.sha256,
        columns=image.columns,
        rows=image.rows,
        spacing_mm=image.spacing_mm,
        contours=contours,
        marker=marker(image),
    )
    palette = {**looks(FIGURE_3), **MARK_LOOKS}
    viewer([pane], key="teaching.viewer", height=height, visible={}, palette=palette)
