"""YAML to a checked config: read, composed, checked against signatures, with every value located."""

from segkit.config.load import Config, ConfigSource, as_config, load_config, load_for_prediction
from segkit.config.source import CONFIG_FILE

__all__ = ["CONFIG_FILE", "Config", "ConfigSource", "as_config", "load_config", "load_for_prediction"]
