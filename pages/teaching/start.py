"""Before a round: who plays, which cases, who looks first; after it: how it went and what comes back."""

import streamlit as st

from mtunet.files import counted
from mtunet.store.images import Store
from mtunet.teaching.cases import ANY, PAIRS, Source, cases, find_case
from mtunet.teaching.contents import BOTH_TYPES, LEAST_BAC_MM, LEAST_CONSPICUITY
from mtunet.teaching.items import pool
from mtunet.teaching.real_cases import REAL_CASES, own_problems
from mtunet.teaching.records import answers_of, reader_name
from mtunet.teaching.rounds import CHOICES, GAPS, CaseSeen, Plan, Round, due, last_unfinished, waiting
from mtunet.teaching.run_cases import problems
from pages.shared.entry import signed_in_name
from pages.shared.words import plain
from pages.teaching import round as rounds
from pages.teaching.drawn import WORDS
from pages.teaching.reveal import true_words
from pages.teaching.round import MODES, ROUND
from pages.teaching.sections import choose_items, chosen_items, go_to, percent_words

LENGTHS = (5, 10, 20)


def ask_level(key: str, more: str = "") -> str:
    """more: said in the control's help after what the levels mean."""
    return str(
        st.segmented_control(
            "Level",
            CHOICES,
            default="easy",
            required=True,
            format_func=str.capitalize,
            key=key,
            help="Easy: one kind or none, clear to see. Hard: the paper's hard cases, faint or few calcifications, or "
            f"several benign ones beside.{more}",
        )
    )


def ask_length(label: str, key: str) -> int:
    return int(st.segmented_control(label, LENGTHS, default=LENGTHS[0], required=True, key=key) or LENGTHS[0])


def ask_first_look(key: str, help_text: str) -> str:
    """Of `MODES`."""
    return str(
        st.segmented_control(
            "Who looks first",
            list(MODES),
            default=next(iter(MODES)),
            required=True,
            format_func=lambda name: MODES[name],
            key=key,
            help=help_text,
        )
    )


SOURCES = {
    Source.PHANTOM: "Phantoms",
    Source.RUN: "The model's mistakes",
    PAIRS: "Contrast pairs",
    Source.REAL: "Real film",
    Source.OWN: "Your images",
    ANY: "All of them",
}


def show_start(store: Store) -> None:
    st.markdown(
        "You see one view at a time and say what calcium is in it: microcalcifications (**MC**), arterial ones "
        "(**BAC**), **both** or **neither**. Then you see what the model found, and the truth. What you got wrong "
        f"comes back after {GAPS[0]} other cases, and when you get it right then, after {GAPS[1]} and after {GAPS[2]}."
    )
    if st.session_state.pop(rounds.NONE_LEFT, False):
        st.info("Where that round's cases came from there are none any more: choose others.", icon=":material/info:")
    _unfinished(store)
    with st.container(border=True, width=860):
        reader = st.text_input(
            "Your name here",
            st.session_state.get("teaching.last_reader") or signed_in_name()[:40] or "Reader",
            max_chars=40,
            key="teaching.reader",
            help="Any name; it stays on this machine.",
        )
        items = tuple(item for item in chosen_items() if find_case(item) is not None)
        plan = _chosen(items) if items else _drawn()
        if st.button("Start", type="primary", icon=":material/play_arrow:", shortcut="Enter", key="teaching.start"):
            st.session_state["teaching.last_reader"] = reader
            source, level, mode, length = plan
            choose_items(())
            rounds.begin(store, Plan(reader_name(reader), source, level, mode, length, items))
            st.rerun()
    _what_is_asked()


def _unfinished(store: Store) -> None:
    """The last round that was begun and is not over: a closed tab is no lost round."""
    left = last_unfinished(store)
    if left is None:
        return

    def go_on() -> None:
        st.query_params[ROUND] = left.name

    st.button(
        f"Go on with {plain(left.plan.reader)}'s round: case {left.shown} of {left.plan.length}",
        icon=":material/resume:",
        on_click=go_on,
        key="teaching.go_on",
    )


def _chosen(items: tuple[str, ...]) -> tuple[str, str, str, int]:
    """Of a selection that the address names."""
    st.markdown(f"**{counted(len(items), 'chosen case')}**, in this order, from the gallery.")
    st.button(
        "Forget the selection", icon=":material/close:", on_click=choose_items, args=((),), key="teaching.forget_items"
    )
    return ANY, "mixed", _mode(), len(items)


def _drawn() -> tuple[str, str, str, int]:
    there = {name: len(cases(name)) for name in SOURCES}
    source = st.segmented_control(
        "Cases from",
        [name for name in SOURCES if there[name]],
        default=Source.PHANTOM,
        required=True,
        format_func=lambda name: f"{SOURCES[name]} · {there[name]}",
        key="teaching.source",
        help="Phantoms drawn for this quiz; those on which the shipped model was wrong; those whose "
        "breast is shown with the other type as well, after the answer; real film, of some of which a "
        "data set says what they hold.",
    )
    level = ask_level("teaching.level", " Where a source has none of a level, all of it is asked.")
    mode = _mode()
    length = ask_length("How many", "teaching.length")
    return str(source), level, mode, min(length, there[str(source)])


def _mode() -> str:
    return ask_first_look(
        "teaching.mode",
        "Reader first: you answer, see what the model found, and may change your mind. Model first: you see what it "
        "found before you answer. The score shows what each does to your judgement.",
    )


def _what_is_asked() -> None:
    run = [case for case in cases(Source.RUN) if "/" in case.id]
    runs = sorted({case.id.split("/")[0] for case in run})
    known = sum(bool(case.known) for case in REAL_CASES)
    of_runs = f", {len(run)} phantoms of {', '.join(map(plain, runs))}" if run else ""
    st.caption(
        f"{len(pool())} phantoms drawn for the quiz{of_runs} (computer-made; they show no person), and "
        f"{len(REAL_CASES)} real film views of CBIS-DDSM, which the shipped model saw in training. Of "
        f"{known} of them it is known that there are MC, of none whether there is BAC: no real view that shows BAC, or "
        "is known to hold neither, is at hand with a licence to show it. After the truth you are asked for shape, "
        "distribution, grade, recall and category. The quiz's own phantoms are in no "
        "training set. A phantom is asked only when one answer is right: an MC group's brightest speck stands at least "
        f"{LEAST_CONSPICUITY:g} times above the noise, an arterial stretch is at least {LEAST_BAC_MM:g} mm long, and "
        "nothing fainter was put in. How well you do on phantoms says nothing about real mammograms. A folder of your "
        "own real images is asked once `mtunet teaching own FOLDER` has checked it."
    )
    for sentence in (*problems(), *own_problems()):
        st.caption(f":material/warning: {plain(sentence)}")


ON_IT = {True: "on it", False: "beside it", None: "–"}


def show_round_end(store: Store, playing: Round) -> None:
    answers = [given.answered for given in playing.given]
    scored = [answer for answer in answers if answer.known]
    rest = f", {len(answers) - len(scored)} not scored" if len(scored) < len(answers) else ""
    st.subheader(f"{sum(answer.right for answer in scored)} of {len(scored)} right{rest}", anchor=False)
    rows = [
        {
            "Case": n,
            "Truth": WORDS[answer.truth]
            if answer.known == BOTH_TYPES
            else true_words(answer.truth, answer.known) or "not known",
            "You": WORDS[answer.answer],
            "Right": "–" if not answer.known else "yes" if answer.right else "no",
            "After the model": WORDS[answer.revised] if answer.revised else "–",
            "Mark": ON_IT[answer.hit],
            "Sure": percent_words(answer.sureness),
            "Model": WORDS[answer.model] if answer.model else "–",
        }
        for n, answer in enumerate(answers, 1)
    ]
    st.table(rows, hide_index=True, alt="The answers of this round", width="content")
    st.markdown(
        _coming_back([CaseSeen(answer.item, answer.right) for answer in answers_of(store, playing.plan.reader)])
    )
    with st.container(horizontal=True):
        if st.button("Another round", type="primary", icon=":material/replay:", shortcut="Enter", key="teaching.again"):
            rounds.begin(store, playing.plan)
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


def _coming_back(history: list[CaseSeen]) -> str:
    """What is still to be asked again, and when."""
    still = waiting(history)
    if not still:
        return "No mistake is waiting to come back."
    now = len(due(history))
    gaps = ", then ".join(str(gap) for gap in GAPS)
    return (
        f"**{counted(len(still), 'case')}** that you got wrong will come back"
        f"{f' ({now} in the next round)' if now else ''}: after {gaps} other cases, each time it is right."
    )
