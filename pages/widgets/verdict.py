"""The words around the image: what it is, what is flagged and why, what the reader had to assume."""

import streamlit as st

from mtunet.case import Analysis, Calcification
from mtunet.records import Image
from mtunet.store import Store
from pages.widgets.pixels import sample_of
from pages.widgets.words import FLAGS, PRIORITIES, plain, share_words, size_words, view_words, when_words


def header(store: Store, image: Image) -> None:
    """The name of the image, and the way to its neighbours in the worklist."""
    above, below = store.neighbours(image.sha256)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            st.subheader(plain(image.name), anchor=False)
            st.caption(f"{view_words(image)} · {size_words(image)} · added {when_words(image.added_at)}")
            if sample := sample_of(image):
                st.caption(f":material/experiment: {sample.teaches}")
        with st.container(horizontal=True, width="content"):
            _step("Previous", ":material/chevron_left:", "P", above)
            _step("Next", ":material/chevron_right:", "N", below)


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


def facts(analysis: Analysis) -> None:
    """Where the numbers come from."""
    made = analysis.provenance
    st.caption(f"Analysed in {made.seconds:.1f} s on {plain(made.device)}, {when_words(made.made_at)}.")


def notes(image: Image) -> None:
    """What the reader had to decide or assume about the file."""
    if image.notes:
        with st.expander(f"Notes on the file ({len(image.notes)})", icon=":material/sticky_note_2:"):
            for note in image.notes:
                st.markdown(f"- {plain(note)}")


def _step(label: str, icon: str, shortcut: str, sha256: str | None) -> None:
    def go() -> None:
        st.query_params.clear()
        st.query_params["image"] = sha256 or ""

    st.button(label, icon=icon, shortcut=shortcut, on_click=go, disabled=sha256 is None, key=f"case.{label.lower()}")


def _counts(analysis: Analysis) -> str:
    mc = sum(finding.type is Calcification.MICRO for finding in analysis.findings)
    bac = len(analysis.findings) - mc
    return f"{mc} MC region{'' if mc == 1 else 's'}, {bac} BAC segment{'' if bac == 1 else 's'}"
