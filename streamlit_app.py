"""The app: its pages and its routes, and nothing else. Run with `streamlit run streamlit_app.py`.

Streamlit imports this file once to find `app`, then runs it as a script at every interaction.
"""

import contextlib

import streamlit as st
from starlette.middleware import Middleware

from pages.case import desk
from pages.shared import drawn_pictures
from pages.shared.entry import base_path, closed, gate_settings, may_see
from pages.shared.gate import Gate
from pages.shared.image_route import ROUTES, mounted
from pages.shared.work import lifespan
from pages.teaching import pictures
from pages.teaching.classroom import watching

if __name__ == "__main__":
    # No icons: as the icon of the browser's tab, Streamlit would fetch them from another machine.
    PAGES = [
        st.Page(
            "pages/worklist/worklist.py",
            title="Worklist",
            default=True,
            help="Add mammograms or try the samples; every image with its flag and the reason for it.",
        ),
        st.Page(
            "pages/case/case.py",
            title="Case",
            help="One image: the calcifications found on it, why it is or is not flagged, thresholds, downloads.",
        ),
        st.Page(
            "pages/teaching/teaching.py",
            title="Teaching",
            help="A lesson, cases to make, a quiz, a class: learn to tell microcalcifications from arterial ones.",
        ),
        st.Page(
            "pages/evaluation/evaluation.py",
            title="Evaluation",
            help="What a training run measured: ours beside the paper's, every fold and curve, down to one image.",
        ),
        st.Page(
            "pages/about/about.py",
            title="About",
            help="What this is and what it is not, the models and where they come from, keyboard shortcuts.",
        ),
    ]
    # A learner in a room came for the room alone, and has perhaps no more than a phone's width.
    in_a_room = "room" in st.query_params
    seen = [page for page in PAGES if may_see(page.title)]
    shown = [
        page if page in seen or (in_a_room and page.title == "Teaching") else closed(page, seen[0] if seen else None)
        for page in PAGES
    ]
    st.navigation(shown, position="top" if seen and not in_a_room else "hidden").run()
else:
    # A folder called `pages` has a meaning of its own to Streamlit until `st.navigation` has run once: a page opened by
    # its address on a new server would come without the menu.
    with contextlib.suppress(ImportError):
        from streamlit.runtime.pages_manager import PagesManager

        PagesManager.uses_pages_directory = False
    gate = Middleware(Gate, **gate_settings())
    app = st.App(
        __file__,
        routes=mounted(
            [*ROUTES, *desk.ROUTES, *watching.ROUTES, *pictures.ROUTES, *drawn_pictures.ROUTES], base_path()
        ),
        middleware=[gate],
        lifespan=lifespan,
    )
