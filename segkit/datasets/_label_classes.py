"""Which classes the values of label files stand for: the settings of `mask_folder`, or the question left."""

from collections.abc import Sequence
from pathlib import Path

from segkit.data.class_list import read_classes
from segkit.data.paths import dataset_path
from segkit.data.sampling import percent
from segkit.datasets._class_files import KNOWN, class_file, configured_list
from segkit.datasets._label_ids import VOID
from segkit.datasets._label_values import LabelValues
from segkit.datasets._proposal import Settings, Wishes
from segkit.errors import DataError, counted, join_first

_MOST_SHOWN = 50
"""Colors that a message lists for the user to name."""

Described = tuple[Settings, list[str]]
"""Settings of a dataset, and notes."""


def semantic_settings(folder: Path, places: Sequence[Path], end: str, values: LabelValues, wishes: Wishes) -> Described:
    """Returns the settings of `mask_folder` that say what the values mean.

    Args:
        folder: The folder of the data.
        places: The folders of the label files.
        end: The end of their names.
        values: What they hold.
        wishes: The user's.

    Raises:
        DataError: it cannot be told. The message says what to add.
    """
    source = wishes.classes or KNOWN.get(end) or class_file(folder, places)
    if values.kind == "colors":
        return _color_settings(folder, source, values)
    if source is None:
        names = ",".join(f"NAME{id}" for id in values.class_ids[:_MOST_SHOWN])
        raise DataError(
            f"{folder}: there is no class list, and the label files hold the ids {values.in_words}. If these are "
            f"classes, name them in this order: --classes {names}, or name a file that lists them: --classes FILE. If "
            f"they number the objects of one class: --task instance --classes NAME."
        )
    if isinstance(source, list):
        return _named_ids(folder, source, values)
    return _listed_ids(folder, str(source), values)


def _named_ids(folder: Path, names: list[str], values: LabelValues) -> Described:
    """Returns the settings for names in the order of ids."""
    ids = values.class_ids
    settings: Settings = {"type": "mask_folder", "classes": names}
    known = [id for id in ids if id != VOID]
    if len(names) == len(ids) and VOID in ids and len(ids) <= 2:
        # Masks of 0 and 255.
        pairs = dict(zip(map(str, ids), names, strict=True))
        return {**settings, "void": [], "label_map": pairs}, [_mapped(ids, names)]
    if set(known) <= set(range(len(names))):
        return settings, [_void_note([VOID], values)] if VOID in ids else []
    if len(names) == len(known):
        pairs = dict(zip(map(str, known), names, strict=True))
        return {**settings, "label_map": pairs}, [_mapped(known, names)]
    if len(names) == len(ids):
        pairs = dict(zip(map(str, ids), names, strict=True))
        return {**settings, "void": [], "label_map": pairs}, [_mapped(ids, names)]
    zero = f" If 0 is background, name it first: --classes background,{','.join(names)}." if 0 in ids else ""
    raise DataError(
        f"{folder}: --classes has {counted(names, 'name')}, but the label files hold the ids {values.in_words}. "
        f"Name each id in their order, except {VOID} for void.{zero}"
    )


def _listed_ids(folder: Path, source: str, values: LabelValues) -> Described:
    """Returns the settings for a file that lists names and ids."""
    listed = read_classes(dataset_path(source))
    settings: Settings = {"type": "mask_folder", "classes": configured_list(source)}
    void = listed.void or ([] if VOID in listed.ids else [VOID])
    unknown = [id for id in values.class_ids if id not in listed.ids and id not in void]
    if not unknown:
        return settings, []
    if unknown == [len(listed)] and listed.ids == tuple(range(len(listed))):
        names = ",".join(["unlabeled", *listed.names])
        raise DataError(
            f"{folder}: the label files hold the ids {values.in_words}, one more than {source} lists "
            f"({join_first(listed.names)}). If they count these classes from 1: --classes {names}. If {unknown[0]} is "
            f"void, say so in the class list, in a table with the heading 'id,name,isvoid'."
        )
    fraction = sum(values.pixels[id] for id in unknown) / values.pixels.total()
    if (len(unknown) > 1 and 2 * len(unknown) > len(listed)) or fraction > 0.5:
        raise DataError(
            f"{folder}: the label files hold the ids {values.in_words}, but {source} lists {join_first(listed.ids)}. "
            f"Name another list: --classes FILE, or the classes in the order of ids: --classes NAME,NAME."
        )
    present = [id for id in void if id in values.pixels]
    return {**settings, "void": sorted({*present, *unknown})}, [_void_note(unknown, values)]


def _color_settings(folder: Path, source: list[str] | str | Path | None, values: LabelValues) -> Described:
    """Returns the settings for label files in colors."""
    listed = None if source is None or isinstance(source, list) else read_classes(dataset_path(str(source)))
    colors = () if listed is None else (*listed.colors, *listed.void_colors)
    known = {red + 256 * green + 65536 * blue for red, green, blue in colors}
    missing = [code for code in sorted(values.pixels, key=lambda code: -values.pixels[code]) if code not in known]
    if not missing and source is not None:
        return {"type": "mask_folder", "classes": configured_list(source), "colors": True}, []
    if len(values.pixels) > _MOST_SHOWN:
        raise DataError(
            f"{folder}: the label files hold {counted(values.pixels, 'color')}, too many for classes. If they "
            "were resized "
            f"or smoothed, or stored with lossy compression before, export them again."
        )
    if len(missing) == len(values.pixels):
        listed = None  # a list of names alone, or of something else
    lines = "\n".join(f"NAME,{code & 255},{code >> 8 & 255},{code >> 16}" for code in missing)
    total = values.pixels.total()
    cover = percent(sum(values.pixels[code] for code in missing) / total)
    where = (
        f"{source} has no name for {len(missing)} of them ({cover} of the pixels). Add these lines to it"
        if (listed is not None)
        else f"no class list has their names. Write {folder / 'classes.csv'} with these lines"
    )
    heading = "" if listed is not None else "name,r,g,b\n"
    raise DataError(
        f"{folder}: the label files hold {counted(values.pixels, 'color')}, and {where}, with a name for each "
        "color, and run "
        f"the command again:\n{heading}{lines}"
    )


def _mapped(ids: Sequence[int], names: Sequence[str]) -> str:
    pairs = join_first([f"{id} is {name}" for id, name in zip(ids, names, strict=True)])
    return f"The ids of the label files were matched with the names in ascending order: {pairs}."


def _void_note(ids: Sequence[int], values: LabelValues) -> str:
    shown = join_first([f"{id} ({percent(values.pixels[id] / values.pixels.total())} of the pixels)" for id in ids])
    return f"No class has the id {shown}: it counts as void, which is neither learned nor evaluated."
