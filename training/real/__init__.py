"""How a model does on the few real mammograms there are: `python -m training evaluate-real --model NAME --root DIR`.

The protocol is fixed and has a version, so that two models are measured alike. Its labels are weak and few: circles
of mini-MIAS, arteries traced by eye on one film, and views of which only the number of detections is known. Nothing
here is trained on or tuned to.
"""

PROTOCOL = "1"
"""Changes whenever the same model on the same images would get other figures."""
