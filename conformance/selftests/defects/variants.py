"""Right servers that read the open clauses otherwise: the suite must find nothing to blame in them."""
