"""How far readers and model agree on findings, as one line with its table; for the worklist."""

from pathlib import Path

import streamlit as st

from mtunet.store.decisions import everything, newest
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from mtunet.study.decisions import FEW, Agreement, by_study, kappa, on_types

WORDS = {"mc": "MC", "bac": "BAC", "none": "Neither"}


def agreement(store: Store) -> None:
    """Nothing while nobody has judged a finding."""
    pairs = _pairs(str(data_folder().absolute()), newest(store))
    if not pairs:
        return
    found = kappa(pairs)
    with st.expander(f"Readers and model: {_short(found)}", icon=":material/handshake:", key="worklist.agreement"):
        st.markdown(_long(found))
        counts = {(model, reader): pairs.count((model, reader)) for model in WORDS for reader in WORDS}
        st.dataframe(
            [
                {"Model says": WORDS[model], **{f"Reader: {WORDS[reader]}": counts[model, reader] for reader in WORDS}}
                for model in WORDS
            ],
            hide_index=True,
            width="content",
            key="worklist.agreement.table",
            alt="How often the model and the readers said what of a finding",
        )
        st.caption(
            "Cohen's kappa, (observed − chance) / (1 − chance), over the findings that readers judged and what they "
            "marked as missed; each finding's last verdict counts. Readers saw what the model found, so they are not "
            "independent of it. What neither found is in no cell."
        )


@st.cache_data(max_entries=4, show_spinner=False)
def _pairs(data: str, last: int) -> list[tuple[str, str]]:  # noqa: ARG001 (the newest decision is what it hangs on)
    with Store.open(Path(data)) as store:
        return on_types(by_study(everything(store)).values())


def _short(found: Agreement) -> str:
    if found.kappa is None:
        return f"kappa not defined yet (n = {found.n})"
    return f"kappa {found.kappa:.2f} (n = {found.n})"


def _long(found: Agreement) -> str:
    if found.kappa is None:
        return found.why
    assert found.observed is not None
    few = f" With fewer than {FEW} judged, do not rely on the interval." if found.n < FEW else ""
    return (
        f"Kappa **{found.kappa:.2f}** (95 %: {found.low:.2f} to {found.high:.2f}), agreement {found.observed:.0%} "
        f"of {found.n} findings.{few}"
    ).replace("%", " %")
