"""The first config for a folder of data, which `segkit init-data` writes."""
