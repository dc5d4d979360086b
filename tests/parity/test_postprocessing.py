"""Results against the original's formulas, written out below, and against transformers' MaskFormerImageProcessor.

The original resizes logits to the padded batch, cuts the image out and works there: for semantic segmentation it
resizes the sums over queries to the wanted size, for the others the logits. transformers takes the sigmoid of the
small maps first and resizes probabilities (semantic, panoptic) or finished masks (instance), so that near borders it
differs from what the network was trained for. Given logits that are resized already, it computes the same; that is how
it is asked here.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from torch.nn.functional import interpolate
from transformers import MaskFormerImageProcessor

from segkit.classes import Classes
from segkit.ops import resizing
from segkit.ops.cpu.semantic_inference import Thresholds, semantic_label_map
from segkit.postprocessors.instance import Instance
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.registries import POSTPROCESSORS
from segkit.registries.signature import after_star
from segkit.results.files import instance_entries
from segkit.types import ImageSizes, Prediction

NUM_CLASSES, NUM_QUERIES = 12, 30
CLASSES = Classes.make([f"class {index}" for index in range(NUM_CLASSES)], things=[index < 7 for index in range(12)])
THINGS = Classes.make(CLASSES.names)
SIZES = [
    ImageSizes((64, 96), (64, 96), (64, 96)),
    ImageSizes((64, 96), (60, 91), (50, 80)),
    ImageSizes((64, 96), (64, 70), (133, 141)),
    ImageSizes((64, 96), (33, 96), (33, 96)),
]
TIE = 1e-5


def blobs(seed, size=(16, 24), sure=20):
    """Ellipses with soft, uneven borders; `sure` queries with a class, of which some are much alike, and the rest with
    none."""
    generator = torch.Generator().manual_seed(seed)
    batch, height, width = len(SIZES), *size

    def draw(*shape):
        return torch.rand(batch, NUM_QUERIES, *shape, generator=generator)

    rows = (torch.arange(height)[:, None] / height - draw(1, 1)) / (0.08 + 0.3 * draw(1, 1))
    columns = (torch.arange(width) / width - draw(1, 1)) / (0.08 + 0.3 * draw(1, 1))
    uneven = interpolate(draw(5, 5), size=size, mode="bicubic") - 0.5
    masks = 8 * (1 - rows.square() - columns.square()).clamp(min=-1) + 4 * uneven
    class_logits = torch.randn(batch, NUM_QUERIES, NUM_CLASSES + 1, generator=generator)
    labels = torch.randint(0, NUM_CLASSES, (batch, NUM_QUERIES), generator=generator)
    labels[:, sure:] = NUM_CLASSES
    class_logits.scatter_add_(2, labels[..., None], 2 + 6 * draw(1))
    return Prediction(class_logits, dense_mask_logits=masks)


def at_image(logits, size):
    """(Q,h,w) -> (Q,image height,image width)."""
    padded = interpolate(logits[None], size=size.padded, mode="bilinear", align_corners=False)[0]
    return padded[:, : size.unpadded[0], : size.unpadded[1]]


def at_output(logits, size):
    return interpolate(at_image(logits, size)[None], size=size.output, mode="bilinear", align_corners=False)[0]


def original_semantic(class_logits, logits, size):
    """The sums over queries (K,H,W)."""
    probs = at_image(logits, size).sigmoid()
    sums = (class_logits.softmax(-1)[:, :-1, None, None] * probs[:, None]).sum(0)
    return interpolate(sums[None], size=size.output, mode="bilinear", align_corners=False)[0]


def original_panoptic(class_logits, logits, size, is_thing, threshold, overlap):
    """The segment map (H,W), its (id, label), and the lead (H,W) of the winning query."""
    scores, labels = class_logits.softmax(-1).max(-1)
    kept = (labels < len(is_thing)) & (scores > threshold)
    probs, scores, labels = at_output(logits, size).sigmoid()[kept], scores[kept], labels[kept].tolist()
    segment_map, segments, of_stuff = torch.zeros(size.output, dtype=torch.int32), [], {}
    if not labels:
        return segment_map, segments, torch.ones(size.output)
    weighted = scores[:, None, None] * probs
    winner = weighted.argmax(0)
    for query, label in enumerate(labels):
        won, own = winner == query, probs[query] >= 0.5
        if not won.any() or not own.any() or int(won.sum()) / int(own.sum()) < overlap:
            continue
        number = None if is_thing[label] else of_stuff.get(label)
        if number is None:
            number = of_stuff[label] = len(segments) + 1
            segments.append((number, label))
        segment_map[won] = number
    return segment_map, segments, lead_of(weighted)


def original_instance(class_logits, logits, size, is_thing, count):
    """(score, label, mask), best first: Mask2Former's, the later program of the same authors."""
    class_probs = class_logits.softmax(-1)[:, :-1]
    found = []
    for place in class_probs.flatten().argsort(descending=True)[:count].tolist():
        query, label = divmod(place, class_probs.shape[1])
        mask = at_output(logits[query : query + 1], size)[0]
        inside = mask > 0
        if is_thing[label] and inside.any():
            found.append((float(class_probs[query, label] * mask.sigmoid()[inside].mean()), label, inside))
    return sorted(found, key=lambda one: -one[0])


def lead_of(scores):
    """(M,H,W) -> (H,W): how far the best is ahead."""
    best = scores.topk(min(2, len(scores)), 0).values
    return best[0] - best[1] if len(best) > 1 else best[0]


def outputs_of(class_logits, logits):
    """One image as transformers takes it."""
    return SimpleNamespace(class_queries_logits=class_logits[None], masks_queries_logits=logits[None])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chunk", [2000, 1 << 20])
def test_semantic(seed, chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    prediction = blobs(seed)

    results = Semantic(CLASSES)(prediction, SIZES)

    for image, (result, size) in enumerate(zip(results, SIZES, strict=True)):
        class_logits, logits = prediction.class_logits[image], prediction.mask_logits[image]
        sums = original_semantic(class_logits, logits, size)
        clear = lead_of(sums) > TIE
        assert clear.float().mean() > 0.99
        assert len(sums.argmax(0).unique()) > 3
        assert torch.equal(result.label_map[clear], sums.argmax(0)[clear])
        (theirs,) = MaskFormerImageProcessor().post_process_semantic_segmentation(
            outputs_of(class_logits, at_image(logits, size)), target_sizes=[size.output]
        )
        assert torch.equal(result.label_map[clear], theirs[clear])


@pytest.mark.parametrize("decided", [-1.0, 0.5, 1.0], ids=["always select", "where it pays", "never select"])
@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5])
def test_semantic_however_few_queries_are_selected(probability, decided, monkeypatch):
    """Which queries and classes are selected does not change what is found."""
    monkeypatch.setattr(resizing, "CPU_CHUNK", 20000)
    thresholds = Thresholds(probability, products=1.0, decided=decided)
    for seed in range(3):
        prediction = blobs(seed)
        class_probs = prediction.class_logits.softmax(-1)[..., :-1]
        for image, size in enumerate(SIZES):
            label_map = semantic_label_map(class_probs[image], prediction.mask_logits[image], size, thresholds)
            sums = original_semantic(prediction.class_logits[image], prediction.mask_logits[image], size)
            clear = lead_of(sums) > TIE
            assert torch.equal(label_map[clear], sums.argmax(0)[clear])


@pytest.mark.parametrize("output", [(64, 96), (70, 200)])
def test_semantic_finds_what_is_as_small_as_a_pixel(output, monkeypatch):
    """It is not lost where few queries are selected."""
    masks = torch.full((1, 2, 64, 96), -9.0)
    masks[0, 0] = 9.0
    masks[0, 1, 30, 41] = 30.0
    class_logits = torch.tensor([[[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]]])
    size = ImageSizes((64, 96), (64, 96), output)

    (result,) = Semantic(Classes.make(["a", "b", "c"]))(Prediction(class_logits, dense_mask_logits=masks), [size])

    expected = original_semantic(class_logits[0], masks[0], size).argmax(0)
    assert (expected == 2).any()
    assert torch.equal(result.label_map, expected)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.8])
def test_panoptic(threshold, overlap):
    count = 0
    for seed in range(3):
        prediction = blobs(seed)

        results = Panoptic(CLASSES, score_threshold=threshold, overlap_threshold=overlap)(prediction, SIZES)

        for image, (result, size) in enumerate(zip(results, SIZES, strict=True)):
            segment_map, segments, lead = original_panoptic(
                prediction.class_logits[image], prediction.mask_logits[image], size, CLASSES.things, threshold, overlap
            )
            clear = lead > TIE
            count += len(segments)
            assert clear.float().mean() > 0.99
            assert torch.equal(result.segment_map[clear], segment_map[clear])
            assert [(one.id, one.label) for one in result.segments] == segments
    assert count > 3 * len(SIZES)


def their_panoptic(class_logits, logits, threshold, fuse):
    """The segment map and its (id, label), with nothing hidden by the overlap threshold."""
    (found,) = MaskFormerImageProcessor().post_process_panoptic_segmentation(
        outputs_of(class_logits, logits), threshold=threshold, overlap_mask_area_threshold=0.0, label_ids_to_fuse=fuse
    )
    return found["segmentation"], [(info["id"], info["label_id"]) for info in found["segments_info"]]


def further_parts_last(class_logits, logits, fuse):
    """The queries in an order in which no segment begins after one of a fused class has been added to."""
    scores, labels = class_logits.softmax(-1).max(-1)
    taking_part = (labels < NUM_CLASSES) & (scores > 0.5)
    winners = (logits.sigmoid() * (scores * taking_part)[:, None, None]).argmax(0).unique().tolist()
    winning = [query in winners for query in range(NUM_QUERIES)]
    begun, further = set(), []
    for label, wins in zip(labels.tolist(), winning, strict=True):
        further.append(wins and label in fuse and label in begun)
        begun |= {label} if wins else set()
    return sorted(range(NUM_QUERIES), key=lambda query: further[query])


ALL_THINGS = [name for name, thing in zip(CLASSES.names, CLASSES.things, strict=True) if thing]


@pytest.mark.parametrize("fused", [None, ["class 2", "class 5"], ALL_THINGS], ids=["stuff", "some", "all"])
def test_panoptic_as_transformers(fused):
    """Label for label, with stuff and chosen things fused. The overlap threshold is 0, where the area it takes (a
    fault, shown below) decides nothing; and further parts of a class come last, after which its ids go wrong (another).
    """
    fuse = {index for index, name in enumerate(CLASSES.names) if not CLASSES.things[index] or name in (fused or [])}
    prediction = blobs(0)
    for image, size in enumerate(SIZES):
        order = further_parts_last(prediction.class_logits[image], at_output(prediction.mask_logits[image], size), fuse)
        prediction.class_logits[image] = prediction.class_logits[image, order]
        prediction.dense_mask_logits[image] = prediction.dense_mask_logits[image, order]

    results = Panoptic(CLASSES, score_threshold=0.5, overlap_threshold=0.0, fuse=fused)(prediction, SIZES)

    for image, (result, size) in enumerate(zip(results, SIZES, strict=True)):
        class_logits, logits = prediction.class_logits[image], prediction.mask_logits[image]
        things = [index not in fuse for index in range(NUM_CLASSES)]
        _, _, lead = original_panoptic(class_logits, logits, size, things, 0.5, 0.0)
        segment_map, segments = their_panoptic(class_logits, at_output(logits, size), 0.5, fuse)
        assert torch.equal(result.segment_map[lead > TIE], segment_map[lead > TIE])
        assert [(one.id, one.label) for one in result.segments] == sorted(set(segments))
        assert len(segments) > 3


def test_panoptic_where_transformers_gives_two_segments_one_id():
    """A fault of it: after more of a fused class was found, it counts on from that class's id."""
    masks = torch.full((1, 4, 1, 8), -9.0)
    for query in range(4):
        masks[0, query, 0, 2 * query : 2 * query + 2] = 9.0
    class_logits = torch.full((1, 4, 3), 0.0)
    for query, label in enumerate([0, 1, 0, 1]):  # sky, car, sky, car
        class_logits[0, query, label] = 9.0
    size = ImageSizes((1, 8), (1, 8), (1, 8))
    prediction = Prediction(class_logits, dense_mask_logits=masks)

    (result,) = Panoptic(Classes.make(["sky", "car"], things=[False, True]))(prediction, [size])
    theirs, segments = their_panoptic(class_logits[0], masks[0], 0.8, {0})

    assert theirs.tolist() == [[1, 1, 2, 2, 1, 1, 2, 2]]
    assert segments == [(1, 0), (2, 1), (1, 0), (2, 1)]
    assert result.segment_map.tolist() == [[1, 1, 2, 2, 1, 1, 3, 3]]
    assert [(one.id, one.label) for one in result.segments] == [(1, 0), (2, 1), (3, 1)]


def test_panoptic_where_transformers_weighs_the_area_of_a_mask():
    """A fault of it: it multiplies the masks by the class probabilities in place, and takes a mask's own area of what
    comes out. Half of the car, hidden by the truck, was the mask's with 0.6, but is not with 0.6 x 0.81: to it nothing
    of the car is hidden. The original, and ours, know better."""
    probs = torch.tensor([[[0.9, 0.9, 0.6, 0.6], [0.1, 0.1, 0.9, 0.9]]])[:, :, None]
    class_probs = torch.tensor([[[0.81, 0.1, 0.09], [0.02, 0.96, 0.02]]])
    size = ImageSizes((1, 4), (1, 4), (1, 4))
    prediction = Prediction(class_probs.log(), dense_mask_logits=probs.logit())

    (result,) = Panoptic(Classes.make(["car", "truck"]))(prediction, [size])
    (theirs,) = MaskFormerImageProcessor().post_process_panoptic_segmentation(
        outputs_of(prediction.class_logits[0], prediction.mask_logits[0]), threshold=0.8, label_ids_to_fuse=set()
    )

    assert theirs["segmentation"].tolist() == [[1, 1, 2, 2]]
    assert result.segment_map.tolist() == [[0, 0, 1, 1]]
    original, _, _ = original_panoptic(
        prediction.class_logits[0], prediction.mask_logits[0], size, [True, True], 0.8, 0.8
    )
    assert torch.equal(result.segment_map, original)


@pytest.mark.parametrize("chunk", [2000, 1 << 20])
def test_instance(chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    for seed in range(2):
        prediction = blobs(seed)
        for classes in (CLASSES, THINGS):
            results = Instance(classes, max_instances=NUM_QUERIES)(prediction, SIZES)

            for image, (result, size) in enumerate(zip(results, SIZES, strict=True)):
                expected = original_instance(
                    prediction.class_logits[image], prediction.mask_logits[image], size, classes.things, NUM_QUERIES
                )
                assert result.labels.tolist() == [label for _, label, _ in expected]
                torch.testing.assert_close(result.scores, torch.tensor([score for score, _, _ in expected]))
                differing = (result.masks != torch.stack([mask for _, _, mask in expected])).sum()
                assert differing <= 1e-5 * result.masks.numel()  # logits of 0 but for rounding


@pytest.mark.parametrize("threshold", [0.05, 0.5])
def test_instance_as_transformers(threshold):
    prediction = blobs(1)

    results = Instance(THINGS, max_instances=NUM_QUERIES, score_threshold=threshold)(prediction, SIZES)

    for image, (result, size) in enumerate(zip(results, SIZES, strict=True)):
        (theirs,) = MaskFormerImageProcessor().post_process_instance_segmentation(
            outputs_of(prediction.class_logits[image], at_output(prediction.mask_logits[image], size)),
            threshold=threshold,
            return_binary_maps=True,
        )
        order = sorted(range(len(theirs["segments_info"])), key=lambda one: -theirs["segments_info"][one]["score"])
        assert len(order) > 3
        assert result.labels.tolist() == [theirs["segments_info"][one]["label_id"] for one in order]
        scores = torch.tensor([theirs["segments_info"][one]["score"] for one in order])
        torch.testing.assert_close(result.scores, scores, rtol=0, atol=2e-6)  # it rounds to six places
        differing = (result.masks != theirs["segmentation"][order].bool()).sum()
        assert differing <= 1e-5 * result.masks.numel()


def test_settings_that_do_nothing_in_transformers_are_none_of_ours():
    """A fault of it: on instances `mask_threshold` and `overlap_mask_area_threshold` change nothing. Ours documents
    what a mask is, and refuses settings it does not know."""
    prediction = blobs(1)
    outputs = outputs_of(prediction.class_logits[0], prediction.mask_logits[0])
    found = [
        MaskFormerImageProcessor().post_process_instance_segmentation(
            outputs, mask_threshold=mask, overlap_mask_area_threshold=overlap, return_binary_maps=True
        )[0]["segmentation"]
        for mask, overlap in [(0.5, 0.8), (0.99, 0.8), (0.5, 0.0)]
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])

    assert set(after_star(POSTPROCESSORS.get("instance"))) == {"max_instances", "score_threshold"}
    with pytest.raises(TypeError, match="mask_threshold"):
        Instance(THINGS, mask_threshold=0.99)
    # what decides for panoptic segments is read: all, half and none of the hidden ones are kept
    counts = [
        sum(
            len(result.segments)
            for result in Panoptic(CLASSES, score_threshold=0.3, overlap_threshold=overlap)(prediction, SIZES)
        )
        for overlap in (0.0, 0.5, 1.0)
    ]
    assert counts[0] > counts[1] > counts[2]


def test_run_lengths_are_those_of_coco():
    """A fault of transformers: its run lengths begin at 1 and run along the rows, each start followed by a length;
    COCO's are lengths alone, from 0 on, and run down the columns."""
    prediction = blobs(2)
    size = ImageSizes((16, 24), (16, 24), (16, 24))
    results = Instance(THINGS, score_threshold=0.3)(prediction, [size] * len(SIZES))
    entries = instance_entries(results[0], THINGS, 7)

    assert len(entries) == len(results[0].masks) > 3
    for entry, mask in zip(entries, results[0].masks, strict=True):
        assert np.array_equal(coco_mask.decode(entry["segmentation"]).astype(bool), mask.numpy())

    (theirs,) = MaskFormerImageProcessor().post_process_instance_segmentation(
        outputs_of(prediction.class_logits[0], prediction.mask_logits[0]), threshold=0.3, return_coco_annotation=True
    )
    (their_map,) = MaskFormerImageProcessor().post_process_instance_segmentation(
        outputs_of(prediction.class_logits[0], prediction.mask_logits[0]), threshold=0.3
    )
    ids = their_map["segmentation"].unique().tolist()
    for number, counts in zip(ids, theirs["segmentation"], strict=True):
        mask = their_map["segmentation"] == number
        assert sum(counts[1::2]) == int(mask.sum())  # starts and lengths
        assert sum(counts) != mask.numel()  # COCO's fill the image


@pytest.mark.parametrize("task", [Semantic, Panoptic, Instance])
def test_nothing_is_found(task):
    """All queries say "no object" to whatever they see; masks are empty."""
    prediction = blobs(0, sure=0)
    prediction.class_logits[..., -1] += 20
    prediction.dense_mask_logits.fill_(-20.0)

    results = task(CLASSES)(prediction, SIZES)

    for result, size in zip(results, SIZES, strict=True):
        if task is Panoptic:
            assert result.segments == []
            assert not result.segment_map.any()
            assert tuple(result.segment_map.shape) == size.output
        elif task is Instance:
            assert (len(result.labels), len(result.scores), tuple(result.masks.shape)) == (0, 0, (0, *size.output))
        else:
            assert tuple(result.label_map.shape) == size.output
    if task is Panoptic:
        (theirs,) = MaskFormerImageProcessor().post_process_panoptic_segmentation(
            outputs_of(prediction.class_logits[0], prediction.mask_logits[0]), target_sizes=[(64, 96)]
        )
        assert theirs["segments_info"] == []
        assert (theirs["segmentation"] == -1).all()  # there none is -1, where something is found it is 0


@pytest.mark.parametrize("task", [Semantic, Panoptic, Instance])
def test_alone_as_in_a_batch_of_unlike_sizes(task):
    prediction = blobs(3)
    part = task(CLASSES)

    together = part(prediction, SIZES)

    for image, size in enumerate(SIZES):
        alone = Prediction(
            prediction.class_logits[image : image + 1], dense_mask_logits=prediction.mask_logits[image : image + 1]
        )
        (result,) = part(alone, [size])
        for name, value in vars(result).items():
            same = vars(together[image])[name]
            assert torch.equal(value, same) if isinstance(value, torch.Tensor) else value == same
