"""``udaln report``: runs found on disk, side by side in one table."""
