"""What is learnt from, as recipes: every view follows from seeds, so any machine makes the same ones for itself.

`Cohort` is for comparing methods: virtual patients in folds. `Mixture` is for the model that ships: phantoms of three
cohorts, artefacts of films laid on some, and calcium put into real films.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from mtunet.phantom import PHANTOM_VERSION, PhantomSpec
from mtunet.phantom.cohort import patients
from training.data.artefacts import perhaps_with_artefacts
from training.data.insertion import INSERTION_VERSION, WINDING, inserted
from training.data.samples import (
    Sample,
    harder_phantoms,
    phantom_sample,
    phantom_split,
    plain_phantoms,
    spec_name,
    stratum,
    unusual_phantoms,
    unusual_sample,
)


@dataclass(frozen=True)
class About:
    """What is known of a view besides its pixels; a row of images.csv. has_mc, has_bac: None where unknown.

    spec: JSON of the phantom's spec, with which it can be drawn again; "" for images that are none.
    """

    image: str
    patient: str
    density: str
    look: str
    view: str
    stratum: str
    has_mc: bool | None
    has_bac: bool | None
    spec: str


ORIGINS: Final = ("phantom", "harder", "plain", "unusual", "inserted", "winding")
_FILMS: Final = "six CBIS-DDSM mammograms (CC BY 3.0)"
_INSERTED_BY: Final = f"insertion version {INSERTION_VERSION}"


@dataclass(frozen=True)
class Recipe:
    """One view to be made. origin: what a curriculum calls it, one of ORIGINS.

    spec: of a phantom; inserted: seed and number of a draw of calcium into a real film, and content of what is put in,
        "" for a drawn one; one of the two.
    artefacts: seed, number and share with which those of films are laid on; None lays none. unusual: the picture of
    this name that is made of the phantom (`mtunet.phantom.unusual`); "" for the plain view.
    """

    name: str
    patient: str
    origin: str = "phantom"
    spec: PhantomSpec | None = None
    inserted: tuple[int, int] | None = None
    content: str = ""
    artefacts: tuple[int, int, float] | None = None
    unusual: str = ""

    @property
    def about(self) -> About:
        if self.spec is None:
            return About(self.name, self.patient, "", "film", "", self.origin, None, None, "")
        holds = self.spec.clusters > 0, self.spec.bac_grade > 0
        told = self.spec.density, self.spec.look, self.spec.view.value, stratum(self.spec)
        return About(self.name, self.patient, *told, *holds, json.dumps(asdict(self.spec)))

    def sample(self) -> Sample:
        if self.spec is not None:
            made = (
                unusual_sample(self.spec, self.unusual, self.patient)
                if self.unusual
                else phantom_sample(self.spec, self.patient)
            )
        else:
            assert self.inserted is not None
            made = inserted(*self.inserted, self.content)
        return made if self.artefacts is None else perhaps_with_artefacts(made, *self.artefacts)


@dataclass(frozen=True)
class Cohort:
    """Views of virtual patients, a third of them in each of the paper's groups."""

    views: int = 1239
    seed: int = 11

    def recipes(self) -> list[Recipe]:
        return [Recipe(spec_name(view.spec), view.patient, spec=view.spec) for view in patients(self.views, self.seed)]

    @property
    def said(self) -> str:
        return (
            f"phantom data: cohort {self.seed} of {self.views} views of virtual patients, generator version "
            f"{PHANTOM_VERSION} (synthetic images only)"
        )


@dataclass(frozen=True)
class Mixture:
    """How many views of each origin, and the seed of their cohorts.

    train, validation, test: phantoms. harder: further ones to learn from, of another cohort: hard cases and views with
    both types. plain: further ones again, of a third cohort: plain films, whose texture is set by real ones.
    inserted: calcium put into real mammograms (`training.data.insertion`), to learn from; those without any among them.
    artefacts: share of the phantoms to learn from on which lines, borders and labels are laid.
    unusual: crops, spot views, masses, skin, bright ligaments, dust, grain and the like, of a fourth cohort.
    winding: real mammograms again, into each of which small winding arteries with calcium are put.
    """

    train: int = 400
    validation: int = 60
    test: int = 100
    seed: int = 1
    harder: int = 0
    plain: int = 0
    inserted: int = 0
    artefacts: float = 0.0
    unusual: int = 0
    winding: int = 0

    def recipes(self) -> list[Recipe]:
        """Of what is learnt from."""
        split = phantom_split(self.train, self.validation, self.test, self.seed).train
        harder = harder_phantoms(self.harder, self.seed) if self.harder else ()
        plain = plain_phantoms(self.plain, self.seed) if self.plain else ()
        specs = [
            (origin, spec) for origin, of in (("phantom", split), ("harder", harder), ("plain", plain)) for spec in of
        ]
        phantoms = [self._phantom(number, origin, spec) for number, (origin, spec) in enumerate(specs)]
        phantoms += [
            Recipe(f"{spec_name(spec)}-{name}", f"phantom-{spec.seed}", "unusual", spec=spec, unusual=name)
            for spec, name in (unusual_phantoms(self.unusual, self.seed) if self.unusual else ())
        ]
        films = [
            Recipe(
                f"{origin}-{INSERTION_VERSION}-{self.seed}-{number}",
                "cbis",
                origin,
                inserted=(self.seed, number),
                content=content,
            )
            for origin, count, content in (("inserted", self.inserted, ""), ("winding", self.winding, WINDING))
            for number in range(count)
        ]
        return phantoms + films

    def _phantom(self, number: int, origin: str, spec: PhantomSpec) -> Recipe:
        with_them = (self.seed, number, self.artefacts) if self.artefacts else None
        name = spec_name(spec) + (f"-artefacts-{self.seed}-{number}-{self.artefacts:g}" if with_them else "")
        return Recipe(name, f"phantom-{spec.seed}", origin, spec=spec, artefacts=with_them)

    @property
    def said(self) -> str:
        """For people."""
        words = f"phantom cohort {self.seed}, generator version {PHANTOM_VERSION} (synthetic images)"
        words += f", {self.harder} harder phantoms" if self.harder else ""
        words += f", {self.plain} plain films" if self.plain else ""
        words += f", {self.unusual} unusual pictures" if self.unusual else ""
        if self.inserted:
            words += f"; {self.inserted} views with calcium put into {_FILMS}, or without, {_INSERTED_BY}"
        if self.winding:
            words += f"; {self.winding} views with small winding arteries put in"
            words += "" if self.inserted else f"to {_FILMS}, {_INSERTED_BY}"
        return words
