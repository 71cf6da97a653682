"""What reading does not need at every study, in drawers over the image: the findings as a table and magnified, the
amount of arterial calcification, files to take away, and where the numbers come from."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from mtunet.case import SCALE_WORDS, Analysis, Calcification, Finding, ScaleSource
from mtunet.files import counted
from mtunet.intake.admission import PIXEL_SIZES, SPACING, QueueFull, set_pixel_size
from mtunet.output.drawing import Palette, inset
from mtunet.store.decisions import history
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.studies import Correction, corrections_of
from mtunet.study.decisions import Decision, Verdict, standing
from mtunet.study.landmarks import TOLERANCE_MM
from pages.case.amounts import bac_amounts, plane, prior_change
from pages.case.desk import VERDICTS
from pages.case.downloads import downloads
from pages.case.reading import Case, Viewed, called, distances, other_view
from pages.case.settings import Chosen, Found
from pages.shared.entry import reader_name
from pages.shared.pixels import mammogram_of, truth_of
from pages.shared.words import SHORT_TYPES, plain, short_marker, when_words
from pages.shared.work import jobs, last_looks, open_store


@st.fragment
def drawers(case: Case, prior: Case | None, chosen: Chosen) -> None:
    """What is not open costs nothing."""

    def now() -> tuple[Case, tuple[Decision, ...]]:
        """What was decided since the page was drawn is in it."""
        with open_store() as store:
            records = history(store, case.study.id)
        return replace(case, standing=standing(records)), records

    def findings() -> None:
        stands, _ = now()
        _findings_table(stands)
        _insets(stands, chosen.palette)

    def amounts() -> None:
        bac_amounts(case)
        if prior is not None:
            prior_change(case, prior)
        plane(case)

    def about() -> None:
        made = case.views[0].stored.provenance
        st.caption(f"Analysed in {made.seconds:.1f} s on {plain(made.device)}, {when_words(made.made_at)}.")
        st.caption(last_looks())
        with open_store() as store:
            _looked_at(store, case, chosen)
        _notes([view.image for view in case.views])

    filled: dict[str, tuple[str, Callable[[], None]]] = {
        "Findings": (":material/list:", findings),
        "Amounts": (":material/timeline:", amounts),
        "Files": (":material/download:", lambda: downloads(*now(), chosen.palette)),
        "About": (":material/info:", about),
    }
    with st.container(horizontal=True, width="content", gap="small"):
        for label, (icon, fill) in filled.items():
            with st.popover(
                label, icon=icon, key=f"case.drawer.{label.lower()}", on_change="rerun", type="tertiary"
            ) as opened_now:
                if opened_now.open:
                    fill()


# The findings as a table, and the leading ones magnified, as beside the images of the paper's Figure 3.

INSETS, INSET_SIZE = 4, 360

PIXELS = "In pixels, because a file does not say how large its pixels are."


def _findings_table(case: Case) -> None:
    """One row per finding, with every number there is of it."""
    if not case.findings:
        st.caption("Nothing was found above these thresholds. Lower them to see what the model was less sure of.")
        return
    st.dataframe(
        [_row(case, view, finding) for view, finding in case.findings],
        hide_index=True,
        column_config=_columns(case),
        placeholder="–",
        height=min(38 + 35 * len(case.findings), 318),
        width=680,
        key=f"case.findings.{case.study.id}",
        alt="Findings with type, probability, size and place",
    )


def _insets(case: Case, palette: Palette) -> None:
    leading = case.findings[:INSETS]
    if not leading:
        return
    for column, (view, finding) in zip(st.columns(INSETS), leading, strict=False):
        image = view.image
        picture = inset(mammogram_of(image), finding, view.analysis.findings, truth_of(image), palette, size=INSET_SIZE)
        caption = f"{called(case, view, finding)}: {SHORT_TYPES[finding.type]}, probability {finding.probability:.2f}"
        column.image(picture, caption=caption, width="stretch", alt=f"Magnified: {caption}")


def _row(case: Case, view: Viewed, finding: Finding) -> dict[str, Any]:
    there = distances(case, view, finding)
    row = {
        "View": view.name,
        "No.": finding.number,
        "Type": SHORT_TYPES[finding.type],
        "Reader": _verdict(case, view, finding),
        "Probability": finding.probability,
        **_networks(finding),
        "Area": finding.area_mm2 if case.in_mm else finding.area_px,
        "Length": finding.length_mm if case.in_mm else finding.length_px,
        "Specks": finding.specks,
        "Nipple": there.nipple if there else None,
        "Skin": there.skin if there else None,
        "Other": other_view(case, view, finding),
        "MC": finding.probabilities.get(Calcification.MICRO),
        "BAC": finding.probabilities.get(Calcification.ARTERIAL),
    }
    if case.single:
        for column in ("View", "Other"):
            del row[column]
    return row


def _networks(finding: Finding) -> dict[str, str]:
    """A column only where it is known."""
    return {} if finding.networks is None else {"Networks": str(finding.networks)}


def _verdict(case: Case, view: Viewed, finding: Finding) -> str | None:
    """ "Agree (Ada)"."""
    decision = case.standing.verdict(view.image.sha256, finding)
    return None if decision is None else f"{VERDICTS[Verdict(decision.answer)]} ({decision.reader})"


def _columns(case: Case) -> dict[str, Any]:
    unit, square = ("mm", "mm²") if case.in_mm else ("px", "px")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    hundredths, tenths = ("%.2f", "%.1f") if case.in_mm else ("%d", "%.0f")
    return {
        "View": text(width=62, help="The image it was found on."),
        "No.": number(width=48, help="The number beside the contour in the image."),
        "Type": text(width=56, help="MC: microcalcification. BAC: breast arterial calcification."),
        "Probability": st.column_config.ProgressColumn(
            min_value=0.0, max_value=1.0, format="%.2f", width="small", help="Mean of its own type over the finding."
        ),
        "MC": number("MC head", format="%.2f", width="small", help="Mean MC probability over the finding."),
        "BAC": number("BAC head", format="%.2f", width="small", help="Mean BAC probability over the finding."),
        "Networks": text(width="small", help="How many of the model's networks see half of it or more by themselves."),
        "Area": number(f"Area, {square}", format=hundredths, width="small", help=None if case.in_mm else PIXELS),
        "Length": number(
            f"Length, {unit}",
            format=tenths,
            width="small",
            help="Of the centre line for BAC, of the longest extent for MC.",
        ),
        "Specks": number(width="small", help="Bright specks counted inside an MC region."),
        "Nipple": number(
            f"To nipple, {unit}",
            format="%.0f",
            width=106,
            help="From its middle. The nipple is estimated from the breast's outline, about 11 mm off on average; "
            "empty where view, chest wall or nipple are not known.",
        ),
        "Skin": number(f"To skin, {unit}", format="%.0f", width=92, help="Of its nearest point, in this view."),
        "Other": text(
            "Other view",
            width=92,
            help=f"A finding of the same type at the same distance from the nipple, to {TOLERANCE_MM} mm, in the other "
            "view of this breast: a suggestion. Empty where it cannot be told.",
        ),
        "Reader": text(width=168, help="What a reader said of it last."),
    }


# Where the numbers come from.


def _notes(images: Sequence[Image]) -> None:
    """What the reader had to decide or assume about the files; what is said of all of them is said once."""
    by_note: dict[str, list[str]] = {}
    for image in images:
        for note in image.notes:
            by_note.setdefault(note, []).append(short_marker(image) or image.name)
    for note, names in by_note.items():
        where = "" if len(names) == len(images) else f" ({', '.join(names)})"
        st.markdown(f"- {plain(note + where)}")


def _looked_at(store: Store, case: Case, chosen: Chosen) -> None:
    """An expander with what was looked at and at which scale, the pixel size by a person's word, what lies below the
    line."""
    told = [correction for correction in corrections_of(store, case.study.id) if correction.what == SPACING]
    below = [(view, finding) for view in case.views for finding in view.analysis.below]
    with st.expander(
        f"Looked at, pixel size, below the line ({len(below)})", icon=":material/straighten:", key="case.looked"
    ):
        for image, analysis in chosen.found:
            by_hand = any(correction.what == SPACING and correction.sha256 == image.sha256 for correction in told)
            st.caption(plain(f"{image.name}: {_share(analysis)}; {scale_words(analysis, by_hand=by_hand)}."))
        _pixel_size(case, chosen.found, chosen.model, told)
        if below:
            size = "mm²" if case.in_mm else "Pixels"
            rows = [
                {
                    **({} if case.single else {"Image": view.name}),
                    "Type": SHORT_TYPES[finding.type],
                    "Does not count": finding.below,
                    size: round(finding.area_mm2 or 0.0, 1) if case.in_mm else finding.area_px,
                    **_networks(finding),
                    **{f"{kind.value.upper()} head": round(finding.probabilities[kind], 2) for kind in Calcification},
                }
                for view, finding in below
            ]
            st.dataframe(rows, hide_index=True, key="case.below")


def _share(analysis: Analysis) -> str:
    of_picture = analysis.breast_px / (analysis.rows * analysis.columns)
    words = f"{of_picture:.0%} of the picture was looked at"
    if analysis.looked_share is not None:
        words += f", {analysis.looked_share:.0%} of what looks like tissue"
    return words.replace("%", " %")


def scale_words(analysis: Analysis, *, by_hand: bool) -> str:
    """What a pixel was taken to be, and how that was found. by_hand: a person said it."""
    if analysis.looked_mm is None:
        return "by an earlier version, which did not keep its scale"
    if by_hand:
        found = "set by hand"
    elif analysis.scale_source is None:  # of an earlier version
        found = "assumed" if analysis.spacing_mm is None else SCALE_WORDS[ScaleSource.STATED]
    else:
        found = SCALE_WORDS[analysis.scale_source]
    return f"a pixel is {analysis.looked_mm[0]:.2g} mm, {found}"


def _pixel_size(case: Case, results: Sequence[Found], model: str, told: Sequence[Correction]) -> None:
    """For files that do not say it: one click sets it, and the images are looked at again at that scale."""
    last = {correction.sha256: correction for correction in told}
    open_to_say = [result for result in results if result[0].spacing_mm is None or result[0].sha256 in last]
    for image, analysis in results:
        if (correction := last.get(image.sha256)) is not None:
            who = correction.reader or "somebody"
            st.caption(
                plain(
                    f"Pixel size {correction.after} mm, set by {who}: {_found(analysis)}. Before: {correction.before}."
                )
            )
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
