"""Every descriptor and distribution of drawn calcium is what its name says, measured on what is drawn.

Bounds follow BI-RADS, 5th edition, where it gives one; the rest are our own. Each test says whether version 2 of the
generator failed it, and by how much.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull, cKDTree
from scipy.spatial.distance import pdist
from skimage.morphology import skeletonize

from mtunet.case import View
from mtunet.phantom import PhantomSpec, arterial, benign, calcifications, particles
from mtunet.phantom.anatomy import Anatomy, compress_breast
from mtunet.phantom.arterial import ArterialCalcium, calcify_vessels
from mtunet.phantom.benign import scatter_benign
from mtunet.phantom.calcifications import Cluster, cluster_region, lay_cluster, pick_place, scatter_cluster
from mtunet.phantom.particles import speck
from mtunet.phantom.spec import MASTER_SHAPE, Benign, Distribution, FloatArray, McType, Points, streams
from mtunet.phantom.vessels import Vessel, grow_vessels, unit_tangents

SEEDS = range(50)
PITCH = 0.1
FINE = 0.02
"""mm: shapes finer than a pixel are drawn as under a microscope, on a grid five times as fine."""
Mask = npt.NDArray[np.bool_]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


@cache
def breast(seed: int, view: View | None = None) -> Anatomy:
    return compress_breast(spec_of(seed, view), streams(seed)["anatomy"])


def spec_of(seed: int, view: View | None = None, **said: Any) -> PhantomSpec:
    density = "abcd"[seed // 2 % 4]
    return PhantomSpec(seed=seed, view=view or (View.CC, View.MLO)[seed % 2], density=density, **said)  # type: ignore[arg-type]


def share(holds: list[bool]) -> float:
    return sum(holds) / len(holds)


# distributions


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Callable[[Distribution, int], Points]:
    """Centres of a cluster's specks in mm, (n, 2); the specks themselves are not drawn."""
    monkeypatch.setattr(calcifications, "speck", lambda *_: None)

    def of(distribution: Distribution, seed: int) -> Points:
        rng, anatomy = np.random.default_rng([seed, 1]), breast(seed)
        centre = np.array(pick_place(anatomy, rng, 12))
        return scatter_cluster(np.zeros((1, 1), np.float32), centre, anatomy, rng, "punctate", distribution)

    return of


Places = Callable[[Distribution, int], Points]


def along_and_across(points: Points, origin: Points, towards: Points) -> tuple[Points, Points]:
    axis = (towards - origin) / np.linalg.norm(towards - origin)
    return (points - origin) @ axis, (points - origin) @ [-axis[1], axis[0]]


def axes(points: Points) -> tuple[Points, Points]:
    """Standard deviations along and across the main axis, mm, and its direction."""
    _, sizes, turned = np.linalg.svd(points - points.mean(0), full_matrices=False)
    return sizes / np.sqrt(len(points)), turned[0]


def off_nipple(points: Points, direction: Points, seed: int) -> float:
    """Angle between a direction at the points and the way to the nipple, degrees, 0–90."""
    way = np.array(breast(seed).nipple) - points.mean(0)
    return float(np.degrees(np.arccos(min(abs(way @ direction) / np.linalg.norm(way), 1.0))))


def test_segmental_is_a_wedge_with_its_tip_at_the_nipple(places: Places) -> None:
    """Failed on version 2: yes, it widened away from the nipple in 3 of 50 seeds."""
    widens, pointed = [], []
    for seed in SEEDS:
        points, nipple = places("segmental", seed), np.array(breast(seed).nipple)
        along, across = along_and_across(points, nipple, points.mean(0))
        far = along > np.median(along)
        widens.append(bool(across[far].std() > across[~far].std()))
        pointed.append(bool((np.abs(across) < along * np.tan(np.radians(30))).all()))
    assert share(widens) >= 0.95
    assert share(pointed) >= 0.95


def test_grouped_is_five_within_a_centimetre_and_all_within_two(places: Places) -> None:
    """Failed on version 2: yes, groups of up to 55 mm."""
    for seed in SEEDS:
        points = places("clustered", seed)
        assert pdist(points).max() <= 20
        tree = cKDTree(points)
        middles = np.array([points[near].mean(0) for near in tree.query(points, 5)[1]])
        assert max(len(found) for found in tree.query_ball_point(middles, 5.0)) >= 5


def test_linear_follows_a_duct(places: Places) -> None:
    """Failed on version 2: yes, a line cut off by the skin had no direction."""
    for seed in SEEDS:
        points = places("linear", seed)
        (along, across), direction = axes(points)
        assert along > 5 * across
        assert across < 1
        assert off_nipple(points, direction, seed) < 25


def test_regional_is_wide_and_follows_no_duct(places: Places) -> None:
    """Failed on version 2: yes, it was not there."""
    ducts = []
    for seed in SEEDS:
        points = places("regional", seed)
        (along, across), direction = axes(points)
        assert pdist(points).max() > 20
        assert along < 2 * across
        ducts.append(along > 1.3 * across and off_nipple(points, direction, seed) < 25)
    assert share(ducts) <= 0.1


def test_diffuse_is_random_through_the_whole_breast(places: Places) -> None:
    """Failed on version 2: yes, it was not there."""
    hulls, spread = [], []
    for seed in SEEDS:
        points = places("diffuse", seed)
        grid = np.stack(np.meshgrid(np.arange(2, 138, 3.0), np.arange(2, 232, 3.0)), -1).reshape(-1, 2)
        area = 9.0 * sum(breast(seed).holds(float(x), float(y), 5) for x, y in grid)
        hulls.append(bool(ConvexHull(points).volume > 0.5 * area))
        nearest = cKDTree(points).query(points, 2)[0][:, 1].mean()
        spread.append(bool(0.8 < nearest / (0.5 * np.sqrt(area / len(points))) < 1.2))
    assert share(hulls) >= 0.95
    assert share(spread) >= 0.95


# morphologies of MC


@pytest.fixture
def microscope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(particles, "PITCH", FINE)


class Open:
    """Ground without an edge, the nipple far to the right."""

    nipple = (80.0, 12.0)

    def edge(self, y: float | Points) -> Points:
        return np.full(np.shape(y), 90.0)

    def holds(self, _x: float, _y: float, _margin: float) -> bool:
        return True


def cluster_of(kind: McType, seed: int) -> FloatArray:
    """A group of one kind under the microscope: mm of calcium, 24 mm wide."""
    layer = np.zeros((1200, 1200), np.float32)
    scatter_cluster(layer, np.array([12.0, 12.0]), Open(), np.random.default_rng([seed, 2]), kind, "clustered")
    return layer


def one(kind: McType, seed: int, extent: float) -> FloatArray:
    """One particle of this size under the microscope: mm of calcium, 8 mm wide."""
    layer = np.zeros((400, 400), np.float32)
    speck(layer, 4.0, 4.0, extent, kind, np.random.default_rng([seed, 3]))
    return layer


class Particle:
    """One connected piece of calcium: what is above a tenth of its peak. Lengths in mm."""

    def __init__(self, depth: FloatArray, pitch: float = FINE) -> None:
        self.depth = depth
        self.peak = float(depth.max())
        self.solid = depth > 0.1 * self.peak
        self.area = float(self.solid.sum()) * pitch**2
        cells = np.argwhere(self.solid)[:, ::-1].astype(np.float32)
        hull = cv2.convexHull(cells)
        self.extent = float(pdist(hull[:, 0]).max(initial=0.0) + 1) * pitch
        sides = cv2.minAreaRect(hull)[1]
        self.elongation = (max(sides) + 1) / (min(sides) + 1)
        self.solidity = self.area / max((cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1) * pitch**2, 1e-9)
        wide, narrow = (float((depth > level * self.peak).sum()) * pitch**2 for level in (0.1, 0.9))
        self.edge = np.sqrt(wide / np.pi) - np.sqrt(narrow / np.pi)


def particles_of(layer: FloatArray, pitch: float = FINE) -> list[Particle]:
    labels, _ = ndimage.label(layer > 0.02 * layer.max(), structure=np.ones((3, 3)))
    return [
        Particle(np.pad(np.where(labels[box] == number, layer[box], 0), 1), pitch)
        for number, box in enumerate(ndimage.find_objects(labels), 1)
    ]


@pytest.mark.usefixtures("microscope")
def test_punctate_is_round_sharp_and_under_half_a_millimetre() -> None:
    """Failed on version 2: yes, the largest had edges of 0.17 mm."""
    for seed in SEEDS:
        for particle in particles_of(cluster_of("punctate", seed)):
            assert particle.extent < 0.5
            assert particle.elongation < 1.3
            assert particle.edge <= 0.15


@pytest.mark.usefixtures("microscope")
def test_amorphous_has_no_edge() -> None:
    """Failed on version 2: no."""
    sharp = [particles_of(one("punctate", seed, 0.36))[0] for seed in SEEDS]
    hazy = [particles_of(one("amorphous", seed, 0.36))[0] for seed in SEEDS]
    assert min(p.edge for p in hazy) >= 1.5 * np.median([p.edge for p in sharp])
    assert max(p.peak for p in hazy) <= 0.7 * np.median([p.peak for p in sharp])


@pytest.mark.usefixtures("microscope")
def test_coarse_heterogeneous_is_of_half_to_one_millimetre_and_merges() -> None:
    """Failed on version 2: yes, it was not there."""
    extents = [
        particles_of(
            one("coarse_heterogeneous", seed, particles.SIZES["coarse_heterogeneous"].draw(np.random.default_rng(seed)))
        )[0].extent
        for seed in SEEDS
    ]
    assert min(extents) >= 0.48
    assert max(extents) <= 1.02
    merged = []
    for seed in SEEDS:
        found = particles_of(cluster_of("coarse_heterogeneous", seed))
        merged.append(max(particle.extent for particle in found) > 1.05)
    assert share(merged) >= 0.8


@pytest.mark.usefixtures("microscope")
def test_fine_pleomorphic_differs_in_size_and_shape_and_holds_no_lines() -> None:
    """Failed on version 2: yes, 74 % were under 0.5 mm."""
    found = [particle for seed in SEEDS for particle in particles_of(cluster_of("pleomorphic", seed))]
    extents = np.array([particle.extent for particle in found])
    assert (extents < 0.5).mean() >= 0.8
    assert extents.std() / extents.mean() >= 0.3
    assert np.std([particle.solidity for particle in found]) >= 0.02
    assert max(particle.elongation for particle in found) <= 3


@pytest.mark.usefixtures("microscope")
def test_fine_linear_is_thin_and_forks_now_and_then() -> None:
    """Failed on version 2: yes, 89 % were three times as long as wide."""
    forked, long = [], []
    for seed in range(150):
        layer = one("fine_linear", seed, particles.SIZES["fine_linear"].draw(np.random.default_rng(seed)))
        padded = np.pad(layer > 0.01, 20).astype(np.uint8)
        solid = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((11, 11), np.uint8))[20:-20, 20:-20] > 0
        line = np.argwhere(skeletonize(solid))
        way = longest_way(line)
        forked.append(bool((cKDTree(way).query(line)[0] * FINE > 0.25).any()))
        calibre = solid.sum() / len(line) * FINE
        assert calibre < 0.5
        long.append(bool(len(way) * FINE >= 3 * calibre))
    assert share(long) >= 0.95
    assert 0.15 <= share(forked) <= 0.45


def longest_way(line: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The pixels of the longest way through a skeleton (n, 2)."""
    near = cKDTree(line).query_ball_point(line, 1.5)

    def furthest(start: int) -> tuple[int, dict[int, int]]:
        came, row = {start: start}, [start]
        for k in row:
            for other in near[k]:
                if other not in came:
                    came[other] = k
                    row.append(other)
        return row[-1], came

    end, came = furthest(furthest(0)[0])
    way = [end]
    while came[way[-1]] != way[-1]:
        way.append(came[way[-1]])
    return line[way]


# benign kinds


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Benign, int, View | None], FloatArray]:
    """mm of calcium of one benign group in a breast."""
    registry = dict(benign.DRAWN)

    def of(kind: Benign, seed: int, view: View | None = None) -> FloatArray:
        monkeypatch.setattr(benign, "DRAWN", {kind: registry[kind]})
        spec = spec_of(seed, view, benign=1)
        return scatter_benign(
            spec, breast(seed, view), np.zeros(MASTER_SHAPE, bool), np.random.default_rng([seed, 4])
        ).calcium

    return of


Drawn = Callable[..., FloatArray]


def not_empty(layer: FloatArray) -> tuple[FloatArray, int, int]:
    """What is not empty of a layer, with a margin of three pixels; its first row and column."""
    rows, columns = np.nonzero(layer.any(1))[0], np.nonzero(layer.any(0))[0]
    if not len(rows):
        return layer[:0, :0], 0, 0
    top, left = max(rows[0] - 3, 0), max(columns[0] - 3, 0)
    return layer[top : rows[-1] + 4, left : columns[-1] + 4], int(top), int(left)


def cut_out(layer: FloatArray) -> FloatArray:
    """The same on a grid four times as fine."""
    return np.asarray(cv2.resize(not_empty(layer)[0], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.float32)


def pieces(layer: FloatArray, level: float = 0.04) -> list[tuple[FloatArray, float, float]]:
    """Connected pieces of a layer at 0.1 mm: thickness, and the place of its box's corner, x and y in mm."""
    held, top, left = not_empty(layer)
    labels, _ = ndimage.label(held > level, structure=np.ones((3, 3)))
    return [
        (np.where(labels[box] == number, held[box], 0), (left + box[1].start) * PITCH, (top + box[0].start) * PITCH)
        for number, box in enumerate(ndimage.find_objects(labels), 1)
    ]


def bars(layer: FloatArray) -> Iterator[tuple[Points, float, Points]]:
    """Per piece: widths along its middle less its ends, mm; its length, mm; its direction."""
    for depth, _, _ in pieces(layer):
        fine = cut_out(depth.astype(np.float32))
        solid = fine > 0.3 * np.quantile(fine[fine > 0.04], 0.9)
        room = ndimage.distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1]
        line = np.argwhere(skeletonize(solid))
        if len(line) < 40:
            continue
        way = longest_way(line)
        inner = way[len(way) // 5 : -len(way) // 5 or None]
        ends = (way[-1] - way[0])[::-1].astype(float)
        widths = 2 * room[tuple(inner.T)] * PITCH / 4
        yield widths, len(way) * PITCH / 4, ends / np.linalg.norm(ends)


def test_rods_are_thick_smooth_and_aimed_at_the_nipple(drawn: Drawn) -> None:
    """Failed on version 2: yes, 69 % were thick enough."""
    found = [(seed, *bar) for seed in SEEDS for bar in bars(drawn("rod", seed))]
    assert len(found) > 80
    assert share([bool(np.median(widths) >= 0.45) for _, widths, _, _ in found]) >= 0.8
    assert share([bool(length >= 3 * np.median(widths)) for _, widths, length, _ in found]) >= 0.9
    uneven = [np.subtract(*np.quantile(widths, [0.84, 0.16])) / 2 / np.median(widths) for _, widths, _, _ in found]
    assert share([bool(one < 0.1) for one in uneven]) >= 0.85


def test_rods_run_to_the_nipple(drawn: Drawn) -> None:
    """Failed on version 2: yes, 91 %."""
    aimed = []
    for seed in SEEDS:
        for depth, x, y in pieces(drawn("rod", seed)):
            cells = np.argwhere(depth > 0.04)[:, ::-1] * PITCH + [x, y]
            (along, across), direction = axes(cells)
            if along > 2.5 * across:  # crossed or forked ones have no direction
                aimed.append(off_nipple(cells, direction, seed) < 25)
    assert len(aimed) > 60
    assert share(aimed) >= 0.95


def rings(layer: FloatArray) -> list[tuple[float, float, float]]:
    """x, y in mm of skin calcifications; and how dense their centre is, over their ring."""
    found = []
    for depth, x, y in pieces(layer):
        row, column = ndimage.center_of_mass(depth)
        found.append((x + column * PITCH, y + row * PITCH, depth[round(row), round(column)] / depth.max()))
    return found


def groups_of(layer: FloatArray) -> list[Points]:
    """Places of the skin calcifications, by group."""
    found = np.array(rings(layer)).reshape(-1, 3)[:, :2]
    if not len(found):
        return []
    near = np.hypot(*(found[:, None] - found[None]).transpose(2, 0, 1)) < 4.0
    groups: list[list[int]] = []
    for k in range(len(found)):
        met = [group for group in groups if near[k, group].any()]
        groups = [group for group in groups if group not in met] + [[k, *(i for group in met for i in group)]]
    return [found[sorted(group)] for group in groups]


def test_skin_calcifications_are_tight_groups_with_lucent_centres(drawn: Drawn) -> None:
    """Failed on version 2: yes, 6 % of groups were tight."""
    lucent, tight = [], []
    for seed in SEEDS:
        layer = drawn("skin", seed)
        lucent += [centre < 0.8 for _, _, centre in rings(layer)]
        tight += [bool(len(group) > 1 and pdist(group).max() < 5) for group in groups_of(layer)]
    assert share(lucent) >= 0.95
    assert share(tight) >= 0.9


def test_skin_calcifications_keep_their_mutual_place_in_both_views(drawn: Drawn) -> None:
    kept = []
    for seed in SEEDS:
        here, there = (groups_of(drawn("skin", seed, view)) for view in (View.CC, View.MLO))
        for group in here:
            same = [other for other in there if len(other) == len(group)]
            wanted = np.sort(pdist(group))
            kept.append(any(np.abs(np.sort(pdist(other)) - wanted).max(initial=0) < 0.2 for other in same))
    assert len(kept) >= 40
    assert share(kept) >= 0.9


def test_rims_have_a_thin_wall_and_little_inside(drawn: Drawn) -> None:
    """Failed on version 2: no."""
    for seed in SEEDS:
        depth, _, _ = max(pieces(drawn("rim", seed)), key=lambda piece: piece[0].size)
        row, column = (n // 2 for n in depth.shape)
        assert depth[row, column] <= 0.5 * depth.max()
        across = depth[row] > 0.5 * depth[row].max()
        assert across[:column].sum() * PITCH < 1


def test_popcorn_is_one_lobulated_lump(drawn: Drawn) -> None:
    """Failed on version 2: yes, by little: 94 %."""
    single, lobed = [], []
    for seed in SEEDS:
        found = sorted(
            (Particle(np.pad(depth, 1), PITCH) for depth, _, _ in pieces(drawn("popcorn", seed))), key=lambda p: p.area
        )
        single.append(found[-1].area > 0.9 * sum(p.area for p in found) and found[-1].extent > 2)
        lobed.append(found[-1].solidity < 0.96)
    assert share(single) >= 0.95
    assert share(lobed) >= 0.9


def test_dystrophic_is_coarse(drawn: Drawn) -> None:
    """Failed on version 2: no."""
    extents = [Particle(np.pad(d, 1), PITCH).extent for seed in SEEDS for d, _, _ in pieces(drawn("dystrophic", seed))]
    assert np.median(extents) > 1


def test_round_is_half_to_one_millimetre(drawn: Drawn) -> None:
    """Failed on version 2: yes, up to 1.2 mm."""
    for seed in SEEDS:
        for depth, _, _ in pieces(drawn("round", seed)):
            found = Particle(np.pad(cut_out(depth), 1), PITCH / 4)
            if found.elongation < 1.25:  # two may overlap
                assert 0.45 <= found.extent <= 1.05


def test_milk_of_calcium_is_a_smudge_from_above_and_a_cup_from_the_side(drawn: Drawn) -> None:
    """Failed on version 2: yes, the same smudge in both views."""
    smudges, cups, sharper = [], [], []
    for seed in SEEDS:
        above, side = (drawn("milk_of_calcium", seed, view) for view in (View.CC, View.MLO))
        smudges += [Particle(np.pad(cut_out(d), 1), PITCH / 4).elongation < 1.5 for d, _, _ in pieces(above)]
        for depth, _, _ in pieces(side, 0.02):
            fine = cut_out(depth)
            rows, columns = np.nonzero(fine > 0.3 * fine.max())
            (along, across), direction = axes(np.c_[columns, rows].astype(float))
            level = bool(abs((np.degrees(np.arctan2(direction[1], direction[0])) + 90) % 180 - 90) <= 15)
            middle = np.abs(columns - columns.mean()) < 0.3 * np.ptp(columns) / 2
            sides = np.abs(columns - columns.mean()) > 0.7 * np.ptp(columns) / 2
            hollow = bool(rows[sides].mean() < rows[middle].mean())  # the ends stand higher than the middle
            cups.append(level and hollow and bool(along > 1.3 * across))
        drawn_at = [not_empty(layer)[0] for layer in (above, side) if layer.any()]
        slopes = [np.hypot(*np.gradient(held)).max() / held.max() for held in drawn_at]
        sharper.append(len(slopes) == 2 and bool(slopes[1] > 1.3 * slopes[0]))
    assert share(smudges) >= 0.8  # where two overlap they are longer
    assert share(cups) >= 0.75
    assert share(sharper) >= 0.95


def test_sutures_are_one_thread_with_loops_or_knots(drawn: Drawn) -> None:
    """Failed on version 2: yes, they were not there."""
    whole, even, tied = [], [], []
    for seed in SEEDS:
        layer = drawn("suture", seed)
        if not layer.any():
            continue
        fine = cut_out(layer)
        solid = fine > 0.08
        labels, count = ndimage.label(solid, structure=np.ones((3, 3)))
        sizes = np.bincount(labels.ravel())[1:]
        whole.append(bool(sizes.max() > 0.95 * sizes.sum()))
        holes = ndimage.label(~np.pad(solid, 1))[1] - 1
        widths = 2 * ndimage.distance_transform_edt(solid)[skeletonize(solid)] * PITCH / 4
        even.append(bool(np.subtract(*np.quantile(widths, [0.75, 0.25])) < 0.25 * np.median(widths)))
        tied.append(holes > 0 or bool(widths.max() > 1.5 * np.median(widths)))
        assert count
    assert len(whole) >= 45
    assert share(whole) >= 0.95
    assert share(even) >= 0.9
    assert share(tied) >= 0.98


# arteries


NOISE = 0.03
"""Nepers at 0.2 mm: as in the middle of a fatty breast."""


@cache
def arteries(seed: int) -> tuple[Vessel, ...]:
    return grow_vessels(spec_of(seed), breast(seed), np.random.default_rng([seed, 5]))


def roots(seed: int) -> list[Vessel]:
    """The vessels that leave no other one."""
    found = arteries(seed)
    return [
        vessel
        for vessel in found
        if all(np.hypot(*(other.path - vessel.path[0]).T).min() > 0.5 for other in found if other is not vessel)
    ]


def test_arteries_enter_from_the_inner_and_the_outer_edge() -> None:
    """Failed on version 2: yes, from both in 46 of 50 seeds."""
    both = []
    for seed in SEEDS:
        starts = np.array([vessel.path[0] for vessel in roots(seed)])
        assert ((starts[:, 0] < 1) | (starts[:, 1] < 2)).all()
        off = starts[:, 1] - breast(seed).nipple[1]
        both.append(bool((off < -15).any() and (off > 15).any()))
    assert share(both) >= 0.95


def test_arteries_taper_and_curve() -> None:
    """Failed on version 2: yes, ends lost two thirds of their width in a centimetre."""
    curved = []
    for seed in SEEDS:
        for vessel in arteries(seed):
            assert vessel.radius[-1] < 0.75 * vessel.radius[0]
            forty = round(10 / 0.25)
            assert (vessel.radius[forty:] / vessel.radius[:-forty]).min(initial=1) > 0.7
        for vessel in roots(seed):
            arc = np.hypot(*np.diff(vessel.path, axis=0).T).sum()
            curved.append(bool(1.02 <= arc / np.hypot(*(vessel.path[-1] - vessel.path[0])) <= 1.6))
    assert share(curved) >= 0.9


def test_most_breasts_have_branching_arteries() -> None:
    """Failed on version 2: no."""
    assert share([len(arteries(seed)) > len(roots(seed)) for seed in SEEDS]) >= 0.9


def test_arteries_are_not_aimed_at_the_nipple(places: Places) -> None:
    """Their course makes a wider angle with the way to the nipple than a duct's. Failed on version 2: no."""
    medians, wider = [], []
    for seed in SEEDS:
        path = np.concatenate([vessel.path for vessel in roots(seed)])
        tangent = np.concatenate([unit_tangents(vessel.path) for vessel in roots(seed)])
        way = np.array(breast(seed).nipple) - path
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        medians.append(float(np.median(np.degrees(np.arccos(np.clip(np.abs((way * tangent).sum(1)), 0, 1))))))
        duct = places("linear", seed)
        wider.append(medians[-1] > off_nipple(duct, axes(duct)[1], seed))
    assert np.median(medians) >= 15
    assert share(wider) >= 0.95


def test_arteries_do_not_cross() -> None:
    """Failed on version 2: yes."""
    for seed in SEEDS:
        found = arteries(seed)
        for k, vessel in enumerate(found):
            for other in found[:k]:
                away = cKDTree(other.path).query(vessel.path)[0]
                own_root = away[0] < 0.5
                assert away[60:].min(initial=9) > 1 if own_root else away.min() > 0.5


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ArterialCalcium]:
    """Arterial calcium of one grade over even noise."""
    monkeypatch.setattr(arterial, "clutter", lambda tissue: np.full(tissue.shape, NOISE, np.float32))

    def of(grade: int, seed: int, hard: str = "") -> ArterialCalcium:
        spec = spec_of(seed, bac_grade=grade, hard=hard)
        tissue = np.broadcast_to(np.float32(2.5), MASTER_SHAPE)
        made = calcify_vessels(spec, breast(seed), arteries(seed), tissue, np.random.default_rng([seed, 6]))
        if not hard:
            LENGTHS[grade, seed] = tuple(vessel.length_mm for vessel in made.vessels)
        return made

    return of


Laid = Callable[..., ArterialCalcium]
LENGTHS: dict[tuple[int, int], tuple[float, ...]] = {}
"""Of the calcified vessels by grade and seed, mm: what was laid for one test is not laid again for another."""


def lengths(laid: Laid, grade: int, seed: int) -> tuple[float, ...]:
    if (grade, seed) not in LENGTHS:
        laid(grade, seed)
    return LENGTHS[grade, seed]


def walls(made: ArterialCalcium, vessel: Vessel) -> tuple[Points, Points, Points]:
    """Along a vessel, mm of calcium about one wall, about its middle and about the other wall; each (n,)."""
    normal = unit_tangents(vessel.path) @ np.array([[0.0, 1.0], [-1.0, 0.0]])

    def best(shares: Points) -> Points:
        at = vessel.path[:, None] + normal[:, None] * (vessel.radius[:, None] * shares)[..., None]
        column, row = (at[..., axis].astype(np.float32) / np.float32(PITCH) - np.float32(0.5) for axis in (0, 1))
        return np.asarray(cv2.remap(made.calcium, column, row, cv2.INTER_LINEAR).max(1), np.float64)

    return best(np.linspace(-1.15, -0.6, 6)), best(np.linspace(-0.15, 0.15, 3)), best(np.linspace(0.6, 1.15, 6))


def longest_run(there: Mask) -> int:
    labels, count = ndimage.label(there)
    return int(np.bincount(labels)[1:].max()) if count else 0


def test_grade_three_has_two_rails(laid: Laid) -> None:
    """Failed on version 2: yes, 6 of 50 seeds had them."""
    rails = []
    for seed in SEEDS:
        made = laid(3, seed)
        assert len(made.vessels) >= 3
        two, there = 0, 0
        for vessel in arteries(seed):
            one, middle, other = walls(made, vessel)
            wide = (vessel.radius > 0.4) & (np.maximum(one, other) > 0.05)
            there += int(wide.sum())
            two += int((wide & (np.minimum(one, other) > 1.2 * middle) & (np.minimum(one, other) > 0.03)).sum())
        rails.append(two >= 0.5 * there)
    assert share(rails) >= 0.9


def test_grade_one_is_broken_and_on_one_side(laid: Laid) -> None:
    """Failed on version 2: yes, 84 %."""
    sided, short = [], []
    for seed in SEEDS:
        made = laid(1, seed)
        assert len(made.vessels) <= 1
        for vessel in arteries(seed):
            one, _, other = walls(made, vessel)
            there = np.maximum(one, other) > 0.05
            if vessel.radius.mean() > 0.4 and there.any():
                sided.append(bool((np.minimum(one, other)[there] < 0.5 * np.maximum(one, other)[there]).mean() > 0.8))
                short.append(longest_run(there) * 0.25 <= 3.5)
    assert len(sided) >= 30
    assert share(sided) >= 0.9
    assert share(short) >= 0.9


def test_grades_can_be_told_by_what_is_seen(laid: Laid) -> None:
    """Vessels and the length that is marked; grade 2 has one or two vessels, grade 3 at least three.

    Failed on version 2: no.
    """
    told = []
    for seed in SEEDS:
        one, two, three = (lengths(laid, grade, seed) for grade in (1, 2, 3))
        assert 1 <= len(two) < 3 <= len(three)
        told.append(sum(one) < sum(two) < sum(three))
    assert share(told) >= 0.9


# faint ones


def textured() -> FloatArray:
    """Nepers with a texture of 0.03 at 0.2 mm, 60 mm wide."""
    field = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((600, 600)).astype(np.float32), (0, 0), 4.0)
    return np.asarray(2.5 + field / field.std() * NOISE, np.float32)


def cluster(seed: int, kind: McType, *, faint: bool) -> tuple[Cluster, float]:
    """A group over texture, and how its brightest speck measures there over the texture, both at 0.2 mm."""
    calcium, tissue = np.zeros((600, 600), np.float32), textured()

    class Here(Open):
        nipple = (60.0, 30.0)

    rng = np.random.default_rng([seed, 7])
    made = lay_cluster(calcium, tissue, np.array([30.0, 30.0]), Here(), rng, kind, "clustered", faint=faint)
    assert made is not None
    seen = cv2.resize(calcium, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    base = cv2.resize(tissue, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return made[0], float(cv2.GaussianBlur(seen, (0, 0), 0.45).max() * calcifications.MU_CALCIUM / base.std())


@pytest.mark.parametrize("kind", ["punctate", "pleomorphic", "amorphous"])
def test_faint_clusters_are_faint_and_others_are_not(kind: McType) -> None:
    """Failed on version 2: yes, up to 15 times the noise."""
    for seed in SEEDS:
        faint, measured = cluster(seed, kind, faint=True)
        assert 2 <= faint.conspicuity <= 6.05
        assert measured < 8
        assert cluster(seed, kind, faint=False)[0].conspicuity >= 5


def test_faint_arteries_are_faint(laid: Laid) -> None:
    """Failed on version 2: yes."""
    for seed in SEEDS[:25]:
        made = laid(2, seed, hard="d")
        seen = cv2.GaussianBlur(made.calcium, (0, 0), 1.3) * np.float32(calcifications.MU_CALCIUM) / NOISE
        assert np.quantile(seen[made.region], 0.95) < 5.5 if made.region.any() else True


def test_a_diffuse_cluster_is_marked_wherever_it_is() -> None:
    """Its specks are no strays of one another. Failed on version 2: no, there were none."""
    near = [[20.0 + k, 60.0] for k in range(5)]
    far_apart = np.array(near + [[35.0 + 9 * k, 60.0 + 5 * (k % 2)] for k in range(7)])
    for strays, held in ((False, 5), (True, 12)):
        marked = cluster_region(far_apart, 1.5, strays=strays)
        assert sum(marked[int(y / PITCH), int(x / PITCH)] for x, y in far_apart) == held
