"""What a training run's stored counts say: every figure of the Evaluation page, from counts and nothing else.

`reading` opens a run's folder; `figures` holds the formulas; `aggregation` and `intervals` bring images together;
`table`, `curves`, `comparison`, `outcomes` and `audit` answer one question each. Nothing here draws.
"""

__all__ = [
    "aggregation",
    "audit",
    "claims",
    "curves",
    "figures",
    "intervals",
    "metrics",
    "model_card",
    "outcomes",
    "paper",
    "pictures",
    "reading",
    "real",
    "run_files",
    "run_masks",
    "runs",
    "statistics",
    "table",
]
