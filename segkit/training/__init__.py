"""Training: the loop, how a config becomes one, and the run folder.

* `train`: `train`, from a config to a finished run folder; the command `segkit train`.
* `build`: `build_training`, from a config to a `Trainer`.
* `loop`: `Trainer`, the loop over built parts.
* `checkpoints`, `state`, `run_folder`: what is written, and what a training needs to continue exactly where it stopped.
* `evaluation`: the evaluations during a training.
* `progress`: lines and logs.
* `stopping`, `interruption`, `time_limit`: the end of a training before its last step; signals; `--max-time`.
* `rescue`, `snapshot`: what an error leaves.
* `drawn_step`: the images that a step learned from; the command `segkit batch`.
* `preflight`: a try before the training; `segkit train --dry-run`.
* `replay`: a step that was not finite, once more; the command `segkit replay`.
"""
