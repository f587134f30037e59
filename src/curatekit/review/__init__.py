"""Reviewing: one row after the other is shown to a person, and what they decide is kept the moment it is said."""
