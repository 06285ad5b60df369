"""What a pair says of its two sensors: degradation, shift, noise, in closed form."""
