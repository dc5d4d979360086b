"""Checkpoints of other programs, read into segkit's models."""
