"""What a reader decides of the study as a whole, with the history of all that was decided, and undo."""

from collections.abc import Callable, Sequence

import streamlit as st

from mtunet.case import Box, Calcification, Finding
from mtunet.store.decisions import history, keep
from mtunet.study.decisions import (
    NOTE_LENGTH,
    RECALL_WORDS,
    Act,
    Decision,
    Recall,
    Verdict,
    can_undo,
    in_force,
    in_words,
    undo,
)
from pages.case.chosen import go_to
from pages.case.findings import VERDICTS, called, clicked_finding, selected_finding
from pages.case.viewed import Case, Key, Viewed
from pages.shared.frame import ask_reader, reader_name
from pages.shared.reading_list import Place
from pages.shared.words import SHORT_TYPES, TYPES, plain, when_words
from pages.shared.work import open_store

# A reader's verdict on the chosen finding, and on a box drawn round something the model missed.

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
    """The verdict buttons for the finding that is chosen, and the way to the next one without a verdict."""
    chosen = selected_finding(case)
    found = case.find(chosen)
    following = next_unjudged(case, chosen)
    if following is not None:
        st.button(
            "Next finding",
            icon=":material/skip_next:",
            shortcut="J",
            on_click=clicked_finding,
            args=(case, following),
            help="The next without a verdict, centred in its image",
            key="case.next_finding",
        )
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


def next_unjudged(case: Case, chosen: Key | None) -> Key | None:
    """The finding without a verdict that follows the chosen one in the table, from its end on again at its top."""
    found = [((view.image.sha256, finding.number), finding) for view, finding in case.findings]
    at = next((n for n, (key, _) in enumerate(found) if key == chosen), -1)
    rest = [*found[at + 1 :], *found[: max(at, 0)]]
    return next((key for key, finding in rest if case.standing.verdict(key[0], finding) is None), None)


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


RECALLS = {recall: words.capitalize() for recall, words in RECALL_WORDS.items()}
RECALL_SHORTCUTS = {Recall.RECALL: "Y", Recall.NO_RECALL: "O"}
RECALL_ICONS = {Recall.RECALL: ":material/call_made:", Recall.NO_RECALL: ":material/check_circle:"}


def decide(case: Case, records: Sequence[Decision], here: Place | None) -> None:
    """Reader, recall or not, note, undo, history. records: the history that `case.standing` is of. here: its place."""
    _follow(case.study.id, max((decision.id for decision in records), default=0))
    with st.container(border=True, key="case.decision"):
        st.markdown("**Your decision**")
        ask_reader()
        _recall(case, here.below if here else None)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            _note(case)
            _undo(case, records)
        _stands(case)
        _history(case, records)


@st.fragment(run_every=3.0)
def _follow(study: str, seen: int) -> None:
    """Someone may decide in another tab: then this page is drawn again."""
    with open_store() as store:
        more = any(decision.id > seen for decision in history(store, study))
    if more:
        st.rerun()


def _recall(case: Case, below: str | None) -> None:
    then_next = st.toggle(
        "Then open the next study", key="case.then_next", persist_state="session", help="Of the list that is read."
    )
    with st.container(horizontal=True, gap="small"):
        for recall, words in RECALLS.items():
            if st.button(
                words,
                icon=RECALL_ICONS[recall],
                type="primary" if case.standing.recall is recall else "secondary",
                disabled=not reader_name(),
                help=None if reader_name() else NEEDS_NAME,
                shortcut=RECALL_SHORTCUTS[recall],
                key=f"case.study.{recall.value}",
            ):
                if then_next and below is not None:
                    go_to(below)
                _keep(Decision(case.study.id, reader_name(), Act.STUDY, recall.value, case.shown))


def _note(case: Case) -> None:
    with (
        st.popover("Add a note", icon=":material/edit_note:", key="case.note"),
        st.form(f"case.note.{case.study.id}", clear_on_submit=True, border=False, enter_to_submit=False),
    ):
        words = st.text_area("Note", height=120, max_chars=NOTE_LENGTH, key=f"case.note.words.{case.study.id}")
        sent = st.form_submit_button("Keep the note", icon=":material/edit_note:", key="case.note.keep")
    if sent and not reader_name():
        st.warning(NEEDS_NAME)
    elif sent and words.strip():
        _keep(Decision(case.study.id, reader_name(), Act.NOTE, "", case.shown, words.strip()))


def _undo(case: Case, records: Sequence[Decision]) -> None:
    last = can_undo(records, reader_name()) if reader_name() else None
    if st.button(
        "Undo my last decision",
        icon=":material/undo:",
        type="tertiary",
        disabled=last is None,
        help=f"Takes back: {plain(_said(case, last))}" if last else "You have decided nothing here that stands.",
        key="case.undo",
    ):
        assert last is not None
        _keep(undo(last, reader_name(), case.shown))


def _stands(case: Case) -> None:
    last = case.standing.study
    if last is not None:
        st.markdown(f":material/gavel: {RECALLS[Recall(last.answer)]}, by {plain(last.reader)}, {when_words(last.at)}.")


def _history(case: Case, records: Sequence[Decision]) -> None:
    if not records:
        st.caption("Nothing has been decided yet. Whatever is decided here is kept for good, undone or not.")
        return
    standing = {decision.id for decision in in_force(records)}
    with st.expander(f"History ({len(records)})", icon=":material/history:", key="case.history"):
        for decision in reversed(records):
            said = plain(_said(case, decision))
            gone = "" if decision.id in standing else " · taken back"
            cuts = ", ".join(f"{kind.value.upper()} {cut:.2f}" for kind, cut in decision.shown.thresholds.items())
            made = f"{decision.shown.model}, thresholds {cuts}, version {decision.shown.version}"
            st.markdown(
                f"**{plain(decision.reader)}** {said}{gone}  \n:small[{when_words(decision.at)} · {plain(made)}]"
            )


def _said(case: Case, decision: Decision) -> str:
    view = case.view(decision.sha256) if decision.sha256 and not case.single else None
    return in_words(decision, view.name if view else "")
