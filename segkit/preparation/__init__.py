"""Writes the files that official datasets need beside the published ones: one module per dataset."""
