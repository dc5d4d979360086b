"""Tells which settings of a checkpoint of transformers have no counterpart in segkit."""

from collections.abc import Collection
from typing import Any

from segkit.interop.huggingface.fields import Fields

_ANY_MODEL = frozenset(
    (
        *("_name_or_path", "architectures", "chunk_size_feed_forward", "dtype", "id2label", "is_encoder_decoder"),
        *("label2id", "model_type", "num_labels", "output_attentions", "output_hidden_states", "problem_type"),
        *("return_dict", "torch_dtype", "transformers_version", "initializer_range", "init_std", "init_xavier_std"),
        *("stage_names", "out_features", "out_indices", "num_channels", "image_size", "hidden_size"),
        *("backbone", "backbone_kwargs", "use_pretrained_backbone", "use_timm_backbone"),
    )
)
"""Settings of any config that are read, follow from others, or concern only transformers itself or new weights."""

_OF_TEXT = frozenset(
    (
        *("add_cross_attention", "is_decoder", "tie_encoder_decoder", "tie_word_embeddings", "torchscript"),
        *("tf_legacy_loss", "use_bfloat16", "diversity_penalty", "do_sample", "early_stopping"),
        *("encoder_no_repeat_ngram_size", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size"),
        *("num_beam_groups", "num_beams", "num_return_sequences", "output_scores", "remove_invalid_values"),
        *("repetition_penalty", "return_dict_in_generate", "temperature", "top_k", "top_p", "typical_p"),
    )
)
"""What transformers 4 wrote into every nested config, for models that generate text."""

READ = {
    "": {
        *("backbone_config", "decoder_config", "fpn_feature_size", "mask_feature_size", "use_auxiliary_loss"),
        *("cross_entropy_weight", "dice_weight", "mask_weight", "no_object_weight"),
        *("num_attention_heads", "num_hidden_layers"),
    },
    "backbone_config.": {
        *("attention_probs_dropout_prob", "depths", "drop_path_rate", "embed_dim", "encoder_stride", "hidden_act"),
        *("hidden_dropout_prob", "layer_norm_eps", "mlp_ratio", "num_heads", "num_layers", "patch_size", "qkv_bias"),
        *("use_absolute_embeddings", "window_size", "downsample_in_bottleneck", "downsample_in_first_stage"),
        *("embedding_size", "hidden_sizes", "layer_type", "path_norm"),
    },
    "decoder_config.": {
        *("activation_dropout", "activation_function", "attention_dropout", "auxiliary_loss", "d_model", "dropout"),
        *("decoder_attention_heads", "decoder_ffn_dim", "decoder_layers", "num_queries"),
        # Of DETR's encoder, boxes and backbone, which a MaskFormer does not have.
        *("backbone_config", "bbox_cost", "bbox_loss_coefficient", "class_cost", "dice_loss_coefficient", "dilation"),
        *("encoder_attention_heads", "encoder_ffn_dim", "encoder_layerdrop", "encoder_layers", "eos_coefficient"),
        *("giou_cost", "giou_loss_coefficient", "mask_loss_coefficient", "position_embedding_type"),
    },
    "preprocessor": {
        *("do_normalize", "do_reduce_labels", "reduce_labels", "do_rescale", "do_resize", "image_mean", "image_std"),
        *("image_processor_type", "feature_extractor_type", "processor_class", "resample", "rescale_factor", "size"),
        *("max_size", "size_divisor", "size_divisibility", "pad_size", "num_labels"),
    },
}
"""Where a mapping lies -> its settings that are read, or that change nothing in a MaskFormer."""

NEUTRAL: dict[str, Any] = {
    "decoder_layerdrop": 0.0,
    "ignore_index": 255,
    "ignore_value": 255,
    "output_auxiliary_logits": False,
    "pruned_heads": {},
}
"""Settings that segkit does not have -> the value at which they change nothing, or that is written back."""


def left_out(fields: Fields, place: str | None = None, *, read: Collection[str] | None = None) -> list[str]:
    """Returns a note on the settings of one mapping that are left out, or nothing where there are none.

    Args:
        fields: The mapping.
        place: Its key in `READ`; None for its path in the file.
        read: Instead of those in `READ`, the settings of another model that are read or change nothing.

    Example:
        >>> from pathlib import Path
        >>> left_out(Fields({"decoder_layerdrop": 0.1, "dropout": 0.1}, Path("config.json"), "decoder_config."))
        ['left out, since segkit has no such setting: decoder_config.decoder_layerdrop = 0.1 in config.json']
    """
    known = (_ANY_MODEL | _OF_TEXT).union(READ[fields.path if place is None else place] if read is None else read)
    found = [
        f"{fields.path}{key} = {value!r}"
        for key, value in fields.data.items()
        if key not in known and value is not None and value != NEUTRAL.get(key)
    ]
    if not found:
        return []
    return [f"left out, since segkit has no such setting: {', '.join(found)} in {fields.file.name}"]
