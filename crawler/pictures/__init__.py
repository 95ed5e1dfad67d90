"""Lead pictures of stories, which a crawl fetches after all stories."""
