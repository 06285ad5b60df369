"""Images on disk: formats, writers, grids, gaps and bad bands."""
