"""Evaluation of models.

* `evaluate`: `evaluate`, from a checkpoint to metrics; the command `segkit test`.
* `validation`: `Validation`, the `data.val` of a config, ready to be evaluated on.
* `loop`: `evaluate_model`, the loop over built parts.
* `tables`: metrics as tables and as a file.
"""
