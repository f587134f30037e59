"""Several datasets of one label space, labelled by different people: where their criteria differ, and by how much."""
