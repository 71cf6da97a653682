"""Where a case's numbers come from: what was looked at and at which scale, the pixel size by a person's word, what lies
below the line, what the reader of the files had to assume."""

import secrets
from collections.abc import Sequence

import streamlit as st

from mtunet.case import Analysis, Calcification
from mtunet.files import counted
from mtunet.intake.admission import PIXEL_SIZES, SPACING, QueueFull, set_pixel_size
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.studies import Correction, corrections_of
from pages.case.reading import Case
from pages.shared.frame import reader_name
from pages.shared.words import SHORT_TYPES, plain, short_marker, when_words
from pages.shared.work import jobs, open_store


def facts(analyses: Sequence[Analysis]) -> None:
    """Where the numbers come from: time and device of the first."""
    made = analyses[0].provenance
    st.caption(f"Analysed in {made.seconds:.1f} s on {plain(made.device)}, {when_words(made.made_at)}.")


def notes(images: Sequence[Image]) -> None:
    """What the reader had to decide or assume about the files; what is said of all of them is said once."""
    said: dict[str, list[str]] = {}
    for image in images:
        for note in image.notes:
            said.setdefault(note, []).append(short_marker(image) or image.name)
    for note, names in said.items():
        where = "" if len(names) == len(images) else f" ({', '.join(names)})"
        st.markdown(f"- {plain(note + where)}")


def looked_at(store: Store, case: Case, found: Sequence[tuple[Image, Analysis]], model: str) -> None:
    """An expander with all three. found: as it was analysed, at the model's own thresholds."""
    told = [one for one in corrections_of(store, case.study.id) if one.what == SPACING]
    below = [(view, finding) for view in case.views for finding in view.analysis.below]
    with st.expander(
        f"Looked at, pixel size, below the line ({len(below)})", icon=":material/straighten:", key="case.looked"
    ):
        for image, analysis in found:
            by_hand = any(one.what == SPACING and one.sha256 == image.sha256 for one in told)
            st.caption(plain(f"{image.name}: {_share(analysis)}; {_scale(analysis, by_hand=by_hand)}."))
        _pixel_size(case, found, model, told)
        if below:
            size = "mm²" if case.in_mm else "Pixels"
            rows = [
                {
                    **({} if case.single else {"Image": view.name}),
                    "Type": SHORT_TYPES[finding.type],
                    "Does not count": finding.below,
                    size: round(finding.area_mm2 or 0.0, 1) if case.in_mm else finding.area_px,
                    **{f"{kind.value.upper()} head": round(finding.probabilities[kind], 2) for kind in Calcification},
                }
                for view, finding in below
            ]
            st.dataframe(rows, hide_index=True, key="case.below")


def _share(analysis: Analysis) -> str:
    of_picture = analysis.breast_px / (analysis.rows * analysis.columns)
    said = f"{of_picture:.0%} of the picture was looked at"
    if analysis.looked_share is not None:
        said += f", {analysis.looked_share:.0%} of what looks like tissue"
    return said.replace("%", " %")


def _scale(analysis: Analysis, *, by_hand: bool) -> str:
    if analysis.looked_mm is None:
        return "by an earlier version, which did not keep its scale"
    said = "set by hand" if by_hand else "as the file says" if analysis.spacing_mm is not None else "assumed"
    return f"a pixel is {analysis.looked_mm[0]:.2g} mm, {said}"


def _pixel_size(case: Case, found: Sequence[tuple[Image, Analysis]], model: str, told: Sequence[Correction]) -> None:
    """For files that do not say it: one click sets it, and the images are looked at again at that scale."""
    last = {one.sha256: one for one in told}
    open_to_say = [one for one in found if one[0].spacing_mm is None or one[0].sha256 in last]
    for image, analysis in found:
        if (one := last.get(image.sha256)) is not None:
            who = one.reader or "somebody"
            st.caption(plain(f"Pixel size {one.after} mm, set by {who}: {_found(analysis)}. Before: {one.before}."))
    if not open_to_say:
        return
    key = f"case.pixel.{case.study.id}"
    before = [(image.sha256, _before(analysis)) for image, analysis in open_to_say]
    st.segmented_control(
        "How large is a pixel, in mm? A choice looks again at that scale.",
        PIXEL_SIZES,
        key=key,
        format_func=lambda mm: f"{mm:g}",
        on_change=_set,
        args=(key, before, model),
    )
    if sentence := st.session_state.pop(f"{key}.said", None):
        st.warning(str(sentence))


def _set(key: str, images: Sequence[tuple[str, str]], model: str) -> None:
    mm = st.session_state[key]
    if mm is None:
        return
    st.session_state[key] = None
    try:
        with open_store() as store:
            for sha256, before in images:
                set_pixel_size(store, sha256, mm, model, secrets.token_hex(4), reader_name(), before)
    except QueueFull as problem:
        st.session_state[f"{key}.said"] = str(problem)
    jobs().wake()


def _before(analysis: Analysis) -> str:
    return _found(analysis) + ("" if analysis.looked_mm is None else f" at {analysis.looked_mm[0]:.2g} mm")


def _found(analysis: Analysis) -> str:
    mc = sum(finding.type is Calcification.MICRO for finding in analysis.findings)
    return f"{counted(mc, 'MC region')} and {counted(len(analysis.findings) - mc, 'BAC segment')}"
