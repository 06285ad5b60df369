"""``python -m udaln`` is the command ``udaln``."""

from udaln.experiment.app import main

if __name__ == "__main__":
    main()
