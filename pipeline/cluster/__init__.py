"""Several machines work on one archive on PostgreSQL: tasks wait in its database for workers.

Procrastinate keeps the queue. The work itself is that of `pipeline.jobs`, as on one machine: no
two workers crawl a site at the same time, and the tasks of a dead worker are taken over.
"""
