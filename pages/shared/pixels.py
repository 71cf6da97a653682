"""What a case needs of its files, kept in memory for the few cases that are open now."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import streamlit as st

from mtunet.case import Analysis, Calcification, Mammogram, Segmentation, Truth
from mtunet.detection import analysis as analyses
from mtunet.detection.components import SAME
from mtunet.intake.admission import SAMPLE
from mtunet.phantom.samples import SAMPLES, ShippedSample, read_truth
from mtunet.store import filing
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.study.look import ImageLook, look, look_from_json, look_to_json
from pages.shared.viewer import Outline, known_layers

OPEN_CASES = 2
"""How many cases' pixels and maps are kept: a large view with its two maps takes 160 MB."""


def mammogram_of(image: Image) -> Mammogram:
    """The image with its pixels. Raises NotOnFile."""
    return _mammogram(str(filing.data_folder().absolute()), image.sha256)


def looked(image: Image, stored: Analysis, thresholds: Mapping[Calcification, float]) -> ImageLook:
    """An image under these thresholds: its analysis, of the side and view that it has by now, and what is worked out
    beside the findings (amounts, places, the way over thresholds). Raises NotOnFile.

    Both are the worker's own where these are the thresholds that it had; else they are worked out here.
    """
    folder, made = str(filing.data_folder().absolute()), stored.provenance
    analysis = stored
    if not _same(thresholds, stored.thresholds):
        cuts = tuple(thresholds[kind] for kind in Calcification)
        analysis = _weighed(folder, image.sha256, made.model, made.weights_sha256, cuts)
    analysis = replace(analysis, laterality=image.laterality, view=image.view)
    kept = _looked(folder, image.sha256, analysis)
    return replace(kept, analysis=analysis)  # a person may have settled what was said of it


def segmentation_of(image: Image, analysis: Analysis) -> Segmentation:
    """The maps behind an analysis. Raises NotOnFile."""
    folder, made = str(filing.data_folder().absolute()), analysis.provenance
    return _segmentation(folder, image.sha256, made.model, made.weights_sha256)


def sample_of(image: Image) -> ShippedSample | None:
    """The sample that an image is; None for every other image."""
    return next((sample for sample in SAMPLES if image.source == f"{SAMPLE}{sample.key}"), None)


@st.cache_resource(max_entries=OPEN_CASES, show_spinner=False)
def _mammogram(data: str, sha256: str) -> Mammogram:
    with Store.open(Path(data)) as store:
        image = store.image(sha256)
        if image is None:
            raise filing.NotOnFile("This image is not on file any more.")
        return store.mammogram(image)


@st.cache_resource(max_entries=OPEN_CASES, show_spinner=False)
def _segmentation(data: str, sha256: str, model: str, weights_sha256: str) -> Segmentation:
    return filing.read_maps(Path(data), sha256, model, weights_sha256)


@st.cache_resource(max_entries=100, show_spinner=False)
def _weighed(data: str, sha256: str, model: str, weights_sha256: str, cuts: tuple[float, ...]) -> Analysis:
    segmentation = _segmentation(data, sha256, model, weights_sha256)
    thresholds = dict(zip(Calcification, cuts, strict=True))
    return analyses.reweigh(_mammogram(data, sha256), segmentation, thresholds)


MADE_BY = ("provenance.model", "provenance.weights_sha256", "provenance.made_at")
TOLD_APART: Any = {Analysis: attrgetter(*MADE_BY, "thresholds", "laterality", "view")}


@st.cache_resource(max_entries=100, show_spinner=False, hash_funcs=TOLD_APART)
def _looked(data: str, sha256: str, analysis: Analysis) -> ImageLook:
    """What is worked out at the model's thresholds is kept."""
    made, folder = analysis.provenance, Path(data)
    written = filing.read_look(folder, sha256, made.model, made.weights_sha256)
    if written is not None and (kept := look_from_json(written, analysis)) is not None:
        return kept
    segmentation = _segmentation(data, sha256, made.model, made.weights_sha256)
    seen = look(_mammogram(data, sha256), segmentation, analysis)
    if _same(analysis.thresholds, segmentation.thresholds):
        with contextlib.suppress(filing.CouldNotSave):
            filing.save_look(folder, sha256, made.model, made.weights_sha256, look_to_json(seen))
    return seen


def _same(one: Mapping[Calcification, float], other: Mapping[Calcification, float]) -> bool:
    return all(abs(one[kind] - other[kind]) < SAME for kind in Calcification)


OF_SOURCE: Any = {Image: attrgetter("source")}


@st.cache_resource(max_entries=OPEN_CASES, show_spinner=False, hash_funcs=OF_SOURCE)
def truth_of(image: Image) -> Truth | None:
    """Where the calcifications of a sample are known to be; None for every other image."""
    sample = sample_of(image)
    return None if sample is None else read_truth(sample)


@st.cache_resource(max_entries=20, show_spinner=False, hash_funcs=OF_SOURCE)
def truth_outlines(image: Image) -> dict[str, list[Outline]]:
    """Its outlines as layers of the palette."""
    truth = None if sample_of(image) is None else truth_of(image)
    return {} if truth is None else known_layers(truth.masks, None, truth.source)
