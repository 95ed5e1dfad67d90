"""Watches: find the new matches of a search, and send them to people and programs."""
