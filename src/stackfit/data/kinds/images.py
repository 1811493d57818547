"""A user's pictures: a folder with one subfolder per class, in any form that Pillow reads."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data import pictures
from stackfit.data.dataset import SILENT, Progress
from stackfit.data.division import divide
from stackfit.data.own import Pair, own_kind
from stackfit.data.picture_workers import Reading
from stackfit.data.settings import check_declared, check_size, wrong
from stackfit.errors import counted, did_you_mean
from stackfit.files import shown

DIVISIONS = (("train", "training"), ("test", "testing", "val", "valid", "validation"))
"""What folders of a set that is divided already are called."""


def read(folder: Path, settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
    """Pictures as uint8 `(files, *input_shape)`, divided; grey ones fill three channels if asked."""
    classes = _list_pictures(folder, settings, key, progress.say)
    files = [file for members in classes.values() for file in members]
    shape = _shape(files[0], settings)
    settings = replace(settings, input_shape=shape)
    check_size(settings, str(settings.path), len(files) * math.prod(shape))
    labels = np.repeat(np.arange(len(classes)), [len(members) for members in classes.values()])
    order, trained = np.arange(len(files)), len(files)
    if key == "path":  # each picture is read to where it will be: a second copy would cost a fifth of the time
        division = divide(labels, settings)
        order, trained = np.concatenate([division.train, division.test]), len(division.train)
    place = np.argsort(order)
    x = np.empty((len(files), *shape), np.uint8)

    arguments: dict[str, Any] = {"shape": shape, "background": settings.background, "resize": bool(settings.resize), "key": f"data.{key}"}

    def read_one(number: int) -> np.ndarray:
        try:
            return pictures.read_fitting(files[number], **arguments)
        except pictures.Misfit as error:
            raise _misfit(files, files[number], error.found, settings) from None

    def told(done: int) -> None:
        progress.step(f"reading {folder.name}", done, len(files))

    Reading(files, arguments, read_one, x, place, told).read_all()
    words = np.array([*classes])[labels[order]]
    parts = {"train": (x[:trained], words[:trained]), "test": (x[trained:], words[trained:])}
    return {part: pair for part, pair in parts.items() if len(pair[0])}


def declare(folder: Path, settings: Data) -> dict[str, Any]:
    """From the subfolders' names, `data.resize`, and the first picture."""
    files = _list_pictures(folder, settings, "path", SILENT.say)
    return {
        "input_shape": _shape(next(iter(files.values()))[0], settings),
        "num_classes": len(files),
        "class_names": list(files),
    }


def _shape(first: str, settings: Data) -> list[int]:
    """`[height, width, channels]` of every example; DataError if what is declared cannot be a picture's."""
    declared, size = settings.input_shape, settings.resize
    pictures.colour_of(settings.background)
    if size and (len(size) != 2 or min(size) < 1):
        found = f"data.resize is {size}."
        raise wrong("resize", found, "a height and a width in pixels", "Type data.resize=[64,64]")
    with pictures.opened(first, "data.path") as image:
        found_shape = pictures.shape_of(image)
    if size:
        found_shape[:2] = size
    if declared and (len(declared) != 3 or declared[2] not in (1, 3) or (size and declared[:2] != size)):
        check_declared(settings, "data.resize" if size else shown(first), input_shape=found_shape)
    return declared or found_shape


def _misfit(files: Sequence[str], file: str, found: list[int], settings: Data) -> Exception:
    """The error about a picture of another size, or a coloured one among grey ones."""
    shape = settings.input_shape
    fact = f"data.input_shape is {shape}, but {shown(file)!r} has {found}."
    cure = f"Set input_shape: {[*shape[:2], found[2]]}, or correct the other"
    if found[:2] != shape[:2]:
        sizes: Counter[tuple[int, int]] = Counter()
        for path in files:
            with pictures.opened(path, "data.path") as image:
                sizes[image.height, image.width] += 1
        ((height, width), _), *_ = sizes.most_common(1)
        listed = ", ".join(f"{size[0]} x {size[1]} ({count})" for size, count in sizes.most_common(3))
        more = f" and {counted(len(sizes) - 3, 'other')}" if len(sizes) > 3 else ""
        fact += f" The pictures have {counted(len(sizes), 'size')}: {listed}{more}."
        cure = f"Type data.resize=[{height},{width}] to bring every picture to this height and width"
        if len(sizes) == 1:
            cure = f"Set input_shape: {found}, or type data.resize=[{shape[0]},{shape[1]}]"
    return wrong("input_shape", fact, "the same in both", cure)


def _list_pictures(folder: Path, settings: Data, key: str, say: Callable[[str], None]) -> dict[str, list[str]]:
    """Class name → its files, sorted; classes in the declared order, else sorted. `say` is told what is left out."""
    loose, found = _entries(folder)
    tested = [str(name) for name in settings.class_names] if key == "test_path" else []  # a part may lack a class
    if len(found) < (1 if tested else 2):
        fact = f"{shown(folder)} has {counted(len(found), 'subfolder') if found else 'no subfolders'}."
        cure = "Sort the pictures into subfolders"
        if found and len(_entries(folder / found[0])[1]) > 1:
            cure = f"Type data.{key}={shown(folder / found[0])}"
        raise wrong(key, fact, "one subfolder per class, at least two", cure)
    place_of = {pictures.same_name(name): folder / name for name in found}
    names = [str(name) for name in settings.class_names] or found
    if len(place_of) < len(found):
        fact = f"Two subfolders of {shown(folder)} have one name, written in two ways: {', '.join(found)}."
        raise wrong(key, fact, "a name of its own for each class", "Rename one of them")
    declared = sorted(map(pictures.same_name, names))
    if tested and (unknown := [name for name in place_of if name not in declared]):
        fact = f"{shown(folder)} has a subfolder {unknown[0]!r}.{did_you_mean(unknown[0], declared)}"
        raise wrong(key, fact, f"the classes of the training part: {', '.join(names)}", "Rename or remove it")
    if not tested:
        check_declared(replace(settings, class_names=declared), shown(folder), class_names=sorted(place_of))
    classes, other, known = {}, Counter(map(_end, loose)), pictures.suffixes()
    for name in [name for name in names if pictures.same_name(name) in place_of]:
        place = place_of[pictures.same_name(name)]
        files, below = _entries(place)
        kept = [file for file in files if _end(file) in known]
        classes[name] = [f"{place}{os.sep}{file}" for file in kept]  # texts: a hundred thousand Paths take a while
        deeper = {path: count for path in below if (count := _count(place / path))}
        if not classes[name]:
            raise _empty(folder, found, place, deeper, key)
        if deeper:
            where, missed = ", ".join(deeper), counted(sum(deeper.values()), "picture")
            say(f"warning: left out of {shown(place)}: {missed} in subfolders ({where}). Expected every picture in "
                f"{shown(place)} itself. Move what belongs to the class there.")  # fmt: skip
        if len(kept) < len(files):
            other.update(end for file in files if (end := _end(file)) not in known)
    if other:
        kinds = ", ".join(f"{end or 'no suffix'} ({count})" for end, count in other.most_common(5))
        many = f"{other.total()} files in {shown(folder)} are" if other.total() > 1 else f"1 file in {shown(folder)} is"
        say(f"warning: {many} left out: {kinds}. Expected pictures that Pillow reads, in the "
            "folder of their class. Convert or move them, if they belong to the data.")  # fmt: skip
    return classes


def _empty(folder: Path, found: Sequence[str], place: Path, deeper: dict[str, int], key: str) -> Exception:
    """The error about a class without pictures; in a set that is divided already, the classes are one level deeper."""
    fact, cure = f"{shown(place)} has no pictures.", "Add pictures, or remove it"
    if deeper:
        fact = f"{shown(place)} has no pictures itself, but {sum(deeper.values())} in subfolders: {', '.join(deeper)}."
        cure = f"Move them to {shown(place)}"
        train, test = (next((name for name in found if name.lower() in words), None) for words in DIVISIONS)
        if train and key == "path":
            cure = f"Type data.path={shown(folder / train)}" + (f" data.test_path={shown(folder / test)}" if test else "")
    return wrong(key, fact, "pictures of one class, files that end in .png, .jpg, .jpeg, …", cure)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the files and of the folders in a folder, sorted, without litter."""
    with os.scandir(folder) as entries:
        kept = sorted((entry for entry in entries if not pictures.is_litter(entry.name)), key=lambda entry: entry.name)
        files = [entry.name for entry in kept if entry.is_file() or (entry.is_symlink() and not entry.is_dir())]  # a dead link is named
        return files, [entry.name for entry in kept if entry.is_dir()]


def _end(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _count(folder: Path) -> int:
    """How many pictures a folder has, at any depth."""
    files, below = _entries(folder)
    return sum(_end(file) in pictures.suffixes() for file in files) + sum(_count(folder / name) for name in below)


KIND = own_kind("a folder with one subfolder per class", read, declare, folder=True, reads=("resize", "background"))
