"""The processes that crawl: how they are started, forked, limited in number and ended."""
