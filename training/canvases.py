"""What an experiment's network is shown, and what its thresholds are chosen on."""

from collections.abc import Iterator
from itertools import chain

from training.artefacts import some_with_artefacts
from training.datasets import Sample, harder_phantoms, phantom_samples, phantom_split, plain_phantoms
from training.experiment import Experiment
from training.insertion import inserted_samples
from training.sampling import Canvas, canvas

FOR_CHOOSING = 5
"""One draw with calcium put into a real mammogram (or nothing) for each five that are learnt from."""


def canvases(experiment: Experiment) -> list[Canvas]:
    """Of the phantoms of the training part, the harder ones, plain films, and real mammograms with calcium put in."""
    data = experiment.data
    specs = phantom_split(data.train, data.validation, data.test, data.seed).train
    harder = phantom_samples(harder_phantoms(data.harder, data.seed)) if data.harder else ()
    plain = phantom_samples(plain_phantoms(data.plain, data.seed)) if data.plain else ()
    phantoms = some_with_artefacts(chain(phantom_samples(specs), harder, plain), data.seed, data.artefacts)
    samples = chain(phantoms, inserted_samples(data.seed, data.inserted))
    return [canvas(sample, experiment.pitch_mm) for sample in samples]


def validation_samples(experiment: Experiment) -> Iterator[Sample]:
    """What thresholds are chosen on: phantoms of other patients, and other draws of what was put into real views.

    The real views themselves are those that were learnt from: there are no others whose licence allows it.
    """
    data = experiment.data
    specs = phantom_split(data.train, data.validation, data.test, data.seed).validation
    return chain(phantom_samples(specs), inserted_samples(data.seed + 1, data.inserted // FOR_CHOOSING))
