"""Three small demo news sites, served on this machine only.

They have two fixed nights in three languages, with the faults and events that a nightly archive
meets, and the exact text that a perfect archive keeps. Each start gives the same bytes.
"""

from __future__ import annotations

from pipeline.demo_site.data import SITE_IDS, load_site
from pipeline.demo_site.expected import ExpectedArticle, expected_articles, site_file
from pipeline.demo_site.model import DemoSite
from pipeline.demo_site.server import DemoServer, RecordedRequest, serve_demo_sites

SITES: tuple[DemoSite, ...] = tuple(load_site(site_id).site for site_id in SITE_IDS)

__all__ = [
    "SITES",
    "DemoServer",
    "DemoSite",
    "ExpectedArticle",
    "RecordedRequest",
    "expected_articles",
    "serve_demo_sites",
    "site_file",
]
