"""Writes the files that official datasets need beside the published ones: one module per dataset.

Each module has a function `prepare`, which returns the steps.
"""
