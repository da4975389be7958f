"""Writes graphs: pictures, text, and the languages of other programs."""
