"""How far a result can be trusted: what the pair itself says of its degradation and of the fused image."""
