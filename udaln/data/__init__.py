"""Reading, simulating and sampling what is fused."""
