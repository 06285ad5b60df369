"""Writers of image files, one module per file format."""
