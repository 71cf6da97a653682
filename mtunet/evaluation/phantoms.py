"""The phantom behind an image of a run, drawn again: a run keeps what was asked for, not the pixels."""

import json
import re
from typing import Any

from mtunet.case import Laterality, View
from mtunet.evaluation.reading import ImageFacts, Results
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec


class NotDrawable(ValueError):
    """The image cannot be shown as it was scored. `str()` is the sentence for the person."""


def spec_of(results: Results, image: str) -> PhantomSpec:
    """What to draw. Raises NotDrawable for images of no phantom, and for those of another version of the generator."""
    facts = results.images.get(image) or ImageFacts(image, image)
    made_with = _version(results)
    if made_with is not None and made_with != PHANTOM_VERSION:
        raise NotDrawable(
            f"The images of this run were drawn by version {made_with} of the phantom generator; this program has "
            f"version {PHANTOM_VERSION}, which draws other pixels. Make the run again to see its images."
        )
    if not facts.spec:
        raise NotDrawable(
            "This run does not say how its images can be drawn again. Its data may not be phantoms, or it was made "
            "before runs recorded that."
        )
    try:
        return read_spec(json.loads(facts.spec))
    except (ValueError, TypeError, KeyError) as problem:
        raise NotDrawable(f"What the run says of image {image} is no phantom: {problem}.") from None


def read_spec(said: dict[str, Any]) -> PhantomSpec:
    """A spec from its JSON: view and laterality by value ("MLO", "L") or by name. Raises ValueError, TypeError."""
    values = dict(said)
    for key, kind in (("view", View), ("laterality", Laterality)):
        name = str(said[key]).rpartition(".")[2]
        values[key] = next((one for one in kind if name in (one.value, one.name)), None) or kind(name)
    return PhantomSpec(**values)


def _version(results: Results) -> str | None:
    """Of the generator, as the run's description of its data says it; None where it says none."""
    said = results.config.get("phantom_version")
    found = re.search(r"generator version (\S+?)\b", str(results.config.get("data", "")))
    return str(said) if said is not None else found[1] if found else None
