"""Several machines at one archive on PostgreSQL: what is to be done waits in its database, and workers anywhere take it.

Promises what one machine promises: a Site is never crawled by two at once, what a dead worker had in hand is taken over, and
nothing is kept twice. Procrastinate keeps the queue; the work itself is that of `pipeline.jobs`, as on a single machine.
"""
