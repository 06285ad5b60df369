#!/usr/bin/env python3
"""Fuse a scene: the command ``udaln``."""

from udaln.experiment.app import main

if __name__ == "__main__":
    main()
