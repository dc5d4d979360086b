"""The test loop, the validation of a config, and tables of metrics."""
