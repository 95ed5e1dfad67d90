"""The log in the database: it grows when a run is closed, and when something else happens.

`sealing` writes what a closed run says, `events` all else. `tree` holds the hashes, `fields` reads
the private fields of leaves and entries, and `proofs` proves them.
"""
