"""Whether a Site does as well as it used to: its nights in numbers, compared with its own settled past, and what follows.

Promises pure functions over frozen values. Where the numbers come from is the business of `store`, what is told and to whom
that of `runs`.
"""
