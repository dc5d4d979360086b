"""Faster equivalents of single operations on a CPU; other devices run the plain line."""
