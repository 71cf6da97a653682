"""Which images are one study, by header and by name; correcting it; what is kept of whom."""

import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlite_utils import Database

from mtunet.case import Belonging, Flag, Laterality, View
from mtunet.case.placement import without_placement
from mtunet.detection import models
from mtunet.imaging import reading
from mtunet.intake.admission import Origin, Taken, take_in
from mtunet.store import studies as study_store
from mtunet.store.filing import grouping_secret
from mtunet.store.identity import OTHER_PIXELS
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.store.schema import MIGRATIONS
from mtunet.study.grouping import Study, place
from tests.dicoms import EXACT_SYNTAXES, MG_FOR_PROCESSING, dicom, item
from tests.painting import drawing
from tests.test_identifiers import zipped
from tests.test_store import WEIGHTS, A, B, C, mammogram, result

SECRET = b"s" * 32
VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


def view_of(study: str, seed: int, side: str = "L", view: str = "CC", **tags: str) -> bytes:
    tags = {"StudyInstanceUID": study, "PatientID": "P-17", "StudyDate": "20200101"} | tags
    return dicom(drawing(seed=seed) >> 4, ImageLaterality=side, ViewPosition=view, **tags)


def take(store: Store, data: bytes, name: str, batch: str = "batch") -> list[Taken]:
    taken = list(take_in(store, data, name, Origin(batch, now()), models.DEFAULT_MODEL))
    assert all(isinstance(each, Taken) for each in taken)
    return taken  # type: ignore[return-value]


def study_with(store: Store, taken: Taken) -> Study:
    found = study_store.study_of(store, taken.sha256)
    assert found is not None
    return found


# By header


def test_images_of_one_study_uid_are_one_study_in_hanging_order(store: Store) -> None:
    for number, (side, view) in enumerate(reversed(VIEWS)):
        [taken] = take(store, view_of("1.2.3", number, side, view), f"IM{number}", batch=str(number))
    study = study_with(store, taken)
    hung = [(image.laterality.value, image.view.value) for image in study_store.images_of(store, study.id)]  # type: ignore[union-attr]
    assert hung == list(VIEWS)
    assert not study.guessed


def test_different_study_uids_are_different_studies(store: Store) -> None:
    [one], [other] = take(store, view_of("1.2.3", 1), "LCC.dcm"), take(store, view_of("1.2.4", 2), "LCC.dcm")
    assert study_with(store, one).id != study_with(store, other).id


def test_two_studies_of_one_folder_get_titles_that_differ(store: Store) -> None:
    taken = take(store, zipped(**{"march/1": view_of("1.2.3", 1), "march/2": view_of("1.2.4", 2)}), "all.zip")
    assert [study_with(store, each).title for each in taken] == ["march", "march (2)"]


def test_an_earlier_study_of_the_same_patient_is_a_prior(store: Store) -> None:
    [old] = take(store, view_of("1.2.3", 1, StudyDate="20180601"), "a")
    [new] = take(store, view_of("1.2.4", 2, StudyDate="20200601"), "b")
    [stranger] = take(store, view_of("1.2.5", 3, PatientID="P-18", StudyDate="20170601"), "c")
    before, after = study_with(store, old), study_with(store, new)
    assert study_store.priors_of(store, after) == (before,)
    assert study_store.priors_of(store, before) == ()
    assert study_with(store, stranger).patient not in (None, after.patient)
    assert after.shifted_day - before.shifted_day == 731  # type: ignore[operator]


@pytest.mark.parametrize("nobody", ["", "ANONYMOUS", "anonymized", "0000", "de-identified", "Unknown"])
def test_an_id_that_stands_for_nobody_makes_no_prior(store: Store, nobody: str) -> None:
    take(store, view_of("1.2.3", 1, PatientID=nobody, StudyDate="20180601"), "a")
    [new] = take(store, view_of("1.2.4", 2, PatientID=nobody), "b")
    assert study_with(store, new).patient is None
    assert study_store.priors_of(store, study_with(store, new)) == ()


def test_the_same_number_with_another_birth_date_is_another_patient() -> None:
    files = [view_of("1.2.3", 1, PatientBirthDate=day) for day in ("19500101", "19510101")]
    one, other = (reading.read_with_belonging(file, "x", SECRET)[1] for file in files)
    assert one.patient != other.patient


def test_hashes_depend_on_the_secret_and_hide_the_day() -> None:
    file = view_of("1.2.3", 1)
    mine = reading.read_with_belonging(file, "x", SECRET)[1]
    assert mine == reading.read_with_belonging(file, "y", SECRET)[1]
    shifts = set()
    for number in range(8):
        other = reading.read_with_belonging(file, "x", bytes([number]) * 32)[1]
        assert not {other.study, other.patient} & {mine.study, mine.patient}
        shifts.add(other.shifted_day)
    assert len(shifts) > 4


def test_without_a_secret_nothing_is_said() -> None:
    assert reading.read_with_belonging(view_of("1.2.3", 1), "x", b"")[1] == Belonging()


def test_neither_uid_nor_patient_nor_day_is_in_the_folder(data: Path, store: Store) -> None:
    take(store, view_of("1.2.840.9999.77", 1, PatientID="PATIENT-4711", StudyDate="19230405"), "x.dcm")
    written = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    for mark in (b"1.2.840.9999.77", b"4711", b"19230405", b"1923-04-05"):
        assert mark not in written


def test_the_secret_is_made_once_and_for_its_owner_only(data: Path) -> None:
    assert grouping_secret(data) == grouping_secret(data)
    assert (data / "grouping.secret").stat().st_mode & 0o077 == 0


# By name


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("patient12_L_CC", "patient12"),
        ("LCC", ""),
        ("R_MLO", ""),
        ("12-rmlo-b", "12 b"),
        ("mdb001", "mdb001"),
        ("0012LCC1", "0012"),
        ("3cc9", "3cc9"),
        ("Left CC", ""),
    ],
)
def test_a_name_without_its_side_and_view(name: str, rest: str) -> None:
    assert without_placement(name) == rest


def test_pictures_called_alike_but_for_the_view_are_guessed_to_be_one_study() -> None:
    groups = {
        name: place(name, "batch", Belonging()).group
        for name in ("12_LCC.png", "12_R_MLO.png", "13_LCC.png", "a/12_LCC.png", "notes.png")
    }
    assert groups["12_LCC.png"] == groups["12_R_MLO.png"]
    assert len({groups[name] for name in ("12_LCC.png", "13_LCC.png", "a/12_LCC.png")}) == 3
    assert groups["notes.png"] is None
    assert place("12_LCC.png", "batch", Belonging()).guessed
    assert place("12_LCC.png", "later", Belonging()).group != groups["12_LCC.png"]


@pytest.mark.parametrize(
    ("name", "archive", "title"),
    [
        ("12_LCC.png", "all.zip", "Study 12"),
        ("anna/LCC.png", "all.zip", "anna"),
        ("LCC.png", "case7.zip", "case7"),
        ("LCC.png", "", "LCC.png"),
        ("mdb001.png", "all.zip", "mdb001.png"),
    ],
)
def test_a_guessed_study_has_a_title_from_its_files(name: str, archive: str, title: str) -> None:
    assert place(name, "batch", Belonging(), archive=archive).title == title


def test_a_zip_of_pictures_becomes_studies_by_folder(store: Store) -> None:
    from tests.painting import drawn_png

    members = {f"{who}/{side}{view}.png": drawn_png(seed=n) for n, (who, side, view) in enumerate(_eight())}
    taken = take(store, zipped(**members), "all.zip")
    studies = {study_with(store, each).title: study_with(store, each) for each in taken}
    assert set(studies) == {"anna", "bea"}
    assert all(study.guessed for study in studies.values())
    assert [len(study_store.images_of(store, study.id)) for study in studies.values()] == [4, 4]


def _eight() -> list[tuple[str, str, str]]:
    return [(who, side, view) for who in ("anna", "bea") for side, view in VIEWS]


def test_a_dropped_folder_is_grouped_by_its_folders(store: Store) -> None:
    from tests.painting import drawn_png

    for number, (who, side, view) in enumerate(_eight()):
        [taken] = take(store, drawn_png(seed=number), f"all/{who}/{side}{view}.png")
    assert store.image(taken.sha256).name == "LMLO.png"  # type: ignore[union-attr]
    assert sorted(study.title for study in study_store.studies_named(store)) == ["anna", "bea"]


# Correcting


def add(store: Store, sha256: str, name: str, group: str | None) -> str:
    from mtunet.study.grouping import StudyPlace

    store.add_image(mammogram(sha256), name, "upload", place=StudyPlace(group, "Guess", guessed=group is not None))
    study = study_store.study_of(store, sha256)
    assert study is not None
    return study.id


def test_an_image_is_moved_and_the_correction_is_kept(store: Store) -> None:
    one, other = add(store, A, "a", "g"), add(store, C, "c", None)
    assert add(store, B, "b", "g") == one
    assert study_store.move_image(store, B, other, "Ada") == other
    assert [image.sha256 for image in study_store.images_of(store, other)] == [C, B]
    [kept] = study_store.corrections_of(store, other)
    assert (kept.reader, kept.what, kept.before, kept.after) == ("Ada", "study", one, other)
    assert study_store.guessed_images(store, one) == {A}
    assert study_store.guessed_images(store, other) == frozenset()


def test_a_study_whose_last_image_moves_away_is_forgotten(store: Store) -> None:
    one, other = add(store, A, "a", None), add(store, B, "b", None)
    study_store.move_image(store, A, other)
    assert study_store.study(store, one) is None


def test_an_image_can_be_given_a_study_of_its_own(store: Store) -> None:
    both = add(store, A, "a", "g")
    add(store, B, "b.png", "g")
    alone = study_store.move_image(store, B, None)
    assert alone not in (None, both)
    assert study_store.study(store, alone).title == "b.png"  # type: ignore[arg-type,union-attr]


def test_moving_what_is_not_there_changes_nothing(store: Store) -> None:
    there = add(store, A, "a", None)
    assert study_store.move_image(store, B, there) is None
    assert study_store.move_image(store, A, "nowhere") is None
    assert study_store.study_of(store, A).id == there  # type: ignore[union-attr]


def test_side_and_view_set_by_hand_hold_in_the_image_and_its_analysis(store: Store) -> None:
    study = add(store, A, "a", None)
    store.add_analysis(
        A, "detail", WEIGHTS, {**result(), "image": {**result()["image"], "laterality": "L", "view": "MLO"}}
    )
    study_store.set_placement(store, A, Laterality.RIGHT, View.CC, "Ada")
    image = store.image(A)
    assert image is not None
    assert (image.laterality, image.view) == (Laterality.RIGHT, View.CC)
    kept = store.analysis(A, "detail", WEIGHTS)
    assert kept is not None
    assert (kept["image"]["laterality"], kept["image"]["view"]) == ("R", "CC")
    said = [(c.what, c.before, c.after) for c in study_store.corrections_of(store, study)]
    assert said == [("laterality", "L", "R"), ("view", "MLO", "CC")]


def test_a_confirmed_guess_is_none_any_more(store: Store) -> None:
    study = add(store, A, "a", "g")
    assert study_store.study(store, study).guessed  # type: ignore[union-attr]
    study_store.confirm_guess(store, study, "Ada")
    assert not study_store.study(store, study).guessed  # type: ignore[union-attr]
    assert len(study_store.corrections_of(store, study)) == 1


# Life and death


def test_a_study_is_deleted_with_its_images_and_files(store: Store, data: Path) -> None:
    study = add(store, A, "a", "g")
    add(store, B, "b", "g")
    kept = add(store, C, "c", None)
    store.add_analysis(A, "detail", WEIGHTS, result())
    study_store.delete_studies(store, [study])
    assert study_store.study(store, study) is None
    assert [path.stem for path in (data / "images").iterdir()] == [C]
    assert study_store.study(store, kept) is not None


def test_the_last_image_takes_its_study_along(store: Store) -> None:
    study = add(store, A, "a", "g")
    add(store, B, "b", "g")
    store.delete(A)
    assert study_store.study(store, study) is not None
    store.delete(B)
    assert study_store.study(store, study) is None


def test_a_study_is_opened_once(store: Store) -> None:
    study = add(store, A, "a", None)
    assert study_store.study(store, study).opened_at is None  # type: ignore[union-attr]
    study_store.mark_opened(store, study)
    first = study_store.study(store, study).opened_at  # type: ignore[union-attr]
    study_store.mark_opened(store, study)
    assert study_store.study(store, study).opened_at == first is not None  # type: ignore[union-attr]


def test_the_same_image_twice_stays_in_its_study(store: Store) -> None:
    [first] = take(store, view_of("1.2.3", 1), "a.dcm")
    [again] = take(store, view_of("1.2.3", 1), "b.dcm", batch="later")
    assert again.known
    assert len(study_store.images_of(store, study_with(store, first).id)) == 1


ONE = {"WindowCenter": 2048, "WindowWidth": 4096, "StudyInstanceUID": "1.2.3", "ImageLaterality": "L"}


def images_in(store: Store) -> list[str]:
    return [image.sha256 for image in store.images(limit=99)]


def test_one_image_in_every_encoding_is_one_image(store: Store) -> None:
    stored = drawing(160, 128, seed=1) >> 4
    files = [dicom(stored, syntax, SOPInstanceUID="1.2.99", **ONE) for syntax in EXACT_SYNTAXES.values()]
    files.append(dicom(stored, SOPInstanceUID="1.2.99", AccessionNumber="COERCED", **ONE))
    taken = [each for file in files for each in take(store, file, "x")]
    assert len({each.sha256 for each in taken}) == len(images_in(store)) == 1
    assert [each.known for each in taken] == [False] + [True] * 9
    assert store.waiting() == 1
    assert [path.stem for path in (store.data / "images").iterdir()] == images_in(store)


def test_an_image_is_known_by_its_pixels_where_it_does_not_say_who_it_is(store: Store) -> None:
    stored = (drawing(160, 128, seed=1) >> 8).astype(np.uint8)
    plain, tighter = (cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, n])[1].tobytes() for n in (0, 9))
    [first], [again] = take(store, plain, "a.png"), take(store, tighter, "b.png")
    assert plain != tighter
    assert (again.sha256, again.known) == (first.sha256, True)
    whole = {"WindowCenter": 128, "WindowWidth": 256, "bits": 8}
    [named] = take(store, dicom(stored, StudyInstanceUID="1.2.3", SOPInstanceUID="1.2.9", **whole), "c")
    assert images_in(store) == [named.sha256]  # it says more, and replaces the picture
    assert not (store.data / "images" / f"{first.sha256}.png").exists()
    [later] = take(store, tighter, "d.png")
    assert (later.sha256, later.known) == (named.sha256, True)


def test_equal_pixels_in_two_studies_are_two_images_and_in_one_study_one(store: Store) -> None:
    stored = drawing(160, 128, seed=1) >> 4
    [one] = take(store, dicom(stored, SOPInstanceUID="1.2.91", **ONE), "x")
    [copy] = take(store, dicom(stored, SOPInstanceUID="1.2.92", **ONE), "x")
    [other] = take(store, dicom(stored, SOPInstanceUID="1.2.93", **ONE | {"StudyInstanceUID": "1.2.4"}), "x")
    assert copy.sha256 == one.sha256 != other.sha256


def test_a_copy_compressed_with_loss_is_the_same_image(store: Store) -> None:
    stored = drawing(160, 128, seed=1) >> 4
    [one] = take(store, dicom(stored, SOPInstanceUID="1.2.91", **ONE), "x")
    coarse = stored // 40 * 40
    source = [item(ReferencedSOPClassUID="1.2", ReferencedSOPInstanceUID="1.2.91")]
    lossy = {"LossyImageCompression": "01", "SOPInstanceUID": "1.2.94", "SourceImageSequence": source}
    [copy] = take(store, dicom(coarse, **ONE, **lossy), "x")
    assert copy.sha256 == one.sha256
    assert len(images_in(store)) == 1


def test_other_pixels_under_the_same_uid_are_another_image_and_it_is_said(store: Store) -> None:
    [one], [other] = (take(store, dicom(drawing(seed=n) >> 4, SOPInstanceUID="1.2.9", **ONE), "x") for n in (1, 2))
    assert one.sha256 != other.sha256
    said = store.image(other.sha256)
    assert said is not None
    assert OTHER_PIXELS in said.notes


def test_one_picture_with_two_labels_is_two_images_and_it_is_said(store: Store) -> None:
    stored = drawing(160, 128, seed=1) >> 4
    left, right = (dicom(stored, SOPInstanceUID="1.2.9", **ONE | {"ImageLaterality": side}) for side in "LR")
    [one], [other] = take(store, left, "x"), take(store, right, "x")
    assert one.sha256 != other.sha256
    said = store.image(other.sha256)
    assert said is not None
    assert OTHER_PIXELS in said.notes
    study_store.set_placement(store, other.sha256, Laterality.LEFT, None, "Ada")
    [again] = take(
        store, dicom(stored, SOPInstanceUID="1.2.9", AccessionNumber="A", **ONE | {"ImageLaterality": "R"}), "x"
    )
    assert again.known


def test_a_raw_and_a_synthetic_image_hang_last_and_do_not_count(store: Store) -> None:
    raw = take(store, view_of("1.2.3", 1, SOPClassUID=MG_FOR_PROCESSING, PresentationIntentType="FOR PROCESSING"), "x")
    synthetic = take(store, view_of("1.2.3", 2, SeriesDescription="C-View"), "x")
    read = take(store, view_of("1.2.3", 3), "x")
    study = study_with(store, read[0])
    order = [image.sha256 for image in study_store.images_of(store, study.id)]
    assert order == [each.sha256 for [each] in (read, raw, synthetic)]
    for sha256 in order:
        store.add_analysis(sha256, "detail", WEIGHTS, result())
    [alone] = store.db.query("select * from studies where id = ?", [study.id])
    store.delete(raw[0].sha256)
    store.delete(synthetic[0].sha256)
    [after] = store.db.query("select * from studies where id = ?", [study.id])
    counts = ("mc_count", "mc_size", "bac_size", "flag", "urgency", "bac_grade")
    assert [alone[name] for name in counts] == [after[name] for name in counts]
    assert (alone["images"], alone["analysed"]) == (3, 3)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("1.2.0a3f.9", "1.2.0A3F.9", True), ("1.2.0a3f.9", "1.2.0a3f.8", False), ("UNKNOWN", "UNKNOWN", False)],
)
def test_study_uids_with_letters_compare_like_others(store: Store, one: str, other: str, same: bool) -> None:
    [first], [second] = take(store, view_of(one, 1), "a"), take(store, view_of(other, 2), "b")
    assert (study_with(store, first).id == study_with(store, second).id) is same


def test_two_patients_under_one_study_uid_are_two_studies(store: Store) -> None:
    [one], [other] = take(store, view_of("0.0.0", 1), "a"), take(store, view_of("0.0.0", 2, PatientID="P-18"), "b")
    assert study_with(store, one).id != study_with(store, other).id


def test_images_of_an_older_database_become_studies_of_one(data: Path) -> None:
    data.mkdir()
    old = Database(data / "mtunet.db")
    MIGRATIONS.apply(old, stop_before="m004_studies")
    finding = {"type": "mc", "area_px": 90, "area_mm2": 4.5}
    old.conn.execute(
        "insert into images (sha256, name, source, added_at, rows, columns, notes) "
        "values (?, 'left.dcm', 'upload', '2025', 9, 9, '[]'), (?, 'b.png', 'upload', '2024', 9, 9, '[]')",
        [A, B],
    )
    old.conn.execute(
        "insert into analyses (sha256, model, weights_sha256, made_at, flag, priority, reasons, seconds, analysis) "
        "values (?, 'detail', ?, '2025', 'mc', 'high', '[]', 1, json_object('findings', json(?)))",
        [A, WEIGHTS, __import__("json").dumps([finding, finding | {"area_px": 30, "area_mm2": 1.5}])],
    )
    old.conn.execute("PRAGMA user_version = 3")
    old.conn.commit()
    old.close()
    with Store.open(data) as store:
        study = study_store.study_of(store, A)
        assert study is not None
        assert (study.title, study.guessed, study.made_at) == ("left.dcm", False, "2025")
        assert study_store.study_of(store, B).id != study.id  # type: ignore[union-attr]
        [row] = store.db.query("select * from studies where id = ?", [study.id])
        assert (row["flag"], row["urgency"], row["mc_count"], row["mc_size"]) == (Flag.MC.value, 0, 2, 6.0)
    assert (data / "mtunet.db.version-3").exists()


def test_a_study_is_never_left_behind_when_its_image_is_not_kept(store: Store) -> None:
    store.db.conn.execute("create trigger refuse before insert on images begin select raise(abort, 'full'); end")
    with pytest.raises(sqlite3.IntegrityError):
        store.add_image(mammogram(), "x", "upload")
    assert store.db["studies"].count == 0
