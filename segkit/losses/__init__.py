"""Losses of segkit, one per file, each registered under the name of its file."""
