"""The checks, one file per family of clauses; each check cites the requirements it can decide."""
