"""Sweeps: several runs of one command, which go on where they were stopped."""
