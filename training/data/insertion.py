"""Calcium of the phantom code in real backgrounds: exact masks on tissue that no generator made.

The background's grey values are turned into nepers by a film curve, calcium is added there with the blur of the
system, and the sum goes back through the same curve: so contrast falls off in toe and shoulder, and the host's own
noise and texture lie over what was added. Many draws hold no calcium: real tissue alone, or with strands and vessels
that carry none, to be left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.files import packed, unpacked, write_arrays
from mtunet.phantom.arterial import calcify_vessels
from mtunet.phantom.benign import scatter_benign
from mtunet.phantom.calcifications import MU_CALCIUM, draw_morphology, lay_cluster, pick_place
from mtunet.phantom.fields import blur, chord, smooth_noise
from mtunet.phantom.parenchyma import MU_FAT, MU_GLAND
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import PHANTOM_VERSION, Hard, PhantomSpec
from mtunet.phantom.vessels import STEP_MM, Vessel, grow_vessels, tube_about
from training.data import samples as datasets
from training.data.artefacts import with_artefacts
from training.data.real_backgrounds import Background, names, read_background
from training.data.samples import Sample

INSERTION_VERSION = "4"
"""Changes whenever any draw would give another pixel or mask."""
CONTENTS: tuple[tuple[float, str], ...] = (
    *((0.32, "nothing"), (0.16, "mc"), (0.08, "bac"), (0.17, "sheathed bac"), (0.08, "both")),
    *((0.06, "broken bac"), (0.05, "hard b"), (0.08, "linear mc")),
)
WINDING = "winding bac"
"""Small arteries inside a breast, calcified: in double lines, curls and hooks. Never drawn of `CONTENTS`."""
NEPERS_PER_LOGIT = (0.45, 0.80)
"""Film: 0.7 mm of a calcification in these views (P_00001 LEFT MLO) lifts 124 to 158 of 179 at the film's base."""
STRAND_GAIN = (0.6, 2.2)
"""Of the nepers of blood in a vessel 1 mm in radius, however fine the strand: from hardly seen to as bright as faint
calcium."""
LEAST_STRAND = 0.02
"""Nepers from which soft tissue that was put in is easily mistaken for calcium."""
TYPICAL_NEPERS = 2.5
"""About the middle of a breast, where the phantom's noise is stated."""

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Inserted:
    """calcium: (rows, columns) float32, mm, of both types; benign: mm of what is neither. mc, bac: exact regions.

    vessels: nepers of soft tissue in lines: the blood of all arteries, calcified or not, or strands where there is no
    calcified artery; none in some of the draws.
    """

    calcium: Floats
    benign: Floats
    vessels: Floats
    mc: Mask
    bac: Mask


@dataclass(frozen=True)
class FilmCurve:
    """Grey value = base · logistic(nepers / scale), nepers about `TYPICAL_NEPERS` where it is half of the base."""

    base: float
    scale: float

    def nepers(self, grey: Floats) -> Floats:
        share = np.clip(grey / self.base, 0.004, 0.996)
        return np.asarray(TYPICAL_NEPERS + self.scale * np.log(share / (1 - share)), np.float32)

    def grey(self, nepers: Floats) -> Floats:
        return np.asarray(self.base / (1 + np.exp(-(nepers - TYPICAL_NEPERS) / self.scale)), np.float32)


def inserted_samples(seed: int, count: int) -> Iterator[Sample]:
    """Draws 0…count-1 of a seed, made one by one (about 2 s each on one core) and cached beside the phantoms."""
    folder = datasets.CACHE / f"inserted-{INSERTION_VERSION}-{PHANTOM_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{seed:06d}-{number:06d}.npz"
        if not path.exists():
            _write(path, inserted(seed, number))
        yield _read(path)


def inserted(seed: int, number: int, content: str = "") -> Sample:
    """One draw: which view, what is put in, how it is shown. The same arguments give the same sample.

    content: a word of `CONTENTS`, or WINDING; "" for one drawn from those.
    """
    rng = np.random.default_rng([seed, number, 0x494E53])
    host = read_background(names()[int(rng.integers(len(names())))])
    shares = np.array([share for share, _ in CONTENTS])
    drawn = CONTENTS[int(rng.choice(len(CONTENTS), p=shares / shares.sum()))][1]
    return sample_of(host, content or drawn, rng, f"cbis-{host.name}-{seed}-{number:05d}")


def sample_of(host: Background, content: str, rng: Rng, name: str) -> Sample:
    """The host with this content (a word of `CONTENTS`, or WINDING), on a film curve drawn at random, shown in a random
    way."""
    curve = film_curve(host, rng)
    nepers = curve.nepers(host.pixels)
    put = fill(host, content, nepers, rng)
    pixels = develop(host, curve, nepers, put, rng)
    masks = {Calcification.MICRO: put.mc, Calcification.ARTERIAL: put.bac}
    layers = [pixels, put.mc, put.bac, _mistaken(host, put), host.breast]
    layers = list(_turned(layers, host, rng))
    pixels = shown(np.asarray(layers[0], np.float32), layers[4].astype(bool), rng)
    made = Sample(
        name=name,
        patient=f"cbis-{host.name.split('-')[1]}",
        pixels=np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16),
        masks=dict(zip(masks, (layers[1].astype(bool), layers[2].astype(bool)), strict=True)),
        hard_negatives=layers[3].astype(bool) & ~layers[1].astype(bool) & ~layers[2].astype(bool),
        spacing_mm=PITCH,
        stratum="inserted",
    )
    return with_artefacts(made, rng) if rng.random() < 0.6 else made


def _mistaken(host: Background, put: Inserted) -> Mask:
    """What is easily mistaken for calcium of the two types: the host's own, and what was put in."""
    return np.asarray(host.left_alone | (put.benign > 0.04) | (put.vessels > LEAST_STRAND), np.bool_)


def film_curve(host: Background, rng: Rng) -> FilmCurve:
    """The base lies a little above the brightest tissue: in these films unexposed places are at 0.70."""
    brightest = float(np.percentile(host.pixels[(host.room_mm > 5)], 99.8))
    return FilmCurve(max(0.70, brightest + 0.02) * rng.uniform(1.0, 1.08), rng.uniform(*NEPERS_PER_LOGIT))


def fill(host: Background, content: str, nepers: Floats, rng: Rng) -> Inserted:
    """Calcium of this content at random places of the host."""
    hard: Hard = "b" if content in ("hard b", "broken bac") else ""
    grade = 0 if content in ("nothing", "mc", "linear mc") else int(rng.choice([1, 2, 3], p=[0.2, 0.5, 0.3]))
    spec = PhantomSpec(seed=0, view=host.view, look="film", bac_grade=grade, benign=int(rng.integers(0, 3)), hard=hard)
    vessels: tuple[Vessel, ...] = grow_vessels(spec, host, rng) if grade else ()
    sheathed = content == "sheathed bac" or (content in ("both", WINDING) and rng.random() < 0.5)
    if content == WINDING:
        spec, vessels = replace(spec, bac_grade=3), _winding(host, rng)
    elif sheathed:
        vessels = _finer(vessels, host, rng)
    arterial = calcify_vessels(spec, host, vessels, nepers, rng, sheathed=sheathed)
    mc_calcium, mc = np.zeros(nepers.shape, np.float32), np.zeros(nepers.shape, bool)
    if content in ("mc", "both", "hard b", "linear mc"):
        for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
            anchor = arterial.anchor if content == "hard b" else None
            mc |= _cluster(host, mc_calcium, nepers, anchor, rng, linear=content == "linear mc")
    benign = scatter_benign(spec, host, mc | host.unknown, rng)
    soft = _blood(vessels if rng.random() < 0.8 else (), nepers.shape)
    if not grade and rng.random() < 0.6:
        soft = _strands(spec, host, rng)
    return Inserted(
        calcium=(arterial.calcium + mc_calcium) * host.free,
        benign=benign.calcium * host.free,
        vessels=soft * host.free,
        mc=mc & (host.free > 0.5),
        bac=arterial.region & (host.free > 0.5),
    )


def _strands(spec: PhantomSpec, host: Background, rng: Rng) -> Floats:
    """Nepers of vessels and ligaments without calcium, as fine and as winding as calcified ones, some as bright."""
    grown = grow_vessels(spec, host, rng)
    finer = _finer(grown, host, rng) if rng.random() < 0.6 else grown
    rows, columns = host.pixels.shape
    laid = np.zeros((rows, columns), np.float32)
    for one in finer:
        gain = np.float32(rng.uniform(*STRAND_GAIN) / one.radius.mean())
        laid = np.maximum(laid, _blood((one,), (rows, columns)) * gain)
    return laid


def _finer(vessels: tuple[Vessel, ...], host: Background, rng: Rng) -> tuple[Vessel, ...]:
    """The same vessels, narrowed to half to nine tenths: calcified ones are 0.6 to 1.4 mm wide on film. After them come
    thin winding twigs, at most one of each of the first three."""
    mains = [Vessel(vessel.path, vessel.radius * rng.uniform(0.5, 0.9)) for vessel in vessels]
    twigs = [twig for main in mains[:3] if (twig := _twig(main, host, rng)) is not None]
    return (*mains, *twigs)


def _twig(parent: Vessel, host: Background, rng: Rng) -> Vessel | None:
    """A thin artery that leaves its parent and winds; None where there is no room."""
    start = int(rng.integers(len(parent.path)))
    count = int(rng.uniform(8, 30) / STEP_MM)
    bends = rng.uniform(0.3, 0.9) * smooth_noise(count, rng.uniform(1.0, 3.0) / STEP_MM, rng)
    heading = rng.uniform(0, 2 * np.pi) + bends
    path = parent.path[start] + np.cumsum(np.c_[np.cos(heading), np.sin(heading)] * STEP_MM, axis=0)
    if not all(host.holds(float(x), float(y), 3) for x, y in path[::8]):
        return None
    return Vessel(path, rng.uniform(0.15, 0.35) * np.linspace(1, 0.7, count))


def _winding(host: Background, rng: Rng) -> tuple[Vessel, ...]:
    """Three to eight short arteries near one another, each turning now this way, now that, by up to a half-circle of
    1 to 3 mm; fewer where there is no room."""
    middle = np.array(pick_place(host, rng, 8))
    found: list[Vessel] = []
    for _ in range(int(rng.integers(3, 9))):
        count = int(rng.uniform(5, 25) / STEP_MM)
        turns = smooth_noise(count, rng.uniform(0.8, 2.5) / STEP_MM, rng) / rng.uniform(1.0, 3.0)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(turns) * STEP_MM
        path = middle + rng.normal(0, 8, 2) + np.cumsum(np.c_[np.cos(heading), np.sin(heading)] * STEP_MM, axis=0)
        if all(host.holds(float(x), float(y), 3) for x, y in path[::8]):
            found.append(Vessel(path, rng.uniform(0.15, 0.45) * np.linspace(1, 0.7, count)))
    return tuple(found)


def _cluster(
    host: Background,
    calcium: Floats,
    nepers: Floats,
    anchor: npt.NDArray[np.float64] | None,
    rng: Rng,
    *,
    linear: bool,
) -> Mask:
    """Adds one cluster, seen at least as well as a phantom's must be; gives its region."""
    centre = np.array(pick_place(host, rng, 8)) if anchor is None else anchor + rng.normal(0, 3.5, 2)
    kind, distribution = draw_morphology(rng, distribution="linear" if linear else None)
    laid = lay_cluster(calcium, nepers, centre, host, rng, kind, distribution)
    return laid[1] if laid is not None else np.zeros(nepers.shape, bool)


def _blood(vessels: tuple[Vessel, ...], shape: tuple[int, int]) -> Floats:
    """Nepers of the arteries' blood over fat, at 0.1 mm."""
    chords = np.zeros(shape, np.float32)
    for vessel in vessels:
        tube = tube_about(vessel, shape, PITCH)
        if len(tube.rows):
            through = chord(tube.distance, vessel.radius[tube.nearest]).astype(np.float32)
            chords[tube.rows, tube.columns] = np.maximum(chords[tube.rows, tube.columns], through)
    return np.asarray(blur(chords, 0.25 / PITCH) * np.float32((MU_GLAND - MU_FAT) * 1.3), np.float32)


def develop(host: Background, curve: FilmCurve, nepers: Floats, put: Inserted, rng: Rng) -> Floats:
    """The host's grey values where nothing was added, to the bit; elsewhere those of the sum."""
    added = np.minimum((put.calcium + put.benign) * np.float32(MU_CALCIUM), np.float32(2.2)) + put.vessels
    if not added.any():
        return host.pixels
    sharp = cv2.GaussianBlur(added, (0, 0), rng.uniform(0.07, 0.13) / PITCH)
    touched = sharp > 1e-4
    return np.where(touched, np.maximum(curve.grey(nepers + sharp), host.pixels), host.pixels).astype(np.float32)


def _turned(layers: list[npt.NDArray[np.generic]], host: Background, rng: Rng) -> Iterator[npt.NDArray[np.generic]]:
    """All layers mirrored alike, or not; CC views upside down as well."""
    sideways, over = rng.random() < 0.5, host.view.value == "CC" and rng.random() < 0.5
    for layer in layers:
        turned = layer[:, ::-1] if sideways else layer
        yield np.ascontiguousarray(turned[::-1] if over else turned)


def shown(pixels: Floats, breast: Mask, rng: Rng) -> Floats:
    """Another film's tones, or the look of processed digital images: equalised to the skin, sharpened, black around."""
    top = 1.25 * float(np.percentile(pixels[breast], 95)) if breast.any() else 1.0  # above it: borders and metal
    gamma = np.exp(rng.uniform(-0.4, 0.4))
    toned = np.clip(pixels / top, 0, None) ** gamma
    if rng.random() < 0.35:
        inside = breast.astype(np.float32)
        wide = rng.uniform(5, 12) / PITCH
        broad = blur(np.asarray(toned * inside, np.float32), wide) / (blur(inside, wide) + 1e-3)
        level = float(np.median(toned[breast])) if breast.any() else 0.5
        toned = toned - rng.uniform(0.4, 0.8) * (broad - level) * inside
        toned = toned + rng.uniform(0.1, 0.4) * (toned - blur(np.asarray(toned, np.float32), 1.6 / PITCH))
        toned = np.clip(toned, 0, None) * cv2.GaussianBlur(inside, (0, 0), 3.0)
    return np.asarray(np.clip(toned * rng.uniform(0.75, 1.0) + rng.uniform(0, 0.04), 0, 1), np.float32)


def _write(path: Path, sample: Sample) -> None:
    bits = packed((*(sample.masks[kind] for kind in Calcification), sample.hard_negatives))
    write_arrays(path, {"pixels": sample.pixels, "bits": bits, "said": np.array([sample.name, sample.patient])})


def _read(path: Path) -> Sample:
    with np.load(path, allow_pickle=False) as stored:
        pixels, layers, (name, patient) = stored["pixels"], unpacked(stored["bits"], 3), stored["said"]
    masks = dict(zip(Calcification, layers[:2], strict=True))
    return Sample(str(name), str(patient), pixels, masks, layers[2], PITCH, "inserted")
