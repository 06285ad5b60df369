"""The kinds of files that a fused image can be written to, one a module."""
