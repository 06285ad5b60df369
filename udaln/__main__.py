"""``python -m udaln`` is the command ``udaln``."""

from udaln.experiment.command import main

if __name__ == "__main__":
    main()
