"""Is the data itself sound? One question a module, each a function of arrays; `checks` asks them all."""
