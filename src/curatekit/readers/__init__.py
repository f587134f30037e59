"""Reading: any source becomes a Dataset (`read_dataset`), or all its columns as they are (`read_frame`)."""

from curatekit.readers.read import read_dataset
from curatekit.readers.tables import read_frame

__all__ = ["read_dataset", "read_frame"]
