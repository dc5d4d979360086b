import json
import socket

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.evaluation.loop import check_evaluators, evaluate_model
from segkit.evaluation.tables import write_metrics
from segkit.evaluators.mean_iou import MeanIoU
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.inference.sliding_window import SlidingWindow
from segkit.inference.window_predictor import WindowPredictor
from segkit.ops.targets import select_segments
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.types import Batch, ImageSizes, PixelPrediction, Prediction, SemanticResult, Target

CLASSES = Classes.make(["sky", "car", "person"], things=[False, True, True])


class RedIsClass(nn.Module):
    """Reads a pixel's class off its red value."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.seen = []

    def forward(self, images, sizes):
        self.seen.append((self.training, torch.is_inference_mode_enabled(), images.shape, sizes))
        return PixelPrediction(one_hot(images[:, 0].long(), len(CLASSES)).permute(0, 3, 1, 2).float())


class OneQueryPerClass(nn.Module):
    size_divisor = 2

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images, sizes):
        self.seen.append(tuple(images.shape[-2:]))
        masks = one_hot(images[:, 0].long(), len(CLASSES)).permute(0, 3, 1, 2) * 20.0 - 10
        class_logits = 10 * torch.eye(len(CLASSES), len(CLASSES) + 1).expand(len(images), -1, -1)
        return Prediction(class_logits, dense_mask_logits=masks)


def batch_of(label_maps, wrong=0):
    """Images whose red values are the label maps, the first `wrong` pixels of each taken for class 0."""
    images = torch.zeros(len(label_maps), 3, 4, 8, dtype=torch.uint8)
    images[:, 0] = label_maps
    images[:, 0, 0, :wrong] = 0
    targets = [
        select_segments(
            Target(torch.arange(len(CLASSES)), segment_map=label_map.to(torch.int16)),
            torch.tensor([(label_map == label).any() for label in range(len(CLASSES))]),
        )
        for label_map in label_maps
    ]
    names = [f"{index}.png" for index in range(len(label_maps))]
    return Batch(images, [ImageSizes((4, 8), (4, 8), (4, 8))] * len(label_maps), targets, names, list(names))


@pytest.fixture
def label_maps():
    return torch.randint(0, 3, (3, 4, 8), generator=torch.Generator().manual_seed(0))


def test_every_result_reaches_its_evaluators(label_maps):
    metrics = evaluate_model(
        OneQueryPerClass(),
        [batch_of(label_maps), batch_of(label_maps[:1])],
        {"semantic": Semantic(CLASSES), "panoptic": Panoptic(CLASSES, score_threshold=0.5)},
        {"mean_iou": MeanIoU(CLASSES), "panoptic_quality": PanopticQuality(CLASSES)},
    )

    assert metrics["mean_iou"].values["mean_iou"] == 1.0
    assert metrics["panoptic_quality"].values["pq"] == 1.0


def test_all_pixels_of_all_batches_count(label_maps):
    label_maps[:] = 1

    metrics = evaluate_model(
        RedIsClass(),
        [batch_of(label_maps, wrong=8), batch_of(label_maps)],
        {"semantic": Semantic(CLASSES)},
        {"mean_iou": MeanIoU(CLASSES)},
    )

    assert metrics["mean_iou"].values["pixel_accuracy"] == pytest.approx(1 - 8 / 64)


def test_the_model_is_in_eval_mode_and_comes_back_as_it_was(label_maps):
    model = RedIsClass()
    model.norm.eval()

    evaluate_model(model, [batch_of(label_maps)], {"semantic": Semantic(CLASSES)}, {"mean_iou": MeanIoU(CLASSES)})

    assert model.seen == [(False, True, (3, 3, 4, 8), [(4, 8)] * 3)]
    assert model.training
    assert not model.norm.training


def test_the_model_comes_back_after_an_error_too():
    model = RedIsClass()

    with pytest.raises(AttributeError):
        evaluate_model(model, [None], {"semantic": Semantic(CLASSES)}, {"mean_iou": MeanIoU(CLASSES)})

    assert model.training


def test_progress_and_results_are_reported(label_maps):
    reported, results = [], []

    evaluate_model(
        RedIsClass(),
        [batch_of(label_maps), batch_of(label_maps[:1])],
        {"semantic": Semantic(CLASSES)},
        {},
        progress=reported.append,
        on_result=lambda batch, index, result: results.append((batch.files[index], type(result))),
    )

    assert reported == [3, 1]
    assert results == [(f"{index}.png", SemanticResult) for index in (0, 1, 2, 0)]


def test_postprocessors_without_evaluator_are_not_run(label_maps):
    class Costly(Panoptic):
        def __call__(self, prediction, sizes):
            raise AssertionError

    evaluate_model(
        RedIsClass(),
        [batch_of(label_maps)],
        {"semantic": Semantic(CLASSES), "panoptic": Costly(CLASSES)},
        {"mean_iou": MeanIoU(CLASSES)},
    )


def test_lower_precision_reaches_the_model(label_maps):
    class Typed(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Conv2d(3, 3, 1)

        def forward(self, images, sizes):
            self.dtype = self.head(images.float()).dtype
            return PixelPrediction(self.head(images.float()))

    model = Typed()
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        evaluate_model(
            model,
            [batch_of(label_maps)],
            {"semantic": Semantic(CLASSES)},
            {"mean_iou": MeanIoU(CLASSES)},
            precision=precision,
        )
        assert model.dtype == dtype


def test_an_evaluator_without_results():
    with pytest.raises(ConfigError) as error:
        check_evaluators({"semantic": Semantic(CLASSES)}, {"panoptic_quality": PanopticQuality(CLASSES)})

    assert str(error.value) == (
        "evaluators: 'panoptic_quality' takes a PanopticResult, which no postprocessor gives. "
        "There are: 'semantic' gives SemanticResult"
    )


def test_an_evaluator_with_two_kinds_of_the_same_results():
    with pytest.raises(ConfigError) as error:
        check_evaluators(
            {"semantic": Semantic(CLASSES), "acme": Semantic(CLASSES)},
            {"mean_iou": MeanIoU(CLASSES), "panoptic_quality": PanopticQuality(CLASSES)},
        )

    assert str(error.value) == (
        "evaluators: 'mean_iou' takes a SemanticResult, which 'semantic' and 'acme' give. "
        "Keep one of these postprocessors.\n"
        "evaluators: 'panoptic_quality' takes a PanopticResult, which no postprocessor gives. "
        "There are: 'semantic' gives SemanticResult, 'acme' gives SemanticResult"
    )


def _one_process(rank, port, folder):
    """Process `rank` evaluates image `rank` of two and stores the metrics."""
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    label_maps = torch.full((1, 4, 8), 1)
    metrics = evaluate_model(
        RedIsClass(),
        [batch_of(label_maps, wrong=8 * rank)],
        {"semantic": Semantic(CLASSES)},
        {"mean_iou": MeanIoU(CLASSES)},
    )
    torch.distributed.destroy_process_group()
    write_metrics(f"{folder}/{rank}.json", metrics)


@pytest.mark.slow
def test_each_of_two_processes_learns_the_metrics_of_all_images(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    torch.multiprocessing.spawn(_one_process, (port, str(tmp_path)), nprocs=2)

    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    assert first["mean_iou"]["values"]["pixel_accuracy"] == pytest.approx(1 - 8 / 64)


def test_segments_of_windows_are_merged_and_pixels_averaged():
    label_maps = torch.zeros(2, 4, 8, dtype=torch.int64)
    label_maps[0, 1:3, 1:7] = 1  # reaches over all windows
    label_maps[1, :, 4] = 2
    model = OneQueryPerClass()
    windows = SlidingWindow(model, 4)
    metrics = evaluate_model(
        windows,
        [batch_of(label_maps)],
        {"semantic": Semantic(CLASSES), "panoptic": Panoptic(CLASSES)},
        {"mean_iou": MeanIoU(CLASSES), "panoptic_quality": PanopticQuality(CLASSES)},
        windows=WindowPredictor(windows, CLASSES, torch.device("cpu"), "fp32"),
    )
    assert metrics["mean_iou"].values["mean_iou"] == 1
    assert metrics["panoptic_quality"].values["pq"] == 1
    assert set(model.seen) == {(4, 4)}
