"""The charset of a page is found from its bytes, also where a few of them are broken."""

from __future__ import annotations

import pytest

from pipeline.extract.charset import decode

GERMAN = "Der nördliche Pier wird für sechs Wochen geschlossen, sagte die Direktorin über Funk."
RUSSIAN = "Северный пирс закроют на шесть недель, сообщила во вторник директор порта."
POLISH = "Północny pomost zostanie zamknięty na sześć tygodni, mówi dyrektorka."
CHINESE = "港务局星期二宣布北码头将关闭六个星期因为潜水员发现了裂缝渡轮改从渔港出发乘客应预留时间"
ENGLISH = "The café on the quay stays open — “for now”, its owner said."


def page(text: str, meta: str = "", description: bytes = b"", padding: int = 0) -> bytes:
    declaration = f'<meta charset="{meta}">' if meta else ""
    head = f'<html><head>{declaration}<meta name="description" content="'.encode() + description
    return head + b'"><style>' + b"x" * padding + f"</style></head><p>{text}</p>".encode()


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, POLISH, CHINESE, ENGLISH])
@pytest.mark.parametrize("meta", ["utf-8", "", "iso-8859-1", "windows-1251", "gbk"])
@pytest.mark.parametrize("broken", [b"\xe2\x80", b"\xc3", b"\xd0", b"\xff"])
def test_utf8_with_a_broken_byte_stays_utf8(text: str, meta: str, broken: bytes) -> None:
    assert text in decode(page(text, meta, b"cut here " + broken))
    assert text in decode(page(text, "", b"cut here " + broken), meta)


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, POLISH, CHINESE])
@pytest.mark.parametrize("meta", ["utf-8", "iso-8859-1"])
def test_a_page_that_ends_within_a_character_stays_utf8(text: str, meta: str) -> None:
    body = page(f"{text} {text}", meta)
    cut = next(number for number in range(len(body) - 5, 0, -1) if body[number] & 0xC0 == 0x80)
    assert text in decode(body[:cut])


@pytest.mark.parametrize(
    ("text", "encoding", "meta"),
    [
        (GERMAN, "iso-8859-1", "iso-8859-1"),
        (GERMAN, "windows-1252", "utf-8"),
        (RUSSIAN, "windows-1251", "windows-1251"),
        (RUSSIAN, "windows-1251", "utf-8"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (RUSSIAN * 5, "koi8-r", ""),
        (POLISH, "iso-8859-2", "iso-8859-2"),
        (CHINESE, "gbk", "gb2312"),
        (CHINESE, "gbk", "utf-8"),
        (CHINESE * 3, "gbk", ""),
        ("港の北埠頭は六週間閉鎖されると港湾局長が火曜日に述べた。" * 3, "shift_jis", ""),
        ("북쪽 부두는 여섯 주 동안 닫힌다고 항만 당국이 화요일에 밝혔다." * 3, "euc-kr", ""),
    ],
)
@pytest.mark.parametrize("padding", [0, 60_000])
def test_another_charset_is_not_taken_for_broken_utf8(
    text: str, encoding: str, meta: str, padding: int
) -> None:
    body = page("TEXT", meta, padding=padding).replace(b"TEXT", text.encode(encoding))
    assert text in decode(body)
