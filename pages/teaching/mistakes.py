"""What the shipped model gets wrong, a page for each kind: how often, what they share, why, and those to learn from."""

import streamlit as st

from mtunet.detection.models import DEFAULT_MODEL
from mtunet.teaching.items import pool
from mtunet.teaching.mistake_pictures import mistake_path
from mtunet.teaching.mistakes import Mistake, examples, mistakes_of, plain_word
from mtunet.teaching.model_answers import model_answers
from pages.shared.words import plain
from pages.teaching.pictures import STYLE, figure_html
from pages.teaching.sections import choose_items, go_to, rate_words

KEY = "teaching.mistakes"


def mistakes_are_there() -> bool:
    """Whether what became of each region was measured."""
    said = model_answers()
    return said is not None and any(one.regions for one in said.answers.values())


def show_mistakes() -> None:
    said = model_answers()
    assert said is not None  # `mistakes_are_there`
    kinds = {found.kind.key: found for found in mistakes_of(said, pool())}
    chosen = st.segmented_control(
        "Kind of mistake",
        list(kinds),
        default=next(iter(kinds)),
        required=True,
        format_func=lambda key: f"{kinds[key].kind.title} · {kinds[key].rate.hits}",
        key=f"{KEY}.kind",
        label_visibility="collapsed",
    )
    found = kinds[str(chosen)]
    share, span, count = rate_words(found.rate)
    st.markdown(f"**{found.kind.title}**: {count} {found.unit} ({share}, 95 % interval {span}).")
    st.markdown(f"**What they share**: {found.shares}")
    st.markdown(f"**Why**: {found.kind.why}")
    shown = examples(found)
    if not shown:
        st.caption("None was made on these cases, so there is none to show.")
        return
    pictures = [
        figure_html(
            "mistakes", mistake_path(found, n), f"{found.kind.title}: the place, and what is known there", _said(one)
        )
        for n, one in enumerate(shown, 1)
    ]
    st.html(f'{STYLE}<div class="teaching-rows even">{"".join(pictures)}</div>')
    st.button(
        "Quiz me on such cases",
        type="primary",
        icon=":material/quiz:",
        on_click=_quiz,
        args=(tuple(dict.fromkeys(one.item.id for one in found.mistakes))[:10],),
        key=f"{KEY}.quiz",
    )
    st.caption(
        f"The shipped model ({DEFAULT_MODEL}, weights {said.weights_sha256[:12]}) on {len(said.answers)} phantoms of "
        "the quiz that are in no training set; how it does on them says nothing about real mammograms. Each pair: the "
        "place as it is, and with what is known there (BAC blue, MC green, benign grey), a ring about what is meant. "
        "First what stands out most and was yet wrong; of what was false, the largest."
    )
    if said.out_of_date:
        st.caption(f":material/warning: {plain(said.out_of_date)}")


def _said(one: Mistake) -> str:
    held = one.item.contents
    what = [*held.mc_types, *held.mc_distributions] if one.region.type == "mc" and one.region.outcome != "e" else []
    parts = [plain_word(word) for word in what]
    parts += [f"BAC grade {one.item.spec.bac_grade}"] if one.region.type == "bac" and one.item.spec.bac_grade else []
    parts += [f"{one.region.mm2:.0f} mm²", f"density {one.item.spec.density}"]
    parts += [f"{one.far:.1f} times the noise"] if one.far else []
    return f"Case {one.item.id[-6:]}: {', '.join(parts)}."


def _quiz(items: tuple[str, ...]) -> None:
    choose_items(items)
    go_to("quiz")
