"""Which segments the values of label files stand for: the settings of `instance_folder`, or the question left."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from segkit.classes import Classes
from segkit.data.class_list import read_classes
from segkit.data.paths import dataset_path
from segkit.datasets._class_files import KNOWN, THINGS, class_file, configured_list
from segkit.datasets._label_classes import Described
from segkit.datasets._label_values import LabelValues
from segkit.datasets._proposal import Settings, Wishes
from segkit.errors import DataError, counted, join_first


def instance_settings(folder: Path, places: Sequence[Path], end: str, values: LabelValues, wishes: Wishes) -> Described:
    """Returns the settings of `instance_folder` that say what the values mean; see `semantic_settings`.

    Raises:
        DataError: it cannot be told. The message says what to add.
    """
    settings: Settings = {"type": "instance_folder"}
    if values.kind == "ids":
        if not isinstance(wishes.classes, list) or len(wishes.classes) != 1:
            raise DataError(
                f"{folder}: the label files hold the numbers {values.in_words}, which are taken for instances of one "
                f"class. Name it: --classes NAME."
            )
        return {**settings, "classes": wishes.classes}, []
    source = wishes.classes or KNOWN.get(end) or _list_of_things(folder, places)
    if source is None:
        names = ",".join(f"NAME{id}" for id in values.class_ids)
        raise DataError(
            f"{folder}: there is no class list, and the label files hold instances of the classes "
            f"{join_first(values.class_ids)}. Name them in this order: --classes {names}, or name a file that lists "
            f"them: --classes FILE."
        )
    return {**settings, "encoding": values.kind, **_class_settings(folder, source, values)}, []


def panoptic_settings(folder: Path, places: Sequence[Path], end: str, values: LabelValues, wishes: Wishes) -> Described:
    """Returns the settings of `instance_folder` for things and stuff, of values that are thousands.

    Raises:
        DataError: it cannot be told. The message says what to add.
    """
    source = wishes.classes or KNOWN.get(end) or class_file(folder, places)
    ids = sorted(values.numbered | values.unnumbered)
    if source is None:
        order = ",".join(f"NAME{id}" for id in ids)
        raise DataError(
            f"{folder}: there is no class list, and the label files hold segments of the classes {join_first(ids)}. "
            f"Name them in this order: --classes {order}, or name a file that lists them: --classes FILE."
        )
    settings: Settings = {"type": "instance_folder", "encoding": values.kind, "classes": configured_list(source)}
    if not isinstance(source, list):
        listed = read_classes(dataset_path(str(source)))
        _refuse_unlisted(folder, source, set(ids), listed)
        marked = any(listed.things) and not all(listed.things)
        names = dict(zip(listed.ids, listed.names, strict=True))
        return settings if marked else {**settings, "things": _things(names, values)}, []
    if len(source) != len(ids):
        raise DataError(
            f"{folder}: --classes has {counted(source, 'name')}, but the label files hold segments of "
            f"{counted(ids, 'class')}: {join_first(ids)}. Name these in their order."
        )
    names = dict(zip(ids, source, strict=True))
    label_map = {str(id): name for id, name in names.items()}
    return {**settings, "things": _things(names, values), "label_map": label_map}, []


def _things(names: Mapping[int, str], values: LabelValues) -> list[str]:
    """Returns the classes, by id, whose instances have numbers."""
    return [name for id, name in names.items() if id in values.numbered]


def _list_of_things(folder: Path, places: Sequence[Path]) -> str | Path | None:
    found = class_file(folder, places)
    return None if found is None else THINGS.get(found.name, found)


def _class_settings(folder: Path, source: list[str] | str | Path, values: LabelValues) -> Settings:
    if isinstance(source, list):
        listed = Classes.make(source, ids=_ids_of(folder, source, values))
    else:
        listed = read_classes(dataset_path(str(source)))
    _refuse_unlisted(folder, source, set(values.class_ids), listed)
    if values.kind == "channels" and (not isinstance(source, list) or listed.ids == tuple(range(1, len(source) + 1))):
        return {"classes": configured_list(source)}
    things = [place for place, thing in enumerate(listed.things) if thing or not any(listed.things)]
    label_map = {str(listed.ids[place]): listed.names[place] for place in things} | {"default": "background"}
    return {"classes": [listed.names[place] for place in things], "label_map": label_map}


def _refuse_unlisted(folder: Path, source: list[str] | str | Path, ids: set[int], listed: Classes) -> None:
    unknown = sorted(ids - set(listed.ids) - set(listed.void))
    if unknown:
        raise DataError(
            f"{folder}: the label files hold segments of the classes {join_first(unknown)}, but {source} lists "
            f"{join_first(sorted(listed.ids))}. Name another list: --classes FILE."
        )


def _ids_of(folder: Path, names: list[str], values: LabelValues) -> list[int]:
    """Returns the ids that some names stand for: 1, 2, 3, … in channels, or else those that were found."""
    ids = values.class_ids
    if values.kind == "channels" and set(ids) <= set(range(1, len(names) + 1)):
        return list(range(1, len(names) + 1))
    if len(names) == len(ids):
        return ids
    raise DataError(
        f"{folder}: --classes has {counted(names, 'name')}, but the label files hold instances of "
        f"{counted(ids, 'class')}: "
        f"{join_first(ids)}. Name these in their order."
    )
