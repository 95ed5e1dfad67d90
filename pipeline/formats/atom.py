"""Atom out: articles with their texts, for feed readers and whatever else reads feeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from pipeline._version import __version__
from pipeline.formats.article_record import article_record, format_timestamp
from pipeline.formats.atomic_files import open_output
from pipeline.store.read.export_articles import ExportedArticle

NOT_XML: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # what no XML 1.0 may hold
HEAD: Final = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>Nightdesk</title>
<id>urn:nightdesk:export:{at}</id>
<updated>{at}</updated>
<author><name>Nightdesk</name></author>
<generator version="{version}">Nightdesk</generator>
"""


def atom(articles: Iterator[ExportedArticle], target: Path) -> int:
    """A feed of entries with the whole text as HTML paragraphs; characters that XML cannot hold are replaced."""
    written = 0
    now = format_timestamp(datetime.now(UTC).replace(microsecond=0))
    with open_output(target) as stream:
        stream.write(HEAD.format(at=now, version=__version__).encode())
        for article in articles:
            stream.write("".join(_entry(article_record(article))).encode())
            written += 1
        stream.write(b"</feed>\n")
    return written


def _entry(values: dict[str, Any]) -> Iterator[str]:
    language = f' xml:lang="{_safe(values["language"])}"' if values["language"] else ""
    yield f"<entry{language}>\n<title>{_safe(values['title'] or values['url'])}</title>\n"
    yield f"<id>{_safe(values['url'])}</id>\n"
    yield f'<link rel="alternate" type="text/html" href="{_safe(values["url"])}"/>\n'
    published = values["published_at"]
    yield f"<updated>{format_timestamp(values['modified_at'] or published or values['first_seen_at'])}</updated>\n"
    yield f"<published>{format_timestamp(published)}</published>\n" if published else ""
    for name in values["authors"] or [values["site"]]:
        yield f"<author><name>{_safe(name)}</name></author>\n"
    for term in values["tags"]:
        yield f'<category term="{_safe(term)}"/>\n'
    yield f"<summary>{_safe(values['description'])}</summary>\n" if values["description"] else ""
    paragraphs = "".join(
        f"<p>{escape(line, quote=False)}</p>\n"
        for line in values["text"].split("\n")
        if line.strip()
    )
    yield f'<content type="html">{_safe(paragraphs)}</content>\n</entry>\n'


def _safe(text: str) -> str:
    return escape(NOT_XML.sub("\ufffd", text))
