"""The experiments, in one table. Run one with `python -m training run NAME`; `list` says what to expect of each.

An experiment is a way to look, data, methods, and how they learn; its tasks are methods × folds × seeds. The model that
ships is one task like any other, of an experiment with one method and one division of its data (`product`).
"""

from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any, Literal

from mtunet.detection.network import NetworkConfig
from mtunet.evaluation.reading import BASELINES
from training.augmentation import Augmentation, Degradation
from training.data.recipes import ORIGINS, Cohort, Mixture
from training.methods import METHODS, Method
from training.sampling import FieldOfView, Stage

Schedule = Literal["constant", "one-cycle", "two-cycles", "three-cycles", "four-cycles"]
CYCLES: dict[Schedule, tuple[int, ...]] = {
    "constant": (1,),
    "one-cycle": (1,),
    "two-cycles": (1, 1),
    "three-cycles": (1, 1, 1),
    "four-cycles": (4, 4, 4, 3),
}
"""How often the learning rate goes its way in a training, and how long each takes beside the others."""

GENTLE = Augmentation(scale=0.25, intensity=True, harshest_blur=0.6, harshest_noise=0.04)
"""Leaves faint calcium visible."""
WORN = Degradation(detail=(0.5, 1.15), detail_share=0.5, jpeg_share=0.33)
"""As films, copies and archives are."""
STRAYS = replace(WORN, strays_share=0.35)
FEW_STRAYS = replace(WORN, strays_share=0.1)
NOT_WINDING = tuple(origin for origin in ORIGINS if origin != "winding")
"""Origins of all views but those with small winding arteries."""


@dataclass(frozen=True)
class Experiment:
    """Everything that decides the outcome besides the machine.

    methods: keys of `training.methods.METHODS`. data: a cohort in folds, or the mixture that a product learns from.
    grouped_by: what must not be in two parts; "image" is the paper's split, which lets a patient be in several.
    width, norm: of every network. batch: draws per step. draws: per epoch, and one row of history. epochs: all are
        done, and the last one's weights are taken, of every method alike.
    learning_rate, schedule: of Adam. "one-cycle" rises for a tenth of the steps and falls to nothing by a cosine;
        "two-cycles" does so twice, Adam begun anew with the second (Loshchilov and Hutter 2017, arXiv:1608.03983), and
        "three-cycles" once more, "four-cycles" once more again, three quarters as long.
    objective: of the methods with a Dice objective, a key of `training.objectives.OBJECTIVES`. head_weight:
        of each head.
    first_guess: probability that a fresh head gives a type (background: the rest).
    stages: the curriculum. mirrored: whether a product looks at each tile from both sides.
    division: what the folds follow from. seeds: of the weights and the draws; pages show the first one's
        parts.
    """

    name: str
    expect: str
    methods: tuple[str, ...]
    data: Cohort | Mixture = field(default_factory=Cohort)
    look: FieldOfView = field(default_factory=FieldOfView)
    folds: int = 5
    grouped_by: Literal["patient", "image"] = "patient"
    width: int = 32
    norm: Literal["none", "group"] = "group"
    batch: int = 16
    draws: int = 1000
    epochs: int = 100
    learning_rate: float = 1e-4
    schedule: Schedule = "constant"
    objective: str = "batch-dice"
    head_weight: float = 1.0
    first_guess: float = 0.01
    augmentation: Augmentation = field(default_factory=Augmentation)
    stages: tuple[Stage, ...] = (Stage(),)
    mirrored: bool = False
    division: int = 0
    seeds: tuple[int, ...] = (0,)

    @property
    def product(self) -> bool:
        """Whether it makes a model for the app, with thresholds and figures by the app's own way to look."""
        return isinstance(self.data, Mixture)

    @property
    def way(self) -> Literal["detail", "paper"]:
        return "paper" if self.look.pitch_mm is None else "detail"

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.draws // self.batch)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def cycle_of(self, step: int) -> tuple[int, int]:
        """Of the step with this number, from 0: the cycle's first step, and how many it has."""
        lengths = CYCLES[self.schedule]
        borders = (-(-self.steps * done // sum(lengths)) for done in accumulate(lengths, initial=0))
        first, end = next((first, end) for first, end in pairwise(borders) if step < end)
        return first, end - first

    def learnt_by(self, method: Method) -> "Experiment":
        """As one method's networks learn it: for its share of the epochs, the whole schedule squeezed into them."""
        return replace(self, epochs=max(round(self.epochs * method.share), 1))

    def network(self, method: Method, heads: tuple[str, ...]) -> NetworkConfig:
        return NetworkConfig(self.width, method.norm or self.norm, heads)

    def to_json(self) -> dict[str, Any]:
        told = {**asdict(self), "steps": self.steps, "way": self.way, "pitch_mm": self.look.pitch_mm}
        if self.product:
            told["network"] = self.network(METHODS[self.methods[0]], METHODS[self.methods[0]].networks[0]).to_json()
            told["seed"] = self.seeds[0]
        return told


CROPS = Experiment(
    name="crops",
    expect="The paper's networks, heads, objectives and folds on crops at 0.2 mm, scored on whole views: the "
    "comparison that a CPU can do. 32,000 draws a network from fresh weights, five folds, three seeds; two single "
    "networks at equal draws each, and at the cost of one (half the draws each). Tried on one "
    "small fold (221 views, 25,600 draws) F1 was 0.76 for BAC and 0.64 for MC on crops; marking everything gets 0.04. "
    "About two hours a seed with `--jobs 2` on two cores that compute in bfloat16.",
    methods=("single", "single-half", "multiclass", "mtunet", *BASELINES),
    look=FieldOfView(pitch_mm=0.2, size=128),
    width=8,
    draws=1600,
    epochs=20,
    learning_rate=3e-3,
    schedule="one-cycle",
    seeds=(1, 2, 3),
)
WHOLE = replace(
    CROPS,
    name="whole",
    expect="The paper's way to look, whole views at 256×256, as far as a CPU goes: 10,000 draws at width 8, otherwise "
    "as `crops`, one seed. Tried on one fold, BAC came to an F1 of 0.27 after 4,000 draws; MC is expected near the "
    "baselines, because a speck is far below a pixel. An hour on one core.",
    methods=("mtunet", *BASELINES),
    look=FieldOfView(),
    draws=1000,
    epochs=10,
    seeds=(1,),
)
PHANTOM = Experiment(
    name="phantom",
    expect="The paper's experiment on phantoms at half its width: whole views at 256×256, 100 epochs of 1,000 draws, "
    "Adam at 1e-4, no early stop. For a GPU: 3.5 million augmented views. Expected: MC hardly better than the "
    "baselines, because a speck is far below a pixel; whether MTU-Net helps BAC is open.",
    methods=(
        "single",
        "multiclass",
        "multiclass-softmax",
        "mtunet",
        "mtunet-paper",
        "mtunet-no-background",
        *BASELINES,
    ),
)
DETAIL = Experiment(
    name="detail",
    expect="The model that shall ship, from fresh weights in one go: crops at 0.2 mm of phantoms alone for sixteen "
    "epochs; then with hard cases, plain films, calcium put into real films (or nothing, or strands "
    "without calcium), artefacts on half of the phantoms, crops and close-ups of skin and ligaments with and without "
    "calcium, casts close together, scales of 0.8 to 1.25, and the wear of films and copies; then stray dots as well, "
    "many for two cycles and few from the third on; in the fourth, a shorter one, with small winding calcified "
    "arteries in real films besides. False pixels cost five times as much where they are the other type. "
    "One cycle was measured as `runs/detail-strands`, two as `runs/detail-cycles`, three as "
    "`runs/detail-three-cycles`, all four as `runs/detail-four-cycles`; the notes of `runs/real-recipe` and of those "
    "after it say what was expected of each and found. Expected of the fourth, joined with a network of the pair that "
    "ships and with the magnifier of `runs/detail-wound`: at most 4 % of MG1's arteries called MC and 80 % of their "
    "length traced (8 % and 69 % after three, `runs/real-mixed-wound`), and all else as there. Eight hours on one core "
    "that computes in bfloat16, six on two. `--seeds 1` makes another, `join` a pair of them.",
    methods=("mtunet",),
    data=Mixture(harder=300, plain=300, inserted=600, artefacts=0.5, unusual=400, winding=300),
    look=FieldOfView(pitch_mm=0.2, size=128, off_lesion=0.35),
    folds=1,
    width=16,
    draws=4000,
    epochs=180,
    learning_rate=3e-3,
    schedule="four-cycles",
    objective="batch-dice-apart",
    augmentation=GENTLE,
    stages=(
        Stage(4 / 45, ("phantom",)),
        Stage(8 / 45, NOT_WINDING, WORN),
        Stage(8 / 15, NOT_WINDING, STRAYS),
        Stage(12 / 15, NOT_WINDING, FEW_STRAYS),
        Stage(worn=FEW_STRAYS),
    ),
    mirrored=True,
)

RATES = ("1e-4", "3e-4", "1e-3", "3e-3", "1e-2", "3e-2")
EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        replace(
            CROPS,
            name="smoke",
            expect="Nothing but that every step of every method runs and leaves a whole run folder. Under a minute on "
            "two idle cores, and its figures mean nothing.",
            methods=tuple(METHODS),
            data=Cohort(views=8),
            look=FieldOfView(pitch_mm=0.8, size=64),
            folds=2,
            width=4,
            batch=4,
            draws=8,
            epochs=2,
            seeds=(1,),
        ),
        CROPS,
        replace(
            CROPS,
            name="crops-beside",
            expect="What stands beside `crops`, shorter: other losses for the multi-class network, the paper's "
            "objective to the letter without normalisation, and MTU-Net with and without its background head; 12,800 "
            "draws, one seed. The paper's objective gives an image without a type no gradient; it is expected to stay "
            "near the baselines.",
            methods=(
                "mtunet",
                "multiclass-softmax",
                "multiclass-bce",
                "mtunet-paper",
                "mtunet-no-background",
                *BASELINES,
            ),
            epochs=8,
            seeds=(1,),
        ),
        replace(
            CROPS,
            name="crops-by-image",
            expect="MTU-Net of `crops` with folds that part images, as the paper's do: a woman's other views may be "
            "learnt from. What its figures owe to that; one seed. Expected: a few points, as every virtual patient's "
            "views share her texture and vessels.",
            methods=("mtunet", *BASELINES),
            grouped_by="image",
            seeds=(1,),
        ),
        *(
            replace(
                CROPS,
                name=f"crops-rate-{rate}",
                expect=f"`crops` at a learning rate of {rate}, shorter: a third of the views, 6,400 draws, one seed. "
                "Six such runs say whether MTU-Net bears ten times the rate; one has the baselines for all. "
                "Expected: both methods learn best between 1e-3 and 1e-2, and lose alike at ten times their best rate.",
                methods=("single", "mtunet", *(BASELINES if rate == "3e-3" else ())),
                data=Cohort(views=413),
                learning_rate=float(rate),
                epochs=4,
                seeds=(1,),
            )
            for rate in RATES
        ),
        WHOLE,
        replace(
            WHOLE,
            name="letter",
            expect="The paper's set-up to the letter but for its width: whole views at 256×256, no normalisation, its "
            "objective per image, Adam at 1e-4 throughout; 5,000 draws of the paper's 100,000. Expected to mark "
            "everything: an image without a type gives no gradient. That it stays unlearnt is then the finding.",
            methods=("mtunet-paper", *BASELINES),
            epochs=5,
            learning_rate=1e-4,
            schedule="constant",
        ),
        PHANTOM,
        replace(
            PHANTOM,
            name="paper-width",
            expect="`phantom` at the paper's width of 64 channels: four times its cost.",
            methods=("single", "multiclass", "mtunet", *BASELINES),
            width=64,
        ),
        DETAIL,
        replace(
            DETAIL,
            name="smoke-detail",
            expect="Nothing but that every step of `detail` runs; half a minute on a CPU.",
            data=Mixture(train=3, validation=2, test=2, seed=7, harder=1, inserted=2, artefacts=0.5, unusual=2),
            look=FieldOfView(pitch_mm=0.8, size=64),
            width=4,
            batch=4,
            draws=12,
            epochs=3,
        ),
    )
}
