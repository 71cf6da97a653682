"""The image route and what the viewer is given; how it moves is in tests/browser/test_viewing.py."""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from starlette.applications import Starlette

from mtunet.case import Box, Calcification, Finding
from mtunet.store.filing import data_folder
from pages.shared import image_route, turns, viewer
from pages.shared import viewer as browser_parts
from pages.shared.image_route import ROUTES, Cache, heat, window
from pages.shared.keys import KEYS, written
from pages.shared.viewer import Outline, Pane, outlines, simplified

SHA = "0123456789abcdef" * 4
MODEL = "detail-0123456789ab"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(address: str, headers: dict[str, str] | None = None) -> Answer:
    """What the routes answer to a GET, without a server."""
    parts = urlsplit(address)
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }
    asked = Starlette(routes=ROUTES)(scope, receive, send)
    with ThreadPoolExecutor(1) as apart:  # a browser that is open for other tests has an event loop in this thread
        apart.submit(asyncio.run, asked).result()
    start = next(m for m in sent if m["type"] == "http.response.start")
    body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, body)


def decoded(answer: Answer) -> np.ndarray:
    assert answer.status == 200, answer.body
    return cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A stored 16-bit image of 6 × 4 pixels, every value known, and its MC map."""
    monkeypatch.setenv("MTUNET_DATA", str(tmp_path))
    monkeypatch.setattr(image_route, "_arrays", Cache(2**24, lambda a: a.nbytes))
    monkeypatch.setattr(image_route, "_pictures", Cache(2**24, len))
    pixels = np.linspace(0, 65535, 24).round().astype(np.uint16).reshape(6, 4)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / f"{SHA}.png"), pixels)
    folder = tmp_path / "maps" / SHA / MODEL
    folder.mkdir(parents=True)
    probability = np.zeros((6, 4), np.uint8)
    probability[2, 1] = 204
    cv2.imwrite(str(folder / "mc.png"), probability)
    return pixels


def test_the_full_window_is_the_upper_byte_rounded(data):
    picture = decoded(ask(f"/mtunet/image/{SHA}?format=png"))
    assert np.array_equal(picture, np.rint(data / 257.0).astype(np.uint8))


def test_a_narrow_window_is_cut_from_the_sixteen_bits(data):
    picture = decoded(ask(f"/mtunet/image/{SHA}?format=png&low=10000&high=20200"))
    expected = np.rint(np.clip((data.astype(float) - 10000) / 40.0, 0, 255)).astype(np.uint8)
    assert np.array_equal(picture, expected)
    assert {0, 255} < set(np.unique(picture).tolist())


@given(
    some.integers(-65535, 131069).flatmap(lambda low: some.tuples(some.just(low), some.integers(low + 1, 131070))),
    some.integers(0, 65535),
)
def test_windowing_is_linear_between_its_ends_and_flat_outside(ends, value):
    low, high = ends
    (found,) = window(np.array([value], np.uint16), low, high)
    exact = 255.0 * (value - low) / (high - low)
    assert abs(float(found) - min(255.0, max(0.0, exact))) <= 0.5 + 1e-9


def test_a_smaller_scale_is_the_mean_of_its_pixels(data):
    picture = decoded(ask(f"/mtunet/image/{SHA}?format=png&scale=2"))
    means = data.astype(float).reshape(3, 2, 2, 2).mean((1, 3))
    assert picture.shape == (3, 2)
    assert np.abs(picture - means / 257.0).max() <= 0.51


def test_jpeg_is_the_default_and_near_the_exact_picture(data):
    answer = ask(f"/mtunet/image/{SHA}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert np.abs(decoded(answer).astype(float) - data / 257.0).mean() < 4


def test_the_browser_asks_whether_the_image_is_still_there_and_is_not_sent_it_again(data):
    answer = ask(f"/mtunet/image/{SHA}")
    assert {"private", "no-cache"} <= set(answer.headers["cache-control"].replace(",", " ").split())
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = ask(f"/mtunet/image/{SHA}", {"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    other = ask(f"/mtunet/image/{SHA}?low=5")
    assert other.headers["etag"] != answer.headers["etag"]


@pytest.mark.parametrize(
    "address",
    [
        "/mtunet/image/" + "f" * 64,
        "/mtunet/image/" + SHA.upper(),
        "/mtunet/image/" + SHA[:-1],
        "/mtunet/image/..%2f..%2fsecret",
        "/mtunet/image/../images/" + SHA,
        f"/mtunet/map/{SHA}/{MODEL}/tissue",
        f"/mtunet/map/{SHA}/{MODEL}/bac",
        f"/mtunet/map/{SHA}/../mc",
        f"/mtunet/map/{SHA}/.hidden/mc",
        f"/mtunet/map/{SHA}/{'a' * 65}/mc",
        "/mtunet/assets/LICENSES.txt",
        "/mtunet/assets/viewer-000000000000.js",
        "/mtunet/assets/..%2fviewer.py",
    ],
)
def test_what_is_not_stored_or_not_a_name_is_not_found(data, address):
    answer = ask(address)
    assert answer.status == 404
    assert SHA not in answer.body.decode()


@pytest.mark.parametrize(
    "query",
    [
        "low=9&high=9",
        "low=9&high=3",
        "low=a",
        "high=1e4",
        "low=-70000",
        "high=140000",
        "format=gif",
        "scale=3",
        "scale=x",
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(data, query):
    answer = ask(f"/mtunet/image/{SHA}?{query}")
    assert answer.status == 400
    assert answer.body.decode().endswith(".")
    assert answer.headers["cache-control"] == "no-store"


def test_a_path_in_the_query_is_ignored(data):
    plain = ask(f"/mtunet/image/{SHA}?format=png")
    assert ask(f"/mtunet/image/{SHA}?format=png&path=/etc/passwd&name=../x").body == plain.body


def test_a_file_that_is_not_sixteen_bit_grey_is_not_served(data, tmp_path):
    cv2.imwrite(str(tmp_path / "images" / f"{'e' * 64}.png"), np.zeros((4, 4, 3), np.uint8))
    assert ask(f"/mtunet/image/{'e' * 64}").status == 404


def test_the_folder_is_asked_for_at_each_call(data, tmp_path, monkeypatch):
    assert ask(f"/mtunet/image/{SHA}").status == 200
    monkeypatch.setenv("MTUNET_DATA", str(tmp_path / "elsewhere"))
    assert ask(f"/mtunet/image/{SHA}").status == 404


def test_a_map_is_clear_where_nothing_was_found(data):
    layer = decoded(ask(f"/mtunet/map/{SHA}/{MODEL}/mc"))
    assert layer.shape == (6, 4, 4)
    assert layer[2, 1, 3] == 204
    assert np.count_nonzero(layer[..., 3]) == 1


def test_the_probability_of_one_pixel_can_be_asked(data):
    at = f"/mtunet/map/{SHA}/{MODEL}/mc"
    assert json.loads(ask(f"{at}?x=1&y=2").body) == {"probability": 0.8}
    assert json.loads(ask(f"{at}?x=2&y=1").body) == {"probability": 0.0}
    assert ask(f"{at}?x=4&y=0").status == 400
    assert ask(f"{at}?x=-1&y=0").status == 400
    assert ask(f"{at}?x=1").status == 400


def test_a_flipped_image_and_its_map_are_mirrored_left_to_right(data):
    straight, flipped = (ask(f"/mtunet/image/{SHA}?format=png{flip}") for flip in ("", "&flip=1"))
    assert (decoded(flipped) == decoded(straight)[:, ::-1]).all()
    assert flipped.headers["etag"] != straight.headers["etag"]
    at = f"/mtunet/map/{SHA}/{MODEL}/mc"
    assert (decoded(ask(f"{at}?flip=1")) == decoded(ask(at))[:, ::-1]).all()
    assert json.loads(ask(f"{at}?x=2&y=2&flip=1").body) == {"probability": 0.8}


def test_a_single_bright_pixel_survives_the_shrinking_of_a_large_map():
    large = np.zeros((4100, 3000), np.uint8)
    large[4003, 1501] = 250
    small = heat(large, "mc")
    assert max(small.shape) <= image_route.MAP_SIDE
    assert small[..., 3].max() == 250
    assert np.argwhere(small[..., 3])[0].tolist() == [4003 // 3, 1501 // 3]


def test_a_cache_keeps_the_last_used_up_to_its_bytes():
    cache: Cache[bytes] = Cache(10, len)
    made: list[str] = []

    def make(name: str):
        return lambda: made.append(name) or b"four"

    for name in ("a", "b", "a", "c", "a", "b"):
        cache.get(name, make(name))
    assert made == ["a", "b", "c", "b"]
    assert cache.bytes == 8
    cache.get("large", lambda: b"x" * 11)
    assert cache.bytes == 8


def test_a_failure_is_not_kept():
    cache: Cache[bytes] = Cache(10, len)
    with pytest.raises(OSError, match="gone"):
        cache.get("a", lambda: (_ for _ in ()).throw(OSError("gone")))
    assert cache.get("a", lambda: b"here") == b"here"


def test_the_bundle_is_named_by_its_content_and_its_licences_stand_beside_it():
    file = image_route.ASSETS / browser_parts.bundle()
    assert hashlib.sha256(file.read_bytes()).hexdigest()[:12] in file.name
    licences = (image_route.ASSETS / "LICENSES.txt").read_text()
    assert "OpenLayers Contributors" in licences
    answer = ask(f"/mtunet/assets/{file.name}")
    assert answer.body == file.read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")


def test_every_program_of_a_page_is_built_from_its_source():
    built = {path.name for path in image_route.ASSETS.iterdir()} - {browser_parts.bundle(), "LICENSES.txt"}
    sources = Path(__file__).parents[1] / "frontend" / "src" / "parts"
    assert built == {path.name for path in sources.iterdir()}
    inside = [path for path in (sources.parents[2] / "pages").rglob("*.py") if "export default" in path.read_text()]
    assert inside == []


def test_the_bundle_names_no_other_host():
    code = (image_route.ASSETS / browser_parts.bundle()).read_text()
    hosts = {
        word.split("/")[2] for word in code.replace('"', " ").replace("`", " ").split() if word.startswith("https://")
    }
    # OpenLayers names its own pages in messages and default attributions; the browser tests show that nothing is asked.
    assert hosts <= {"openlayers.org", "www.openstreetmap.org", "www.w3.org", "github.com"}


def test_the_route_needs_neither_streamlit_nor_torch():
    code = "import sys, pages.shared.image_route; print('streamlit' in sys.modules, 'torch' in sys.modules)"
    root = Path(__file__).parents[1]
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]


def pane(**other) -> Pane:
    facts = {"id": "a", "title": "A", "sha256": SHA, "columns": 40, "rows": 60, "spacing_mm": (0.07, 0.07)}
    return Pane(**{**facts, **other})


@pytest.mark.parametrize(
    "wrong", [{"sha256": "../x"}, {"sha256": SHA.upper()}, {"columns": 0}, {"rows": -1}, {"spacing_mm": (0.0, 0.1)}]
)
def test_a_pane_refuses_what_cannot_be_an_image(wrong):
    with pytest.raises(ValueError, match=r"must|needs"):
        pane(**wrong)


def test_two_panes_of_one_id_and_a_layer_without_a_line_are_refused():
    common = {"key": "v", "height": 500, "visible": {}}
    with pytest.raises(ValueError, match="different ids"):
        viewer.viewer([pane(), pane()], **common)
    with pytest.raises(ValueError, match="no line for"):
        viewer.viewer([pane(contours={"cyst": []})], **common)
    with pytest.raises(ValueError, match="at least one"):
        viewer.viewer([], **common)


def test_simplifying_strays_less_than_a_pixel_and_keeps_small_shapes():
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = [(100 + 50 * np.cos(t), 80 + 50 * np.sin(t)) for t in turn]
    kept = np.array(simplified(circle)).reshape(-1, 2)
    assert len(kept) < 60
    assert np.abs(np.hypot(kept[:, 0] - 100, kept[:, 1] - 80) - 50).max() < 0.2
    speck = [(4.5, 4.5), (6.5, 4.5), (6.5, 6.5), (4.5, 6.5), (4.5, 5.5)]
    assert {(4.5, 4.5), (6.5, 4.5), (6.5, 6.5), (4.5, 6.5)} <= set(zip(*[iter(simplified(speck))] * 2, strict=True))


def test_findings_become_numbered_outlines_of_their_layer_with_a_note():
    square = ((1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0))
    box = Box(1, 1, 4, 4)
    micro = Finding(1, Calcification.MICRO, square, box, 9, 0.25, 2.8, None, 4, 0.91)
    vessel = Finding(2, Calcification.ARTERIAL, square, box, 9, None, 2.8, 7.25, None, 0.6)
    layers = outlines([micro, vessel])
    assert layers["mc"] == [Outline(square, 1, "Microcalcifications\nprobability 0.91, 0.25 mm², 4 specks")]
    assert layers["bac"] == [Outline(square, 2, "Arterial calcification\nprobability 0.60, 9 pixels, 7.2 mm long")]


def test_the_browser_is_given_addresses_and_contours_and_no_pixels():
    given_pane = pane(contours={"mc": [Outline([(1, 2), (5, 2), (5, 6)], 3, "note")]}, maps={"mc": MODEL})
    facts = viewer._facts(given_pane)
    assert facts["image"] == f"mtunet/image/{SHA}"
    assert facts["maps"] == {"map_mc": f"mtunet/map/{SHA}/{MODEL}/mc"}
    assert facts["contours"] == {"mc": [[[1.0, 2.0, 5.0, 2.0, 5.0, 6.0], 3, "note"]]}
    assert len(json.dumps(facts)) < 700


def test_a_flipped_pane_is_given_mirrored():
    given_pane = pane(contours={"mc": [[(1, 2), (5, 2), (5, 6)]]}, maps={"mc": MODEL}, flipped=True)
    facts = viewer._facts(given_pane)
    assert facts["image"].endswith("?flip=1")
    assert facts["maps"]["map_mc"].endswith("?flip=1")
    assert facts["contours"]["mc"][0][0] == [38.0, 2.0, 34.0, 2.0, 34.0, 6.0]
    assert facts["flipped"]


def test_every_key_does_one_thing_that_the_browser_knows_and_the_readme_names():
    root = Path(__file__).parents[1]
    table = (root / "frontend" / "src" / "keys.js").read_text().partition("const ACTIONS = {")[2].partition("};")[0]
    assert sorted(key.action for key in KEYS) == sorted(re.findall(r"^  (\w+)[:,]", table, re.MULTILINE))
    pressed = [one for key in KEYS for one in key.keys]
    assert len(pressed) == len(set(pressed))
    readme = (root / "README.md").read_text()
    assert [written(key) for key in KEYS if f"| {written(key)} | {key.words} |" not in readme] == []


def test_a_deleted_image_is_gone_though_it_was_just_shown(data):
    assert ask(f"/mtunet/image/{SHA}").status == 200
    (data_folder() / "images" / f"{SHA}.png").unlink()
    assert ask(f"/mtunet/image/{SHA}").status == 404


def test_sixty_windows_at_once_are_made_a_few_at_a_time(data, monkeypatch):
    at_once, most, lock, made = 0, 0, threading.Lock(), image_route.window

    def slow(*arguments):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.05)
        with lock:
            at_once -= 1
        return made(*arguments)

    monkeypatch.setattr(image_route, "window", slow)
    with ThreadPoolExecutor(60) as crowd:
        said = [one.status for one in crowd.map(lambda low: ask(f"/mtunet/image/{SHA}?low={low}"), range(60))]
    assert most <= turns.AT_ONCE
    assert set(said) == {200, 429}
    assert said.count(200) >= turns.AT_ONCE + turns.WAITING
    again = [ask(f"/mtunet/image/{SHA}?low={low}").status for low in range(60, 64)]
    assert again == [200] * 4
    assert (image_route._turns._inside, image_route._turns._bytes) == (0, 0)


def test_what_browsers_do_not_take_is_bounded():
    some_turns = turns.Turns(most_bytes=100)
    some_turns.sends(500)  # one goes out however large it is
    with pytest.raises(turns.Busy):
        some_turns.sends(1)
    some_turns.sent(500)
    some_turns.sends(60)
    some_turns.sends(40)
