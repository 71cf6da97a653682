"""What a reader's answers say beside the model's and of its influence; the way to take them along or away."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification
from mtunet.files import counted, csv_bytes
from mtunet.store.images import Store
from mtunet.store.quiz import Deleted, all_answers, delete_answers, put_back, readers
from mtunet.store.worklist import unlisted
from mtunet.teaching.cases import ANY, Source
from mtunet.teaching.contents import Answer
from mtunet.teaching.describing import QUESTIONS
from mtunet.teaching.quiz import SURENESS
from mtunet.teaching.records import answers_of, described
from mtunet.teaching.scoring import Answered, Influence, Rate, Score, influence, of_model, score
from pages.shared.words import SHORT_TYPES, plain
from pages.shared.work import open_store
from pages.teaching.drawn import WORDS
from pages.teaching.score_charts import show_curves, show_progress
from pages.teaching.sections import go_to, percent_words, rate_words
from pages.teaching.start import SOURCES


def show_influence(answers: Sequence[Answered]) -> None:
    effect = influence(answers)
    st.markdown("**What the model does to your judgement**")
    rows = [
        _influence_row(title, scores)
        for title, scores in (
            ("You alone (reader first)", effect.alone),
            ("The same views, after you saw the model", effect.afterwards),
            ("Other views, the model first", effect.from_start),
        )
        if scores is not None
    ]
    if not rows:
        st.caption(
            "Nothing to compare yet: play a round with the reader first and one with the model first. Answers from "
            "before the last word was asked for count in the tables above only."
        )
        return
    st.table(rows, hide_index=True, alt="Shares by who looked first")
    st.caption(_said(effect))


def _influence_row(title: str, scores: Score) -> dict[str, Any]:
    right, span, count = rate_words(scores.right)
    row = {"Who looked": title, "Right": right, "Range": span, "Of": count}
    for kind in Calcification:
        row[f"{SHORT_TYPES[kind]} sensitivity"] = _short(scores.sensitivity[kind])
        row[f"{SHORT_TYPES[kind]} specificity"] = _short(scores.specificity[kind])
    return row


def _short(rate: Any) -> str:
    share, _, count = rate_words(rate)
    return f"{share} ({count})"


def _said(effect: Influence) -> str:
    parts = []
    if effect.asked:
        changed = effect.asked - effect.stayed
        parts.append(
            f"After seeing the model you changed {changed} of {effect.asked} answers: {effect.to_right} became right, "
            f"{effect.to_wrong} became wrong."
        )
    after, start = effect.led_astray_after, effect.led_astray_from_start
    if after.total:
        parts.append(
            f"Where the model was wrong and you had said something else, you took over its answer {after.hits} of "
            f"{after.total} times."
        )
    if start.total:
        parts.append(
            f"Where the model came first and was wrong, you gave its answer {start.hits} of {start.total} times."
        )
    if effect.alone is not None and effect.from_start is not None:
        parts.append("The last row is of other views than the first two, so small differences mean little.")
    return " ".join(parts)


NONE = "–"
DELETED = "teaching.deleted"


def show_score() -> None:
    with open_store() as store:
        _put_back(store)
        known = readers(store)
        if not known:
            st.info("No answer has been given yet. The quiz takes five minutes.", icon=":material/insights:")
            st.button("To the quiz", type="primary", on_click=go_to, args=("quiz",), key="teaching.first_quiz")
            _offer_to_clear(store)
            return
        reader, answers = _chosen(store, known)
        _how_well(answers)
        show_progress(answers)
        show_curves(answers)
        show_influence(answers)
        _described(store, reader)
        left, right = st.columns(2, gap="large")
        with left:
            _confusion(score(answers))
        with right:
            _calibration(score(answers))
        _keep_or_delete(store, reader)
    st.caption(
        "What is scored on phantoms says nothing about reading real mammograms. Of a real view only what its source "
        "says counts."
    )


def _chosen(store: Store, known: dict[str, int]) -> tuple[str, list[Answered]]:
    """Whose answers, and to which cases."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reader = st.selectbox(
            "Reader",
            list(known),
            format_func=lambda name: f"{name} · {counted(known[name], 'answer')}",
            key="teaching.score_reader",
            width=360,
        )
        answers = answers_of(store, reader)
        there = Counter(answer.source for answer in answers)
        source = st.segmented_control(
            "Cases",
            [ANY, *(name for name in Source if there[name])],
            default=ANY,
            required=True,
            format_func=lambda name: f"{SOURCES[name]} · {len(answers) if name == ANY else there[name]}",
            key="teaching.score_source",
        )
    return reader, [answer for answer in answers if source in (ANY, answer.source)]


def _how_well(answers: list[Answered]) -> None:
    mine, pair = score(answers), of_model(answers)
    rows = [_row(title, rate) for title, rate in _rates(mine)]
    if pair is not None:
        same, model = dict(_rates(pair[0])), dict(_rates(pair[1]))
        for row in rows:
            row["You, where the model looked"] = _percent(same[row["Share"]])
            row["Model, same views"] = _percent(model[row["Share"]])
    st.table(rows, hide_index=True, alt="Shares with their intervals, reader beside model")
    st.caption(
        f"{NONE}: nothing to divide by yet. Range: 95 % interval (Wilson). The model says no sureness; its marks "
        "are in the third chart below."
    )


def _rates(scores: Score) -> list[tuple[str, Rate]]:
    rows = [("Right in all", scores.right)]
    for kind in Calcification:
        short = SHORT_TYPES[kind]
        rows.append((f"{short} seen where it is (sensitivity)", scores.sensitivity[kind]))
        rows.append((f"{short} not called where it is not (specificity)", scores.specificity[kind]))
    return [
        *rows,
        ("MC called BAC", scores.mc_called_bac),
        ("BAC called MC", scores.bac_called_mc),
        ("Marks on a known region", scores.placed),
    ]


def _row(title: str, rate: Rate) -> dict[str, Any]:
    share, span, count = rate_words(rate)
    return {"Share": title, "You": share, "Range": span, "Of": count}


def _percent(rate: Rate) -> str:
    return NONE if rate.value is None else percent_words(rate.value)


def _confusion(scores: Score) -> None:
    st.markdown("**What you said (columns) of what is there (rows)**")
    rows = [
        {
            "Truth": WORDS[truth],
            **{f"said {WORDS[answer]}": scores.confusion.get((truth, answer), 0) for answer in Answer},
        }
        for truth in Answer
    ]
    st.table(rows, hide_index=True, alt="Truth by answer, counts")


def _calibration(scores: Score) -> None:
    st.markdown("**How sure you were, and how often you were right**")
    rows = [
        {
            "You said": f"{words} ({percent_words(sureness)})",
            "Right": _percent(scores.calibration[sureness]),
            "Of": scores.calibration[sureness].total,
        }
        for sureness, words in SURENESS.items()
    ]
    st.table(rows, hide_index=True, alt="Said sureness and share right")


def _described(store: Store, reader: str) -> None:
    """What was said beside MC or BAC."""
    rates = described(store, reader)
    if not rates:
        return
    st.markdown("**How you described it**")
    rows = []
    for key, question in QUESTIONS.items():
        share, span, count = rate_words(rates.get(key, Rate(0, 0)))
        rows.append({"Question": question.words, "Right": share, "Range": span, "Of": count})
    st.table(rows, hide_index=True, alt="Share right by question", width="content")


def _keep_or_delete(store: Store, reader: str) -> None:
    rows = [{**row, "disclaimer": NOT_FOR_CLINICAL_USE} for row in all_answers(store)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "All answers (CSV)",
            _csv(rows),
            "quiz-answers.csv",
            "text/csv",
            key="teaching.csv",
            icon=":material/table:",
        )
        st.download_button(
            "All answers (JSON)",
            json.dumps(rows, indent=1),
            "quiz-answers.json",
            "application/json",
            key="teaching.json",
            icon=":material/data_object:",
        )
        for who, words, icon in ((reader, "Delete this reader", "delete"), (None, "Delete everyone", "delete_sweep")):
            st.button(
                words,
                icon=f":material/{icon}:",
                on_click=_delete,
                args=(who,),
                key=f"teaching.delete{'' if who else '_all'}",
                help="All answers and rounds, at once. Until this page is left they can be put back.",
            )
        _offer_to_clear(store)


def _offer_to_clear(store: Store) -> None:
    images = unlisted(store)
    if images and st.button(
        f"Remove {counted(len(images), 'quiz or evaluation image')} from this machine",
        icon=":material/playlist_remove:",
        key="teaching.clear_images",
        help="What the quiz showed and what Evaluation opened in its viewer: it is in no worklist, and takes disk "
        "space. The answers stay; what is asked for again is drawn again.",
    ):
        store.delete(*images)
        st.rerun()


def _delete(reader: str | None) -> None:
    with open_store() as store:
        st.session_state[DELETED] = (reader, delete_answers(store, reader))


def _put_back(store: Store) -> None:
    """One click deletes, so one click brings back; what is gone lies in this session and nowhere else."""
    deletion: tuple[str | None, Deleted] | None = st.session_state.get(DELETED)
    if deletion is None:
        return
    who, deleted = deletion
    name = "everyone" if who is None else plain(who)
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f":material/delete: Deleted: {counted(deleted.count, 'answer')} of {name}.", width="content")
        if st.button("Put them back", icon=":material/undo:", key="teaching.put_back"):
            put_back(store, deleted)
            st.session_state.pop(DELETED)
            st.rerun()
        if st.button("Forget them", icon=":material/close:", key="teaching.forget"):
            st.session_state.pop(DELETED)
            st.rerun()


def _csv(rows: list[dict[str, Any]]) -> bytes:
    return csv_bytes(list(rows[0]) if rows else ["id"], rows, digits=None)
