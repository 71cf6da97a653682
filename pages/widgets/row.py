"""One line of the worklist."""

import streamlit as st

from mtunet.filing import data_folder, thumbnail_path
from mtunet.jobs import Jobs
from mtunet.records import Image, JobState, Row
from pages.widgets.words import FLAGS, PRIORITIES, plain, share_words, view_words, when_words

THUMBNAIL = 104  # the longest side, screen pixels
MENU = {"again": "Analyse again", "delete": "Delete …"}


def draw_row(row: Row, jobs: Jobs) -> str | None:
    """Draw it; gives what the person wishes: "cancel", "again", "delete", or None."""
    key = f"worklist.{row.image.sha256}"
    wish = None
    with st.container(border=True, key=f"{key}.row"):
        picture, about, verdict, menu = st.columns([1, 3, 6, 1], vertical_alignment="center")
        with picture:
            _thumbnail(row.image)
        with about, st.container(gap=None):
            st.markdown(f"**{plain(row.image.name)}**")
            st.caption(f"{view_words(row.image)}  \nAdded {when_words(row.image.added_at)}")
        with verdict, st.container(gap="xsmall"):
            wish = _state(row, jobs, key)
            _flag(row)
        with menu, st.container(gap="xsmall"):
            st.page_link(
                "pages/case.py",
                label="Open",
                icon=":material/arrow_forward:",
                query_params={"image": row.image.sha256},
                help="See the image with its contours",
            )
            chosen = st.menu_button(
                "More", list(MENU), format_func=lambda option: MENU[option], key=f"{key}.menu", type="tertiary"
            )
    return chosen or wish


def _flag(row: Row) -> None:
    if row.flag is None or row.priority is None:
        return
    words = FLAGS[row.flag]
    facts = [PRIORITIES[row.priority], share_words(row.bac_share), (row.model or "").capitalize()]
    facts += [f"{row.seconds:.1f} s"] if row.seconds is not None else []
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(words.words, icon=words.icon, color=words.colour, help=words.help)
        st.caption(" · ".join(fact for fact in facts if fact), width="content")
    st.markdown(" ".join(plain(sentence) for sentence in row.reasons))


def _state(row: Row, jobs: Jobs, key: str) -> str | None:
    job = row.job
    if job is None or job.state is JobState.DONE:
        return None
    if job.state is JobState.RUNNING:
        share = jobs.progress(job.sha256, job.model)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(share, f"Analysing … {share:.0%}".replace("%", " %"), width="stretch")
            return "cancel" if st.button("Stop", icon=":material/stop_circle:", key=f"{key}.cancel") else None
    if job.state in (JobState.QUEUED, JobState.INTERRUPTED):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/schedule: Waiting. {plain(job.sentence)}", width="stretch")
            return "cancel" if st.button("Stop", icon=":material/stop_circle:", key=f"{key}.cancel") else None
    icon = ":material/error:" if job.state is JobState.FAILED else ":material/stop_circle:"
    st.markdown(f"{icon} {plain(job.sentence)}")
    return "again" if st.button("Analyse again", key=f"{key}.again", icon=":material/refresh:") else None


def _thumbnail(image: Image) -> None:
    path = thumbnail_path(data_folder(), image.sha256)
    width = max(1, round(min(THUMBNAIL, THUMBNAIL * image.columns / image.rows)))
    if path.exists():
        st.image(str(path), width=width, alt=f"Thumbnail of {image.name}")
    else:
        st.caption(":material/image:")
