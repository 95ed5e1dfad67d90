"""The built-in scheduler: when each site's night is due, and the child processes that run it.

Cron lines are parsed in `pipeline.config.cron`, because site files have one.
"""
