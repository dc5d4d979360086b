"""segkit's own backbones, one per file, each registered under the name of its file."""
