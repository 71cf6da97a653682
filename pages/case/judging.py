"""A reader's verdict on the chosen finding, and on a box drawn round something the model missed."""

from collections.abc import Callable

import streamlit as st

from mtunet.case import Box, Calcification, Finding
from mtunet.store.decisions import keep
from mtunet.study.decisions import Act, Decision, Verdict
from pages.case.findings import VERDICTS, called, selected_finding
from pages.case.viewed import Case, Viewed
from pages.shared.frame import reader_name
from pages.shared.words import SHORT_TYPES, TYPES, plain
from pages.shared.work import open_store

ICONS = {
    Verdict.AGREE: ":material/check:",
    Verdict.NOTHING: ":material/close:",
    Verdict.BAC: ":material/timeline:",
    Verdict.MC: ":material/grain:",
}
SHORTCUTS = {Verdict.AGREE: "A", Verdict.NOTHING: "X", Verdict.BAC: "T", Verdict.MC: "T"}
OTHER_WAY = {Calcification.MICRO: Verdict.BAC, Calcification.ARTERIAL: Verdict.MC}
NEEDS_NAME = "Say who reads first: a decision carries its reader's name."


def judge(case: Case) -> None:
    """The verdict buttons for the finding that is chosen."""
    found = case.find(selected_finding(case))
    if found is None:
        if case.findings:
            st.caption("Choose a finding in the table or in the image to judge it.")
        return
    view, finding = found
    stands = case.standing.verdict(view.image.sha256, finding)
    with st.container(horizontal=True, vertical_alignment="center", key="case.judge"):
        st.markdown(f"**{plain(called(case, view, finding))}**, {SHORT_TYPES[finding.type]}:", width="content")
        for verdict in (Verdict.AGREE, OTHER_WAY[finding.type], Verdict.NOTHING):
            given = stands is not None and stands.answer == verdict
            if st.button(
                VERDICTS[verdict],
                icon=ICONS[verdict],
                type="primary" if given else "secondary",
                disabled=not reader_name(),
                help=None if reader_name() else NEEDS_NAME,
                shortcut=SHORTCUTS[verdict],
                key=f"case.verdict.{verdict.value}",
            ):
                _keep(_on_finding(case, view, finding, verdict))


def drawn_box(case: Case) -> tuple[str, Box] | None:
    """A box that was drawn in this case and is not kept yet: in which image, and where."""
    found: tuple[str, Box] | None = st.session_state.get(f"case.box.{case.study.id}")
    return found


def draw_box(case: Case, sha256: str, box: Box) -> None:
    st.session_state[f"case.box.{case.study.id}"] = (sha256, box)


def judge_box(case: Case) -> None:
    """What the drawn box is, or nothing after all."""
    drawn = drawn_box(case)
    view = case.view(drawn[0]) if drawn else None
    if drawn is None or view is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="case.missed"):
        st.markdown(f"**Missed on {plain(view.name)}**, what is it?", width="content")
        for kind in Calcification:
            if st.button(
                TYPES[kind].capitalize().replace("(mc)", "(MC)").replace("(bac)", "(BAC)"),
                disabled=not reader_name(),
                help=None if reader_name() else NEEDS_NAME,
                key=f"case.missed.{kind.value}",
            ):
                _forget_box(case)
                _keep(_on_box(case, drawn[0], drawn[1], kind))
        if st.button("Discard the box", icon=":material/close:", type="tertiary", key="case.missed.discard"):
            _forget_box(case)
            st.rerun()


def _forget_box(case: Case) -> None:
    st.session_state.pop(f"case.box.{case.study.id}", None)


def _on_finding(case: Case, view: Viewed, finding: Finding, verdict: Verdict) -> Decision:
    return Decision(
        study=case.study.id,
        reader=reader_name(),
        act=Act.FINDING,
        answer=verdict.value,
        shown=case.shown,
        sha256=view.image.sha256,
        type=finding.type,
        number=finding.number,
        box=finding.box,
    )


def _on_box(case: Case, sha256: str, box: Box, kind: Calcification) -> Decision:
    return Decision(
        study=case.study.id,
        reader=reader_name(),
        act=Act.MISSED,
        answer=kind.value,
        shown=case.shown,
        sha256=sha256,
        box=box,
    )


def _keep(decision: Decision, after: Callable[[], None] = st.rerun) -> None:
    """On disk first, then the whole page again: history, table and image all show it."""
    with open_store() as store:
        keep(store, decision)
    after()
