"""After a round: how it went, case by case, and what comes next."""

from dataclasses import replace

import streamlit as st

from mtunet.names import counted
from mtunet.store.images import Store
from mtunet.teaching.records import answers_of
from mtunet.teaching.round_records import Round
from mtunet.teaching.rounds import GAPS, Seen, due, waiting
from pages.teaching import round as rounds
from pages.teaching.model_answer import WORDS
from pages.teaching.sections import go_to, percent_words

ON_IT = {True: "on it", False: "beside it", None: "–"}


def show_round_end(store: Store, playing: Round) -> None:
    answers = [one.answered for one in playing.given]
    st.subheader(f"{sum(one.right for one in answers)} of {len(answers)} right", anchor=False)
    rows = [
        {
            "Case": n,
            "Truth": WORDS[one.truth],
            "You": WORDS[one.answer],
            "Right": "yes" if one.right else "no",
            "After the model": WORDS[one.revised] if one.revised else "–",
            "Mark": ON_IT[one.hit],
            "Sure": percent_words(one.sureness),
            "Model": WORDS[one.model] if one.model else "–",
        }
        for n, one in enumerate(answers, 1)
    ]
    st.dataframe(rows, hide_index=True, key="teaching.round_table", alt="The answers of this round", width=860)
    st.markdown(_coming_back([Seen(one.item, one.right) for one in answers_of(store, playing.plan.reader)]))
    with st.container(horizontal=True):
        if st.button("Another round", type="primary", icon=":material/replay:", shortcut="Enter", key="teaching.again"):
            rounds.begin(store, replace(playing.plan, items=()) if not playing.plan.items else playing.plan)
            st.rerun()
        st.button("Choose again", icon=":material/tune:", on_click=rounds.stop, shortcut="Escape", key="teaching.other")
        st.button(
            "Your score",
            icon=":material/insights:",
            on_click=go_to,
            args=("score",),
            shortcut="s",
            key="teaching.to_score",
        )
    st.caption("Keys: Enter for another round like this one, Escape to choose again, S for the score.")


def _coming_back(history: list[Seen]) -> str:
    """What is still to be asked again, and when."""
    still = waiting(history)
    if not still:
        return "No mistake is waiting to come back."
    now = len(due(history))
    gaps = ", then ".join(str(gap) for gap in GAPS)
    return (
        f"**{counted(len(still), 'case')}** that you got wrong will come back"
        f"{f', {now} of them next' if now else ''}: after {gaps} other cases, each time it is right."
    )
