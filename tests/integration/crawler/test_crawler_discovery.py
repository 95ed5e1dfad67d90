"""Reading the links of feeds, sitemaps and sections, and reporting files that are none."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from crawler.discovery.discover import read_links
from crawler.discovery.links import LinkListing
from pipeline.config.site import Site
from pipeline.core.models import Link, Reason, UrlKind

SITE = Site(
    id="h", name="H", url="https://h.tj", feeds=("https://h.tj/feed",), timezone="Asia/Dushanbe"
)
BASE = "https://h.tj/news/list"


def read(kind: UrlKind, body: str | bytes, content_type: str = "") -> LinkListing:
    return read_links(
        kind, body.encode() if isinstance(body, str) else body, BASE, content_type, SITE
    )


def feed(items: str, head: str = "") -> LinkListing:
    return read(
        UrlKind.FEED, f'{head}<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'
    )


def test_feed_links_have_plain_titles_and_utc_dates() -> None:
    listing = feed(
        "<item><title>A &lt;b&gt;bold&lt;/b&gt; &amp;amp; new\n crane</title><link>/news/1</link>"
        "<pubDate>Mon, 02 Jan 2023 10:00:00 +0500</pubDate></item>"
        "<item><title>3 &lt; 4</title><link>https://h.tj/news/2</link></item>"
    )
    assert listing.links == (
        Link(
            "https://h.tj/news/1",
            title="A bold & new crane",
            published_at=datetime(2023, 1, 2, 5, tzinfo=UTC),
        ),
        Link("https://h.tj/news/2", title="3 < 4"),
    )


def test_atom_entry_has_both_dates_and_its_alternate_link() -> None:
    listing = read(
        UrlKind.FEED,
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>T</title>'
        '<link rel="self" href="/no"/><link href="/news/1"/>'
        "<published>2024-05-01T00:00:00+05:00</published><updated>2024-05-02T00:00:00Z</updated></entry></feed>",
    )
    (link,) = listing.links
    assert link.url == "https://h.tj/news/1"
    assert link.published_at == datetime(2024, 4, 30, 19, tzinfo=UTC)
    assert link.modified_at == datetime(2024, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("item", "url"),
    [
        ("<guid>https://h.tj/news/7</guid>", "https://h.tj/news/7"),
        ("<guid>4711</guid>", None),
        ('<guid isPermaLink="false">https://h.tj/news/7</guid>', "https://h.tj/news/7"),
        ('<guid isPermaLink="false">tag:7</guid><link>/news/8</link>', "https://h.tj/news/8"),
        ("<link>mailto:a@h.tj</link>", None),
    ],
)
def test_guid_is_a_link_only_if_it_is_a_url_and_there_is_no_other(
    item: str, url: str | None
) -> None:
    assert [link.url for link in feed(f"<item><title>t</title>{item}</item>").links] == (
        [url] if url else []
    )


def test_empty_feed_has_no_links_and_no_error() -> None:
    assert feed("") == LinkListing()


@pytest.mark.parametrize(
    "junk",
    ["<html><body>log in</body></html>", "Service unavailable", "{}", "[1", "<?xml", "\x00\x01"],
)
def test_file_that_is_no_feed_is_unreadable_with_a_detail(junk: str) -> None:
    listing = read(UrlKind.FEED, junk)
    assert (listing.reason, listing.links) == (Reason.UNREADABLE, ())
    assert listing.detail


def test_broken_feed_yields_its_whole_entries() -> None:
    listing = feed(
        "<item><title>Fish&nbsp;& chips &laquo;x&raquo;</title><link>/news/1</link></item>"
        "<item><title>cut"
    )
    assert [(link.url, link.title) for link in listing.links] == [
        ("https://h.tj/news/1", "Fish & chips «x»")
    ]


@pytest.mark.parametrize("broken", ["", "&nbsp;"])
@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="windows-1251"?>'])
def test_feed_encoding_may_be_in_the_header_or_in_the_file(broken: str, declared: str) -> None:
    item = f"<item><title>Порт{broken}</title><link>/news/1</link></item>"
    body = f'{declared}<rss version="2.0"><channel>{item}</channel></rss>'.encode("cp1251")
    (link,) = read(
        UrlKind.FEED, body, "text/xml" if declared else "text/xml; charset=windows-1251"
    ).links
    assert link.title == "Порт"


def test_urls_with_bare_ampersands_or_in_cdata_stay_whole() -> None:
    expected = ["https://h.tj/1?a=1&b=2", "https://h.tj/2?a=1&b=2"]
    bare, cdata = "https://h.tj/1?a=1&b=2", "<![CDATA[https://h.tj/2?a=1&b=2]]>"
    item = f"<item><link>{bare}</link></item><item><link>{cdata}</link></item>"
    assert [link.url for link in feed(item).links] == expected
    sitemap = f"<urlset><url><loc>{bare}</loc></url><url><loc>{cdata}</loc></url></urlset>"
    assert [link.url for link in read(UrlKind.SITEMAP, sitemap).links] == expected


def test_cut_off_url_at_the_end_of_a_file_is_no_link() -> None:
    whole = "<item><link>https://h.tj/news/1</link></item>"
    cut = f'<rss version="2.0"><channel>{whole}<item><link>https://h.tj/ne'
    assert [link.url for link in read(UrlKind.FEED, cut).links] == ["https://h.tj/news/1"]


def test_feed_may_have_a_document_type_but_its_entities_are_not_resolved() -> None:
    entities = '<!ENTITY a SYSTEM "file:///etc/hostname"><!ENTITY b "&a;&a;">'
    doctype = f'<?xml version="1.0"?><!DOCTYPE rss [{entities}]>'
    (link,) = feed("<item><title>x&a;&b;</title><link>/news/1</link></item>", doctype).links
    assert link.url == "https://h.tj/news/1"
    assert len(link.title) < 10


def test_hostile_feed_is_refused() -> None:
    assert (
        read(UrlKind.FEED, b'<rss version="2.0"><channel>' + b"<a " * 300_000).reason
        is Reason.TOO_COMPLEX
    )


def test_sources_that_would_cost_gigabytes_are_not_parsed() -> None:
    for kind, body in (
        (UrlKind.FEED, b'{"items":[' + b"{}," * 400_000 + b"{}]}"),
        (UrlKind.FEED, b"<rss>" + b"&" * 1_100_000),
        (UrlKind.SITEMAP, b"<urlset>" + b"<a/>" * 3_100_000),
        (UrlKind.SECTION, b"<html>" + b"<a>" * 110_000),
    ):
        assert read(kind, body).reason is Reason.TOO_COMPLEX


def test_feed_categories_become_tags_by_their_labels() -> None:
    named = "<category>Port</category><category>Sea &amp; shore</category><category> </category>"
    rss = feed(f"<item><link>https://h.tj/1</link>{named}</item>").links
    categories = '<category term="p1" label="Port"/><category term="sea"/>'
    entry = f'<entry><link href="https://h.tj/2"/>{categories}</entry>'
    atom = read(UrlKind.FEED, f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>').links
    assert [link.tags for link in (*rss, *atom)] == [("Port", "Sea & shore"), ("Port", "sea")]


LINK = "<link>https://h.tj/1</link>"
ATOM_LINK = '<link rel="alternate" href="https://h.tj/1"/>'
ORIGINAL = '<o:origLink xmlns:o="http://rssnamespace.org/feedburner/ext/1.0">{}</o:origLink>'


def rss_item(item: str, attributes: str = "") -> str:
    return (
        f'<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom" {attributes}><channel>'
        f"<title>x</title><link>https://h.tj/</link><item>{item}</item></channel></rss>"
    )


def atom_entry(entry: str, attributes: str = "") -> str:
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom" {attributes}><title>x</title>'
    return f'{feed}<link href="https://h.tj/"/><entry>{entry}</entry></feed>'


@pytest.mark.parametrize(
    "feed",
    [
        rss_item(f"<guid>4711</guid>{LINK}"),
        rss_item(f"<guid>tag:h.tj,2026:4711</guid>{LINK}"),
        rss_item(f"<guid>urn:uuid:1225c695-cfb8</guid>{LINK}"),
        rss_item(f'<guid isPermaLink="false">4711</guid>{LINK}'),
        rss_item(f'<guid isPermaLink="true">4711</guid>{LINK}'),
        rss_item(f"{LINK}<guid>https://h.tj/?p=4711</guid>"),
        rss_item(f"<guid>https://h.tj/?p=4711</guid>{LINK}"),
        rss_item("<guid>https://h.tj/1</guid>"),
        rss_item('<guid isPermaLink="false">https://h.tj/1</guid>'),
        rss_item("<guid>/1</guid>"),
        rss_item("<link></link><guid>https://h.tj/1</guid>"),
        rss_item("<link>tag:h.tj,2026:4711</link><guid>https://h.tj/1</guid>"),
        rss_item("<link>javascript:void(0)</link><guid>https://h.tj/1</guid>"),
        rss_item(f"{LINK}<link>https://h.tj/2</link>"),
        rss_item('<a:link href="https://h.tj/1"/>'),
        rss_item(f'<a:link rel="replies" href="https://h.tj/c"/>{LINK}'),
        rss_item(f"<comments>https://h.tj/c</comments>{LINK}"),
        rss_item(f'<enclosure url="https://h.tj/a.mp3" type="audio/mpeg" length="1"/>{LINK}'),
        rss_item(f"<link>https://proxy.tj/1</link>{ORIGINAL.format('https://h.tj/1')}"),
        rss_item(f"{LINK}{ORIGINAL.format('tag:h.tj,2026:1')}"),
        rss_item("<link>../1</link>", 'xml:base="https://h.tj/a/"'),
        atom_entry(f"<id>tag:h.tj,2026:1</id>{ATOM_LINK}"),
        atom_entry(f"<id>4711</id>{ATOM_LINK}"),
        atom_entry('<link rel="self" href="https://h.tj/s"/><link href="https://h.tj/1"/>'),
        atom_entry(f'<link rel="enclosure" href="https://h.tj/e.mp3"/>{ATOM_LINK}'),
        atom_entry(f'<link rel="replies" type="text/html" href="https://h.tj/c"/>{ATOM_LINK}'),
        atom_entry(f'<link type="application/json" href="https://h.tj/1.json"/>{ATOM_LINK}'),
        atom_entry(f'{ATOM_LINK}<link rel="alternate" hreflang="ru" href="https://h.tj/ru/1"/>'),
        atom_entry("<id>https://h.tj/1</id>"),
        atom_entry('<id>a</id><content type="text/html" src="https://h.tj/1"/>'),
        atom_entry('<id>a</id><link rel="self" href="https://h.tj/1"/>'),
        atom_entry('<link href="1"/>', 'xml:base="https://h.tj/"'),
        atom_entry('<link xml:base="a/" href="../1"/>', 'xml:base="https://h.tj/"'),
        '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "https://h.tj/1"}]}',
        '{"version": "https://jsonfeed.org/version/1", "items": [{"id": 4, "url": "/1"}]}',
    ],
)
def test_an_entry_is_found_by_any_http_link_that_leads_to_its_story(feed: str) -> None:
    assert [link.url for link in read(UrlKind.FEED, feed).links] == ["https://h.tj/1"]


@pytest.mark.parametrize(
    "feed",
    [
        rss_item("<guid>4711</guid>"),
        rss_item("<guid>tag:h.tj,2026:4711</guid><title>T</title>"),
        rss_item('<enclosure url="https://h.tj/a.mp3" type="audio/mpeg" length="1"/>'),
        rss_item("<comments>https://h.tj/c</comments>"),
        atom_entry('<id>urn:uuid:1</id><link rel="replies" href="https://h.tj/c"/>'),
        '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": 4711}, 7]}',
        "<urlset><url><lastmod>2026-05-01</lastmod></url></urlset>",
    ],
)
def test_entries_of_which_none_has_a_link_are_no_empty_feed(feed: str) -> None:
    kind = UrlKind.SITEMAP if "<urlset" in feed else UrlKind.FEED
    listing = read(kind, feed)
    assert (listing.links, listing.reason) == ((), Reason.NO_LINKS)
    assert "none has a link" in listing.detail
    assert not listing.was_read


@pytest.mark.parametrize(
    "feed",
    [
        rss_item("").replace("<item></item>", ""),
        '{"version": "https://jsonfeed.org/version/1.1", "items": []}',
    ],
)
def test_an_empty_feed_is_no_error(feed: str) -> None:
    assert read(UrlKind.FEED, feed).reason is Reason.NONE
    assert read(UrlKind.SITEMAP, "<urlset/>").reason is Reason.NONE


def test_json_feed_is_read() -> None:
    body = (
        '{"version": "https://jsonfeed.org/version/1.1", "items": [{"url": "/news/1", "title": "T",'
        ' "date_published": "2024-05-01T05:00:00+05:00", "tags": ["port", 3, "port", " sea\\n"]},'
        ' {"id": "no url"}, 3]}'
    )
    assert read(UrlKind.FEED, body).links == (
        Link(
            "https://h.tj/news/1",
            title="T",
            published_at=datetime(2024, 5, 1, tzinfo=UTC),
            tags=("port", "sea"),
        ),
    )


NEWS_SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"
 xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><image:image><image:loc>https://h.tj/a.jpg</image:loc><image:title>no</image:title></image:image>
 <loc> https://h.tj/news/1 </loc><lastmod>2024-05-02T10:00:00</lastmod>
 <n:news><n:publication_date>2024-05-01</n:publication_date><n:title>Fish &amp; chips</n:title>
 <n:keywords>fish, chips,,fish</n:keywords></n:news></url>
<url><loc>mailto:x</loc></url><url/></urlset>"""


def test_news_sitemap_has_titles_and_dates_in_the_time_zone_of_the_site() -> None:
    assert read(UrlKind.SITEMAP, NEWS_SITEMAP).links == (
        Link(
            "https://h.tj/news/1",
            title="Fish & chips",
            published_at=datetime(2024, 5, 1, tzinfo=UTC),  # a date without a time
            published_precision="day",
            modified_at=datetime(2024, 5, 2, 5, tzinfo=UTC),
            tags=("fish", "chips"),
        ),
    )


def test_children_of_an_index_are_sitemaps() -> None:
    (link,) = read(
        UrlKind.SITEMAP,
        "<sitemapindex><sitemap><loc>https://h.tj/s2.xml</loc></sitemap></sitemapindex>",
    ).links
    assert (link.url, link.kind) == ("https://h.tj/s2.xml", UrlKind.SITEMAP)


ONE_URL = "<urlset><url><loc>https://h.tj/1</loc></url></urlset>"


@pytest.mark.parametrize("encoding", ["utf8", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE urlset [<!ENTITY a "b">]>',
        '<!-- <a> --><!DOCTYPE urlset [<!ENTITY a "b">]>',
        '<!doctype urlset [<!-- > --> <!entity % a SYSTEM "http://127.0.0.1/">]>',
        '<!DOCTYPE urlset SYSTEM "urlset.dtd" [<!ELEMENT a ANY><!ENTITY a "b">]>',
    ],
)
def test_entities_are_refused_in_any_encoding(document_type: str, encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding[:6]}"?>'
    body = f"{declaration}{document_type}{ONE_URL}".encode(encoding)
    assert read(UrlKind.SITEMAP, body).reason is Reason.XML_DOCTYPE_REFUSED


@pytest.mark.parametrize(
    "document_type",
    [
        "<!DOCTYPE urlset>",
        '<!DOCTYPE urlset SYSTEM "https://h.tj/sitemap.dtd">',
        '<!DOCTYPE urlset PUBLIC "-//Example//Sitemap" "http://127.0.0.1/sitemap.dtd">',
        "<!DOCTYPE urlset [<!ELEMENT urlset ANY><!-- no entities -->]>",
    ],
)
def test_a_document_type_without_entities_is_harmless(document_type: str) -> None:
    listing = read(UrlKind.SITEMAP, f'<?xml version="1.0"?>\n{document_type}\n{ONE_URL}')
    assert [link.url for link in listing.links] == ["https://h.tj/1"]
    assert listing.reason is Reason.NONE


def test_an_html_page_in_place_of_a_sitemap_is_unreadable() -> None:
    listing = read(UrlKind.SITEMAP, "<!DOCTYPE html><html><body>Please log in</body></html>")
    assert listing.reason is Reason.UNREADABLE


def test_sitemap_may_be_gzipped_or_plain_text_or_a_feed() -> None:
    assert len(read(UrlKind.SITEMAP, gzip.compress(NEWS_SITEMAP.encode())).links) == 1
    assert (
        len(
            read(
                UrlKind.SITEMAP,
                gzip.compress(b"https://h.tj/1\n") + gzip.compress(b"https://h.tj/2\n"),
            ).links
        )
        == 2
    )
    assert len(read(UrlKind.SITEMAP, "https://h.tj/1\nhttps://h.tj/2\nno\n").links) == 2
    assert (
        len(
            read(
                UrlKind.SITEMAP,
                "<rss version='2.0'><channel><item><link>/1</link></item></channel></rss>",
            ).links
        )
        == 1
    )


def test_gzip_bomb_is_not_decompressed() -> None:
    assert read(UrlKind.SITEMAP, gzip.compress(b" " * 60_000_000)).reason is Reason.TOO_LARGE
    assert read(UrlKind.FEED, gzip.compress(b" " * 40_000_000)).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "junk", [b"", b"hello", b"<html><body>no</body></html>", b"<urlset", b"\x1f\x8b\x08broken"]
)
def test_file_that_is_no_sitemap_is_unreadable(junk: bytes) -> None:
    assert read(UrlKind.SITEMAP, junk).reason is Reason.UNREADABLE


def test_empty_sitemap_is_no_error_and_cut_off_sitemap_yields_its_whole_entries() -> None:
    assert read(UrlKind.SITEMAP, "<urlset></urlset>") == LinkListing()
    assert (
        len(
            read(
                UrlKind.SITEMAP, "<urlset><url><loc>https://h.tj/1</loc></url><url><loc>https://h"
            ).links
        )
        == 1
    )


def test_sitemap_is_read_up_to_the_limit_and_says_so() -> None:
    listing = read(UrlKind.SITEMAP, "".join(f"https://h.tj/{number}\n" for number in range(50_010)))
    assert (len(listing.links), listing.reason) == (50_000, Reason.TOO_MANY_LINKS)
    assert "50000" in listing.detail


def test_section_lists_links_of_its_own_site_once_in_order_with_titles() -> None:
    listing = read(
        UrlKind.SECTION,
        '<base href="/a/"><a href="1"><img></a><a href="https://other.tj/2">two</a>'
        '<a href="#top">up</a><a href="https://www.h.tj/3?utm_source=x">three\n <b>fish</b></a>'
        '<a href="1#c">One</a><a>none</a>',
    )
    assert [(link.url, link.title) for link in listing.links] == [
        ("https://h.tj/a/1", "One"),
        ("https://www.h.tj/3?utm_source=x", "three fish"),
    ]


def test_section_is_decoded_right_even_if_the_header_is_wrong() -> None:
    content_type = "text/html; charset=iso-8859-1"
    assert (
        read(UrlKind.SECTION, '<a href="/1">Тоҷикистон</a>', content_type).links[0].title
        == "Тоҷикистон"
    )
    assert (
        read(UrlKind.SECTION, '<a href="/1">Порт</a>'.encode("cp1251"), "text/html; charset=cp1251")
        .links[0]
        .title
        == "Порт"
    )


def test_titles_hold_no_character_that_a_database_refuses() -> None:
    (link,) = read(UrlKind.SECTION, '<a href="/1">a\x00b&#0;&#xD800;c</a>').links
    assert "\x00" not in link.title
    link.title.encode("utf8")
    poisoned = "<item><title>&#1;A &#X66;erry&#xFFFE;&#55296;\x01</title><link>/2</link></item>"
    assert (
        read(UrlKind.FEED, f"<rss version='2.0'><channel>{poisoned}</channel></rss>").links[0].title
        == "A ferry"
    )


def test_nested_links_and_many_prefixes_are_read_in_bounded_time() -> None:
    nested = "".join(f"<a href='/news/{n}'><div>x" for n in range(3_000))
    assert len(read(UrlKind.SECTION, nested).links) > 900  # as deep as a parser goes
    assert len(read(UrlKind.SECTION, nested).links[0].title) < 600
    prefixes = "".join(f"<a{n}:x xmlns:a{n}='urn:{n}'/>" for n in range(400))
    assert (
        read(UrlKind.FEED, f"<rss version='2.0'><channel>{prefixes}</channel></rss>").reason
        is Reason.TOO_COMPLEX
    )


@pytest.mark.parametrize(
    ("markup", "next_page"),
    [
        ('<link rel="next" href="/list/page/2">', "https://h.tj/list/page/2"),
        ('<a rel="nofollow NEXT" href="?page=2">older</a>', "https://h.tj/news/list?page=2"),
        ('<a rel="next">nowhere</a><a href="/2">2</a>', ""),
    ],
)
def test_section_declares_its_next_page(markup: str, next_page: str) -> None:
    assert (
        read(UrlKind.SECTION, f"<html><body>{markup}<p>x</p></body></html>").next_page == next_page
    )
