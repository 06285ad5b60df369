"""HDF5 and NetCDF files: variables, their attributes and conventions, and the image in them."""
