"""The shipped model is shown the quiz's cases, and what it says of each is written to the file that pages read."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import mtunet
from mtunet.case import Calcification
from mtunet.detection import models
from mtunet.detection.devices import describe
from mtunet.detection.models import DEFAULT_MODEL, MODELS, settings_of
from mtunet.detection.segmentation import segment
from mtunet.files import write_whole
from mtunet.imaging.reading import read
from mtunet.phantom import PHANTOM_VERSION, make_phantom
from mtunet.phantom.dicom_file import dicom_bytes
from mtunet.teaching.items import POOL, Item, pool
from mtunet.teaching.model_answers import (
    ANSWERS,
    ModelAnswer,
    ModelAnswers,
    Place,
    answer_of,
    model_answers,
    regions_of,
    sha256_of,
)
from mtunet.teaching.quiz import lies_on


def ask_model(
    items: Sequence[Item], look: Callable[[Item], ModelAnswer], device: str, path: Path = ANSWERS
) -> Iterator[tuple[Item, ModelAnswer]]:
    """Show the cases to a `Looker`, one by one; the file is written whole after each tenth and at the end.

    What the file already holds of the same weights and pool is kept, so that a command that was stopped goes on.
    """
    model = _begin(path, device)
    answers = dict(model.answers)
    waiting = [item for item in items if item.id not in answers]
    for number, item in enumerate(waiting, 1):
        answers[item.id] = look(item)
        if number % 10 == 0 or number == len(waiting):
            write(replace(model, answers=dict(answers)), path)
        yield item, answers[item.id]


class Looker:
    """The shipped model, ready to look at cases; loaded once."""

    def __init__(self, name: str = DEFAULT_MODEL) -> None:
        self.model = models.load_model(name)
        self.device = describe(self.model.device, self.model.dtype)

    def __call__(self, item: Item) -> ModelAnswer:
        """The case as the quiz shows it: written as a file, and read again."""
        phantom = make_phantom(item.spec)
        mammogram = read(dicom_bytes(phantom, item.name), f"{item.name}.dcm")
        truth = phantom.truth().masks

        def on_truth(kind: Calcification, place: Place) -> bool:
            return lies_on(truth[kind], place, phantom.spacing_mm)

        segmentation = segment(self.model, mammogram)
        return replace(answer_of(segmentation, on_truth), regions=regions_of(segmentation, phantom))


def _begin(path: Path, device: str) -> ModelAnswers:
    """What the file holds, if it is of the same weights and cases; else nothing yet."""
    model = model_answers.__wrapped__(path)
    if model is not None and not model.out_of_date:
        return model
    return ModelAnswers(
        model=DEFAULT_MODEL,
        weights_sha256=MODELS[DEFAULT_MODEL].sha256,
        version=f"{mtunet.__version__}, phantom generator {PHANTOM_VERSION}",
        device=device,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        pool_sha256=sha256_of(POOL),
        of=len(pool()),
        thresholds={kind.value: cut for kind, cut in settings_of(DEFAULT_MODEL).thresholds.items()},
        answers={},
    )


def write(model: ModelAnswers, path: Path = ANSWERS) -> None:
    """Whole or not at all; a line per case, so that changes can be read."""
    head = json.dumps({key: value for key, value in _fields(model).items() if key != "answers"}, indent=1)
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(asdict(answer))}" for key, answer in model.answers.items())
    write_whole(path, f'{head[:-2]},\n "answers": {{\n{lines}\n }}\n}}\n'.encode())


def _fields(model: ModelAnswers) -> dict[str, object]:
    return {name: getattr(model, name) for name in model.__dataclass_fields__}
