"""Datasets that `concat` joins with themselves: all of their images count twice."""

from collections.abc import Iterator

from segkit.config import Config


def repeated_datasets(config: Config) -> Iterator[str]:
    """Yields a line for each dataset of a list that has the settings of an earlier one.

    Example:
        >>> from segkit.config import load_config
        >>> twice = "data.val.dataset={type: concat, datasets: [{type: shapes}, {type: shapes}]}"
        >>> list(repeated_datasets(load_config("configs/quickstart.yaml", [twice])))
        ['data.val.dataset.datasets.1: the same dataset as data.val.dataset.datasets.0: its images count twice']
    """
    data = config.experiment.data
    splits = {} if data is None else {"train": data.train, "val": data.val}
    for name, split in splits.items():
        if split is not None:
            yield from _repeated(split.dataset, f"data.{name}.dataset")


def _repeated(settings: object, path: str) -> Iterator[str]:
    datasets = settings.get("datasets") if isinstance(settings, dict) else None
    if not isinstance(datasets, list):
        return
    for number, one in enumerate(datasets):
        first = datasets.index(one)
        if first < number:
            yield f"{path}.datasets.{number}: the same dataset as {path}.datasets.{first}: its images count twice"
        else:
            yield from _repeated(one, f"{path}.datasets.{number}")
