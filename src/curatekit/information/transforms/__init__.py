"""What may be left of the rows of a dataset: other texts, columns of numbers, or counts of words."""

from curatekit.information.transforms.left_of import LeftOf, left_of

__all__ = ["LeftOf", "left_of"]
