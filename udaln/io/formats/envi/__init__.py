"""ENVI rasters."""
