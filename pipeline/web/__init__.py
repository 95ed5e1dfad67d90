"""The web app: the archive in a browser and as a JSON API, read-only.

It treats all archived content as hostile. It escapes every text, no page runs or loads anything
from outside the app, and nothing can be changed through it.
"""
