"""Results as files and as overlays."""
