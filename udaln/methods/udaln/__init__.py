"""UDALN (Li et al., IEEE GRSL 2022): SpeUnet, the three stages, the method."""
