"""Problems that have a solution to compute rather than to search for."""
