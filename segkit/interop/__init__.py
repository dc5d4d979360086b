"""What checkpoint formats share: finding the format of a source, and reading and writing files of other programs.

Plugins may use `renaming` and `loading` (names of tensors), `label_sets` (things and stuff), `classes` (of files of
tensors alone), `unpickling` (such files), `detectron2` (programs built on it) and, of `huggingface`, `files`, `fields`,
`classes`, `backbones`, `preprocessing`, `names`, `building`, `left_out` and `point_criterion`.
"""
