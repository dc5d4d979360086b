"""What checkpoint formats share: finding the format of a source, and reading and writing files of other programs.

Plugins may use `renaming` and `loading` (names of tensors), `label_sets` (things and stuff), `classes` (of files of
tensors alone), `unpickling` (files of detectron2 programs) and, of `huggingface`, `files`, `fields`, `classes`,
`backbones` and `preprocessing`.
"""
