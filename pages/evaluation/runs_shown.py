"""Which run is looked at: the picker, what it says of itself, how far one has come that is unfinished."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from mtunet.detection.models import DEFAULT_MODEL, MODELS, read_metadata
from mtunet.detection.settings import ModelUnavailable
from mtunet.evaluation import runs
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.run_files import UnreadableRun, fingerprint
from mtunet.evaluation.table import BASELINES, apart, method_title
from mtunet.files import counted
from pages.evaluation.address import remembered
from pages.shared.words import plain

EVERY = 5.0  # seconds between looks at an unfinished run
HOW = "`python -m training run smoke` makes a small one; `python -m training list` names the others."
BY_RUN: dict[type | str, Callable[[Results], str]] = {Results: lambda results: f"{results.folder} {results.seen}"}
"""`hash_funcs` of Streamlit's caches."""


def chosen_run() -> Results:
    """The run that the address names, else the comparison that scored most by methods past the gate; or a sentence and
    an end."""
    results, broken = _readable(runs.find_trained())
    for problem in broken:
        st.warning(plain(problem), icon=":material/broken_image:")
    if not results:
        st.info(f"There is no training run under {runs.RUNS} yet. {HOW}", icon=":material/experiment:")
        st.stop()
    shipped = _behind_the_default_model()
    results.sort(key=lambda run: (run.one_model, -_learnt(run), not run.finished, run.name != shipped, run.name))
    names = [run.name for run in results]
    name = st.selectbox(
        "Run",
        names,
        format_func=lambda choice: _label(results[names.index(choice)]),
        key=remembered("run", names),
        help="The runs that ship with the program and your own: every folder under runs/ that has a config.json.",
    )
    return results[names.index(name)]


@st.cache_data(max_entries=40, show_spinner=False, hash_funcs=BY_RUN)
def _learnt(run: Results) -> int:
    """Images × methods that are past the gate."""
    aside = apart(run)
    return sum(len(counts.images) for (method, *_), counts in run.counts.items() if method not in aside)


def what_was_measured(results: Results) -> str:
    """One sentence: what, on what, by whom unseen."""
    images = results.scored()
    if not images:
        return "Nothing is scored in this run yet."
    data = plain(str(results.config.get("data", "data that the run does not name")))
    patients = f"{len(set(results.patients(images))):,}"
    people = "virtual patients" if "phantom" in data else "patients"
    what = f"{len(images):,} images of {patients} {people} ({data})"
    if results.one_model:
        return f"The model **{plain(results.name)}** was scored on {what}; it had seen none of them before."
    done = sum(any(part.done and part.fold == fold for part in results.parts) for fold in results.folds)
    folds = f"{done} of {len(results.folds)} folds" if done < len(results.folds) else f"{done} folds"
    return (
        f"{what} in {folds}, each scored by networks that had not learnt from it: {_who(results)}. "
        "Every number is worked out from the counts of true and false pixels that the run stored."
    )


def _behind_the_default_model() -> str:
    """The run that made the model which the app uses unless told otherwise."""
    try:
        return str(read_metadata(MODELS[DEFAULT_MODEL])["provenance"]["run"])
    except (ModelUnavailable, KeyError, OSError):
        return ""


def _who(results: Results) -> str:
    learnt = [method_title(method) for method in results.methods if method not in BASELINES]
    others = [method_title(method) for method in results.methods if method in BASELINES]
    ending = f" (and, to be beaten: {', '.join(others)})" if others else ""
    return f"{_listed(learnt)}{ending}" if learnt else _listed(others)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"


def show_progress(results: Results) -> None:
    """An unfinished run says so, and is looked at again every few seconds."""
    far = results.coverage
    verdicts = (
        f"Verdicts are preliminary, of {far.whole_seeds} of {counted(len(far.done), 'seed')}."
        if far.whole_seeds and not far.baselines
        else "Claims wait until a seed has every fold, and every baseline."
    )
    st.warning(
        f"The run {plain(results.name)} is unfinished: {far.parts} of its parts (a method on a fold with a seed) are "
        f"done. Done by all that learn – {far}. Numbers are of what is done, and change when it goes on. {verdicts}",
        icon=":material/hourglass_top:",
    )
    _live(str(results.folder), far.parts)


def say_if_older(results: Results) -> None:
    """Where the run's statistics are shown though it has gone on since."""
    if results.statistics and results.current is None:
        st.warning(
            f"Worked out when {results.statistics.parts} parts were done; now {results.coverage.parts} are. `python -m "
            f"training report runs/{results.name}` does it again.",
            icon=":material/history:",
        )


@st.fragment(run_every=EVERY)
def _live(folder: str, shown: int) -> None:
    """shown: how many parts of all seeds were done when the page was drawn; with another, all is drawn again."""
    try:
        results = read(folder, fingerprint(Path(folder)))
    except UnreadableRun as problem:  # it may just be written
        st.caption(plain(str(problem)))
        return
    if results.finished or results.coverage.parts != shown:
        st.rerun()
    if not results.parts:
        st.caption("Nothing of it is stored yet.")
        return
    told = runs.read_progress(Path(folder))
    ago = time.time() - float(told.get("at", 0)) if told else runs.RECENT
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Every part", icon=":material/list:", width="content"):
            st.dataframe(_parts(runs.read(results.folder)), hide_index=True, key="evaluation.progress")
        if ago >= runs.RECENT:
            st.caption("Nobody is training it now. The command that began it goes on from here.", width="content")
    if told and ago < runs.RECENT:
        if tasks := int(told.get("tasks", 0)):
            done = min(results.coverage.parts, tasks)
            st.progress(done / tasks, f"{done} of {tasks} parts done (a part is a method on a fold with a seed)")
        _told_last(told, ago)


def _told_last(told: Mapping[str, Any], ago: float) -> None:
    """Time left, and the last line of each part that is being trained. ago: seconds."""
    left = float(told.get("seconds_left", 0)) / 60
    words = f"{left:.0f} minutes" if left < 90 else f"{left / 60:.1f} hours"
    st.markdown(f":material/timer: **About {words} left** for all, told {ago:.0f} seconds ago.")
    if lines := [line for part in told.get("running", ()) for line in last_lines(part)]:
        st.code("\n".join(lines), language=None)


def last_lines(part: Mapping[str, Any], count: int = 1) -> list[str]:
    """The last that the network of a running part said that is learning."""
    rows = (part.get("rows") or [[]])[-1]
    return [
        f"{part['method']} fold {part['fold']} seed {part['seed']} · epoch {row['epoch']} of {part['epochs']} · "
        + " ".join(f"{k} {v:.3f}" for k, v in row.items() if k.startswith(("loss", "validation")))
        for row in rows[-count:]
    ]


def _parts(run: runs.Run) -> list[dict[str, Any]]:
    """A row for each; baselines, which draw nothing, with the first seed alone."""
    return [
        {
            "Method": method_title(part.method),
            "Seed": seed,
            "Fold": part.fold,
            "State": "done" if part.done else "not done yet",
        }
        for seed in run.seeds
        for part in runs.parts(run, run.further(seed))
        if seed == run.seeds[0] or part.method not in BASELINES
    ]


def every_run() -> list[Results]:
    """All that can be read, by name."""
    return _readable(runs.find_trained())[0]


def _readable(folders: list[Path]) -> tuple[list[Results], list[str]]:
    results, broken = [], []
    for folder in folders:
        try:
            results.append(read(str(folder), fingerprint(folder)))
        except UnreadableRun as problem:
            broken.append(str(problem))
    return results, broken


@st.cache_resource(max_entries=50, show_spinner="Reading the run …")  # more than there are: the list asks for each
def read(folder: str, seen: str) -> Results:  # noqa: ARG001 (its fingerprint: the cache's key)
    """Its statistics with it: all that is shown rests on them. Raises UnreadableRun."""
    results = load(Path(folder))
    _ = results.statistics
    return results


def _label(run: Results) -> str:
    kind = "one model" if run.one_model else f"{counted(len(run.methods), 'method')}, {counted(len(run.folds), 'fold')}"
    if run.finished:  # asks no part on disk
        return f"{run.name} · {kind}"
    if run.one_model:
        return f"{run.name} · {kind} · unfinished"
    return f"{run.name} · {kind} · unfinished, {run.coverage.whole_seeds} of {counted(len(run.coverage.done), 'seed')}"
