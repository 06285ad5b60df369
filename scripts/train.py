#!/usr/bin/env python3
"""Fuse a scene: the command ``udaln``."""

from udaln.experiment.command import main

if __name__ == "__main__":
    main()
