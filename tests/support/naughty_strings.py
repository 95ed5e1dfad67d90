"""Strings of the kinds that often break programs. They were written for these tests."""

from __future__ import annotations

NAUGHTY_STRINGS = [
    "", " ", '"', '""', '"" ""', "'", "''", "*", "**", "^", "(", ")", "()", "(()", "a OR", "OR",
    "OR OR", "NOT", "AND", "NEAR(a b)", "a AND", "col:word", "title:", "title: x", "site:",
    "author:\"", "-", "--", "---a", "- a", "ferry*", "^ferry", "a -b", "{a}", "{a b}: c", "\\",
    "\\'", "%", "_", "&", "|", "!", "a & !b", "a <-> b", "a <2> b", ":*", "a:*", "a:A", "'a'",
    "a''b", "$1", ":a", "?1", "@x", "#1", "~", "`", "a+b", "+a", "\x00", "a\x00b",
    "\x01\x02\x1f", "\x7f", "\x80\x9f", "\ud800", "a\udfffb", "\ufffe", "\uffff", "\U0010ffff",
    "\ufeffa", "\u200b", "\u200ca\u200d", "\u202ea\u202c", "\u2028", "\u2029", "\u00ad",
    "so\u00adft", "\u180e", "\r\n", "\t", "\x0b\x0c", "a\u0300\u0301\u0302\u0303", "à" * 40,
    "Z̸̡a͠l̛g͘o͝", "undefined", "null", "NULL", "nil", "None", "true", "NaN", "Infinity", "-1",
    "1E400", "0x1F", "1/0", "1_000", "١٢٣", "１２３", "²", "½", "Ⅷ", "1' OR '1'='1",
    "'; DROP TABLE article; --", "\") MATCH '*", "%s%n", "{0}", "${x}", "{{7*7}}",
    "<script>alert(1)</script>", "<img src=x onerror=a()>", "javascript:alert(1)",
    "\"><svg/onload=a>", "<!--", "]]>", "&lt;b&gt;", "&#0;", "../../etc/passwd", "C:\\con",
    "file:///x", "http://[::1]:0/", "a@b.c", "$(touch x)", "`ls`", "|| true", "() { :; }",
    "eval(1)", "\x1b[31mred", "\a\b", "ﷺ", "㌀", "ﬁ", "ß", "ẞ", "İ", "ı", "ŉ", "ǰ", "ΐ",
    "ς σ Σ", "田中さんにあげて", "パーティーへ行かないか", "ｱｲｳ", "和製漢語", "사회과학원",
    "찦차를 타고", "울란바토르", "𠜎𠜱", "هذا نص", "מבחן", "ﺁ", "ไทย", "ภาษา", "हिन्दी",
    "தமிழ்", "မြန်မာ", "ខ្មែរ", "ລາວ", "አማርኛ", "Ⱥ", "𝓣𝓱𝓮", "🅰", "🗞", "👩‍👩‍👧", "🇹🇯", "❤️",
    "ÿ" * 500, "word " * 500, '"' * 501, "(" * 300, "-" * 2000, "a" * 5000, "東" * 3000,
    "é" * 3000, "—", "…", "·", "e·", "s·evening", "·ferri", "d·2024", "h··x", "r·0", "a·b", "•",
    "‿", "a‿b", "__", "_a_",
]  # fmt: skip
