"""The `curate` command: parsing and printing. What it does is in curatekit, imported in the body of each command."""
