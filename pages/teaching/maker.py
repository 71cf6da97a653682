"""A case as a teacher needs it: a few choices, the phantom with its exact truth, a link that makes the same again."""

import hashlib
import secrets
from dataclasses import replace
from typing import get_args

import streamlit as st

from mtunet.case import Calcification, Laterality, UnreadableImage, View
from mtunet.intake.admission import QueueFull
from mtunet.phantom import PhantomSpec
from mtunet.phantom.spec import Benign, Distribution, McType
from mtunet.store.filing import CouldNotSave
from mtunet.teaching.contents import Contents, contents_of
from mtunet.teaching.figure import figure_1, phantom_view
from mtunet.teaching.items import BadCase, spec_from_words, spec_to_words
from mtunet.teaching.lesson_sources import PHANTOM_ORIGIN, PICTURES, Detail
from pages.shared.drawn_pictures import as_png
from pages.shared.phantoms import drawn, filed, phantom_of
from pages.shared.words import SIDES
from pages.shared.work import open_store
from pages.teaching.sections import replace_address

KEY = "teaching.case"
PLAIN = PhantomSpec(seed=1)
DENSITIES = {"a": "a · fatty", "b": "b · scattered", "c": "c · mixed", "d": "d · dense"}
GRADES = {0: "none", 1: "1 · few specks", 2: "2 · tram-tracks", 3: "3 · three or more arteries"}
HARD = {
    "": "none",
    "b": "b · broken artery over MC",
    "c": "c · MC in single file",
    "d": "d · faint, in a dense breast",
}


EXAMPLES = ("hard-b", "linear", "hard-d", "bac-heavy")
"""Pictures of the lesson: the hard cases, and what an artery looks like when there is no doubt."""


def show_maker() -> None:
    spec = _from_address()
    left, right = st.columns([4, 8], gap="medium")
    with left:
        wanted = _controls(spec)
        with st.container(horizontal=True, gap="small"):
            if st.button("Make it", type="primary", icon=":material/brush:", shortcut="Enter", key=f"{KEY}.make"):
                _ask_for(wanted)
                st.rerun()
            st.button("Another like it", icon=":material/casino:", on_click=_another, args=(wanted,), key=f"{KEY}.dice")
    with right:
        if spec is None:
            _begin()
        else:
            _show(spec)


def _begin() -> None:
    """Before the first case."""
    st.info("Choose what the case should hold, then **Make it**. It takes a few seconds.", icon=":material/tune:")
    st.markdown("Or begin with a case of the lesson:")
    for key in EXAMPLES:
        picture = PICTURES[key]
        assert picture.spec is not None
        st.button(
            picture.caption.rstrip("."),
            icon=":material/brush:",
            on_click=_ask_for,
            args=(picture.spec,),
            key=f"{KEY}.example.{key}",
        )


def _from_address() -> PhantomSpec | None:
    """The case that the address asks for; None without one, or, with a sentence, for one that cannot be."""
    if "seed" not in st.query_params:
        return None
    try:
        return spec_from_words(st.query_params.to_dict())
    except BadCase as problem:
        st.warning(str(problem), icon=":material/link_off:")
        return None


def _another(wanted: PhantomSpec) -> None:
    _ask_for(replace(wanted, seed=secrets.randbelow(1_000_000)))


def _ask_for(wanted: PhantomSpec) -> None:
    """Of the address, which the next run reads."""
    replace_address({"show": "case", **spec_to_words(wanted)})


def _controls(shown: PhantomSpec | None) -> PhantomSpec:
    """The choices, at first those of the case that is shown. A new address gives new widgets."""
    now = shown or PLAIN
    turn = "-".join(spec_to_words(now).values())
    words = dict(spec_to_words(now))

    def pick(label: str, name: str, options: dict[str, str], help_text: str | None = None) -> None:
        words[name] = st.selectbox(
            label,
            list(options),
            index=list(options).index(words[name]) if words[name] in options else 0,
            format_func=lambda option: options[option],
            key=f"{KEY}.{name}.{turn}",
            help=help_text,
        )

    pick(
        "Hard case", "hard", {key or "no": title for key, title in HARD.items()}, "The columns of the paper's Figure 3."
    )
    one, other = st.columns(2)
    with one:
        pick("MC groups", "clusters", {str(n): str(n) for n in range(5)}, "MC: microcalcifications.")
        pick("MC distribution", "distribution", _any(*get_args(Distribution)))
    with other:
        pick("MC type", "mc_type", _any(*get_args(McType)))
        pick("Benign groups", "benign", {str(n): str(n) for n in range(7)})
        pick("Benign kind", "benign_kind", _any(*get_args(Benign)))
    pick(
        "BAC grade",
        "bac_grade",
        {str(grade): title for grade, title in GRADES.items()},
        "BAC: breast arterial calcifications.",
    )
    one, other = st.columns(2)
    with one:
        pick("Breast density", "density", dict(DENSITIES), "BI-RADS.")
        pick("Side", "laterality", {side.value: SIDES[side].lower() for side in Laterality})
    with other:
        pick("View", "view", {view.value: view.value for view in (View.MLO, View.CC)})
        pick("Look", "look", {"ffdm": "digital", "film": "film", "plain-film": "film, flatter"})
    seed = st.number_input(
        "Case number", 0, 10**12, now.seed, key=f"{KEY}.seed.{turn}", help="Another number, another breast."
    )
    return spec_from_words({**words, "seed": str(int(seed))})


def _any(*names: str) -> dict[str, str]:
    return {"any": "any", **{name: name.replace("_", " ") for name in names}}


def _show(spec: PhantomSpec) -> None:
    with st.spinner("Drawing the case …"):
        picture, contents = _picture(spec)
    st.image(
        picture,
        caption=f"The view, two parts magnified, their exact masks. {PHANTOM_ORIGIN}",
        alt="The case: whole view, two magnified parts and their masks",
        width="stretch",
    )
    st.markdown(_said(contents))
    if st.button("Open in the case viewer", icon=":material/arrow_forward:", key=f"{KEY}.open"):
        _open(spec)
    st.caption("The address of this page makes the same case anywhere: copy it to share.")


def _said(contents: Contents) -> str:
    """What is in it, and whether it would do for the quiz."""
    mc = f"MC: {contents.mc_mm2:.0f} mm², {contents.conspicuity:.1f} times above the noise" if contents.mc_mm2 else ""
    bac = f"BAC: {contents.bac_mm2:.0f} mm², longest stretch {contents.bac_mm:.0f} mm" if contents.bac_mm2 else ""
    benign = f"benign: {', '.join(kind.replace('_', ' ') for kind in contents.benign)}" if contents.benign else ""
    parts = [part for part in (mc, bac, benign) if part] or ["no calcium"]
    doubt = "" if contents.answer else " Not all of it can be seen for certain, so the quiz would not ask this one."
    return f"Exactly known: {'; '.join(parts)}.{doubt}"


@st.cache_data(max_entries=30, show_spinner=False, hash_funcs={PhantomSpec: repr})
def _picture(spec: PhantomSpec) -> tuple[bytes, Contents]:
    phantom = phantom_of(spec)
    rgb = figure_1(phantom_view(phantom), _parts({name for name, mask in phantom.masks.items() if mask.any()}))
    return as_png(rgb), contents_of(phantom)


def _parts(there: set[str]) -> tuple[Detail, Detail]:
    """Both types where both are; else one from further and from closer; else something benign or the middle."""
    kinds = [kind.value for kind in Calcification if kind.value in there]
    if len(kinds) == 2:
        return Detail("mc", 24), Detail("bac", 34)
    mask = kinds[0] if kinds else "benign" if "benign" in there else "breast"
    return Detail(mask, 34), Detail(mask, 14)


def _name(spec: PhantomSpec) -> str:
    """Another for any other choice: files of one name are one patient's, and one image."""
    chosen = hashlib.sha256("-".join(spec_to_words(spec).values()).encode()).hexdigest()
    return f"CASE-{spec.seed}-{chosen[:8].upper()}"


def _open(spec: PhantomSpec) -> None:
    with st.spinner("Filing it as an image …"), open_store() as store:
        try:
            image = filed(store, drawn(spec, _name(spec)), f"Teaching case {spec.seed}")
        except (QueueFull, CouldNotSave, UnreadableImage) as problem:
            st.error(str(problem))
            return
    st.switch_page("pages/case/case.py", query_params={"image": image.sha256})
