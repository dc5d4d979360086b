"""EoMT for segkit: a plain vision transformer as a segmentation model (Kerssies et al. 2025)."""
