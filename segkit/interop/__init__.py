"""Converts checkpoints of other programs: reads them into segkit's models, and writes those for transformers."""
