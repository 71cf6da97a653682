"""Images, maps and thumbnails as files, named by the content of the file they came from.

    images/SHA256.png                        16-bit grey, 0..65535 = Mammogram.pixels 0..1
    maps/SHA256/MODEL-WEIGHTS/{mc,bac,breast}.png   8-bit grey, 0..255 = probability 0..1
    maps/SHA256/MODEL-WEIGHTS/segmentation.json     what is not pixels; written last: where it stands, all stands
    maps/SHA256/MODEL-WEIGHTS/look.json             what was worked out of them for the case page (`study.kept_look`)
    thumbnails/SHA256.png                    8-bit RGB

WEIGHTS are the first twelve digits of the sha256 of the model's weights.

A file is either whole or not there: written beside its place, forced to disk, then renamed.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification, Mammogram, ScaleSource, Segmentation, frozen
from mtunet.files import write_whole

SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(rb"[0-9a-f]{64}")
MODEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


LOOK_FILE = "look.json"
OVERRULED_FILE = "overruled.zlib"


class CouldNotSave(OSError):
    """The disk did not take it. `str()` is the sentence for the person."""


class NotOnFile(LookupError):
    """There is no such image or map here, or it cannot be read again."""


def data_folder() -> Path:
    """Where state lives: MTUNET_DATA, or `data` beside where the program was started."""
    return Path(os.environ.get("MTUNET_DATA", "data"))


def grouping_secret(data: Path) -> bytes:
    """The secret that turns study and patient into hashes, made at the first use. Raises CouldNotSave.

    Without it nobody can tell who is behind a hash; with it, who already knows a patient's number could look for it.
    It never leaves the folder. When it is lost, new studies no longer find older ones of the same patient.
    """
    return own_secret(data, "grouping.secret")


def own_secret(data: Path, name: str) -> bytes:
    """32 bytes of chance in a file of their own, made at the first use. Raises CouldNotSave."""
    path = data / name
    if not path.exists():
        _write_once(path, secrets.token_bytes(32))
    secret = path.read_bytes()
    if len(secret) != 32:
        raise CouldNotSave(f"{path} was expected to hold 32 bytes and does not. Remove it: a new one will be made.")
    return secret


def image_path(data: Path, sha256: str) -> Path:
    """Where the image lies. Raises NotOnFile for what is not a sha256 in hex, so that no name ever becomes a path."""
    return data / "images" / f"{_hash(sha256)}.png"


def thumbnail_path(data: Path, sha256: str) -> Path:
    """Where the thumbnail lies; it need not be there."""
    return data / "thumbnails" / f"{_hash(sha256)}.png"


def maps_folder(data: Path, sha256: str, model: str, weights_sha256: str) -> Path:
    """Where the maps of one model on one image lie."""
    return data / "maps" / _hash(sha256) / maps_folder_name(model, weights_sha256)


def maps_folder_name(model: str, weights_sha256: str) -> str:
    """What the folder of one model's maps is called, beneath an image's."""
    if not MODEL.fullmatch(model):
        raise NotOnFile("That is not the name of a model.")
    return f"{model}-{_hash(weights_sha256)[:12]}"


def save_image(data: Path, mammogram: Mammogram) -> Path:
    """Write the pixels. Raises CouldNotSave."""
    path = image_path(data, mammogram.sha256)
    _write(path, _png(_to_16_bit(mammogram.pixels)))
    return path


def read_pixels(data: Path, sha256: str) -> npt.NDArray[np.float32]:
    """(rows, columns) float32 in [0, 1]. Raises NotOnFile."""
    return pixels_of(image_bytes(data, sha256))


def image_bytes(data: Path, sha256: str) -> bytes:
    """The image's file, as `pixels_of` reads it. Raises NotOnFile."""
    return _bytes(image_path(data, sha256))


def pixels_of(content: bytes) -> npt.NDArray[np.float32]:
    """(rows, columns) float32 in [0, 1]. Raises NotOnFile."""
    return _from_16_bit(_from_png(content, np.dtype(np.uint16)))


def as_kept(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What `read_pixels` gives of these."""
    return _from_16_bit(_to_16_bit(pixels))


def save_thumbnail(data: Path, sha256: str, content: bytes) -> Path:
    """content: of `thumbnail_bytes`. Raises CouldNotSave."""
    path = thumbnail_path(data, sha256)
    _write(path, content)
    return path


def thumbnail_bytes(rgb: npt.NDArray[np.uint8]) -> bytes:
    """rgb: (rows, columns, 3) uint8."""
    return _png(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def save_maps(data: Path, sha256: str, model: str, weights_sha256: str, files: Mapping[str, bytes]) -> Path:
    """Write what `map_files` made, here or on another machine, in its order. Raises CouldNotSave."""
    folder = maps_folder(data, sha256, model, weights_sha256)
    for name, content in files.items():
        _write(folder / name, content)
    return folder


def map_files(segmentation: Segmentation) -> dict[str, bytes]:
    """What is kept of a Segmentation, by file name; `segmentation.json` is last."""
    files = {f"{kind.value}.png": _png(_to_8_bit(segmentation.probability[kind])) for kind in Calcification}
    files["breast.png"] = _png(segmentation.breast.astype(np.uint8) * np.uint8(255))
    files |= {_networks_file(kind): zlib.compress(bits.tobytes(), 1) for kind, bits in segmentation.seen_by.items()}
    if segmentation.overruled is not None:
        files[OVERRULED_FILE] = zlib.compress(segmentation.overruled.view(np.uint8).tobytes(), 1)
    facts = {
        "overruled": segmentation.overruled is not None,
        "spacing_mm": [float(mm) for mm in segmentation.spacing_mm],
        "scale_source": segmentation.scale_source,
        "thresholds": {kind.value: float(t) for kind, t in segmentation.thresholds.items()},
        "minimum_mm2": {kind.value: float(mm2) for kind, mm2 in segmentation.minimum_mm2.items()},
        "specks": None if segmentation.specks is None else segmentation.specks.tolist(),
        "minimum_specks": int(segmentation.minimum_specks),
        "minimum_track_mm2": float(segmentation.minimum_track_mm2),
        "minimum_peak": float(segmentation.minimum_peak),
        "left_out": float(segmentation.left_out),
        "negative": bool(segmentation.negative),
        "scale_said": segmentation.scale_said,
        "networks": int(segmentation.networks),
        "model": segmentation.model,
        "weights_sha256": segmentation.weights_sha256,
        "device": segmentation.device,
        "seconds": float(segmentation.seconds),
    }
    files["segmentation.json"] = json.dumps(facts, indent=1).encode()
    return files


def read_maps(data: Path, sha256: str, model: str, weights_sha256: str) -> Segmentation:
    """The segmentation as it was saved, its probabilities rounded to 1/255. Raises NotOnFile."""
    folder = maps_folder(data, sha256, model, weights_sha256)
    try:
        facts = json.loads((folder / "segmentation.json").read_bytes())
    except (OSError, ValueError) as problem:
        raise NotOnFile("This image has no maps of that model; analyse it again.") from problem
    probability = {
        kind: _read_png(folder / f"{kind.value}.png", np.dtype(np.uint8)).astype(np.float32) / np.float32(255)
        for kind in Calcification
    }
    breast = _read_png(folder / "breast.png", np.dtype(np.uint8)) > 127
    row_mm, column_mm = facts["spacing_mm"]
    return Segmentation(
        probability=probability,
        breast=breast,
        spacing_mm=(row_mm, column_mm),
        scale_source=_scale_source(facts),
        thresholds=frozen({kind: facts["thresholds"][kind.value] for kind in Calcification}),
        minimum_mm2=frozen({kind: facts["minimum_mm2"][kind.value] for kind in Calcification}),
        model=facts["model"],
        weights_sha256=facts["weights_sha256"],
        device=facts["device"],
        seconds=facts["seconds"],
        specks=_points(facts.get("specks")),  # maps of earlier versions know nothing of these
        minimum_specks=facts.get("minimum_specks", 0),
        minimum_track_mm2=facts.get("minimum_track_mm2", 0.0),
        minimum_peak=facts.get("minimum_peak", 0.0),
        left_out=facts.get("left_out", 0.0),
        negative=facts.get("negative", False),
        scale_said=facts.get("scale_said", ""),
        networks=facts.get("networks", 0),
        seen_by={
            kind: _read_bits(folder / _networks_file(kind), breast.shape)
            for kind in Calcification
            if facts.get("networks", 0)
        },
        overruled=_read_bits(folder / OVERRULED_FILE, breast.shape).view(np.bool_)
        if facts.get("overruled", False)
        else None,
    )


def _scale_source(facts: Mapping[str, Any]) -> ScaleSource | None:
    """Maps of earlier versions say only whether the file's spacing was taken."""
    if "spacing_assumed" in facts:
        return None if facts["spacing_assumed"] else ScaleSource.STATED
    return None if facts["scale_source"] is None else ScaleSource(facts["scale_source"])


def save_look(data: Path, sha256: str, model: str, weights_sha256: str, look: Mapping[str, Any]) -> None:
    """What was worked out of an image's maps, beside them. Raises CouldNotSave."""
    save_maps(data, sha256, model, weights_sha256, {LOOK_FILE: look_bytes(look)})


def look_bytes(look: Mapping[str, Any]) -> bytes:
    return json.dumps(look, allow_nan=False).encode()


def read_look(data: Path, sha256: str, model: str, weights_sha256: str) -> dict[str, Any] | None:
    """None where there is none, or none that can be read."""
    try:
        look: dict[str, Any] = json.loads((maps_folder(data, sha256, model, weights_sha256) / LOOK_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return look


def _points(told: list[list[int]] | None) -> npt.NDArray[np.int32] | None:
    return None if told is None else np.array(told, np.int32).reshape(-1, 2)


def on_disk(data: Path, older_than_s: float) -> set[str]:
    """Of which images anything lies here, all of it written longer ago than that: a kill may have left the maps of an
    image that was being forgotten."""
    aged, young = set[str](), set[str]()
    for path in (path for kind in ("images", "thumbnails", "maps") for path in (data / kind).glob("*")):
        with contextlib.suppress(OSError):
            if SHA256.fullmatch(path.stem):
                old = abs(time.time() - path.stat().st_mtime) > older_than_s
                (aged if old else young).add(path.stem)
    return aged - young


def forget(data: Path, *names: str) -> None:
    """Remove every file of these images (sha256), and the lines of the log that name them."""
    for sha256 in names:
        image_path(data, sha256).unlink(missing_ok=True)
        thumbnail_path(data, sha256).unlink(missing_ok=True)
        shutil.rmtree(data / "maps" / _hash(sha256), ignore_errors=True)
    for log in data.glob("mtunet.log*"):
        _forget_lines(log, {sha256.encode() for sha256 in names})


def _forget_lines(log: Path, names: set[bytes]) -> None:
    """In place, because whoever writes to it goes on at its end."""
    with contextlib.suppress(OSError), log.open("r+b") as file:
        lines = file.readlines()
        kept = [line for line in lines if names.isdisjoint(_NAMED.findall(line))]
        if len(kept) < len(lines):
            file.seek(0)
            file.writelines(kept)
            file.truncate()


def _hash(text: str) -> str:
    if not SHA256.fullmatch(text):
        raise NotOnFile("That is not the name of an image.")
    return text


def _to_16_bit(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    grey: npt.NDArray[np.uint16] = np.rint(pixels * np.float32(65535)).astype(np.uint16)
    return grey


def _from_16_bit(grey: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    pixels = grey.astype(np.float32)
    pixels /= np.float32(65535)
    return pixels


def _to_8_bit(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    grey: npt.NDArray[np.uint8] = np.rint(probability * np.float32(255)).astype(np.uint8)
    return grey


def _png(array: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    # Level 1: four times quicker than the default for a few per cent more bytes.
    written, encoded = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not written:
        raise CouldNotSave("The image could not be written as PNG, so it was not saved.")
    return bytes(encoded.tobytes())


def _read_png(path: Path, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> npt.NDArray[np.uint8 | np.uint16]:
    return _from_png(_bytes(path), dtype)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise NotOnFile("The image is not on file any more; add it again.") from problem


def _networks_file(kind: Calcification) -> str:
    return f"{kind.value}_networks.zlib"


def _read_bits(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Kept as zlib: a PNG of so few different values takes five times as long."""
    try:
        return np.frombuffer(zlib.decompress(_bytes(path)), np.uint8).reshape(shape)
    except (zlib.error, ValueError) as problem:
        raise NotOnFile("A stored image is damaged; delete it and add it again.") from problem


def _from_png(content: bytes, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> npt.NDArray[np.uint8 | np.uint16]:
    encoded = np.frombuffer(content, np.uint8)
    array = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if array is None or array.ndim != 2 or array.dtype != dtype:
        raise NotOnFile("A stored image is damaged; delete it and add it again.")
    return np.asarray(array)


def _write_once(path: Path, content: bytes) -> None:
    """As `_write`, and never over what another process wrote meanwhile."""
    mine = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    _write(mine, content)
    try:
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        except OSError:  # a disk without links, as many shares and containers have
            if not path.exists():
                os.replace(mine, path)
    finally:
        mine.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for its owner alone. Raises CouldNotSave."""
    try:
        write_whole(path, content, private=True)
    except OSError as problem:
        raise CouldNotSave(
            f"Not saved: the disk under {path.parent.name}/ did not take {len(content) / 1e6:.1f} MB "
            f"({os.strerror(problem.errno or 0)}). Free some space or choose another place with MTUNET_DATA."
        ) from problem
