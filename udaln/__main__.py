"""``python -m udaln`` is the command ``udaln``."""

from udaln.app import main

if __name__ == "__main__":
    main()
