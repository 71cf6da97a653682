"""Comparisons: experiments that fit several methods on the same folds of the same views and score them alike.

Each is a small named difference from the defaults, which are the paper's: 1,239 views, five folds, Adam at 1e-4,
1,000 augmented draws an epoch, 100 epochs, everything squeezed to 256×256. Run one with
`python -m training run NAME`; `python -m training list` says what to expect of each and how long it takes.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from training.sampling import Augmentation

LEARNED = ("single", "multiclass", "mtunet")
BASELINES = ("nothing", "everything", "classical")


@dataclass(frozen=True)
class Comparison:
    """Everything that decides the outcome besides the machine.

    methods: keys of `training.methods.METHODS`. views, data_seed: of the phantom cohort.
    grouped_by: what must not be in two parts; "image" is the paper's split, which lets a patient be in several.
    width, norm: of every network. batch: draws per step. draws: augmented views per epoch. epochs: at most.
    learning_rate, schedule: of Adam. "one-cycle" rises for a tenth of the steps and falls to nothing by a cosine.
    dice: objective of `single` and `mtunet`, a key of `training.objectives.OBJECTIVES`. head_weight: of each head.
    patience: epochs without a better validation F1 after which a network is finished; None goes on to the end.
    first_guess: probability that a fresh head gives a type (background: the rest); 0.5 is torch's own start.
    trunk: name of a finished run whose network, without its heads, every network begins with; None: fresh weights.
    """

    name: str
    expect: str
    methods: tuple[str, ...] = (*LEARNED, *BASELINES)
    views: int = 1239
    data_seed: int = 11
    folds: int = 5
    grouped_by: Literal["patient", "image"] = "patient"
    width: int = 32
    norm: Literal["none", "group"] = "group"
    batch: int = 16
    draws: int = 1000
    epochs: int = 100
    learning_rate: float = 1e-4
    schedule: Literal["constant", "one-cycle"] = "constant"
    dice: str = "batch-dice"
    head_weight: float = 1.0
    patience: int | None = None
    first_guess: float = 0.5
    trunk: str | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.draws // self.batch)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "methods": list(self.methods)}


PHANTOM_CPU = Comparison(
    name="phantom-cpu",
    expect="`phantom` for a machine without a GPU: 240 views, 6 epochs of 160 draws, all five folds and all methods. "
    "From fresh weights nothing is learnt in so few steps (tried: 480 steps at width 8, BAC F1 0.11), so every network "
    "of every method begins with the trunk of `detail-mean`, learnt on other phantoms at 0.2 mm, and heads of its own. "
    "Expected: BAC F1 about 0.3, the methods within a few hundredths of each other; MC hardly above chance, because a "
    "speck is far below a pixel of 256×256. About 40 minutes on one idle CPU core that computes in bfloat16.",
    views=240,
    width=12,
    batch=4,
    draws=160,
    epochs=6,
    learning_rate=2e-3,
    schedule="one-cycle",
    first_guess=0.01,
    trunk="detail-mean",
)

COMPARISONS: dict[str, Comparison] = {
    comparison.name: comparison
    for comparison in (
        Comparison(
            name="smoke",
            expect="Nothing but that every step of every method runs and leaves a whole run folder: 12 views, two "
            "folds, two epochs. About a minute on 2 idle CPU cores, and its figures mean nothing.",
            views=12,
            folds=2,
            width=4,
            batch=4,
            draws=8,
            epochs=2,
            learning_rate=1e-3,
        ),
        PHANTOM_CPU,
        Comparison(
            name="phantom",
            expect="The paper's experiment on phantoms at half its width: three methods and three baselines, two "
            "types, five folds by patient. For a GPU: 2 million augmented views. Expected: MTU-Net at least as "
            "good as the others; the paper's accuracy and specificity are reached by predicting nothing.",
        ),
        replace(
            PHANTOM_CPU,
            name="paper-image-split",
            expect="`phantom-cpu` with the paper's split by image: views of one patient may be learnt from and "
            "scored. The difference in F1 from `phantom-cpu` is the leak. `--methods mtunet` takes ten minutes on "
            "one CPU core.",
            grouped_by="image",
        ),
        *(
            replace(
                PHANTOM_CPU,
                name=f"learning-rate-{rate}",
                expect="One of four for the paper's claim that MTU-Net takes ten times the learning rate of a single "
                "U-Net: does each method still learn at it? Constant rate. `--folds 0` takes six minutes on one CPU "
                "cores.",
                methods=("single", "mtunet"),
                learning_rate=float(rate),
                schedule="constant",
            )
            for rate in ("1e-5", "1e-4", "1e-3", "1e-2")
        ),
        *(
            replace(
                PHANTOM_CPU,
                name=heads,
                expect=f"Does MC help BAC? {said}, all else as `mtunet` in `phantom-cpu`, whose BAC figures are to be "
                "compared. Ten minutes on one idle CPU core.",
                methods=(heads,),
            )
            for heads, said in (("heads-bac", "BAC alone"), ("heads-bac-background", "BAC and background"))
        ),
    )
}
