"""Whether a site does as well as before: each night in numbers is compared with its past ones.

These are pure functions over frozen values. `store.monitoring` computes and stores the numbers,
and `jobs` reports the issues.
"""
