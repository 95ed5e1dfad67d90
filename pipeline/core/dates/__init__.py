"""Dates as pages and sources write them: days in text, moments, calendars, months."""
