"""The type and the size of a picture are read from its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.page_head import declared_picture_url, parse_head
from pipeline.core.pictures import picture_info
from tests.support.pictures import gif, jpeg, png, webp

KINDS = {
    "image/png": (png(640, 480),),
    "image/jpeg": (jpeg(640, 480),),
    "image/gif": (gif(640, 480),),
    "image/webp": tuple(webp(kind, 640, 480) for kind in (b"VP8 ", b"VP8L", b"VP8X")),
}
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'


@pytest.mark.parametrize(
    ("media_type", "body"), [(kind, body) for kind in KINDS for body in KINDS[kind]]
)
def test_each_type_is_known_with_its_size(media_type: str, body: bytes) -> None:
    info = picture_info(body)
    assert info is not None
    assert (info.media_type, info.width, info.height) == (media_type, 640, 480)
    assert not info.is_too_large


@pytest.mark.parametrize(
    "body",
    [
        SVG, b"", b"<html>", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\0" * 9, b"GIF89a", b"BM123456",
        b"\0\0\0\x1cftypavif", b"RIFF\0\0\0\0WEBPVP9 ", png(0, 5), jpeg(0, 0), b"%PDF-1.7",
        b"\xff\xd8\xff\xda" + jpeg(640, 480)[2:], gif(640, 0),
    ],
)  # fmt: skip
def test_other_bytes_are_no_picture(body: bytes) -> None:
    assert picture_info(body) is None


@pytest.mark.parametrize(
    "body",
    [
        png(5000, 5000), jpeg(65_000, 1), webp(b"VP8X", 1 << 24, 1 << 24), gif(4000, 3001),
    ],
)  # fmt: skip
def test_picture_of_too_many_pixels_is_too_large(body: bytes) -> None:
    info = picture_info(body)
    assert info is not None
    assert info.is_too_large


@given(st.binary(max_size=60), st.sampled_from([body for kind in KINDS.values() for body in kind]))
def test_damaged_pictures_raise_nothing(tail: bytes, body: bytes) -> None:
    for cut in range(0, len(body), 3):
        picture_info(body[:cut] + tail)


def test_picture_of_a_page_is_the_first_that_metadata_would_take() -> None:
    head = (
        b'<meta name="twitter:image" content="/t.jpg"><meta property="og:image" content="">'
        b'<meta property="og:image" content="/a.jpg?x=1&amp;y=2"><link rel=icon href="/i.png">'
    )
    assert declared_picture_url(parse_head(head)) == "/a.jpg?x=1&y=2"
    assert declared_picture_url(parse_head(b'<meta name="thumbnail" content="/n.jpg">')) == ""
