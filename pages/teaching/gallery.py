"""The columns of the paper's Figure 3, filled and filtered from what a cross-validation found, mistook and missed."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from mtunet.case import UnreadableImage
from mtunet.evaluation import runs
from mtunet.evaluation.outcomes import OUTCOMES, Region, components
from mtunet.evaluation.pictures import NotDrawable, close_up, spec_of
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.run_files import COMPONENTS, UnreadableRun
from mtunet.evaluation.table import method_title
from mtunet.files import counted
from mtunet.intake.admission import QueueFull
from mtunet.output.drawing import RGB
from mtunet.phantom import PhantomSpec
from mtunet.store.filing import CouldNotSave
from mtunet.teaching.mistakes import THIRDS, thirds
from mtunet.teaching.run_cases import HOW, cases_of
from pages.shared.drawn_pictures import figure_html
from pages.shared.phantoms import drawn, filed, phantom_of
from pages.shared.words import plain
from pages.shared.work import open_store
from pages.teaching.mistakes import mistakes_are_there, say_shared, show_mistakes
from pages.teaching.sections import MOST_ITEMS, TITLES, choose_items, chosen_items, go_to

ALL: Final = "all"


def filtered(results: Results) -> tuple[list[Region], list[Region]]:
    """The controls: the chosen method's regions, and those that are left, the most instructive first: what stands out
    most and was yet wrong, false ones by how sure the method was and by their size."""
    methods = sorted(name for name in results.methods if runs.table_files(results.folder, COMPONENTS, name))
    method = st.selectbox(
        "Method",
        methods,
        index=methods.index("mtunet") if "mtunet" in methods else 0,
        format_func=method_title,
        key=f"{KEY}.method",
        width=200,
    )
    mine = _regions(str(results.folder), _seen(results.folder), method)
    fold = _pick("Fold", sorted({region.fold for region in mine}), "fold", 100)
    kind = _pick("Type", ["mc", "bac"], "type", 100, str.upper)
    densities = sorted({_density(results, region) for region in mine} - {""})
    density = _pick("Density", densities, "density", 110, str.lower)
    faint = _pick(
        "Conspicuity",
        THIRDS["conspicuity"],
        "conspicuity",
        160,
        help_text="How far a true region stands out from the noise round it: thirds of those that the other filters "
        "leave. False positives have none.",
    )
    kept = [
        region
        for region in mine
        if fold in (ALL, region.fold) and kind in (ALL, region.type) and density in (ALL, _density(results, region))
    ]
    return mine, sorted(_third(kept, faint), key=_clearest_first)


def _pick(label: str, options: Sequence[Any], name: str, width: int, words: Any = str, help_text: str = "") -> Any:
    return st.selectbox(
        label,
        [ALL, *options],
        format_func=lambda option: option if option == ALL else words(option),
        key=f"{KEY}.{name}",
        width=width,
        help=help_text or None,
    )


def _third(kept: list[Region], faint: str) -> list[Region]:
    """Three groups of one size, as the Evaluation page has them."""
    lies_in = thirds(kept, "conspicuity")
    if faint == ALL or not any(lies_in):
        return kept
    return [region for region, third in zip(kept, lies_in, strict=True) if third == faint]


def _density(results: Results, region: Region) -> str:
    return results.images[region.image].density if region.image in results.images else ""


def _clearest_first(region: Region) -> tuple[float, float, int]:
    area = (region.box.bottom - region.box.top) * (region.box.right - region.box.left)
    return -region.covariates.get("conspicuity", 0.0), -round(region.probability or 0.0, 2), -area


KEY: Final = "teaching.gallery"
WHOSE: Final = ("The shipped model's, by kind", "A comparison's, region by region")
ROWS: Final = 3
"""Of pictures on one page: fifteen phantoms are drawn in about as many seconds, while the page already stands."""
IN_ROW: Final = 4
"""Pictures on a page of one kind."""
COLUMNS: Final[Mapping[str, str]] = {
    "a": "Found as what it is",
    "b": "BAC taken for MC",
    "c": "MC taken for BAC",
    "d": "Missed",
    "e": "Nothing is there",
}


def show_gallery() -> None:
    """The shipped model's mistakes by kind, and every region of a comparison."""
    if mistakes_are_there():
        wanted = st.segmented_control(
            "Whose mistakes",
            WHOSE,
            default=WHOSE[0],
            required=True,
            key=f"{KEY}.whose",
            label_visibility="collapsed",
        )
        if wanted == WHOSE[0]:
            show_mistakes()
            return
    _show_runs()


def _show_runs() -> None:
    names = [path.parent.name for path in sorted(runs.RUNS.glob("*/config.json")) if _has_outcomes(path.parent)]
    names.sort(key=lambda name: (cases_of(name) is None, name))  # first those whose images a quiz can ask
    if not names:
        st.info(
            "The gallery shows what the model got right and wrong, in the columns of the paper's Figure 3. It is "
            "filled from a comparison over several folds, and none is here yet: `python -m training list` names those "
            "that can be run. Until then, **Make a case** draws the hard cases b, c and d themselves.",
            icon=":material/photo_library:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = st.selectbox("Run", names, key=f"{KEY}.run", width=200)
        try:
            results = _read(str(runs.RUNS / run), _seen(runs.RUNS / run))
            mine, shown = filtered(results)
        except UnreadableRun as problem:
            st.error(plain(str(problem)))
            return
    drawable = _drawable(results, shown)
    askable = _askable(run) if drawable else frozenset()
    _selection()
    kind = st.segmented_control(
        "Kind",
        [ALL, *(letter for letter in COLUMNS if letter != "a")],
        default=ALL,
        required=True,
        format_func=lambda option: "Side by side" if option == ALL else COLUMNS[option],
        key=f"{KEY}.kind",
        label_visibility="collapsed",
    )
    if kind == ALL:
        _columns(results, shown, askable, drawable=drawable)
    else:
        say_shared(str(kind), COLUMNS[str(kind)], results, mine)
        _cards(results, [region for region in shown if region.outcome == kind] if drawable else [], askable)
    data = str(results.config.get("data", "its data are not named"))
    st.caption(
        f"Run {plain(results.name)}: {plain(data)}. Known BAC blue "
        "and known MC green (dashed), found BAC red and found MC yellow (solid; boxes, as a run keeps no outlines). "
        "Each picture is 12 mm wide or more, round one region."
    )


def _columns(results: Results, shown: Sequence[Region], askable: frozenset[str], *, drawable: bool) -> None:
    by_letter = {letter: [region for region in shown if region.outcome == letter] for letter in COLUMNS}
    pages = max(1, -(-max(map(len, by_letter.values())) // ROWS))
    places = st.columns(len(COLUMNS), gap="small")
    for letter, place in zip(COLUMNS, places, strict=True):
        count = len(by_letter[letter])
        place.markdown(f"**({letter}) {COLUMNS[letter]}**")
        place.caption(f"{counted(count, 'region')}: {OUTCOMES[letter]}")
        if not count:
            place.caption("None, with these filters.")
    if not drawable:
        return
    with st.container(horizontal_alignment="center"):
        page = st.pagination(pages, key=f"{KEY}.page.{pages}") if pages > 1 else 1
    for row in range(ROWS * (page - 1), ROWS * page):  # row by row, so that no column waits for another
        for letter, place in zip(COLUMNS, places, strict=True):
            if row < len(by_letter[letter]):
                with place:
                    _card(results, by_letter[letter][row], askable)


def _cards(results: Results, shown: Sequence[Region], askable: frozenset[str]) -> None:
    """Of one kind, four in a row."""
    pages = -(-len(shown) // IN_ROW)
    page = st.pagination(pages, key=f"{KEY}.kind.page.{pages}") if pages > 1 else 1
    for region, place in zip(shown[IN_ROW * (page - 1) :], st.columns(IN_ROW, gap="small"), strict=False):
        with place:
            _card(results, region, askable)


def _drawable(results: Results, shown: Sequence[Region]) -> bool:
    """Whether this program draws the run's images as they were; a sentence once where it does not."""
    try:
        for region in shown[:1]:
            spec_of(results, region.image)
    except NotDrawable as problem:
        st.info(
            f"{plain(str(problem))} How many regions there are of each kind is below.",
            icon=":material/image_not_supported:",
        )
        return False
    return True


def _card(results: Results, region: Region, askable: frozenset[str]) -> None:
    try:
        spec = spec_of(results, region.image)
    except NotDrawable as problem:
        st.caption(f":material/image_not_supported: {plain(str(problem))}")
        return
    with st.container(border=True, gap="small"):
        alt = f"{region.image}: {OUTCOMES[region.outcome]}"
        st.html(
            figure_html(f"{spec} {region}", partial(_picture, spec, region), alt, _said(results, region), shape="1")
        )
        name = f"{region.outcome}.{region.image}.{region.type}.{region.box.top}.{region.box.left}"
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button("Open", icon=":material/arrow_forward:", key=f"{KEY}.open.{name}", help="In the case viewer"):
                _open(spec, region.image)
            _choose(f"{results.name}/{region.image}", name, askable)


def _choose(item: str, name: str, askable: frozenset[str]) -> None:
    """A tick puts the image into the selection that the address holds; regions of one image share it."""
    key = f"{KEY}.choose.{name}"
    chosen = chosen_items()
    st.session_state[key] = item in chosen

    def change() -> None:
        rest = [other for other in chosen if other != item]
        choose_items([*rest, item] if st.session_state[key] else rest)

    st.checkbox(
        "Choose",
        key=key,
        on_change=change,
        disabled=item not in askable or (len(chosen) >= MOST_ITEMS and item not in chosen),
        help="For a quiz or a class."
        if item in askable
        else f"More than one answer could be defended, or the run's images are not drawn for the quiz ({HOW}).",
    )


def _selection() -> None:
    """What is chosen, and where it can be sent."""
    chosen = chosen_items()
    if not chosen:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{counted(len(chosen), 'image')} chosen**", width="content")
        st.button(
            "Quiz me on them", type="primary", icon=":material/quiz:", on_click=go_to, args=("quiz",), key=f"{KEY}.quiz"
        )
        if "class" in TITLES:
            st.button("Use in a class", icon=":material/groups:", on_click=go_to, args=("class",), key=f"{KEY}.class")
        st.button("Choose none", icon=":material/close:", on_click=choose_items, args=((),), key=f"{KEY}.none")
        st.caption("The address of this page holds the selection: copy it to share.", width="content")


def _askable(run: str) -> frozenset[str]:
    cases = cases_of(run)
    if cases is None:
        st.caption(f":material/info: To send images of this run to a quiz, first draw them: `{HOW} {run}`.")
        return frozenset()
    return frozenset(case.id for case in cases.cases)


def _has_outcomes(folder: Path) -> bool:
    return bool(runs.table_files(folder, COMPONENTS))


def _seen(folder: Path) -> str:
    """Changes when a part of the run is finished."""
    return str(sorted((str(path), path.stat().st_mtime) for path in runs.table_files(folder, COMPONENTS)))


@st.cache_resource(max_entries=4, show_spinner="Reading the run …")
def _read(folder: str, when: str, /) -> Results:  # noqa: ARG001 (the cache's key)
    return load(Path(folder))


@st.cache_resource(max_entries=8, show_spinner="Reading its regions …")
def _regions(folder: str, when: str, method: str, /) -> list[Region]:
    return components(_read(folder, when), method)


def _said(results: Results, region: Region) -> str:
    facts = results.images.get(region.image)
    parts = [region.type.upper(), f"fold {region.fold}"]
    parts += [f"density {facts.density}"] if facts is not None and facts.density else []
    parts += [f"{region.covariates['area_mm2']:.0f} mm²"] if "area_mm2" in region.covariates else []
    parts += [f"{region.covariates['conspicuity']:.1f} × noise"] if "conspicuity" in region.covariates else []
    parts += [f"probability {region.probability:.2f}"] if region.probability is not None else []
    return f"{region.image}: {', '.join(parts)}"


def _picture(spec: PhantomSpec, region: Region) -> RGB:
    return close_up(phantom_of(spec), region)


def _open(spec: PhantomSpec, name: str) -> None:
    with st.spinner("Filing it as an image …"), open_store() as store:
        try:
            image = filed(store, drawn(spec, name), name)
        except (QueueFull, CouldNotSave, UnreadableImage) as problem:
            st.error(plain(str(problem)))
            return
    st.switch_page("pages/case/case.py", query_params={"image": image.sha256})
