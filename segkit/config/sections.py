"""The sections of a config that are no parts: their signatures are their schema, as a part's is.

A field named like a kind of part (`dataset`, `optimizer`) or its plural (`transforms`) holds a part, or a list of
them, as a mapping with `type`.
"""

from dataclasses import dataclass, field, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_type_hints

from segkit.registries.signature import Bounds, Fraction, NonNegative, Positive, PositiveFloat

PartConfig = dict[str, Any]
"""The checked mapping of a part: `type` and its settings."""


@dataclass(kw_only=True)
class Split:
    """`data.val`: a data set and how it is read."""

    dataset: PartConfig | None = None
    """None where only images from elsewhere are to be prepared, as a model that was trained elsewhere wants them."""
    transforms: list[PartConfig] = field(default_factory=list)
    """Applied in order: in training to image and target together, in evaluation to the image alone."""
    batch_size: Positive = 1
    """Images per process and step."""
    workers: NonNegative = 2
    """Loader processes; 0 loads in the training process itself."""
    limit: Positive | None = None
    """Use only the first so many images."""


@dataclass(kw_only=True)
class TrainingSplit(Split):
    """`data.train`: the same, and the data set is needed."""

    dataset: PartConfig = field()  # without a default: the one above would stand here too
    """Where images and their truth come from."""


@dataclass(kw_only=True)
class Data:
    """The data sets."""

    train: TrainingSplit | None = None
    val: Split | None = None


@dataclass(kw_only=True)
class CriterionSection:
    """How a prediction is scored in training."""

    losses: list[PartConfig]
    """Each with a `weight` beside its own settings."""
    matcher: PartConfig | None = None
    """Which query answers for which segment; none for models without queries."""
    deep_supervision: bool = True
    """Score every decoder layer, not only the last."""
    void: Literal["negative", "ignore"] = "negative"
    """Pixels of unknown truth: belonging to no mask (the paper's), or left out of matching and mask losses."""
    points: Positive | None = None
    """Score each mask at so many random points (Mask2Former takes 12544); by default at every pixel."""
    oversample_ratio: Annotated[float, Bounds(least=1)] = 3.0
    """With `points`: candidates drawn per point, of which the most uncertain are taken first."""
    importance_ratio: Fraction = 0.75
    """With `points`: the share of points taken for their uncertainty; the others are drawn uniformly."""
    compile: bool = False
    """Compile the mask losses: some seconds at the first step, then each step is quicker; needs a C++ compiler."""


@dataclass(kw_only=True)
class Training:
    """How the parameters are found."""

    steps: Positive
    """Optimizer steps of the whole training."""
    optimizer: PartConfig
    schedule: PartConfig
    """How the learning rate changes over the steps."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the model's autocast; losses and matching stay in fp32."""
    accumulate: Positive = 1
    """Batches per optimizer step, on top of `data.train.batch_size` and the number of processes."""
    clip_gradients: PositiveFloat | None = None
    """Upper bound of the norm of all gradients together."""
    evaluate_every: Positive | None = None
    """Steps between evaluations; the last step is always evaluated where there is `data.val`."""
    checkpoint_every: Positive | None = None
    """Steps between checkpoints; the last step is always kept."""
    keep_checkpoints: Positive = 2
    """How many of `checkpoints/step_N` stay; `best` and `last` always do."""
    best_metric: str | None = None
    """The figure of the evaluation that decides about `best`; by default the first evaluator's first."""
    early_stopping: Positive | None = None
    """Stop after so many evaluations without a new best."""
    log_every: Positive = 20
    """Steps between lines of `metrics.jsonl`."""
    tensorboard: bool = False
    """Write event files for TensorBoard into the run folder; needs the package `tensorboard`."""
    seed: NonNegative = 0
    compile: bool = False
    """Compile the model's parts, with images padded to multiples of 128 pixels so that few sizes occur: a minute or
    more at the start, then each step is quicker; needs a C++ compiler."""


@dataclass(kw_only=True)
class Experiment:
    """A whole config."""

    model: PartConfig
    criterion: CriterionSection | None = None
    postprocessors: list[PartConfig] = field(default_factory=list)
    data: Data | None = None
    evaluators: list[PartConfig] = field(default_factory=list)
    training: Training | None = None
    init_from: str | None = None
    """A checkpoint folder whose tensors start the model, as far as they fit; relative to the working directory."""
    reset_head: bool = False
    """With `init_from`: what depends on the class list starts anew, for another class list."""
    plugins: list[str] = field(default_factory=list)
    """Python files that register parts, relative to the config."""


S = TypeVar("S")


def make_section(section: type[S], data: dict[str, Any]) -> S:
    """The section's dataclass from its checked mapping, sections inside it included."""
    hints = get_type_hints(section)
    values = {}
    for name, value in data.items():
        inner = next((one for one in (hints[name], *get_args(hints[name])) if is_dataclass(one)), None)
        values[name] = value if inner is None or value is None else make_section(cast(type[Any], inner), value)
    return section(**values)
