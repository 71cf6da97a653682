"""One line of the worklist: a study with its views, its place in the queue and why; and the keys J, K and Enter."""

import re
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mtunet.case import Calcification, Flag
from mtunet.detection.mc_score import fit
from mtunet.detection.triage import BADGES
from mtunet.files import counted
from mtunet.intake.worker import Jobs
from mtunet.phantom.samples import truly_holds
from mtunet.store.decisions import everything, newest
from mtunet.store.filing import data_folder, thumbnail_path
from mtunet.store.images import Store
from mtunet.store.records import Image, JobState
from mtunet.store.worklist import ListedView, State, StudyRow
from mtunet.study.decisions import FEW, Agreement, by_study, kappa, on_types
from pages.shared.correcting import badge_colour, badges, correct_side
from pages.shared.pixels import sample_of
from pages.shared.viewer import component
from pages.shared.words import (
    FLAGS,
    READERS_DIFFER,
    STATES,
    URGENCIES,
    decision_words,
    grade_words,
    marker,
    model_words,
    plain,
    score_words,
    share_words,
    view_words,
    when_words,
)
from pages.worklist.several import chosen_key

THUMBNAIL, SMALL = 92, 30
"""Heights, screen pixels: in a row of its own height, and in one of a line."""
ON_ONE_LINE = 4
"""Views of a whole examination: they get narrower rather than fall apart."""
MENU = {"again": "Analyse again", "edit": "Correct …", "delete": "Delete …"}
ROW_STARTS, ROW_ENDS = "worklist.", ".row"
"""Around the study's id they make the key of a row's frame; the keyboard finds the rows by them."""


def draw_row(row: StudyRow, jobs: Jobs) -> str | None:
    """Draw it; gives what the person wishes: "cancel", "again", "edit", "delete", or None."""
    key = f"worklist.{row.id}"
    with st.container(border=True, key=f"{ROW_STARTS}{row.id}{ROW_ENDS}"):
        box, strip, about, verdict, menu = st.columns([0.35, 2.6, 3, 5.5, 1.4], vertical_alignment="center")
        _choose(box, row)
        with strip:
            st.html(strip_html(row.views, jobs))
        with about, st.container(gap=None):
            st.markdown(f"**{plain(row.title)}**")
            st.caption(f"{counted(len(row.views), 'image')} · added {when_words(row.made_at)}")
            _state(row)
        with verdict, st.container(gap="xsmall"):
            wish = _progress(row, jobs, key)
            _flag(row)
        with menu, st.container(gap="xsmall"):
            _open(row)
            chosen = _menu(key)
    return chosen or wish


def draw_line(row: StudyRow, jobs: Jobs) -> str | None:
    """The same in the height of one line; what does not fit is cut off and stands in the tooltip."""
    key = f"worklist.{row.id}"
    with st.container(key=f"{ROW_STARTS}{row.id}{ROW_ENDS}"):
        box, strip, about, verdict, open_, menu = st.columns(
            [0.4, 1.2, 3.2, 6.3, 1.5, 1.45], vertical_alignment="center", gap="small"
        )
        _choose(box, row)
        strip.html(strip_html(row.views, jobs, SMALL))
        about.markdown(f"{STATES[row.state].icon} **{plain(row.title)}**", help=_about(row))
        with verdict:
            wish = _progress(row, jobs, key)
            if wish is None and not any(view.job and view.job.state.pending for view in row.views):
                _said_in_a_line(row)
        with open_:
            _open(row)
        with menu:
            chosen = _menu(key)
    return chosen or wish


LINES_STYLE = """<style>
[class*="st-key-worklist-lines"] [data-testid="stMarkdownContainer"] p {
    white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
[class*="st-key-worklist-lines"] [data-testid="stMarkdownContainer"] { min-width: 0; }
[class*="st-key-worklist-lines"] figcaption { display: none; }
[class*="st-key-worklist-lines"] [data-testid="stHorizontalBlock"] {
    border-bottom: 1px solid rgba(128, 145, 150, 0.3); min-height: 40px; }
</style>"""


def _choose(column: DeltaGenerator, row: StudyRow) -> None:
    column.checkbox(f"Choose {row.title}", key=chosen_key(row.id), label_visibility="collapsed")


def _open(row: StudyRow) -> None:
    st.page_link(
        "pages/case/case.py",
        label="Open",
        icon=":material/arrow_forward:",
        query_params={"study": row.id, **({"image": row.views[0].image.sha256} if row.views else {})},
        help="See the views with their contours",
    )


def _menu(key: str) -> str | None:
    return st.menu_button(
        "More", list(MENU), format_func=lambda option: MENU[option], key=f"{key}.menu", type="tertiary"
    )


def _about(row: StudyRow) -> str:
    return f"{counted(len(row.views), 'image')}, added {when_words(row.made_at)}. {_state_words(row)}."


def _said_in_a_line(row: StudyRow) -> None:
    triage = row.triage
    marks = [f":{badge_colour(name)}-badge[{BADGES[name]}]" for name in triage.scope]
    facts: list[str] = []
    if triage.flag is not None:
        words = FLAGS[triage.flag]
        marks.insert(0, f":{words.colour}-badge[{words.icon} {words.words}]")
        score = score_words(triage.score)
        facts = [*([f"**{score}**"] if score else []), *filter(None, [grade_words(row.bac_grade)])]
        facts += map(model_words, row.other_models)
    sentences = " ".join(plain(reason.sentence) for reason in triage.reasons)
    if wrong := known_error(row):
        sentences = f":material/error: {wrong} {sentences}"
    if marks or sentences:
        st.markdown(" ".join([*marks, " · ".join([*facts, sentences])]), help=sentences or None)


def strip_html(views: tuple[ListedView, ...], jobs: Jobs, height: int = THUMBNAIL) -> str:
    """The views side by side in hanging order, each with its side and view, or how far it is, beneath it."""
    wrap = "nowrap" if len(views) <= ON_ONE_LINE else "wrap"
    return (
        f'<div style="display:flex;flex-wrap:{wrap};gap:6px;align-items:flex-start">'
        + "".join(_thumbnail_html(view, jobs, height) for view in (views if height > SMALL else views[:ON_ONE_LINE]))
        + "</div>"
    )


def _thumbnail_html(view: ListedView, jobs: Jobs, height: int) -> str:
    image = view.image
    width = max(height * 3 // 8, min(height, round(height * image.columns / image.rows)))
    box = f"display:block;width:{width}px;max-width:100%;height:{height}px;border-radius:4px;background:#000"
    words = escape(f"{view_words(image)}, {image.name}", quote=True)
    if thumbnail_path(data_folder(), image.sha256).exists():
        source = f"mtunet/thumbnail/{image.sha256}"
        picture = f'<img src="{source}" alt="Thumbnail of {words}" loading="lazy" style="{box};object-fit:contain">'
    else:
        picture = f'<div role="img" aria-label="No picture yet of {words}" style="{box};opacity:0.25"></div>'
    return (
        f'<figure style="margin:0;min-width:0;max-width:{max(width, 56)}px" title="{words}">{picture}'
        f'<figcaption style="font-size:11px;line-height:1.3">{escape(_under(view, jobs))}</figcaption></figure>'
    )


def _under(view: ListedView, jobs: Jobs) -> str:
    """ "R CC", and while it is not done, how far it is."""
    short = marker(view.image) or "?"
    job = view.job
    if job is None or job.state is JobState.DONE:
        return short
    if job.state is JobState.RUNNING:
        return f"{short} {jobs.progress(job.sha256, job.model):.0%}".replace("%", " %")
    words = {JobState.FAILED: "failed", JobState.CANCELLED: "stopped"}
    return f"{short} {words.get(job.state, 'waits')}"


SCORE_HELP = fit().explained


def _flag(row: StudyRow) -> None:
    triage = row.triage
    if triage.flag is None:
        badges(triage.scope)
        return
    words = FLAGS[triage.flag]
    score = score_words(triage.score)
    facts = [URGENCIES[triage.urgency], score, share_words(triage.bac_share), grade_words(row.bac_grade)]
    facts += map(model_words, row.other_models)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(words.words, icon=words.icon, color=words.colour, help=words.help)
        badges(triage.scope)
        correct_side(row.id, triage.scope, f"worklist.{row.id}.correct")
        st.caption(" · ".join(fact for fact in facts if fact), width="content", help=SCORE_HELP if score else None)
    st.markdown(" ".join(plain(reason.sentence) for reason in triage.reasons))
    if wrong := known_error(row):
        st.markdown(f":material/error: {wrong}")


def known_error(row: StudyRow) -> str:
    """Where the truth of a sample is known and the flag says otherwise; "" for every other study."""
    sample = sample_of(row.views[0].image) if len(row.views) == 1 else None
    there = truly_holds(sample.key) if sample is not None and row.triage.flag is not None else None
    if there is None:
        return ""
    called = row.triage.flag in (Flag.MC, Flag.MOSTLY_BAC_MC_LEFT)
    if called == (Calcification.MICRO in there):
        return ""
    arterial = " What is called MC is arterial." if Calcification.ARTERIAL in there else ""
    return (
        f"A known error of the model: this sample holds no microcalcification.{arterial}"
        if called
        else "A known error of the model: this sample holds microcalcifications, and none is flagged."
    )


def _state_words(row: StudyRow) -> str:
    words = STATES[row.state].words if row.state is not State.DECIDED else decision_words(row.decision)
    if row.state is State.DECIDED and row.decided_by:
        words += f" · {row.decided_by}, {when_words(row.decided_at or row.made_at)}"
    if row.readers_differ:
        words += f" · {READERS_DIFFER.lower()}"
    return words + (f" · for {row.assigned_to}" if row.assigned_to else "")


def _state(row: StudyRow) -> None:
    words, sentence = STATES[row.state], _state_words(row)
    guess = " · :material/help: grouping guessed" if any(view.guessed for view in row.views) else ""
    st.caption(f"{words.icon} {plain(sentence)}{guess}", help=_GUESS if guess else None)


_GUESS = (
    "These files do not say which study they are of. They were put together because of their names: More, Correct "
    "confirms or changes it."
)


def _progress(row: StudyRow, jobs: Jobs, key: str) -> str | None:
    """How far the study is, with a button to stop; what failed, with one to try again."""
    pending = [view.job for view in row.views if view.job and view.job.state.pending]
    if pending:
        under_way = sum(jobs.progress(job.sha256, job.model) for job in pending)
        done = len(row.views) - len(pending)
        running = any(job.state is JobState.RUNNING for job in pending)
        text = f"{'Analysing' if running else 'Waiting'}: {done} of {counted(len(row.views), 'image')} done"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(min(1.0, (done + under_way) / len(row.views)), text, width="stretch")
            return "cancel" if st.button("Stop", icon=":material/stop_circle:", key=f"{key}.cancel") else None
    stopped = [view for view in row.views if view.job and view.job.state in (JobState.FAILED, JobState.CANCELLED)]
    if not stopped:
        return None
    for view in stopped:
        assert view.job is not None
        icon = ":material/error:" if view.job.state is JobState.FAILED else ":material/stop_circle:"
        st.markdown(f"{icon} {_called(view.image)}: {plain(view.job.sentence)}")
    return "again" if st.button("Analyse again", key=f"{key}.again", icon=":material/refresh:") else None


def _called(image: Image) -> str:
    return plain(marker(image) or image.name)


HELP = "**J** next study · **K** the one before · **Enter** open it"


def row_keys(prefix: str, suffix: str, *, key: str) -> None:
    """Let J, K and Enter walk over the containers whose keys begin and end so, and which hold a link each.

    Drawn once, beside the list and not in it: the rows are looked up in the page when a key is pressed, so it does not
    matter how often, and within which fragment, the list is drawn anew.
    """
    component("row_keys")(key=key, data={"prefix": _class(prefix), "suffix": _class(suffix).removeprefix("st-key-")})


def _class(key: str) -> str:
    """The class that Streamlit gives a container with this key."""
    return "st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())


# How far readers and model agree on findings, as one line with its table; for the worklist.

WORDS = {"mc": "MC", "bac": "BAC", "none": "Neither"}


def agreement(store: Store) -> None:
    """Nothing while nobody has judged a finding."""
    pairs = _pairs(str(data_folder().absolute()), newest(store))
    if not pairs:
        return
    result = kappa(pairs)
    with st.expander(f"Readers and model: {_short(result)}", icon=":material/handshake:", key="worklist.agreement"):
        st.markdown(_long(result))
        counts = {(model, reader): pairs.count((model, reader)) for model in WORDS for reader in WORDS}
        st.dataframe(
            [
                {"Model says": WORDS[model], **{f"Reader: {WORDS[reader]}": counts[model, reader] for reader in WORDS}}
                for model in WORDS
            ],
            hide_index=True,
            width="content",
            key="worklist.agreement.table",
            alt="How often the model and the readers said what of a finding",
        )
        st.caption(
            "Cohen's kappa, (observed − chance) / (1 − chance), over the findings that readers judged and what they "
            "marked as missed; each finding's last verdict counts. Readers saw what the model found, so they are not "
            "independent of it. What neither found is in no cell."
        )


@st.cache_data(max_entries=4, show_spinner=False)
def _pairs(data: str, last: int) -> list[tuple[str, str]]:  # noqa: ARG001 (the newest decision is what it hangs on)
    with Store.open(Path(data)) as store:
        return on_types(by_study(everything(store)).values())


def _short(agreement: Agreement) -> str:
    if agreement.kappa is None:
        return f"kappa not defined yet (n = {agreement.n})"
    return f"kappa {agreement.kappa:.2f} (n = {agreement.n})"


def _long(agreement: Agreement) -> str:
    if agreement.kappa is None:
        return agreement.why
    assert agreement.observed is not None
    few = f" With fewer than {FEW} judged, do not rely on the interval." if agreement.n < FEW else ""
    return (
        f"Kappa **{agreement.kappa:.2f}** (95 %: {agreement.low:.2f} to {agreement.high:.2f}), "
        f"agreement {agreement.observed:.0%} of {agreement.n} findings.{few}"
    ).replace("%", " %")
