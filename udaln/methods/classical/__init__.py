"""The classical methods of the literature, which a fusion method is compared with; one module each."""
