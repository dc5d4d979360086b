"""The folder of segmented videos: which of them are done, so that a command goes on with the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from segkit.errors import DataError
from segkit.results.manifest import Manifest, ManifestPart, Record
from segkit.results.names import OutputNames
from segkit.results.targets import Task
from segkit.runtime.locking import lock_folder
from segkit.runtime.processes import Process, from_main_process, gather
from segkit.runtime.writing import Json
from segkit.video.prediction import VideoFiles
from segkit.video.sources import name_of


class VideoFolder:
    """The files of each video, and the part of a manifest that tells which videos are done.

    Args:
        manifest: Of the folder.
        videos: All videos of the command, in order.
        part: That of this process.

    Raises:
        DataError: The manifest is damaged.
    """

    def __init__(self, manifest: Manifest, videos: Sequence[str], part: ManifestPart) -> None:
        done = _done(manifest)
        self._part = part
        self._names = _names(videos, done)
        self.files = {video: _files(manifest, name) for video, name in self._names.items()}
        """Where the results of each video belong."""
        self.todo = [video for video in videos if video not in done]
        """The videos that are not done."""

    def add(self, video: str) -> None:
        """Notes that a video was segmented to its end.

        Raises:
            WriteError: The manifest cannot be written.
        """
        files = self.files[video]
        sizes = {file.name: file.stat().st_size for file in (files.overlays, files.results)}
        self._part.add(Record(video, self._names[video], sizes))


@contextmanager
def open_video_folder(
    folder: Path, task: Task, videos: Sequence[str], settings: Mapping[str, Json], process: Process, resume: bool
) -> Iterator[VideoFolder]:
    """Opens the folder of segmented videos; every process must call it.

    Args:
        folder: Of the results.
        task: Of the results.
        videos: All videos, in order.
        settings: What the results depend on.
        process: This one.
        resume: Leave out the videos that are done.

    Raises:
        DataError: The folder holds results of these videos already, or those of other settings.
        FolderTakenError: Another command writes into it.
        WriteError: It cannot be written.
    """
    manifest = Manifest(folder, task, "videos")
    with ExitStack() as stack:

        def make_ready() -> None:
            stack.enter_context(lock_folder(folder))
            if resume and manifest.files():
                manifest.require_equal(settings)
                manifest.merge(videos, settings)
                manifest.merge(videos, settings, forget=_missing(manifest))
            else:
                _refuse_results(manifest, videos)

        from_main_process(process, make_ready)
        with ManifestPart(manifest.part(process.rank), settings) as part:
            opened = VideoFolder(manifest, videos, part)
            gather(None)  # nobody writes before all know what is done
            yield opened
        gather(None)
        if process.is_main:
            manifest.merge(videos, settings)


def _done(manifest: Manifest) -> dict[str, str]:
    """Returns the names of the videos that are done."""
    return {video: place.name for video, place in manifest.places().items() if place.is_done}


def _names(videos: Sequence[str], done: Mapping[str, str]) -> dict[str, str]:
    """Returns the name of each video's files: those that are done keep theirs."""
    names = OutputNames(name_of)
    for video, name in done.items():
        names.keep(video, name)
    return {video: names.of(video) for video in videos}


def _files(manifest: Manifest, name: str) -> VideoFiles:
    stem = f"{name}_{manifest.task}"
    return VideoFiles(manifest.folder / f"{stem}.mp4", manifest.folder / f"{stem}.json")


def _refuse_results(manifest: Manifest, videos: Sequence[str]) -> None:
    """Raises DataError where there are results of these videos already."""
    files = [_files(manifest, name) for name in _names(videos, {}).values()]
    taken = [file for one in files for file in (one.overlays, one.results) if file.exists()] + manifest.files()
    if taken:
        raise DataError(f"{taken[0]}: is there already. Go on with --resume, choose another --output, or remove it.")


def _missing(manifest: Manifest) -> list[str]:
    """Returns the videos whose files were removed or cut."""
    return [
        record.input
        for record in manifest.records()
        if any(
            not (manifest.folder / file).exists() or (manifest.folder / file).stat().st_size != size
            for file, size in record.files.items()
        )
    ]
