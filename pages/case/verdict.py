"""The words around the image: what it is, what is flagged and why, what the reader had to assume."""

from collections.abc import Sequence

import streamlit as st

from mtunet.case import Analysis, Calcification
from mtunet.detection.triage import PRIORITY, RULES_VERSION
from mtunet.files import counted
from mtunet.store.records import Image
from mtunet.study.grouping import Study
from mtunet.study.look import StudyLook
from mtunet.study.rules import weigh_study
from pages.case.chosen import go_to
from pages.shared.pixels import sample_of
from pages.shared.reading_list import Place
from pages.shared.words import FLAGS, PRIORITIES, plain, share_words, short_marker, size_words, view_words, when_words


def header(study: Study, images: Sequence[Image], here: Place | None) -> None:
    """What the case is called, and the way to its neighbours in the list that is read."""
    first = images[0]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            st.subheader(plain(study.title), anchor=False)
            if len(images) == 1:
                st.caption(f"{view_words(first)} · {size_words(first)} · added {when_words(first.added_at)}")
            else:
                views = ", ".join(short_marker(image) or "unknown view" for image in images)
                guess = " · put together by file name" if study.guessed else ""
                st.caption(f"{len(images)} images: {views} · added {when_words(study.made_at)}{guess}")
            if len(images) == 1 and (sample := sample_of(first)):
                st.caption(f":material/experiment: {sample.teaches}")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            if here is not None:
                st.caption(here.words, width="content")
            _step("Previous", ":material/chevron_left:", "P", here.above if here else None)
            _step("Next", ":material/chevron_right:", "N", here.below if here else None)


def verdict(analysis: Analysis) -> None:
    """The flag and the reasons for it."""
    triage = analysis.triage
    words = FLAGS[triage.flag]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(words.words, icon=words.icon, color=words.colour, help=words.help)
        st.caption(PRIORITIES[triage.priority], width="content")
    for reason in triage.reasons:
        st.markdown(f"{plain(reason.sentence)}")
    if triage.bac_share is not None:
        st.caption(f"{share_words(triage.bac_share)}. {_counts(analysis)}.")


def study_verdict(look: StudyLook) -> None:
    """The flag of a study of several images, and the reasons for it."""
    triage = weigh_study(look.evidence)
    if triage.flag is None:
        return
    words = FLAGS[triage.flag]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(words.words, icon=words.icon, color=words.colour, help=words.help)
        st.caption(PRIORITIES[PRIORITY[triage.flag]], width="content")
    for reason in triage.reasons:
        st.markdown(plain(reason.sentence))


def facts(analyses: Sequence[Analysis]) -> None:
    """Where the numbers come from, and whether by other rules than today's. Time and device: of the first."""
    made = analyses[0].provenance
    st.caption(f"Analysed in {made.seconds:.1f} s on {plain(made.device)}, {when_words(made.made_at)}.")
    if before := sorted({analysis.provenance.rules for analysis in analyses} - {RULES_VERSION}):
        st.caption(
            f":material/history: Analysed under rules of version {plain(' and '.join(before))}; this program has "
            f"version {RULES_VERSION}. “Analyse again” in the worklist brings it up to date."
        )


def notes(images: Sequence[Image]) -> None:
    """What the reader had to decide or assume about the files; what is said of all of them is said once."""
    said: dict[str, list[str]] = {}
    for image in images:
        for note in image.notes:
            said.setdefault(note, []).append(short_marker(image) or image.name)
    if not said:
        return
    with st.expander(
        f"Notes on the file{'s' if len(images) > 1 else ''} ({len(said)})", icon=":material/sticky_note_2:"
    ):
        for note, names in said.items():
            where = "" if len(names) == len(images) else f" ({', '.join(names)})"
            st.markdown(f"- {plain(note + where)}")


def _step(label: str, icon: str, shortcut: str, study_id: str | None) -> None:
    st.button(
        label,
        icon=icon,
        shortcut=shortcut,
        on_click=go_to,
        args=(study_id or "",),
        disabled=study_id is None,
        key=f"case.{label.lower()}",
    )


def _counts(analysis: Analysis) -> str:
    mc = sum(finding.type is Calcification.MICRO for finding in analysis.findings)
    bac = len(analysis.findings) - mc
    return f"{counted(mc, 'MC region')}, {counted(bac, 'BAC segment')}"
