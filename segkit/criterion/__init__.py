"""Matching and weighted losses over all decoder layers."""
