"""Specifications: what a model must get right, said in words and by examples, and measured by tests.

The examples guide the selection; the tests measure, so they are read only where a caller asks for them. One file an idea: where
texts come from (lists and rows of a file, templates, a column of a dataset, the statement alone), which of them are tests, leaks.
"""

from curatekit.specs.folding import folded, stand_among
from curatekit.specs.read import read_specifications, specification_files
from curatekit.specs.specification import Cases, Specification, example_cases, test_cases

__all__ = [
    "Cases",
    "Specification",
    "example_cases",
    "folded",
    "read_specifications",
    "specification_files",
    "stand_among",
    "test_cases",
]
