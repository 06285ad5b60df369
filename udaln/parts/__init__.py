"""Parts that can be added from outside of the package: a name in a registry, found by the configuration."""

from udaln.parts.registry import Registry

__all__ = ["Registry"]
