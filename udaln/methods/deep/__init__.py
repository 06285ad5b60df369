"""Methods of fusion by neural networks that are trained on the pair alone, one in each module."""
