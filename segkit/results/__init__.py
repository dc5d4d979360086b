"""Results as files and as drawings: label maps, COCO JSON, overlays and comparisons."""
