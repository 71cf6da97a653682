"""What an experiment's network is shown: every training sample on the network's grid."""

from training.datasets import harder_phantoms, phantom_samples, phantom_split
from training.experiments import Experiment
from training.insertion import inserted_samples
from training.sampling import Canvas, canvas


def canvases(experiment: Experiment) -> list[Canvas]:
    """Of the phantoms of the training part, the harder ones, and real mammograms with calcium put in."""
    data = experiment.data
    specs = phantom_split(data.train, data.validation, data.test, data.seed).train
    shown = [canvas(sample, experiment.pitch_mm) for sample in phantom_samples(specs)]
    for sample in phantom_samples(harder_phantoms(data.harder, data.seed)) if data.harder else ():
        shown.append(canvas(sample, experiment.pitch_mm))
    for sample in inserted_samples(data.seed, data.inserted) if data.inserted else ():
        shown.append(canvas(sample, experiment.pitch_mm))
    return shown
