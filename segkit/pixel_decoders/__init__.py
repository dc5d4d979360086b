"""segkit's own pixel decoders, one per file, each registered under the name of its file."""
