"""What was worked out of a run is kept as long as its files stay as they are."""

from collections.abc import Callable

from mtunet.evaluation.reading import Results

BY_RUN: dict[type | str, Callable[[Results], str]] = {Results: lambda results: f"{results.folder} {results.seen}"}
"""`hash_funcs` of Streamlit's caches."""
