"""One registry per kind of part, and the contract of what each holds.

In a part's signature, what stands before `*` the builder wires and what stands after `*` YAML sets: the signature is
the schema. A model's parameters before `*` named like a kind (`backbone`) take built parts, which YAML configures
inside the model. A setting named like a kind holds the mapping of such a part, one named like its plural (`transforms`)
a list of them. Shapes are those of `segkit.types`. Modules can be built on torch's meta device: but for their settings,
what they compute from are parameters and buffers. `segkit.testing` checks each contract, and says in words what breaks
it.
"""

from segkit.registries.registry import ItemSetting, Registry
from segkit.registries.signature import Weight

BACKBONES = Registry("backbone", "backbones")
"""`(*, <settings>)`, an nn.Module: `forward(images (B,3,H,W) float, normalized) -> list[Tensor (B,Ci,Hi,Wi)]`, finest
first. Publishes `features: list[Feature]`. A setting named `pretrained` or `weights` loads initial weights; a model
that is built to receive a checkpoint is given False and None there."""

PIXEL_DECODERS = Registry("pixel_decoder", "pixel_decoders", injected=("features",))
"""`(features, *, <settings>)`, an nn.Module: `forward(list[Tensor]) -> (mask_features (B,E,h,w), memory:
list[Tensor])`. Publishes `mask_dim: int` and `memory: list[Feature]`, what a transformer decoder attends to, finest
first."""

TRANSFORMER_DECODERS = Registry(
    "transformer_decoder", "transformer_decoders", injected=("memory", "mask_dim", "num_classes")
)
"""`(memory, mask_dim, num_classes, *, <settings>)`, an nn.Module: `forward(memory, mask_features) -> Prediction`."""

MATCHERS = Registry("matcher", "matchers")
"""`(*, <settings>)`: `(layers: list[Prediction], targets: list[Target]) -> list[list[Match]]`, per layer and image the
matched (query_index, target_index), on the CPU. Pixels that a target says are not valid do not count. At most one
transfer from the device per call."""

LOSSES = Registry(
    "loss",
    "losses",
    injected=("classes",),
    item_settings={"weight": ItemSetting(Weight, 1.0, "factor of this loss in the sum of all")},
)
"""`(*, <settings>)`, an nn.Module with the class attribute `input_type`, one of

* `"classes"`: `(class_logits (B,Q,K+1), classes (B,Q) int64, K = no object) -> scalar`;
* `"masks"`: `(logits (M,P), targets (M,P) float, valid (M,P) bool | None) -> (M,)`, one value per matched mask, P being
  all pixels or some of them, in any order; it may be compiled;
* `"prediction"`: `(prediction, targets: list[Target], matches: list[Match] | None) -> scalar`, what fits neither.

Weights (the key `weight` beside a loss's own settings), decoder layers and the division by the number of masks are the
criterion's."""

POSTPROCESSORS = Registry("postprocessor", "postprocessors", injected=("classes",))
"""`(classes, *, <settings>)`: `(prediction, sizes: list[ImageSizes]) -> list[Result]`, one per image, all of one
kind."""

MODELS = Registry("model", "models", injected=("num_classes",), nests=(BACKBONES, PIXEL_DECODERS, TRANSFORMER_DECODERS))
"""`(<built parts>, num_classes, *, <settings>)`, an nn.Module: `forward(images (B,3,H,W) uint8 RGB, sizes: list[Size] |
None) -> Prediction | PixelPrediction`; what of an image lies beyond its size is padding. Publishes `size_divisor: int`,
what a padded batch's height and width must be multiples of, and holds the pixel mean and std as buffers."""

DATASETS = Registry("dataset", "datasets")
"""`(*, <settings>)`: `len()`, `[index] -> Sample` with its Target, untransformed. Publishes `classes: Classes`."""

TRANSFORMS = Registry("transform", "transforms")
"""`(*, <settings>)`: `(sample: Sample) -> Sample`, image and target together; a target of None stays None. Draws its
random numbers from torch's global generator, which the loader seeds per sample."""

EVALUATORS = Registry("evaluator", "evaluators", injected=("classes",))
"""`(classes, *, <settings>)` with the class attribute `result_type`, the type of result it understands: `add(result,
target: Target, image_id)`, `state() -> picklable`, `merge(state)` (another process's), `compute() -> Metrics`. Memory
does not grow with pixels seen."""

OPTIMIZERS = Registry("optimizer", "optimizers", injected=("model",))
"""`(model, *, <settings>) -> torch.optim.Optimizer`, with the model's parameters in groups."""

SCHEDULES = Registry("schedule", "schedules")
"""`(*, <settings>)`: `(step: int, steps: int) -> float`, the factor on every group's learning rate; step from 0."""

REGISTRIES: tuple[Registry, ...] = (
    BACKBONES,
    PIXEL_DECODERS,
    TRANSFORMER_DECODERS,
    MATCHERS,
    LOSSES,
    POSTPROCESSORS,
    MODELS,
    DATASETS,
    TRANSFORMS,
    EVALUATORS,
    OPTIMIZERS,
    SCHEDULES,
)
BY_KIND = {registry.kind: registry for registry in REGISTRIES}
BY_PLURAL = {registry.plural: registry for registry in REGISTRIES}
