"""The fusion methods, behind one face."""
