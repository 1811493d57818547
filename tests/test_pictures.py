"""`pictures`: one reader for training, prediction, `data show` and `eject`; cases that people reported, with their values."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stackfit
from stackfit.data import declare, load_dataset, pictures
from stackfit.data.pictures import describe, read_picture, suffixes, unlike
from stackfit.errors import DataError
from stackfit.execution.progress import Reporter
from stackfit.proof.predictions import predict_frame, predict_items
from stackfit.results.run import Run

NOISE = np.random.default_rng(0)
CLASSES = ("above", "below")


def halves(name: str, count: int = 30, bright: int = 200) -> list[np.ndarray]:
    """Noisy pictures `(8, 8)` whose upper or lower half is bright."""
    arrays = NOISE.integers(0, 40, (count, 8, 8)).astype(np.uint8)
    arrays[:, :4] += np.uint8(bright if name == "above" else 0)
    arrays[:, 4:] += np.uint8(bright if name == "below" else 0)
    return [*arrays]


def save_all(folder: str, save, suffix: str = "png", **options) -> dict[str, str]:
    """Both classes below `folder`; `save(array, number, path)` writes one."""
    for name in CLASSES:
        for number, array in enumerate(halves(name, **options)):
            path = Path(folder, name, f"{number:02d}.{suffix}")
            path.parent.mkdir(parents=True, exist_ok=True)
            save(array, number, path)
    return {"kind": "images", "path": folder}


def plain(array: np.ndarray, number: int, path: Path) -> None:
    Image.fromarray(array).save(path)


def train(folder: str, *overrides: str) -> Run:
    size = ["epochs=30", "batch_size=8", "optimizer.learning_rate=0.02"]
    return stackfit.run("digits_quickstart", "data=images", f"data.path={folder}", *size, *overrides, reporter=Reporter(0))


def turned(array: np.ndarray, number: int, path: Path) -> None:
    """Every second one is stored upside down, as a camera stores what it took so."""
    photograph = Image.fromarray(array if number % 2 else array[::-1, ::-1].copy())
    exif = photograph.getexif()
    exif[0x0112] = 1 if number % 2 else 3
    photograph.save(path, exif=exif, quality=95) if path.suffix == ".jpg" else photograph.save(path, exif=exif)


def deep(array: np.ndarray, number: int, path: Path) -> None:
    Image.fromarray(array.astype(np.uint16) * 257).save(path)


def drawing(array: np.ndarray, number: int, path: Path) -> None:
    """Black strokes on a transparent ground."""
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[..., 3] = array
    Image.fromarray(clear).save(path)


# ---- training


@pytest.mark.tf
@pytest.mark.parametrize(
    "save, suffix",
    [(turned, "jpg"), (turned, "png"), (deep, "png"), (deep, "tif"), (drawing, "png"), (drawing, "webp")],
)
def test_what_is_stored_in_another_form_is_learnt_and_predicted_as_it_looks(lab, keras, save, suffix):
    save_all("photos", save, suffix)
    run = train("photos")
    assert run.metrics["test_accuracy"] == 1.0
    files = sorted(Path("photos").glob(f"*/*.{suffix}"))
    assert predict_frame(run, files).predicted.tolist() == [file.parent.name for file in files]


@pytest.mark.tf
def test_pictures_whose_brightest_pixel_is_95_are_predicted_as_they_were_tested(lab, keras):
    save_all("photos", plain, bright=55)
    assert load_dataset({"kind": "images", "path": "photos"}).train.x.max() < 96
    run = train("photos", "data.test_path=photos")
    stored = [item.probabilities for item in predict_items(run)]
    files = sorted(Path("photos").glob("*/*.png"))
    again = predict_frame(run, files).filter(like="p_").to_numpy()
    np.testing.assert_array_equal(sorted(map(tuple, again)), sorted(map(tuple, stored)))


def chalk(array: np.ndarray, number: int, path: Path) -> None:
    """White strokes on a transparent ground."""
    clear = np.full((8, 8, 4), 255, np.uint8)
    clear[..., 3] = array
    Image.fromarray(clear).save(path)


def test_pictures_that_come_out_as_one_colour_are_a_warning(lab):
    data = save_all("photos", chalk, count=5)
    (warning,) = load_dataset({**data, "test_split": 0}).warnings
    assert warning.kind == "one_colour" and warning.message.startswith("Training pictures of one colour: 10 of 10, such as 255 of 255")
    assert load_dataset({**data, "test_split": 0, "background": "black"}).warnings == ()


# ---- the reader


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_of_exif_is_undone(lab, orientation):
    from PIL import ImageOps

    upright = Image.fromarray(NOISE.integers(0, 256, (8, 6, 3), np.uint8))
    exif = upright.getexif()
    exif[0x0112] = orientation
    upright.save("a.tif", exif=exif)
    expected = ImageOps.exif_transpose(Image.open("a.tif"))
    assert np.array_equal(read_picture(Path("a.tif"), (expected.height, expected.width, 3)), np.asarray(expected))
    data = {"kind": "images", "path": "photos"}
    for name in CLASSES:
        Path("photos", name).mkdir(parents=True)
        upright.save(f"photos/{name}/a.tif", exif=exif)
    assert declare(data)["input_shape"] == [expected.height, expected.width, 3]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
def test_of_16_bits_the_high_ones_count(lab, suffix):
    values = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(values).save(f"a.{suffix}")
    assert np.array_equal(read_picture(Path(f"a.{suffix}"), (8, 8, 1))[..., 0], values >> 8)


@pytest.mark.parametrize(
    "array, found",
    [
        (np.ones((8, 8), np.float32), "32 bits a pixel"),
        (np.ones((8, 8), np.int32), "32 bits a pixel"),
        (np.full((8, 8), 200, np.uint16), "16 bits a pixel, but no value above 200: 8 of them are empty"),
    ],
)
def test_a_depth_that_has_no_white_is_refused_with_the_cure(lab, array, found):
    Image.fromarray(array).save("a.tif")
    with pytest.raises(DataError) as caught:
        read_picture(Path("a.tif"), (8, 8, 1))
    assert caught.value.message == (
        f"a.tif has {found}. Expected 8 bits, or 16 of which the high ones are used. Save it with 8 or 16 bits, white being "
        "the highest value."
    )


@pytest.mark.parametrize("mode, info", [("RGBA", {}), ("LA", {}), ("P", {"transparency": 0}), ("L", {"transparency": 0})])
@pytest.mark.parametrize("background, grey", [("white", 255), ("black", 0), ("#808080", 128)])
def test_what_is_transparent_shows_the_background(lab, mode, info, background, grey):
    Image.new(mode, (4, 4), 0).save("a.png", **info)
    assert (read_picture(Path("a.png"), (4, 4, 1), background) == grey).all()


def test_a_background_that_is_not_a_colour_is_refused(lab):
    data = save_all("photos", plain)
    with pytest.raises(DataError, match=r"'paper'. Expected a colour's name or #rrggbb. Type data.background=white"):
        load_dataset({**data, "background": "paper"})


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "RGBA", "LA", "CMYK"])
def test_opaque_pictures_keep_the_values_that_they_had(lab, mode):
    """The rule before there was one reader: Pillow's own conversion."""
    whole = Image.fromarray(NOISE.integers(0, 256, (8, 8, 3), np.uint8))
    picture = whole.convert(mode) if mode != "LA" else whole.convert("L").convert("LA")
    name = "a.jpg" if mode == "CMYK" else "a.png"
    picture.save(name)
    with Image.open(name) as image:
        for channels, to in ((1, "L"), (3, "RGB")):
            expected = np.asarray(image.convert(to)).reshape(8, 8, channels)
            assert np.array_equal(read_picture(Path(name), (8, 8, channels)), expected)


@pytest.mark.parametrize("suffix", ["bmp", "gif", "tif", "webp", "ppm", "tga", "qoi", "avif"])
def test_forms_that_pillow_reads_are_read(lab, suffix):
    data = save_all("photos", lambda array, number, path: Image.fromarray(array).convert("RGB").save(path), suffix, count=2)
    assert load_dataset({**data, "test_split": 0}).train.x.shape == (4, 8, 8, 3)


def test_a_file_that_would_start_another_program_is_not_opened(lab):
    Path("a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    assert not suffixes() & {".eps", ".ps", ".h5", ".mpg", ".pdf"}
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        read_picture(Path("a.png"), (8, 8, 1))


# ---- folders


def told(data) -> list[str]:
    said: list[str] = []
    load_dataset(data, said.append)
    return [line for line in said if "warning" in line]


def test_pictures_of_another_form_next_to_png_count(lab):
    data = save_all("photos", plain, count=3)
    for number in range(17):
        Image.new("L", (8, 8), number).save(f"photos/above/{number}.webp", lossless=True)
    assert len(load_dataset({**data, "input_shape": [8, 8, 3], "test_split": 0}).train) == 23
    assert told({**data, "input_shape": [8, 8, 3]}) == []


def test_files_that_are_not_pictures_are_counted(lab):
    data = save_all("photos", plain, count=3)
    for name in ("above/a.heic", "above/b.HEIC", "below/notes.txt", "loose.png"):
        Path("photos", name).write_bytes(b"")
    assert told(data) == [
        "warning: 4 files in photos are left out: .heic (2), .png (1), .txt (1). Expected pictures that Pillow reads, in the "
        "folder of their class. Convert or move them, if they belong to the data."
    ]


def test_what_a_file_manager_leaves_is_not_there(lab):
    data = save_all("photos", plain, count=3)
    before = load_dataset(data)
    for name in ("__MACOSX/above/._1.png", ".DS_Store", "above/._00.png", "above/.DS_Store", "below/Thumbs.db", ".git/x"):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x00\x05\x16\x07")
    assert declare(data)["class_names"] == ["above", "below"]
    assert load_dataset(data).fingerprint == before.fingerprint and told(data) == []


def test_pictures_further_down_are_told(lab):
    data = save_all("photos", plain, count=3)
    save_all("photos/above/indoor", plain, count=5)
    (line,) = told(data)
    assert line == (
        "warning: left out of photos/above: 10 pictures in subfolders (indoor). Expected every picture in photos/above itself. "
        "Move what belongs to the class there."
    )


def test_a_set_that_is_divided_already_is_told_how_to_name_its_parts(lab):
    data = save_all("photos/train", plain, count=3)
    save_all("photos/test", plain, count=2)
    for path in (data["path"], "photos"):
        if path == "photos":
            with pytest.raises(DataError) as caught:
                load_dataset({"kind": "images", "path": path})
            assert "no pictures itself, but 4 in subfolders: above, below" in caught.value.message
            assert caught.value.message.endswith("Type data.path=photos/train data.test_path=photos/test.")
    whole = load_dataset({"kind": "images", "path": "photos/train", "test_path": "photos/test"})
    assert (len(whole.train), len(whole.test)) == (6, 4)


def test_a_test_folder_may_lack_a_class_but_not_have_another(lab):
    data = save_all("photos/train", plain, count=3)
    for number, array in enumerate(halves("below", 2)):
        Path("photos/test/below").mkdir(parents=True, exist_ok=True)
        plain(array, number, Path(f"photos/test/below/{number}.png"))
    data |= {"test_path": "photos/test"}
    whole = load_dataset({**data, **declare(data)})
    assert whole.test.y.tolist() == [1, 1]
    assert [warning.message[:44] for warning in whole.warnings] == ["The class above is not in the test part: its"]
    Path("photos/test/aside").mkdir()
    with pytest.raises(DataError, match=r"photos/test has a subfolder 'aside'. Expected the classes of the training part: above, below. Rename"):
        load_dataset({**data, **declare(data)})


@pytest.mark.parametrize("highest, dtype, white", [(95, np.uint8, 255), (0.37, float, 1), (95.5, float, 255), (4095, float, 4095)])
def test_white_is_not_the_brightest_pixel_of_arrays(lab, highest, dtype, white):
    x = (NOISE.random((20, 4, 4, 1)) * 0.9 * highest).astype(dtype)
    x[:, 0] = highest
    np.savez("mine.npz", x=x, y=np.arange(20) % 2)
    assert load_dataset({"kind": "npz", "path": "mine.npz", "scale": "standardize"}).white == white


def test_a_folder_around_the_folder_is_named(lab):
    save_all("photos/photos", plain, count=2)
    with pytest.raises(DataError, match=r"has 1 subfolder\. .* Type data.path=photos/photos"):
        load_dataset({"kind": "images", "path": "photos"})


def test_names_are_equal_however_their_accents_are_stored(lab):
    stored = unicodedata.normalize("NFD", "Äpfel")
    for name in (stored, "Birnen"):
        Path("photos", name).mkdir(parents=True)
        Image.new("L", (8, 8), len(name)).save(f"photos/{name}/1.png")
    data = {"kind": "images", "path": "photos", "class_names": ["Birnen", "Äpfel"], "test_split": 0}
    fruit = load_dataset(data)
    assert fruit.class_names == ("Birnen", "Äpfel")
    assert [int(fruit.train.x[fruit.train.y == number].mean()) for number in (0, 1)] == [len("Birnen"), len(stored)]
    Path("photos", "Äpfel").mkdir()
    with pytest.raises(DataError, match="one name, written in two ways"):
        load_dataset({**data, "class_names": []})


def test_mixed_sizes_are_listed_and_resized_on_request(lab):
    data = save_all("photos", plain, count=3)
    for number, size in enumerate([(145, 150), (145, 150), (9, 8)]):
        Image.new("L", size, 7).save(f"photos/below/big{number}.png")
    with pytest.raises(DataError) as caught:
        load_dataset(data)
    assert "The pictures have 3 sizes: 8 x 8 (6), 150 x 145 (2), 8 x 9 (1)." in caught.value.message
    assert caught.value.message.endswith("Type data.resize=[8,8] to bring every picture to this height and width.")
    # The commonest size is proposed, also where the first picture has another.
    Image.new("L", (145, 150), 7).save(f"photos/{min(path.name for path in Path('photos').iterdir())}/0.png")
    with pytest.raises(DataError, match=r"data\.input_shape is \[150, 145, 1\]") as caught:
        load_dataset({**data, **declare(data)})
    assert caught.value.message.endswith("Type data.resize=[8,8] to bring every picture to this height and width.")
    Path(f"photos/{min(path.name for path in Path('photos').iterdir())}/0.png").unlink()
    sized = {**data, "resize": [4, 5], "test_split": 0}
    assert declare(sized)["input_shape"] == [4, 5, 1]
    whole = load_dataset(sized)
    assert whole.train.x.shape == (9, 4, 5, 1)
    assert sum((picture == 7).all() for picture in whole.train.x) == 3  # the three of one colour
    with pytest.raises(DataError, match=r"is \[8, 8, 1\], but 'data.resize' has \[4, 5, 1\]"):
        load_dataset({**sized, "input_shape": [8, 8, 1]})
    for wrong in ([4], [0, 5], [4, 5, 1]):
        with pytest.raises(DataError, match=r"Expected a height and a width in pixels. Type data.resize=\[64,64\]"):
            load_dataset({**data, "resize": wrong})


def test_training_and_prediction_resize_alike(lab):
    data = save_all("photos", lambda array, number, path: Image.fromarray(array).resize((13, 7)).save(path), count=2)
    whole = load_dataset({**data, "resize": [5, 6], "test_split": 0})
    again = [read_picture(file, (5, 6, 1)) for file in sorted(Path("photos").glob("*/*.png"))]
    assert sorted(map(bytes, whole.train.x)) == sorted(map(bytes, again))


PLAIN = [{}, {"quality": 5}, {"progressive": True}, {"optimize": True}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"dpi": (300, 300)}]
TURNED = Image.Exif()
TURNED[0x0112] = 3
OTHERS = [{"exif": TURNED}, {"comment": b"a cat"}, {"icc_profile": b"profile"}]


def read_both(path, shape, monkeypatch):
    """What a file's picture is by the short way through a JPEG's header, and by Pillow's own."""
    found = []
    for quick in (pictures._plain_jpeg, lambda path, shape: None):
        monkeypatch.setattr(pictures, "_plain_jpeg", quick)
        try:
            found.append(pictures.read_fitting(path, shape, "white", False, "data.path").tobytes())
        except DataError as error:
            found.append(str(error) or error.found)
        monkeypatch.undo()
    return found


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_has_the_pixels_that_pillow_gives_it(tmp_path, monkeypatch, mode):
    array = NOISE.integers(0, 256, (19, 23, len(mode)) if mode != "L" else (19, 23)).astype(np.uint8)
    shape = [19, 23, 1 if mode == "L" else 3]
    for number, options in enumerate([*PLAIN, *OTHERS]):
        Image.fromarray(array, mode if mode == "CMYK" else None).save(path := tmp_path / f"{number}.jpg", **options)
        quick = pictures._plain_jpeg(path, shape)
        assert (quick is not None) == (options in PLAIN and mode != "CMYK"), options
        first, second = read_both(path, shape, monkeypatch)
        assert first == second and isinstance(first, bytes)
        assert pictures._plain_jpeg(path, [23, 19, shape[2]]) is pictures._plain_jpeg(path, [19, 23, 4 - shape[2]]) is None
    whole = (tmp_path / "0.jpg").read_bytes()
    for number in range(150):  # damaged files: the same pixels, or the same sentence
        damaged = bytearray(whole[: NOISE.integers(1, len(whole))] if number % 3 == 0 else whole)
        damaged[NOISE.integers(0, len(damaged))] = NOISE.integers(0, 256)
        path.write_bytes(damaged)
        first, second = read_both(path, shape, monkeypatch)
        assert first == second


def test_what_is_read_is_counted_for_a_progress_bar(lab):
    steps: list[tuple[str, int, int]] = []
    load_dataset(save_all("photos", plain, count=150), step=lambda *step: steps.append(step))
    assert steps == [("reading photos", 200, 300), ("reading photos", 300, 300)]


# ---- pictures unlike those of the training


@pytest.fixture(scope="module")
def known():
    arrays = np.stack(halves("above") + halves("below"))[..., np.newaxis]
    arrays[:, [0, -1]] = arrays[:, :, [0, -1]] = 0  # bright on black
    return arrays, describe(arrays)


def test_training_pictures_are_like_themselves(known):
    arrays, facts = known
    assert [unlike(picture, facts) for picture in arrays] == [""] * len(arrays)


def test_a_picture_is_called_what_it_is(known):
    arrays, facts = known
    picture = arrays[0]
    assert unlike(255 - picture, facts) == "much brighter at the edges than the training pictures (255, theirs 0 of 255). Try --invert"
    assert unlike(np.full((8, 8, 1), 7, np.uint8), facts) == "one colour only (7 of 255): there is nothing to recognize"
    facts = describe(arrays // 4 + np.uint8(150))
    dark = arrays // 8
    assert "much darker than the training pictures" in unlike(dark[0], facts)
    spotted = arrays[0] // 3
    spotted[4, 4] = 255
    assert unlike(spotted, describe(arrays // 3)) == "up to 255 of 255, but the training pictures end at 79"


def test_digits_up_to_16_are_measured_as_pictures(lab):
    digits = load_dataset({"kind": "digits"})
    assert digits.brightness["highest"] == 255
    assert unlike(np.round(digits.test.x[0] * (255 / 16)).astype(np.uint8), digits.brightness) == ""
    assert load_dataset({"kind": "xor", "scale": "none"}).brightness is None
