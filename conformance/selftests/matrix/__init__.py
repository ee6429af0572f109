"""The proof that the suite can fail, and that it blames no right server: it is run against each known server.

A defect is killed when the clause that it breaks is reported broken; a right variant must not be blamed for anything.
"""
