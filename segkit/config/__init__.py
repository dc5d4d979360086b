"""YAML to a checked config: read, composed, checked against signatures, with every value located."""
