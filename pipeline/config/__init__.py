"""Settings and site files: read, checked, and explained if they are wrong."""
