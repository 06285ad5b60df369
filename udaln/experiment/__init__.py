"""Runs: from a configuration of Hydra and the command line to the files of a finished fusion."""
