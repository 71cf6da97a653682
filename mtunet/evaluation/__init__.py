"""What a training run's stored counts say: every figure of the Evaluation page, from counts and nothing else.

`reading` opens a run's folder, `seeds` all its seeds; `figures` holds the formulas; `aggregation` and `intervals` bring
images together; `table`, `curves`, `outcomes` and `audit` answer one question each, and `judging` the claims, by
`significance`. `together` works all of it out once, `statistics` keeps it; `checklist` has every run's answer to the
paper. `real` and `sealed` say what was found on real mammograms, `standing` whether by what ships; `model_card` is all
that is known of a model. Nothing here draws.
"""

__all__ = [
    "aggregation",
    "audit",
    "between",
    "card_text",
    "checklist",
    "curves",
    "figures",
    "intervals",
    "metrics",
    "model_card",
    "outcomes",
    "paper",
    "pictures",
    "proportions",
    "reading",
    "real",
    "run_files",
    "run_masks",
    "runs",
    "sealed",
    "seeds",
    "significance",
    "slimming",
    "standing",
    "statistics",
    "supply",
    "table",
    "together",
]
