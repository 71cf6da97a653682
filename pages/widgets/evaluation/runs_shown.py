"""Which run is looked at: the picker, what it says of itself, and how far an unfinished one has come."""

from pathlib import Path

import streamlit as st

from mtunet import runs
from mtunet.evaluation.reading import Results, UnreadableRun, fingerprint, load
from mtunet.evaluation.table import method_title
from mtunet.evaluation.training_record import progress
from pages.widgets.words import plain

EVERY = 5.0  # seconds between looks at an unfinished run
HOW = "`python -m training run smoke` makes a small one; `python -m training list` names the others."


def chosen_run() -> Results:
    """The run that the address names, else the first; or a sentence and the end of the page."""
    folders = [path.parent for path in sorted(runs.RUNS.glob("*/config.json"))]
    found, broken = _readable(folders)
    for problem in broken:
        st.warning(plain(problem), icon=":material/broken_image:")
    if not found:
        st.info(f"There is no training run under {runs.RUNS} yet. {HOW}", icon=":material/experiment:")
        st.stop()
    found.sort(key=lambda run: (not run.finished, run.one_model, run.name))
    names = [run.name for run in found]
    asked = st.query_params.get("run")
    name = st.selectbox(
        "Run",
        names,
        index=names.index(asked) if asked in names else 0,
        format_func=lambda one: _label(found[names.index(one)]),
        key="evaluation.run",
        on_change=lambda: st.query_params.update(run=st.session_state["evaluation.run"]),
        help="The runs that ship with the program and your own: every folder under runs/ that has a config.json.",
        width=420,
    )
    return found[names.index(name)]


def what_was_measured(results: Results) -> str:
    """One sentence: what, on what, by whom unseen."""
    images = results.scored()
    if not images:
        return "Nothing is scored in this run yet."
    patients = len(set(results.patients(images)))
    methods = [method_title(method) for method in results.methods]
    data = str(results.config.get("data", "data that the run does not name"))
    people = "virtual patients" if "phantom" in data else "patients"
    what = f"{len(images):,} images of {patients:,} {people} ({plain(data)})".replace(",", " ")  # narrow space
    if results.one_model:
        return f"The model **{plain(results.name)}** was scored on {what}; it had seen none of them before."
    done = sum(any(part.done and part.fold == fold for part in results.parts) for fold in results.folds)
    folds = f"{done} of {len(results.folds)} folds" if done < len(results.folds) else f"{done} folds"
    return (
        f"{_listed(methods)} were scored on {what} in {folds}, each image by networks that had not learnt from it. "
        "Every number is worked out from the counts of true and false pixels that the run stored."
    )


def show_progress(results: Results) -> None:
    """An unfinished run says so, and is looked at again every few seconds."""
    st.warning(
        f"The run {plain(results.name)} is unfinished: numbers are of the folds that are done, and will change.",
        icon=":material/hourglass_top:",
    )
    _live(str(results.folder), fingerprint(results.folder))


@st.fragment(run_every=EVERY)
def _live(folder: str, seen: str) -> None:
    now = fingerprint(Path(folder))
    try:
        results = read(folder, now)
    except UnreadableRun as problem:  # it may just be written
        st.caption(plain(str(problem)))
        return
    done = sum(part.done for part in results.parts)
    if any(part.done for part in results.parts) and now != seen and (results.finished or _newly_done(results)):
        st.rerun()
    if results.parts:
        st.progress(
            done / len(results.parts), f"{done} of {len(results.parts)} parts done (a part is a method on a fold)"
        )
    rows = [
        {
            "Method": method_title(part.method),
            "Fold": part.fold,
            "State": "done" if part.done else _state(progress(part)),
        }
        for part in results.parts
    ]
    with st.expander("Every part", icon=":material/list:"):
        st.dataframe(rows, hide_index=True, key="evaluation.progress")


def _newly_done(results: Results) -> bool:
    """Whether a part was finished since the page was drawn."""
    key = "evaluation.parts_done"
    before = st.session_state.get(key)
    st.session_state[key] = (str(results.folder), sum(part.done for part in results.parts))
    return before is not None and before[0] == str(results.folder) and before != st.session_state[key]


def _state(rows: int) -> str:
    return f"training, {rows} entries in its history" if rows else "waiting"


def _readable(folders: list[Path]) -> tuple[list[Results], list[str]]:
    found, broken = [], []
    for folder in folders:
        try:
            found.append(read(str(folder), fingerprint(folder)))
        except UnreadableRun as problem:
            broken.append(str(problem))
    return found, broken


@st.cache_resource(max_entries=12, show_spinner="Reading the run …")
def read(folder: str, _seen: str, /) -> Results:
    return load(Path(folder))


def _label(run: Results) -> str:
    kind = "one model" if run.one_model else f"{len(run.methods)} methods, {len(run.folds)} folds"
    return f"{run.name} · {kind}{'' if run.finished else ' · unfinished'}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"
