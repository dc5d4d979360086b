from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import one_hot

from segkit.checkpoint import Checkpoint
from segkit.classes import Classes
from segkit.config.sections import Data, Experiment, Split
from segkit.errors import ConfigError, DataError, RegistryError
from segkit.inference import predictor as inference
from segkit.inference.predictor import Predictor
from segkit.results.files import instance_entries
from segkit.transforms.pad import Pad
from segkit.types import InstanceResult, PanopticResult, PixelPrediction, Prediction, SemanticResult

CLASSES = Classes.make(["sky", "car", "person"], things=[False, True, True])


class RedIsClass(nn.Module):
    """Reads a pixel's class off its red value, and takes part in batches of any size that 8 divides."""

    size_divisor = 8

    def __init__(self, per_pixel=True):
        super().__init__()
        self.per_pixel = per_pixel
        self.calls = []

    def forward(self, images, sizes):
        assert images.dtype == torch.uint8
        self.calls.append((tuple(images.shape), sizes))
        scores = one_hot((images[:, 0] // 100).long(), len(CLASSES)).permute(0, 3, 1, 2) * 20.0 - 10
        if self.per_pixel:
            return PixelPrediction(scores)
        return Prediction(
            6 * torch.eye(len(CLASSES), len(CLASSES) + 1).expand(len(images), -1, -1), dense_mask_logits=scores
        )


def image_of(height, width):
    """Three upright stripes of red 0, 100 and 200."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[0] = torch.arange(width) * 3 // width * 100
    return image


def save(image, path):
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return path


@pytest.fixture
def checkpoint(monkeypatch):
    """Stands for a checkpoint folder: what a test sets here is what is loaded."""
    settings = SimpleNamespace(model=RedIsClass(), postprocessors=[], transforms=None)

    def load(path, device, plugins, trust):
        split = Split(dataset={"type": "shapes"}, transforms=[])
        experiment = Experiment(
            model={"type": "per_pixel"}, postprocessors=settings.postprocessors, data=Data(val=split)
        )
        return Checkpoint(settings.model, CLASSES, SimpleNamespace(experiment=experiment, path="config.yaml"))

    monkeypatch.setattr(inference, "load_checkpoint", load)
    monkeypatch.setattr(inference, "build_transforms", lambda parts: settings.transforms or [])
    return settings


def test_an_image_however_it_is_given(checkpoint, tmp_path):
    image = image_of(10, 21)
    expected = image[0].long() // 100
    predictor = Predictor("runs/x/best")
    array = image.permute(1, 2, 0).numpy()

    for given in (image, array, Image.fromarray(array), save(image, tmp_path / "a.png"), str(tmp_path / "a.png")):
        result = predictor(given)
        assert isinstance(result, SemanticResult)
        assert torch.equal(result.label_map, expected)
    assert checkpoint.model.calls == [((1, 3, 16, 24), [(10, 21)])] * 5


def test_the_result_has_the_images_own_size(checkpoint):
    class Half:
        def __call__(self, sample):
            sample.image = sample.image[:, ::2, ::2]
            return sample

    checkpoint.transforms = [Half()]

    result = Predictor("runs/x/best")(image_of(16, 24))

    assert checkpoint.model.calls == [((1, 3, 8, 16), [(8, 12)])]
    assert result.label_map.shape == (16, 24)


def test_padding_is_no_part_of_the_result(checkpoint):
    image = image_of(40, 60)
    expected = Predictor("x")(image).label_map
    checkpoint.transforms = [Pad(size=(64, 160))]
    assert torch.equal(Predictor("x")(image).label_map, expected)
    assert checkpoint.model.calls[-1] == ((1, 3, 64, 160), [(40, 60)])


def test_the_first_postprocessor_of_the_config_is_the_default(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    checkpoint.postprocessors = [{"type": "panoptic", "score_threshold": 0.5}, {"type": "semantic"}]

    predictor = Predictor("runs/x/best")

    assert predictor.task == "panoptic"
    assert predictor.postprocessor.score_threshold == 0.5
    assert isinstance(predictor(image_of(8, 24)), PanopticResult)


def test_a_task_the_config_lacks_runs_with_its_defaults(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    checkpoint.postprocessors = [{"type": "panoptic", "score_threshold": 0.5}]

    assert isinstance(Predictor("runs/x/best", "semantic")(image_of(8, 24)), SemanticResult)
    assert Predictor("runs/x/best", "panoptic").postprocessor.score_threshold == 0.5


def test_instances_below_the_threshold_are_left_out_by_default(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)

    sure = Predictor("runs/x/best", "instance")(image_of(8, 24))
    every = Predictor("runs/x/best", "instance", score_threshold=0.0)(image_of(8, 24))

    assert isinstance(sure, InstanceResult)
    assert sure.labels.tolist() == [1, 2]
    assert len(every.labels) > 2


def test_a_threshold_of_the_config_holds_for_instances(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    checkpoint.postprocessors = [{"type": "instance", "score_threshold": 0.0, "max_instances": 7}]

    assert len(Predictor("runs/x/best")(image_of(8, 24)).labels) > 2
    given = Predictor("runs/x/best", score_threshold=0.9).postprocessor
    assert (given.score_threshold, given.max_instances) == (0.9, 7)


def test_a_threshold_for_panoptic_results(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    (score, *_) = (segment.score for segment in Predictor("runs/x/best", "panoptic")(image_of(8, 24)).segments)

    none = Predictor("runs/x/best", "panoptic", score_threshold=score + 1e-4)(image_of(8, 24))
    every = Predictor("runs/x/best", "panoptic", score_threshold=score - 1e-4)(image_of(8, 24))

    assert none.segments == []
    assert len(every.segments) == 3


def test_a_threshold_for_semantic_results_is_refused(checkpoint):
    with pytest.raises(ConfigError) as error:
        Predictor("runs/x/best", "semantic", score_threshold=0.5)
    assert str(error.value) == (
        "score_threshold: postprocessor 'semantic' has no such setting, so it would have no effect. Leave it out."
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"score_threshold": float("nan")}, "score_threshold: must be a number or null, not nan. Write a finite one."),
        ({"score_threshold": 50}, "score_threshold: must be at most 1, not 50."),
        ({"window": 0}, "window: must be at least 1, not 0."),
        ({"max_pixels": 0}, "max_pixels: must be at least 1, not 0."),
        ({"window": 1.5}, "window: must be an integer or null, not 1.5."),
        ({"precision": "fp8"}, "precision: must be one of 'fp32', 'bf16', 'fp16', not 'fp8'."),
    ],
)
def test_a_wrong_argument(checkpoint, argument, message):
    with pytest.raises(ConfigError) as error:
        Predictor("runs/x/best", "panoptic", **argument)
    assert str(error.value) == message


@pytest.mark.parametrize("batch_size", [0, -1, 1.5])
def test_a_wrong_batch_size_is_refused_before_anything_is_read(checkpoint, batch_size):
    with pytest.raises(ConfigError, match=r"^batch_size: must be "):
        Predictor("runs/x/best").predict_many([], batch_size=batch_size)


def test_a_task_the_model_does_not_support(checkpoint):
    with pytest.raises(
        ConfigError, match="postprocessor 'panoptic': a per-pixel model predicts the class of each pixel"
    ):
        Predictor("runs/x/best", "panoptic")(image_of(8, 24))


def test_a_task_that_does_not_exist(checkpoint):
    with pytest.raises(RegistryError, match=r"'panoptik'.* Did you mean 'panoptic'"):
        Predictor("runs/x/best", "panoptik")


def test_what_is_no_image(checkpoint):
    with pytest.raises(DataError) as error:
        Predictor("runs/x/best")(torch.zeros(3, 8, 8))

    assert str(error.value) == (
        "a tensor of shape (3, 8, 8) and type float32 is not an image. Scale its values to 0..255 and convert it to "
        "uint8."
    )


def test_several_images(checkpoint, tmp_path):
    predictor = Predictor("runs/x/best")
    image = image_of(8, 24)
    given = [image, image[:, :, :12].permute(1, 2, 0).numpy(), save(image, tmp_path / "a.png")]
    together = predictor(given)
    assert [result.label_map.shape for result in together] == [(8, 24), (8, 12), (8, 24)]
    for one, source in zip(together, given, strict=True):
        assert torch.equal(one.label_map, predictor(source).label_map)
    assert len(predictor(tuple(given))) == 3
    assert predictor([]) == []
    outcomes = list(predictor.predict_many(given))
    assert [outcome.file for outcome in outcomes] == ["image 1", "image 2", str(tmp_path / "a.png")]
    assert all(torch.equal(one.result.label_map, two.label_map) for one, two in zip(outcomes, together, strict=True))


def test_one_bad_image_of_several_is_named(checkpoint):
    with pytest.raises(DataError) as caught:
        Predictor("runs/x/best")([image_of(8, 24), "https://example.org/a.jpg"])
    assert str(caught.value) == (
        "image 2 of 2: https://example.org/a.jpg: this is an address, and segkit loads nothing from the network. "
        "Download the file and give its path."
    )


def test_thresholds_of_a_call(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    predictor, image = Predictor("runs/x/best", "panoptic"), image_of(8, 24)
    assert len(predictor(image).segments) == 3
    assert predictor(image, score_threshold=1.0).segments == []
    assert predictor(image, overlap_threshold=1.0).segments != predictor(image, score_threshold=1.0).segments
    assert [len(result.segments) for result in predictor([image], score_threshold=1.0)] == [0]
    assert len(predictor(image).segments) == 3

    instance = Predictor("runs/x/best", "instance", score_threshold=0.0)
    assert len(instance(image).labels) > len(instance(image, score_threshold=0.5).labels) == 2


@pytest.mark.parametrize(
    ("task", "setting", "message"),
    [
        ("semantic", {"score_threshold": 0.5}, "score_threshold: postprocessor 'semantic' has no such setting"),
        ("instance", {"overlap_threshold": 0.5}, "overlap_threshold: postprocessor 'instance' has no such setting"),
        ("panoptic", {"score_threshold": 50}, "score_threshold: must be at most 1, not 50."),
    ],
)
def test_a_threshold_of_a_call_that_has_no_effect_is_refused(checkpoint, task, setting, message):
    checkpoint.model = RedIsClass(per_pixel=False)
    with pytest.raises(ConfigError) as caught:
        Predictor("runs/x/best", task)(image_of(8, 24), **setting)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_results_know_their_image(checkpoint, task):
    checkpoint.model = RedIsClass(per_pixel=False)
    predictor, image = Predictor("runs/x/best", task), image_of(8, 24)
    result = predictor(image)
    assert torch.equal(result.source.image, image)
    assert "car" in repr(result)
    assert result.plot(legend=False).size == (24, 8)
    (outcome,) = predictor.predict_many([image])
    assert repr(outcome.result) == repr(result)


def test_bad_images_are_reported_and_the_rest_go_on(checkpoint, tmp_path):
    files = [save(image_of(8, 24), tmp_path / f"{index}.png") for index in range(8)]
    files[2].write_bytes(b"no image")
    files[7].unlink()

    outcomes = list(Predictor("runs/x/best").predict_many(files, batch_size=2))

    assert [outcome.file for outcome in outcomes] == [str(file) for file in files]
    assert [outcome.error is None for outcome in outcomes] == [index not in (2, 7) for index in range(8)]
    assert all(str(files[index]) in str(outcomes[index].error) for index in (2, 7))
    assert all(isinstance(outcome.result, SemanticResult) for outcome in outcomes if outcome.error is None)
    assert torch.equal(outcomes[0].image, image_of(8, 24))
    assert [shape[0] for shape, _ in checkpoint.model.calls] == [2, 2, 2]


def test_the_largest_number_of_pixels(checkpoint, tmp_path):
    file = save(image_of(8, 16), tmp_path / "a.png")
    assert Predictor("runs/x/best", max_pixels=128)(file).label_map.shape == (8, 16)
    with pytest.raises(DataError, match=r"a\.png: the image has 128 pixels, but the limit is 127, "):
        Predictor("runs/x/best", max_pixels=127)(file)
    (outcome,) = Predictor("runs/x/best", max_pixels=127).predict_many([file])
    assert "the image has 128 pixels" in str(outcome.error)


def test_only_images_of_one_padded_size_go_together(checkpoint, tmp_path):
    sizes = [(8, 24), (7, 23), (9, 24), (8, 24)]
    files = [save(image_of(*size), tmp_path / f"{index}.png") for index, size in enumerate(sizes)]
    predictor = Predictor("runs/x/best")

    together = [outcome.result.label_map for outcome in predictor.predict_many(files, batch_size=4)]

    assert [shape for shape, _ in checkpoint.model.calls] == [(2, 3, 8, 24), (1, 3, 16, 24), (1, 3, 8, 24)]
    for file, label_map in zip(files, together, strict=True):
        assert torch.equal(predictor(file).label_map, label_map)


def test_no_images(checkpoint):
    assert list(Predictor("runs/x/best").predict_many([])) == []


def test_stopping_early_leaves_nothing_hanging(checkpoint, tmp_path):
    files = [save(image_of(8, 24), tmp_path / f"{index}.png") for index in range(20)]

    outcomes = Predictor("runs/x/best").predict_many(files)
    next(outcomes)
    outcomes.close()

    assert len(checkpoint.model.calls) == 1


def test_a_large_image_through_windows(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    image = image_of(16, 40)

    result = Predictor("runs/x/best", window=16)(image)

    assert torch.equal(result.label_map, image[0].long() // 100)
    assert {shape for shape, _ in checkpoint.model.calls} == {(1, 3, 16, 16)}


def test_segments_through_windows_are_those_of_the_whole_image(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    image = image_of(40, 72)
    whole = Predictor("runs/x/best", task="panoptic")(image)
    checkpoint.model.calls.clear()
    merged = Predictor("runs/x/best", task="panoptic", window=16)(image)
    assert {shape for shape, _ in checkpoint.model.calls} == {(1, 3, 16, 16)}
    assert torch.equal(merged.segment_map, whole.segment_map)
    assert [(one.id, one.label) for one in merged.segments] == [(one.id, one.label) for one in whole.segments]
    assert merged.plot(legend=False).size == (72, 40)
    whole = Predictor("runs/x/best", task="instance")(image)
    merged = Predictor("runs/x/best", task="instance", window=16)(image)
    assert merged.labels.sort().values.tolist() == whole.labels.sort().values.tolist() == [1, 2]
    assert torch.equal(merged.masks[merged.labels.argsort()], whole.masks[whole.labels.argsort()])


def test_windows_of_transformed_images(checkpoint):
    checkpoint.model = RedIsClass(per_pixel=False)
    image = image_of(40, 60)
    expected = Predictor("x", task="panoptic")(image).segment_map
    checkpoint.transforms = [Pad(size=(64, 160))]
    assert torch.equal(Predictor("x", task="panoptic", window=16)(image).segment_map, expected)


class Choosy(RedIsClass):
    """Fails as a group norm does where an image pads to a single cell, in a batch of one and of several."""

    def forward(self, images, sizes):
        if images.shape[-2:] == (8, 8):
            raise ValueError("Expected more than 1 value per channel when training, got input size [1, 32, 1, 1]")
        return super().forward(images, sizes)


def test_an_image_that_is_too_small_is_an_outcome_and_the_others_go_on(checkpoint, tmp_path):
    checkpoint.model = Choosy()
    sizes = [(8, 16), (5, 6), (7, 8), (8, 16)]
    files = [save(image_of(*size), tmp_path / f"{number}.png") for number, size in enumerate(sizes)]
    outcomes = list(Predictor("any").predict_many(files, batch_size=2))
    assert [outcome.file for outcome in outcomes] == [str(file) for file in files]
    assert [outcome.error is None for outcome in outcomes] == [True, False, False, True]
    for outcome, size in zip(outcomes[1:3], ("6x5", "8x7"), strict=True):
        assert str(outcome.error).startswith(
            f"{outcome.file} ({size}): too small for the model. Padded to 8x8 in a batch"
        )
        assert "batch of 1," in str(outcome.error)
    with pytest.raises(DataError, match="too small for the model"):
        Predictor("any")(files[1])


class SingleValue(RedIsClass):
    """Fails as torch's group norm does: where an image of a single cell is alone, but not where there are several."""

    def forward(self, images, sizes):
        if images.shape[-2:] == (8, 8) and len(images) == 1:
            raise ValueError("Expected more than 1 value per channel when training, got input size [1, 32, 1, 1]")
        return super().forward(images, sizes)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_whether_an_image_is_too_small_does_not_depend_on_its_neighbors(checkpoint, batch_size):
    checkpoint.model = SingleValue()
    images = [image_of(*size) for size in ((8, 8), (4, 4), (8, 8), (8, 16), (8, 16), (5, 5))]
    outcomes = list(Predictor("any").predict_many(images, batch_size=batch_size))
    assert [outcome.error is None for outcome in outcomes] == [False, False, False, True, True, False]


def test_a_single_path_is_not_taken_as_a_list(checkpoint):
    for files in ("ab.jpg", Path("ab.jpg")):
        with pytest.raises(ConfigError) as caught:
            Predictor("runs/x/best").predict_many(files)
        assert str(caught.value) == "files: 'ab.jpg' is a single path. Pass a list: ['ab.jpg']."
    for image in (image_of(8, 24), image_of(8, 24).numpy(), Image.new("RGB", (8, 8))):
        with pytest.raises(ConfigError) as caught:
            Predictor("runs/x/best").predict_many(image)
        assert str(caught.value) == "files: this is a single image. Pass a list: [image]."


@pytest.fixture
def large_files(checkpoint, monkeypatch):
    """Files from 100 pixels on count as large; returns the sizes that the model sees."""
    monkeypatch.setattr(inference, "LARGE", 100)
    monkeypatch.setattr(inference, "LARGEST", 16)
    return checkpoint


@pytest.mark.parametrize("per_pixel", [True, False])
def test_large_files_are_read_in_windows(large_files, per_pixel, tmp_path):
    image = image_of(40, 72)
    file = save(image, tmp_path / "a.tif")
    large_files.model = RedIsClass(per_pixel)
    predictor = Predictor("runs/x/best", window=16)
    result = predictor(file)
    assert result.label_map.dtype == torch.uint8
    assert torch.equal(result.label_map.long(), predictor(image).label_map)
    assert {shape for shape, _ in large_files.model.calls} == {(1, 3, 16, 16)}
    assert result.source.image.shape == (3, 8, 15)
    assert result.plot(legend=False).size == (15, 8)
    assert Predictor("runs/x/best")(file).label_map.dtype == torch.int64


def test_segments_of_large_files_are_read_in_windows(large_files, tmp_path):
    image = image_of(40, 72)
    file = save(image, tmp_path / "a.tif")
    large_files.model = RedIsClass(per_pixel=False)
    predictor = Predictor("runs/x/best", task="panoptic", window=16)
    result = predictor(file)
    assert torch.equal(result.segment_map, predictor(image).segment_map)
    assert result.source.image.shape == (3, 8, 15)
    assert result.plot(legend=False).size == (15, 8)


def test_instances_of_large_files_are_crops(large_files, tmp_path):
    image = image_of(40, 72)
    large_files.model = RedIsClass(per_pixel=False)
    predictor = Predictor("runs/x/best", task="instance", window=16)
    result, whole = predictor(save(image, tmp_path / "a.tif")), predictor(image)
    assert torch.equal(result.masks, whole.masks)
    assert torch.equal(result.boxes, whole.boxes)
    assert torch.equal(result.scores, whole.scores)
    assert instance_entries(result, CLASSES, 1) == instance_entries(whole, CLASSES, 1)
    assert [(crop.height, crop.width) for crop in result.crops] == [(40, 24), (40, 24)]
    assert result.plot(legend=False).size == (15, 8)


def test_large_files_among_others_keep_their_order(large_files, tmp_path):
    large = save(image_of(40, 72), tmp_path / "large.png")
    small = save(image_of(8, 8), tmp_path / "small.png")
    broken = tmp_path / "broken.tif"
    save(image_of(400, 72), broken)
    broken.write_bytes(broken.read_bytes()[:-9000])
    files = [small, large, broken, small, tmp_path / "missing.png"]
    outcomes = list(Predictor("runs/x/best", window=16).predict_many(files, batch_size=2))
    assert [outcome.file for outcome in outcomes] == list(map(str, files))
    assert [outcome.error is None for outcome in outcomes] == [True, True, False, True, False]
    assert str(outcomes[2].error).startswith(f"{broken}: cannot read the image (")
    assert outcomes[1].image.shape == (3, 8, 15)


def test_transforms_and_augmentation_need_the_image_as_a_whole(large_files, tmp_path):
    file = save(image_of(40, 72), tmp_path / "a.png")
    assert Predictor("runs/x/best", window=16, augment=True)(file).label_map.dtype == torch.int64
    large_files.transforms = [Pad(size=(8, 8))]
    assert Predictor("runs/x/best", window=16)(file).label_map.dtype == torch.int64
