"""From a dataset's configuration to the scene that it describes."""
