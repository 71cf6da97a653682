"""One line of the worklist: a study with its views, its place in the queue and why; and the keys J, K and Enter."""

import re
from html import escape
from pathlib import Path

import streamlit as st

from mtunet.files import counted
from mtunet.intake.worker import Jobs
from mtunet.store.decisions import everything, newest
from mtunet.store.filing import data_folder, thumbnail_path
from mtunet.store.images import Store
from mtunet.store.records import Image, JobState
from mtunet.store.worklist import ListedView, State, StudyRow
from mtunet.study.decisions import FEW, Agreement, by_study, kappa, on_types
from pages.shared.viewer import component
from pages.shared.words import (
    FLAGS,
    STATES,
    URGENCIES,
    decision_words,
    grade_words,
    marker,
    plain,
    share_words,
    view_words,
    when_words,
)

THUMBNAIL = 92
"""Height, screen pixels."""
ON_ONE_LINE = 4
"""Views of a whole examination: they get narrower rather than fall apart."""
MENU = {"again": "Analyse again", "edit": "Correct …", "delete": "Delete …"}
ROW_STARTS, ROW_ENDS = "worklist.", ".row"
"""Around the study's id they make the key of a row's frame; the keyboard finds the rows by them."""
PENDING = (JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED)


def draw_row(row: StudyRow, jobs: Jobs, most_views: int = ON_ONE_LINE) -> str | None:
    """Draw it; gives what the person wishes: "cancel", "again", "edit", "delete", or None.

    most_views: of any row of the list, so that its columns stand one below the other and no wider than they must.
    """
    key = f"worklist.{row.id}"
    with st.container(border=True, key=f"{ROW_STARTS}{row.id}{ROW_ENDS}"):
        pictures = max(1.1, min(most_views, ON_ONE_LINE))
        strip, about, verdict, menu = st.columns([pictures, 3, 5.5, 1.7], vertical_alignment="center")
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
            st.page_link(
                "pages/case/case.py",
                label="Open",
                icon=":material/arrow_forward:",
                query_params={"study": row.id, **({"image": row.views[0].image.sha256} if row.views else {})},
                help="See the views with their contours",
            )
            chosen = st.menu_button(
                "More", list(MENU), format_func=lambda option: MENU[option], key=f"{key}.menu", type="tertiary"
            )
    return chosen or wish


def strip_html(views: tuple[ListedView, ...], jobs: Jobs) -> str:
    """The views side by side in hanging order, each with its side and view, or how far it is, beneath it."""
    wrap = "nowrap" if len(views) <= ON_ONE_LINE else "wrap"
    return (
        f'<div style="display:flex;flex-wrap:{wrap};gap:6px;align-items:flex-start">'
        + "".join(_thumbnail_html(view, jobs) for view in views)
        + "</div>"
    )


def _thumbnail_html(view: ListedView, jobs: Jobs) -> str:
    image = view.image
    width = max(34, min(THUMBNAIL, round(THUMBNAIL * image.columns / image.rows)))
    box = f"display:block;width:{width}px;max-width:100%;height:{THUMBNAIL}px;border-radius:4px;background:#000"
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


def _flag(row: StudyRow) -> None:
    triage = row.triage
    if triage.flag is None:
        return
    words = FLAGS[triage.flag]
    facts = [URGENCIES[triage.urgency], share_words(triage.bac_share), grade_words(row.bac_grade)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(words.words, icon=words.icon, color=words.colour, help=words.help)
        st.caption(" · ".join(fact for fact in facts if fact), width="content")
    st.markdown(" ".join(plain(reason.sentence) for reason in triage.reasons))


def _state(row: StudyRow) -> None:
    words = STATES[row.state]
    said = words.words if row.state is not State.DECIDED else decision_words(row.decision)
    if row.state is State.DECIDED and row.decided_by:
        said += f" · {row.decided_by}, {when_words(row.decided_at or row.made_at)}"
    guess = " · :material/help: grouping guessed" if any(view.guessed for view in row.views) else ""
    st.caption(f"{words.icon} {plain(said)}{guess}", help=_GUESS if guess else None)


_GUESS = (
    "These files do not say which study they are of. They were put together because of their names: More, Correct "
    "confirms or changes it."
)


def _progress(row: StudyRow, jobs: Jobs, key: str) -> str | None:
    """How far the study is, with a button to stop; what failed, with one to try again."""
    pending = [view.job for view in row.views if view.job and view.job.state in PENDING]
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
    found = kappa(pairs)
    with st.expander(f"Readers and model: {_short(found)}", icon=":material/handshake:", key="worklist.agreement"):
        st.markdown(_long(found))
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


def _short(found: Agreement) -> str:
    if found.kappa is None:
        return f"kappa not defined yet (n = {found.n})"
    return f"kappa {found.kappa:.2f} (n = {found.n})"


def _long(found: Agreement) -> str:
    if found.kappa is None:
        return found.why
    assert found.observed is not None
    few = f" With fewer than {FEW} judged, do not rely on the interval." if found.n < FEW else ""
    return (
        f"Kappa **{found.kappa:.2f}** (95 %: {found.low:.2f} to {found.high:.2f}), agreement {found.observed:.0%} "
        f"of {found.n} findings.{few}"
    ).replace("%", " %")
