"""The folder of a prediction: what is done is found again, so that every result is there once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from segkit.classes import Classes
from segkit.errors import WriteError
from segkit.results.files import ResultFormat, ResultWriter, list_frame
from segkit.results.filled import refuse_filled
from segkit.results.json_list import JsonList
from segkit.results.manifest import Manifest, ManifestPart, Record
from segkit.results.names import OutputNames
from segkit.results.overlay import overlay
from segkit.results.png import save_png
from segkit.results.stores import OutputFormat, open_store, remove_scratch, shards_of
from segkit.results.targets import TASKS, Task
from segkit.runtime.locking import lock_folder
from segkit.runtime.processes import Process, from_main_process, gather
from segkit.runtime.writing import WRITING, Json, explain_write_errors
from segkit.types import Result


@dataclass(frozen=True)
class PredictionJob:
    """What a command predicts, and where to."""

    folder: Path
    files: Sequence[str]
    """All inputs, in order."""
    classes: Classes
    result_type: type
    settings: Mapping[str, Json]
    """What results depend on. Results of other settings are not mixed with these."""
    result_format: ResultFormat = "coco"
    output_format: OutputFormat = "folder"

    @property
    def task(self) -> Task:
        """The task that gives these results."""
        return TASKS[self.result_type]

    @property
    def manifest(self) -> Manifest:
        """Of the folder."""
        return Manifest(self.folder, self.task)

    def renamed(self) -> list[tuple[str, str]]:
        """Returns the inputs whose files have another name than theirs, since another input has it, with this name."""
        places = self.manifest.places()
        found = [(file, places[file].name) for file in self.files if file in places and places[file].is_done]
        return [(file, name) for file, name in found if name != Path(file).stem]


class PredictionFolder:
    """Writes the results of one process, and a line into the manifest once all files of an image are there.

    Args:
        job: What all processes do together.
        part: Of the manifest.
        process: This one.

    Raises:
        DataError: The manifest is damaged.
    """

    def __init__(self, job: PredictionJob, part: ManifestPart, process: Process) -> None:
        places = job.manifest.places()
        names = OutputNames()
        for file, place in places.items():
            if place.is_done:
                names.keep(file, place.name)
        self._names = {file: names.of(file) for file in job.files}
        todo = [file for file in job.files if file not in places or not places[file].is_done]
        self.todo = todo[process.rank :: process.num_processes]
        """The inputs without result that are this process's."""
        self._part = part
        self._store = open_store(job.folder, part, job.task, process.rank, job.output_format)
        self._task = job.task
        self._writer = ResultWriter(self._store.folder, job.classes, names, job.result_format)

    def write(self, file: str, image: Tensor, result: Result) -> None:
        """Writes result and overlay of an image (C,H,W).

        Raises:
            WriteError: A file cannot be written.
        """
        name = self._names[file]
        written = self._writer.write_files(result, file, name)
        drawn = self._store.folder / "overlays" / f"{name}_{self._task}.png"
        save_png(overlay(image, result, self._writer.classes), drawn)
        self._store.keep(Record(file, name, entries=written.entries), [*written.files, drawn])

    def write_error(self, file: str, error: str) -> None:
        """Notes why an image has no result.

        Raises:
            WriteError: The manifest cannot be written.
        """
        self._part.add(Record(file, self._names[file], error=error))

    def close(self) -> None:
        """Completes the files of this process."""
        self._store.close()


@contextmanager
def open_predictions(job: PredictionJob, process: Process, resume: bool = False) -> Iterator[PredictionFolder]:
    """Opens the folder of a prediction, and completes it at the end: one manifest, and the JSON list.

    Every process must call it, and leaving it waits for all. After an error or a signal, a lone process completes what
    it has written. The parts of several processes stay as they are, and the next prediction puts them together.

    Args:
        job: What all processes do together.
        process: This one.
        resume: Go on with an earlier prediction where there is one.

    Raises:
        DataError: The folder holds results already, or those of other settings, or its manifest is damaged.
        FolderTakenError: Another command writes into it.
        WriteError: It cannot be written.
    """
    with ExitStack() as stack:
        from_main_process(process, lambda: stack.enter_context(_locked(job, resume)))
        try:
            with ManifestPart(job.manifest.part(process.rank), job.settings) as part:
                own = PredictionFolder(job, part, process)
                gather(None)  # nobody writes before all know what is done
                try:
                    yield own
                finally:
                    own.close()
        except BaseException:
            if process.num_processes == 1:
                with suppress(WriteError):
                    _complete(job)
            raise
        gather(None)
        if process.is_main:
            _complete(job)
        gather(None)  # nobody goes on before the files are there


def count_done(job: PredictionJob) -> int:
    """Returns how many of the inputs have a result."""
    places = job.manifest.places()
    return sum(file in places and places[file].is_done for file in job.files)


@contextmanager
def _locked(job: PredictionJob, resume: bool) -> Iterator[None]:
    """Locks the folder and makes it ready."""
    folder, manifest = job.folder, job.manifest
    with lock_folder(folder):
        if not resume:
            remedy = "Go on with --resume, give another --output, or remove them."
            refuse_filled(folder, [job.result_type], remedy)
        elif not manifest.files():  # nobody knows how results in the folder were made
            refuse_filled(folder, [job.result_type])
        else:
            manifest.require_equal(job.settings)
            _tidy_up(job)
            manifest.merge(job.files, job.settings)
            if missing := _missing(job):
                manifest.merge(job.files, job.settings, forget=missing)
            _remove_other_shards(job)
        yield


def _tidy_up(job: PredictionJob) -> None:
    """Removes incomplete files of processes that were killed."""
    task = job.task
    remove_scratch(job.folder, task)
    for pattern in (f"overlays/*_{task}.png", f"{task}/*", f"{task}_*", f"manifest_{task}*"):
        for draft in job.folder.glob(pattern + WRITING):
            draft.unlink(missing_ok=True)


def _missing(job: PredictionJob) -> list[str]:
    """Returns the inputs whose files were removed or cut, by a user or a power failure."""
    folder, missing = job.folder, []
    shards = {shard.name for shard in shards_of(folder, job.task)}
    for record in job.manifest.records():
        if record.error is not None:
            continue
        if record.shard is not None:
            is_whole = record.shard in shards
        else:
            is_whole = all(_size(folder / file) == size for file, size in record.files.items())
        if not is_whole:
            missing.append(record.input)
    return missing


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _remove_other_shards(job: PredictionJob) -> None:
    """Removes shards whose process was killed before the manifest had their images, which are predicted again."""
    known = {record.shard for record in job.manifest.records()}
    for shard in shards_of(job.folder, job.task):
        if shard.name not in known:
            with explain_write_errors(shard):
                shard.unlink()


def _complete(job: PredictionJob) -> None:
    """Writes the manifest and the JSON list of all that is done."""
    manifest = job.manifest
    manifest.merge(job.files, job.settings)
    frame = list_frame(job.result_type, job.classes, job.result_format)
    done = (record for record in manifest.records() if record.error is None)
    first = next(done, None)
    if frame is not None and first is not None:
        with JsonList(job.folder / frame.name, frame.head, frame.tail) as items:
            items.add(*first.entries)
            for record in done:
                items.add(*record.entries)
