"""Simple and classical methods of fusion and of pan-sharpening, one in each module, and what several of them share."""
