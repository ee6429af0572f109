"""The checks, one file per family of clauses; `README.md` beside this file is the guide for those who write them."""
