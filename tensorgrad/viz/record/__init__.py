"""Reads what was recorded into the data of a picture."""
