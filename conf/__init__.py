"""The Hydra configuration tree, packaged as data."""
