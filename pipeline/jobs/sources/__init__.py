"""Jobs on the stored sources of a site."""
