"""How an image becomes the pair: windows, interpolation, Wald's simulation and scenes to simulate from."""
