"""DICOM presentation state (GSPS): the contours as a viewer's overlay, one graphic layer per colour."""

from collections.abc import Sequence
from typing import Final

from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    TextJustificationValues,
    TextObject,
)
from pydicom.dataset import Dataset

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification
from mtunet.output.drawing import LAYERS, contours
from mtunet.output.exports.dicom_objects import colour, device, finished, name_of, ring, shared
from mtunet.output.exports.dicom_source import reference
from mtunet.output.exports.result import Result

Outline = tuple[tuple[float, float], ...]
PIXEL: Final = AnnotationUnitsValues.PIXEL
NOTE_COLOUR: Final = (240, 240, 240)


def presentation(result: Result) -> bytes:
    """A Grayscale Softcopy Presentation State file: each outline with its name ("MC 3", "MC known") beside it, so that
    colour is not the only signal, and a line that says what it is not for.
    """
    source = reference(result)
    layers, annotations = _note(source)
    for name, outlines in _outlines(result).items():
        layer = GraphicLayer(name.upper(), len(layers) + 1, LAYERS[name], colour(result.palette[name].colour))
        layers.append(layer)
        annotations.append(_annotation(outlines, layer, source))
    dataset = GrayscaleSoftcopyPresentationState(
        referenced_images=[source],
        graphic_layers=layers,
        graphic_annotations=annotations,
        **shared(result, "gsps", source),
        **device(result),
    )
    dataset.Laterality = source.get("Laterality") or source.get("ImageLaterality") or ""
    return finished(dataset, result)


def _outlines(result: Result) -> dict[str, list[tuple[str, Outline]]]:
    """Per layer that has any: each outline with what is written beside it."""
    layers: dict[str, list[tuple[str, Outline]]] = {
        kind.value: [(name_of(f), f.contour) for f in result.analysis.findings if f.type is kind]
        for kind in Calcification
    }
    for kind, mask in () if result.truth is None else result.truth.masks.items():
        layers[f"truth_{kind.value}"] = [(f"{kind.value.upper()} known", outline) for outline in contours(mask)]
    return {name: outlines for name, outlines in layers.items() if outlines}


def _annotation(outlines: Sequence[tuple[str, Outline]], layer: GraphicLayer, source: Dataset) -> GraphicAnnotation:
    rings = [(words, ring(outline)) for words, outline in outlines]
    return GraphicAnnotation(
        [source],
        layer,
        graphic_objects=[GraphicObject(GraphicTypeValues.POLYLINE, points, units=PIXEL) for _, points in rings],
        text_objects=[
            TextObject(
                words,
                units=PIXEL,
                anchor_point=(float(points[:, 0].max()), float(points[:, 1].min())),
                anchor_point_visible=False,
            )
            for words, points in rings
        ],
    )


def _note(source: Dataset) -> tuple[list[GraphicLayer], list[GraphicAnnotation]]:
    layer = GraphicLayer("NOTE", 1, "What this is not for", colour(NOTE_COLOUR))
    text = TextObject(
        NOT_FOR_CLINICAL_USE,
        units=AnnotationUnitsValues.DISPLAY,
        bounding_box=(0.0, 0.96, 1.0, 1.0),
        text_justification=TextJustificationValues.LEFT,
    )
    return [layer], [GraphicAnnotation([source], layer, text_objects=[text])]
