"""Reading folders of Hugging Face: their forms, the notes, and the error messages."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from segkit.build import build_dataset, build_model
from segkit.errors import CheckpointError, ConfigError
from segkit.interop.huggingface import import_huggingface
from tests.helpers.huggingface_cases import DECODERS, FOUR, make_theirs, write_theirs

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    write_theirs(folder, "resnet18")
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy of the folder, for a test to damage."""
    for file in written.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def change(folder, file="config.json", **values):
    """Changes values of a JSON file; `a__b` is the key `b` of the mapping `a`."""
    content = json.loads((folder / file).read_text())
    for key, value in values.items():
        *path, last = key.split("__")
        inner = content
        for name in path:
            inner = inner[name]
        inner[last] = value
    (folder / file).write_text(json.dumps(content))


def refusal(source):
    with pytest.raises(CheckpointError) as caught:
        import_huggingface(source)
    return str(caught.value)


def same_weights(one, other):
    return all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


def test_every_tensor_is_accounted_for(written):
    imported = import_huggingface(written)
    names = load_file(written / WEIGHTS).keys()
    assert sorted(imported.report.loaded + imported.report.unexpected) == sorted(names)
    assert imported.report.unexpected == ["criterion.empty_weight"]
    assert not imported.report.missing
    assert not imported.report.reshaped
    assert imported.notes == [
        "tensors that are not needed: 1 that follow from no_object_weight",
        "the files do not tell things from stuff, and the classes are no known label set: all of them count as things. "
        "Convert again with --things to name the things",
    ]
    assert imported.classes.names == ("sky", "road", "car")
    assert imported.classes.things == (True, True, True)
    assert not imported.model.training


def test_shards_pickles_and_both_generations_of_names_are_the_same(written, folder):
    expected = import_huggingface(written).model
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    renamed = {
        name.replace("out_proj", "o_proj").replace(".fc1.", ".mlp.fc1.").replace(".fc2.", ".mlp.fc2."): tensor
        for name, tensor in tensors.items()
    }
    assert renamed.keys() != tensors.keys()
    torch.save(renamed, folder / "pytorch_model.bin")
    assert same_weights(import_huggingface(folder).model, expected)
    (folder / "pytorch_model.bin").unlink()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in shards.items():
        save_file({name: tensors[name] for name in held}, folder / file)
    places = {name: file for file, held in shards.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert same_weights(import_huggingface(folder).model, expected)


def test_their_own_shards_are_read(tmp_path):
    theirs = make_theirs("resnet18")
    theirs.save_pretrained(tmp_path / "one")
    theirs.save_pretrained(tmp_path / "many", max_shard_size="100KB")
    assert not (tmp_path / "many" / WEIGHTS).exists()
    one, many = (import_huggingface(tmp_path / name).model for name in ("one", "many"))
    assert same_weights(one, many)


def test_counters_of_batches_may_be_absent(folder):
    tensors = load_file(folder / WEIGHTS)
    save_file({name: value for name, value in tensors.items() if "num_batches" not in name}, folder / WEIGHTS)
    assert import_huggingface(folder).report.missing == []


@pytest.mark.parametrize(
    ("backbone", "part"),
    [
        (
            {
                "model_type": "swin",
                "embed_dim": 128,
                "depths": [2, 2, 18, 2],
                "num_heads": [4, 8, 16, 32],
                "window_size": 12,
                "drop_path_rate": 0.3,
            },
            {
                "type": "timm",
                "name": "swin_base_patch4_window12_384",
                "stage_norm": True,
                "options": {"drop_path_rate": 0.3},
            },
        ),
        ({"model_type": "resnet", "out_features": FOUR}, {"type": "timm", "name": "resnet50"}),
        (
            {"model_type": "resnet", "out_features": FOUR, "depths": [3, 4, 23, 3]},
            {"type": "timm", "name": "resnet101"},
        ),
        (
            {
                "model_type": "resnet",
                "out_indices": [2, 4],
                "layer_type": "basic",
                "depths": [2, 2, 2, 2],
                "hidden_sizes": [64, 128, 256, 512],
            },
            {"type": "timm", "name": "resnet18", "options": {"out_indices": [2, 4]}},
        ),
    ],
)
def test_published_sizes_have_timms_names(tmp_path, backbone, part):
    from segkit.interop.huggingface.backbones import read_backbone
    from segkit.interop.huggingface.fields import Fields

    assert read_backbone(Fields(backbone, tmp_path / "config.json")).part == part


def test_a_single_layer_needs_no_deep_supervision(tmp_path, monkeypatch):
    monkeypatch.setitem(DECODERS, "resnet18", {**DECODERS["swin"], "decoder_layers": 1})
    write_theirs(tmp_path, "resnet18")
    config = import_huggingface(tmp_path).config
    assert "deep_supervision" not in config["criterion"]
    assert config["model"]["transformer_decoder"]["num_layers"] == 1


def test_a_dropout_that_acts_elsewhere_is_noted(folder):
    change(folder, decoder_config__dropout=0.1)
    assert import_huggingface(folder).notes[-1] == (
        "in training, the decoder's dropout of 0.1 acts on attention and activations too, where transformers uses "
        "0.0 and 0.0"
    )


def test_preprocessing_that_differs_is_noted(folder):
    change(folder, "preprocessor_config.json", resample=3, pad_size={"height": 64, "width": 64})
    assert import_huggingface(folder).notes[-2:] == [
        "segkit resizes images bilinearly, transformers by its filter 3",
        "segkit pads images as far as the model needs, transformers to {'height': 64, 'width': 64}",
    ]


def test_things_are_named(written):
    imported = import_huggingface(written, things=["car"])
    assert imported.classes.things == (False, False, True)
    assert not any("things" in note for note in imported.notes)
    assert import_huggingface(written, things=[]).classes.things == (False, False, False)
    with pytest.raises(CheckpointError) as caught:
        import_huggingface(written, things=["cars", "bus"])
    assert str(caught.value) == (
        f"{written}/config.json: things: there is no class 'cars'. Did you mean 'car'? There are: sky, road, car\n"
        f"{written}/config.json: things: there is no class 'bus'. There are: sky, road, car"
    )


def test_things_of_a_known_label_set(written, monkeypatch):
    things = (False, False, True)
    monkeypatch.setattr("segkit.interop.label_sets.known_things", lambda names: ("a_set", things))
    imported = import_huggingface(written)
    assert imported.classes.things == things
    assert imported.notes[1] == "1 of 3 classes count as things, as in the label set a_set"


def test_a_folder_without_weights(folder):
    (folder / WEIGHTS).unlink()
    assert refusal(folder) == (
        f"{folder}: has no weights: none of model.safetensors, model.safetensors.index.json, pytorch_model.bin, "
        "pytorch_model.bin.index.json."
    )


def test_a_folder_without_a_config(folder):
    (folder / "config.json").unlink()
    assert refusal(folder) == (f"{folder}: has no config.json, so it is not a checkpoint of Hugging Face transformers.")


def test_a_malformed_config(folder):
    (folder / "config.json").write_text('{"model_type": ')
    assert refusal(folder) == (
        f"{folder}/config.json: is not readable JSON (Expecting value: line 1 column 16 (char 15)). Download it again."
    )
    (folder / "config.json").write_text("[]")
    assert refusal(folder) == f"{folder}/config.json: must hold a JSON object, not a list."


def test_another_model(folder):
    change(folder, model_type="mask2former", architectures=["Mask2FormerForUniversalSegmentation"])
    assert refusal(folder) == (
        f"{folder}/config.json: describes another model: Mask2FormerForUniversalSegmentation of model_type "
        "'mask2former'. segkit reads MaskFormerForInstanceSegmentation of model_type 'maskformer'."
    )
    change(folder, model_type="maskformer", architectures=["MaskFormerModel"])
    assert refusal(folder) == (
        f"{folder}/config.json: describes another model: MaskFormerModel of model_type 'maskformer'. segkit reads "
        "MaskFormerForInstanceSegmentation of model_type 'maskformer'."
    )


def test_truncated_weights(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:5000])
    message = refusal(folder)
    assert message.startswith(f"{folder}/model.safetensors: cannot be read (")
    assert message.endswith("). The file is damaged or truncated. Download it again.")


def test_a_truncated_pickle(folder):
    (folder / WEIGHTS).unlink()
    torch.save({"a": torch.zeros(100)}, folder / "pytorch_model.bin")
    (folder / "pytorch_model.bin").write_bytes((folder / "pytorch_model.bin").read_bytes()[:300])
    message = refusal(folder)
    assert message.startswith(f"{folder}/pytorch_model.bin: cannot be read (")
    assert message.endswith("). The file is damaged or truncated. Download it again.")


def test_a_pickle_that_would_run_a_program_runs_nothing(folder, tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (folder / WEIGHTS).unlink()
    torch.save({"a": Harmful()}, folder / "pytorch_model.bin")
    assert refusal(folder).startswith(f"{folder}/pytorch_model.bin: cannot be read (")
    assert not (tmp_path / "ran").exists()


def test_a_missing_shard(folder):
    (folder / WEIGHTS).unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    assert refusal(folder) == (
        f"{folder}: model.safetensors.index.json names files that are missing: model-1.safetensors. Download them."
    )


def test_an_index_that_names_what_no_shard_holds(folder):
    index = {"weight_map": {"a": WEIGHTS, "class_predictor.bias": WEIGHTS}}
    (folder / WEIGHTS).rename(folder / "shard.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index).replace(WEIGHTS, "shard.safetensors"))
    assert refusal(folder) == (f"{folder}: model.safetensors.index.json names 1 tensor that no file holds, such as a.")
    (folder / "model.safetensors.index.json").write_text("{}")
    assert refusal(folder) == (f"{folder}/model.safetensors.index.json: has no 'weight_map' from tensors to files.")


def test_an_index_does_not_lead_out_of_the_folder(folder):
    (folder / WEIGHTS).unlink()
    outside = folder.parent / "outside.safetensors"
    save_file({"a": torch.zeros(1)}, outside)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": f"../{outside.name}"}}))
    assert refusal(folder) == (
        f"{folder}: model.safetensors.index.json names files that are missing: ../outside.safetensors. Download them."
    )


def test_neither_a_folder_nor_a_repository(folder):
    assert refusal(folder / "a" / "b") == (
        f"{folder}/a/b: there is no such folder, and it does not name a repository on the Hugging Face hub, such as "
        "facebook/maskformer-swin-tiny-ade."
    )
    assert refusal(folder / "config.json") == (
        f"{folder}/config.json: is a file. Give the folder that holds config.json and the weights."
    )


def test_a_repository_without_a_network(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    message = refusal("facebook/maskformer-swin-tiny-ade")
    start = (
        "facebook/maskformer-swin-tiny-ade: there is no such folder, and it cannot be downloaded from the "
        "Hugging Face hub ("
    )
    assert message.startswith(start)
    assert message.endswith("). Download it on a machine with network access (`hf download`), and give the folder.")


def test_a_repository_is_fetched_without_the_pickle_where_there_is_safetensors(monkeypatch, written):
    asked = []

    def fetch(repository, allow_patterns):
        asked.append((repository, allow_patterns))
        return str(written)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert import_huggingface("someone/a-maskformer").classes.names == ("sky", "road", "car")
    assert asked == [
        (
            "someone/a-maskformer",
            ["config.json", "preprocessor_config.json", "model*.safetensors", "model.safetensors.index.json"],
        )
    ]


def test_weights_of_another_size_than_the_config_says(folder):
    change(folder, decoder_config__num_queries=9, mask_feature_size=24)
    count = len(load_file(folder / WEIGHTS))
    assert refusal(folder) == (
        f"{folder}: the weights are not those of the model that the config describes: {count - 6} tensors loaded; 5 "
        "with another shape or type, not used: model.pixel_level_module.decoder.mask_projection.weight: (16, 32, 3, "
        "3), (24, 32, 3, 3), model.pixel_level_module.decoder.mask_projection.bias: (16,), (24,), "
        "model.transformer_module.queries_embedder.weight: (7, 32), (9, 32), mask_embedder.2.0.weight: (16, 32), "
        "(24, 32), mask_embedder.2.0.bias: (16,), (24,)."
    )


def test_missing_and_unexplained_tensors(folder):
    tensors = load_file(folder / WEIGHTS)
    key = "model.transformer_module.decoder.layers.1.self_attn.k_proj.weight"
    tensors["surprise"] = tensors.pop(key)
    count = len(tensors)
    save_file(tensors, folder / WEIGHTS)
    assert refusal(folder) == (
        f"{folder}: the weights are not those of the model that the config describes: {count - 4} tensors loaded; 1 "
        f"only in the model, unchanged: {key}; 1 only in the file, not used: surprise."
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"backbone_config__model_type": "convnext"},
            "backbone_config.model_type: segkit reads MaskFormers with the backbones swin, maskformer-swin and "
            "resnet, not 'convnext'.",
        ),
        (
            {"backbone_config__embedding_size": 32},
            "backbone_config.embedding_size: is 32; timm's ResNet has a stem of 64 channels.",
        ),
        (
            {"backbone_config__layer_type": "bottleneck", "backbone_config__downsample_in_bottleneck": True},
            "backbone_config.downsample_in_bottleneck: is True; timm's ResNet strides in the 3x3 convolution.",
        ),
        (
            {"backbone_config__downsample_in_first_stage": True},
            "backbone_config.downsample_in_first_stage: is True; timm's ResNet has stride 1 there.",
        ),
        (
            {"backbone_config__out_features": ["stem", "stage2"]},
            "backbone_config.out_features: must name at least two of the backbone's 4 stages, not ['stem', 'stage2'].",
        ),
        (
            {"backbone_config__depths": "many"},
            "backbone_config.depths: must be a list of whole numbers of at least 1, not 'many'.",
        ),
        (
            {"backbone_config__hidden_sizes": [8, 16]},
            "backbone_config.hidden_sizes: must have as many entries as depths, 4, not 2.",
        ),
        ({"backbone_config": 3}, "backbone_config: must be a JSON object, not 3."),
        (
            {"decoder_config__d_model": 30},
            "decoder_config.d_model: must be a multiple of 4 and of the 4 heads, not 30.",
        ),
        (
            {"decoder_config__num_queries": 0},
            ("decoder_config.num_queries: must be a whole number of at least 1, not 0."),
        ),
        ({"decoder_config__dropout": "no"}, "decoder_config.dropout: must be a number, not 'no'."),
        ({"use_auxiliary_loss": 1}, "use_auxiliary_loss: must be true or false, not 1."),
        (
            {"decoder_config__activation_function": "gelu"},
            "decoder_config.activation_function: is 'gelu'; segkit's decoder has 'relu'.",
        ),
        (
            {"decoder_config__auxiliary_loss": True},
            "decoder_config.auxiliary_loss: is True; with it, transformers passes normalized queries from layer to "
            "layer, which segkit's decoder does not. Set it to false to use the weights nevertheless.",
        ),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label: must name the classes 0, 1, 2, … without a gap."),
    ],
)
def test_unsupported_settings_are_named(folder, values, message):
    change(folder, **values)
    assert refusal(folder) == f"{folder}/config.json: {message}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"size": {"max_height": 512, "max_width": 512}},
            "size: images are resized to {'max_height': 512, 'max_width': 512}, which segkit does not support. Give "
            "shortest_edge and longest_edge, or height and width.",
        ),
        ({"image_mean": [0.5]}, "image_mean: must be a list of 3 numbers, not [0.5]."),
        ({"size": {"shortest_edge": "big"}}, "size.shortest_edge: must be a whole number of at least 1, not 'big'."),
    ],
)
def test_unsupported_preprocessing_is_named(folder, values, message):
    change(folder, "preprocessor_config.json", **values)
    assert refusal(folder) == f"{folder}/preprocessor_config.json: {message}"


def test_a_dataset_is_missing_where_one_is_needed(written):
    imported = import_huggingface(written)
    with pytest.raises(ConfigError) as caught:
        build_dataset(imported.config.experiment.data.val)
    assert str(caught.value) == (
        "data: this split has transforms but no `dataset`, as in the config of a converted checkpoint. Name the "
        "dataset to read, for example with data.val.dataset.type=mask_folder."
    )
    with pytest.raises(ConfigError) as caught:
        build_model(imported.config)
    assert str(caught.value) == (
        f"{written}/config.json: data: the classes come from the dataset, and the config names none."
    )


def test_a_value_that_no_model_can_have(folder):
    change(folder, decoder_config__dropout=1.5)
    message = refusal(folder)
    assert message.startswith(f"{folder}: no model can be built from its config.json: {folder}/config.json:")
    assert "model.transformer_decoder.dropout: " in message
