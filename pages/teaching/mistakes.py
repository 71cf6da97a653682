"""What a model gets wrong, a page for each kind: how often, what they share; of the shipped one why, and pictures."""

from collections.abc import Sequence, Set

import streamlit as st

from mtunet.detection.models import DEFAULT_MODEL
from mtunet.evaluation.outcomes import Region
from mtunet.evaluation.reading import Results
from mtunet.teaching.items import pool
from mtunet.teaching.mistake_pictures import mistake_path
from mtunet.teaching.mistakes import (
    ONE_BENIGN_KIND,
    Mistake,
    TestedView,
    examples,
    mistakes_of,
    plain_word,
    run_mistakes,
    shares_words,
)
from mtunet.teaching.model_answers import model_answers
from mtunet.teaching.run_cases import cases_of
from pages.shared.words import plain
from pages.teaching.pictures import STYLE, figure_html
from pages.teaching.sections import choose_items, go_to, rate_words

KEY = "teaching.mistakes"


def mistakes_are_there() -> bool:
    """Whether what became of each region was measured."""
    model = model_answers()
    return model is not None and any(answer.regions for answer in model.answers.values())


def show_mistakes() -> None:
    model = model_answers()
    assert model is not None  # `mistakes_are_there`
    kinds = {group.kind.key: group for group in mistakes_of(model, pool())}
    chosen = st.segmented_control(
        "Kind of mistake",
        list(kinds),
        default=next(iter(kinds)),
        required=True,
        format_func=lambda key: f"{kinds[key].kind.title} · {kinds[key].rate.hits}",
        key=f"{KEY}.kind",
        label_visibility="collapsed",
    )
    group = kinds[str(chosen)]
    share, span, count = rate_words(group.rate)
    st.markdown(f"**{group.kind.title}**: {count} {group.unit} ({share}, 95 % interval {span}).")
    st.markdown(f"**What they share**: {group.shares}")
    st.markdown(f"**Why**: {group.kind.why}")
    shown = examples(group)
    if not shown:
        st.caption("None was made on these cases, so there is none to show.")
        return
    pictures = [
        figure_html(
            "mistakes",
            mistake_path(group, n),
            f"{group.kind.title}: the place, and what is known there",
            _said(mistake),
        )
        for n, mistake in enumerate(shown, 1)
    ]
    st.html(f'{STYLE}<div class="teaching-rows even">{"".join(pictures)}</div>')
    st.button(
        "Quiz me on such cases",
        type="primary",
        icon=":material/quiz:",
        on_click=_quiz,
        args=(tuple(dict.fromkeys(mistake.item.id for mistake in group.mistakes))[:10],),
        key=f"{KEY}.quiz",
    )
    st.caption(
        f"The shipped model ({DEFAULT_MODEL}, weights {model.weights_sha256[:12]}) on {len(model.answers)} phantoms of "
        "the quiz that are in no training set; how it does on them says nothing about real mammograms. Each pair: the "
        "place as it is, and with what is known there (BAC blue, MC green, benign pink), a ring about what is meant. "
        "First what stands out most and was yet wrong; of what was false, the largest."
    )
    if model.out_of_date:
        st.caption(f":material/warning: {plain(model.out_of_date)}")


SHARED = {
    "conspicuity": "How far they stand out from the noise",
    "area_mm2": "Size",
    "elongation": "Form",
    "benign kind": ONE_BENIGN_KIND,
}


def say_shared(letter: str, title: str, results: Results, regions: Sequence[Region]) -> None:
    """Of a comparison; regions: all of one method."""
    mistakes = run_mistakes(letter, regions, _views(results, {region.method for region in regions}))
    share, span, count = rate_words(mistakes.rate)
    st.markdown(f"**{title}**: {count} {mistakes.unit} ({share}, 95 % interval {span}).")
    told = [f"- {SHARED.get(what, what.capitalize())}: {shares_words(parts)}" for what, parts in mistakes.parts.items()]
    st.markdown("\n".join(["**What they share**", "", *told]) if told else "")


def _views(results: Results, methods: Set[str]) -> dict[str, TestedView]:
    """Every image on which a method was tested, with what it holds where it was drawn for the quiz."""
    drawn_before = cases_of(results.name)
    held = {case.origin.image: case for case in drawn_before.cases if case.origin} if drawn_before else {}
    images = {
        str(name) for (method, _, _), count in results.counts.items() if method in methods for name in count.images
    }
    facts = {name: results.images.get(name) for name in images}
    return {name: TestedView(fact.density if fact else "", held.get(name)) for name, fact in facts.items()}


def _said(mistake: Mistake) -> str:
    held = mistake.item.contents
    what = (
        [*held.mc_types, *held.mc_distributions]
        if mistake.region.type == "mc" and mistake.region.outcome != "e"
        else []
    )
    parts = [plain_word(word) for word in what]
    parts += (
        [f"BAC grade {mistake.item.spec.bac_grade}"]
        if mistake.region.type == "bac" and mistake.item.spec.bac_grade
        else []
    )
    parts += [f"{mistake.region.mm2:.0f} mm²", f"density {mistake.item.spec.density}"]
    parts += [f"{mistake.far:.1f} times the noise"] if mistake.far else []
    return f"Case {mistake.item.id[-6:]}: {', '.join(parts)}."


def _quiz(items: tuple[str, ...]) -> None:
    choose_items(items)
    go_to("quiz")
