"""How a model does on the few real mammograms there are: `python -m training evaluate-real NAME --root DIR`.

The protocol is fixed and has a version, so that two models are measured alike. Its labels are weak and few: circles
of mini-MIAS, arteries traced by eye on one film, and views of which only the number of detections is known. Nothing
here is trained on or tuned to.
"""

PROTOCOL = "9"
"""Changes whenever the same model on the same images would get other figures.

2 counts detections on metal balls, benign calcifications and borders apart; all figures of 1 are as they were.
3 has columns for what was chosen on and what was sealed, phantoms, drawn parts of breasts and further perturbations.
4 keeps no clusters at one false mark a normal film: `mtunet.evaluation.real` reads those at half a mark off froc.csv.
All other figures of 3 are as they were.
5 leaves the scale of a cropped view to the product where the file says none (4 handed over the uncropped view's, which
is gentler), and calls "not assessable" of a drawn part wrong also where nothing is.
6 counts BAC of MG1 apart that lies on a vessel whose calcium was noted only because a detection lay there; false BAC of
5 is what is false and what is noted together.
7 says besides how much MC of phantoms is found at half a false mark an image. All other figures of 6 are as they were.
8 has sealed phantoms of another cohort, and four times as many. All other figures of 7 are as they were.
9 says besides what share of a view's MC lesions is found, as the mean of views. All other figures of 8 are as they
were.
"""
LABEL_SLIPS = (
    "mini-MIAS: three CALC rows (mdb216, mdb233, mdb245) say NOTE 3 and mean the table's note 4: calcifications all "
    "over, no circle.",
    "mini-MIAS: mdb059 is CIRC without circle or note, so it counts neither as normal nor as calcified.",
)
"""Known slips of the labels that are measured against."""
