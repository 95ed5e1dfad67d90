"""The crawler: network, no cleaning. One process crawls one Site and hands what it got to the archive."""
