"""Writes the pages of docs/ that are generated from signatures, docstrings and registries."""
