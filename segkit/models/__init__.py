"""segkit's own models, one per file, each registered under the name of its file."""
