"""The sections of a config that are not parts. Their fields are their schema, as the signature is a part's schema.

A field named like a kind of part (`dataset`, `optimizer`) holds a part, which YAML writes as a mapping with `type`; a
field named like its plural (`transforms`) holds a list of parts.
"""

import math
from dataclasses import dataclass, field, is_dataclass
from typing import Annotated, Literal, TypeVar, get_args, get_type_hints

from segkit.config.nodes import Value
from segkit.registries.signature import Bounds, Form, Fraction, NonNegative, Positive, PositiveFloat, Seed

PartConfig = dict[str, Value]
"""The checked mapping of a part: `type` and its settings."""

EXTENDS = (
    "Files that this config extends, relative to it, or those of a package, such as `segkit://base/mask_former.yaml`. "
    "Mappings merge; all other values replace those of the extended "
    "files. Of several files, the later override the earlier."
)
"""Documentation of the key `extends`, which is resolved before sections are checked."""


def _no_path(value: str) -> str:
    return "" if value.strip() else "the path is empty. Name the folder of a checkpoint or run, or write null."


@dataclass(kw_only=True)
class Split:
    """A dataset for evaluation and how it is loaded."""

    dataset: PartConfig | None = None
    """The dataset. Null in the config of a model trained elsewhere, where only `transforms` are known."""
    transforms: list[PartConfig] = field(default_factory=list)
    """Transforms, applied in order: in training to image and target, in evaluation to the image only."""
    batch_size: Positive = 1
    """Images per process and step."""
    workers: NonNegative = 2
    """Worker processes that load data; 0 loads in the main process."""
    timeout: PositiveFloat = 300.0
    """Seconds to wait for a batch of the workers. Then the sample that hangs is named."""
    limit: Positive | None = None
    """Use only the first `limit` images of the dataset."""


@dataclass(kw_only=True)
class TrainingSplit(Split):
    """A dataset for training and how it is loaded."""

    dataset: PartConfig = field()  # without a default, unlike the inherited field
    """The dataset: images and targets."""
    on_bad_sample: Literal["stop", "skip"] = "stop"
    """What to do with an image that cannot be loaded: `stop` the training, or `skip` it. Then another image takes its
    place, which follows from the seed, and the log names it. More than 1 % of bad images stop the training."""
    repeat_threshold: Annotated[float, Bounds(above=0, most=1)] | None = None
    """Repeat factor sampling (Gupta et al. 2019): images with a class that is in a share f of the images below this
    come more often, sqrt(`repeat_threshold` / f) times in an epoch. Null shows each image once in an epoch. Where
    annotations do not tell the classes of each image, all images are read before the first step."""


@dataclass(kw_only=True)
class Data:
    """The datasets for training and evaluation."""

    train: TrainingSplit | None = None
    """The dataset to train on."""
    val: Split | None = None
    """The dataset to evaluate on, during training and with `segkit test`."""


@dataclass(kw_only=True)
class CriterionSection:
    """How the training loss is computed from predictions and targets."""

    losses: list[PartConfig]
    """The losses to sum, each with a `weight` beside its own settings."""
    matcher: PartConfig | None = None
    """Assigns queries to segments; null for models without queries."""
    deep_supervision: bool = True
    """Apply the losses to every decoder layer, not only the last."""
    void: Literal["negative", "ignore"] = "negative"
    """Treatment of unlabeled pixels: `negative` counts them as outside every mask, as in the MaskFormer paper; `ignore`
    excludes them from matching and mask losses. A per-pixel model always leaves them out."""
    points: Positive | None = None
    """Compute mask losses at this many random points per mask (12544 in Cheng et al. 2022); null computes them at every
    pixel."""
    oversample_ratio: Annotated[float, Bounds(least=1)] = 3.0
    """With `points`: candidates drawn per point, from which the most uncertain are selected."""
    importance_ratio: Fraction = 0.75
    """With `points`: the fraction of points selected by uncertainty. The others are drawn uniformly."""
    compile: bool = False
    """Compile the mask losses. The first step takes some seconds longer, later steps are faster. Needs a C++
    compiler."""


@dataclass(kw_only=True)
class Training:
    """How the model is optimized."""

    steps: Positive
    """Optimizer steps of the whole training."""
    optimizer: PartConfig
    """The optimizer."""
    schedule: PartConfig
    """The schedule of the learning rate."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Precision of the model under autocast. Losses and matching always use fp32."""
    accumulate: Positive = 1
    """Batches per optimizer step. The total batch size is `data.train.batch_size` x `accumulate` x processes."""
    clip_gradients: PositiveFloat | None = None
    """Maximum norm of the gradients of all parameters together; null does not clip."""
    sync_batch_norm: bool = False
    """Let batch norms compute their statistics over the images of all processes, which is slower. A single process does
    so anyway. Several processes need GPUs."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """What to do where the loss or its gradient is nan or infinite: `stop` the training, or `skip` the step, at most 10
    in a row. Either way a dump is written to `nonfinite/` in the run folder, which `segkit replay` examines."""
    evaluate_every: Positive | None = None
    """Steps between evaluations on `data.val`. The last step is always evaluated; null evaluates nothing else."""
    checkpoint_every: Positive | Literal["auto"] | None = "auto"
    """Steps between checkpoints. The last step is always saved; null saves nothing else. `auto` is a tenth of `steps`,
    1000 or `evaluate_every`, whatever is least."""
    keep_checkpoints: Positive = 2
    """How many `checkpoints/step_N` to keep. `best` and `last` are always kept."""
    best_metric: str | None = None
    """The metric that selects `best`; null uses the first metric of the first evaluator."""
    log_every: Positive = 20
    """Steps between lines of `metrics.jsonl`."""
    log_classes: bool = False
    """Print and log the metrics of each class after every evaluation, not only at the end."""
    hooks: list[PartConfig] = field(default_factory=list)
    """Take part in the training, in this order: averaging of weights, early stopping, trackers and others."""
    seed: Seed = 0
    """Seed of all random numbers."""
    compile: bool = False
    """Compile the parts of the model, with images padded to multiples of 128 pixels to limit the number of sizes. The
    start takes a minute or more, later steps are faster. Needs a C++ compiler."""

    @property
    def steps_between_checkpoints(self) -> int | None:
        """`checkpoint_every`, with the number that `auto` stands for."""
        if self.checkpoint_every != "auto":
            return self.checkpoint_every
        return min(math.ceil(self.steps / 10), 1000, self.evaluate_every or self.steps)


@dataclass(kw_only=True)
class Experiment:
    """The top level of a config."""

    model: PartConfig
    """The model, with the parts it is built from."""
    criterion: CriterionSection | None = None
    """The training loss. Needed for training."""
    postprocessors: list[PartConfig] = field(default_factory=list)
    """Convert predictions to results. One model may have several: semantic, instance and panoptic."""
    data: Data | None = None
    """The datasets. The class list, and with it `num_classes`, comes from them."""
    evaluators: list[PartConfig] = field(default_factory=list)
    """Compute metrics, each from the results of the type it takes."""
    training: Training | None = None
    """Optimization. Needed for training."""
    init_from: Annotated[str, Form(_no_path)] | None = None
    """Checkpoint folder whose matching tensors initialize the model, relative to the working directory. Of the class
    head, each class starts from the class of the same name."""
    class_map: dict[str, str | list[str]] | None = None
    """With `init_from`: classes that start from others of the checkpoint, such as `{vehicle: [car, truck]}`. Several
    are averaged; an empty list starts anew."""
    reset_head: bool = False
    """With `init_from`: reinitialize all that depends on the class list, whatever the names of the classes."""
    plugins: list[str] = field(default_factory=list)
    """Python files that register parts, relative to the config."""


S = TypeVar("S")


def make_section(section: type[S], data: dict[str, Value]) -> S:
    """Builds the dataclass of a section, and of the sections inside it, from checked values."""
    hints = get_type_hints(section)
    values = {}
    for name, value in data.items():
        # A section may be optional: `Data | None`.
        kinds = (hints[name], *get_args(hints[name]))
        inner = next((one for one in kinds if isinstance(one, type) and is_dataclass(one)), None)
        values[name] = value if inner is None or value is None else make_section(inner, value)
    return section(**values)
