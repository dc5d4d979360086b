"""Mask2Former for segkit (Cheng et al. 2022): its pixel decoder and its transformer decoder."""
