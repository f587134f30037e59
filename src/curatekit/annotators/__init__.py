"""Rows that several people labelled: what they agree on, how good each of them is, and where they honestly differ."""
