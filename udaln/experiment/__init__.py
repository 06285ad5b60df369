"""What Hydra, the command line and files have to do with: from a configuration to a finished run."""
