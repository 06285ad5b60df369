"""Figures, pictures and progress bars of a running fusion, in TensorBoard and on the terminal."""
