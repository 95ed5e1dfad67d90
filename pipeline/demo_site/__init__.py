"""A small newsroom of three made-up news sites, served on this machine alone.

Promises: two fixed nights of three sites in three languages, with the faults
and events a nightly archive meets; the exact text a perfect archive would
keep; the same bytes every time; nothing but the standard library.
"""

from __future__ import annotations

from pipeline.demo_site.data import SITE_IDS, load
from pipeline.demo_site.model import NewsroomSite
from pipeline.demo_site.server import Newsroom, Seen, serve
from pipeline.demo_site.truth import Truth, site_file, truth

SITES: tuple[NewsroomSite, ...] = tuple(load(site_id).site for site_id in SITE_IDS)

__all__ = ["SITES", "Newsroom", "NewsroomSite", "Seen", "Truth", "serve", "site_file", "truth"]
