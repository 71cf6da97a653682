"""What an experiment's network is shown: every training sample on the network's grid."""

from itertools import chain

from training.artefacts import some_with_artefacts
from training.datasets import harder_phantoms, phantom_samples, phantom_split
from training.experiments import Experiment
from training.insertion import inserted_samples
from training.sampling import Canvas, canvas


def canvases(experiment: Experiment) -> list[Canvas]:
    """Of the phantoms of the training part, the harder ones, and real mammograms with calcium put in."""
    data = experiment.data
    specs = phantom_split(data.train, data.validation, data.test, data.seed).train
    harder = phantom_samples(harder_phantoms(data.harder, data.seed)) if data.harder else ()
    phantoms = some_with_artefacts(chain(phantom_samples(specs), harder), data.seed, data.artefacts)
    samples = chain(phantoms, inserted_samples(data.seed, data.inserted))
    return [canvas(sample, experiment.pitch_mm) for sample in samples]
