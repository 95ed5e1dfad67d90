"""The torture room: trials that take minutes, each a command of its own. None of this is needed to use Nightdesk.

`python -m tests.stress NAME` runs a trial against this checkout, prints its figures, and exits 1 where it falls short.
"""
