"""What a reader's answers say, beside what the model said of the same views; and the way to take them along or away."""

import csv
import io
import json
from typing import Any

import streamlit as st

from mtunet.case import Calcification
from mtunet.store import Store
from mtunet.teaching.contents import Answer
from mtunet.teaching.quiz import SURENESS
from mtunet.teaching.records import all_rows, answers_of, delete_answers, readers
from mtunet.teaching.scoring import Answered, Rate, Score, by_round, of_model, score
from pages.widgets.teaching.drawn import SOURCE
from pages.widgets.teaching.model_answer import WORDS
from pages.widgets.teaching.round import MODES
from pages.widgets.teaching.sections import go_to, percent_words
from pages.widgets.words import SHORT_TYPES, plain
from pages.widgets.work import open_store

NONE = "–"


def show_score() -> None:
    with open_store() as store:
        known = readers(store)
        if not known:
            st.info("No answer has been given yet. The quiz takes five minutes.", icon=":material/insights:")
            st.button("To the quiz", type="primary", on_click=go_to, args=("quiz",), key="teaching.first_quiz")
            return
        reader = st.selectbox(
            "Reader",
            list(known),
            format_func=lambda name: f"{name} · {known[name]} answer{'' if known[name] == 1 else 's'}",
            key="teaching.score_reader",
            width=360,
        )
        answers = answers_of(store, reader)
        _how_well(answers)
        left, right = st.columns(2, gap="large")
        with left:
            _confusion(score(answers))
            _progress(answers)
        with right:
            _calibration(score(answers))
            _modes(answers)
        _keep_or_delete(store, reader)
    st.caption("Phantom data: what is scored here is reading phantoms, and says nothing about reading real mammograms.")


def _how_well(answers: list[Answered]) -> None:
    mine, pair = score(answers), of_model(answers)
    rows = [_row(title, rate) for title, rate in _rates(mine)]
    if pair is not None:
        same, model = dict(_rates(pair[0])), dict(_rates(pair[1]))
        for row in rows:
            row["You, where the model looked"] = _percent(same[row["Share"]])
            row["Model, same views"] = _percent(model[row["Share"]])
    st.dataframe(rows, hide_index=True, key="teaching.rates", alt="Shares with their intervals, reader beside model")
    st.caption(
        f"{NONE}: nothing to divide by yet. Range: 95 % interval (Wilson). The model gives no mark and no sureness, so "
        "it has none of those shares."
    )


def _rates(one: Score) -> list[tuple[str, Rate]]:
    rows = [("Right in all", one.right)]
    for kind in Calcification:
        short = SHORT_TYPES[kind]
        rows.append((f"{short} seen where it is (sensitivity)", one.sensitivity[kind]))
        rows.append((f"{short} not called where it is not (specificity)", one.specificity[kind]))
    return [
        *rows,
        ("MC called BAC", one.mc_called_bac),
        ("BAC called MC", one.bac_called_mc),
        ("Marks on a known region", one.placed),
    ]


def _row(title: str, rate: Rate) -> dict[str, Any]:
    interval = rate.interval
    span = f"{percent_words(interval[0])} to {percent_words(interval[1])}" if interval else NONE
    return {"Share": title, "You": _percent(rate), "Range": span, "Of": f"{rate.hits} of {rate.total}"}


def _percent(rate: Rate) -> str:
    return NONE if rate.value is None else percent_words(rate.value)


def _confusion(one: Score) -> None:
    st.markdown("**What you said (columns) of what is there (rows)**")
    rows = [
        {"Truth": WORDS[truth], **{f"said {WORDS[said]}": one.confusion.get((truth, said), 0) for said in Answer}}
        for truth in Answer
    ]
    st.dataframe(rows, hide_index=True, key="teaching.confusion", alt="Truth by answer, counts")


def _calibration(one: Score) -> None:
    st.markdown("**How sure you were, and how often you were right**")
    rows = [
        {
            "You said": f"{words} ({percent_words(said)})",
            "Right": _percent(one.calibration[said]),
            "Of": one.calibration[said].total,
        }
        for said, words in SURENESS.items()
    ]
    st.dataframe(rows, hide_index=True, key="teaching.calibration", alt="Said sureness and share right")


def _progress(answers: list[Answered]) -> None:
    st.markdown("**Round by round**")
    rows = [
        {"Round": n, "Right": rate.value, "Of": f"{rate.hits} of {rate.total}"}
        for n, rate in enumerate(by_round(answers).values(), 1)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={"Right": st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)},
        key="teaching.progress",
        alt="Share right in each round",
    )


def _modes(answers: list[Answered]) -> None:
    st.markdown("**With and without the model first**")
    rows = [
        _row(title, score([one for one in answers if one.mode == mode]).right) | {"Share": title}
        for mode, title in MODES.items()
    ]
    st.dataframe(
        [{"Who looked first": row.pop("Share"), **row} for row in rows],
        hide_index=True,
        key="teaching.modes",
        alt="Share right by who looked first",
    )


def _keep_or_delete(store: Store, reader: str) -> None:
    rows = all_rows(store)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "All answers (CSV)", _csv(rows), "quiz-answers.csv", "text/csv", key="teaching.csv", icon=":material/table:"
        )
        st.download_button(
            "All answers (JSON)",
            json.dumps(rows, indent=1),
            "quiz-answers.json",
            "application/json",
            key="teaching.json",
            icon=":material/data_object:",
        )
        if st.button("Delete this reader …", icon=":material/delete:", key="teaching.delete"):
            _confirm(reader)
        if st.button("Delete all readers …", icon=":material/delete_sweep:", key="teaching.delete_all"):
            _confirm(None)
        images = [
            row.image for row in store.rows(search="Quiz case", limit=1000) if row.image.source.startswith(SOURCE)
        ]
        if images and st.button(
            f"Remove {len(images)} quiz image{'' if len(images) == 1 else 's'} from the worklist",
            icon=":material/playlist_remove:",
            key="teaching.clear_images",
            help="The answers stay. An image that is asked again is drawn again.",
        ):
            for image in images:
                store.delete(image.sha256)
            st.rerun()


@st.dialog("Delete answers?")
def _confirm(reader: str | None) -> None:
    who = "every reader" if reader is None else plain(reader)
    st.markdown(f"All answers of {who} are removed from this machine. Download them first if they are needed.")
    with st.container(horizontal=True):
        if st.button(
            "Delete",
            type="primary",
            icon=":material/delete:",
            on_click=_delete,
            args=(reader,),
            key="teaching.delete_yes",
        ):
            st.rerun()
        if st.button("Keep them", key="teaching.delete_no"):
            st.rerun()


def _delete(reader: str | None) -> None:
    with open_store() as store:
        delete_answers(store, reader)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["id"])
    writer.writeheader()
    # A name that a spreadsheet would take for a formula is kept as text.
    writer.writerows(
        {**row, "reader": f"'{row['reader']}" if row["reader"][:1] in "=+-@" else row["reader"]} for row in rows
    )
    return text.getvalue()
