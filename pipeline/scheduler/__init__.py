"""The schedule: which nights come when, the process that waits for them, and the children in which they run.

Promises that nobody who only asks for an agenda loads APScheduler. Cron lines themselves are read in `pipeline.config.cron`, since a
Site's file has one, too.
"""
