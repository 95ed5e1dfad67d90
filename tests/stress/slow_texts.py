"""Lines, URLs and queries that try to be slow."""

from __future__ import annotations

from collections.abc import Callable

LINES = {
    "stories": "The ferry of quay {n} left the harbour on time, as on every day.",
    "one line again and again": "The ferry left.",
    "its own headline": "Story x",
    "short lines": "x{n}",
    "headlines of others": "The ferry of quay {n} was late again",
    "prompts": "Read more: subscribe to our newsletter!",
    "consent": "We use cookies. Accept all cookies.",
    "tags": "Tags: a, b, c{n}",
    "dates": "3 March 2021",
    "bylines": "By Marta Ellin",
    "addresses": "https://courier.example/{n}",
    "captions": "Photo: Marta Ellin",
    "rights": "© 2021 The Courier. All rights reserved.",
    "leads": "Also read: the ferry of quay {n} was late",
    "sign-ins": "Sign in",
}

LONG_LINES: dict[str, Callable[[int], str]] = {
    "letters": lambda n: "x" * n,
    "words": lambda n: "ferry " * (n // 6),
    "capitals": lambda n: "Marta " * (n // 6),
    "spaces": lambda n: "a" + " " * n + "b",
    "full stops": lambda n: "." * n,
    "sentences": lambda n: "It left. " * (n // 9),
    "quotation marks": lambda n: "”»" * (n // 2),
    "dashes": lambda n: "- " * (n // 2),
    "digits": lambda n: "12" * (n // 2),
    "dates": lambda n: "3 March 2021 " * (n // 13),
    "times": lambda n: "10:" * (n // 3),
    "hashtags": lambda n: "#a " * (n // 3),
    "prompts": lambda n: "read more " * (n // 10),
    "consent": lambda n: "cookies " * (n // 8),
    "commas": lambda n: "a," * (n // 2),
    "bars": lambda n: " | " * (n // 3),
    "addresses": lambda n: "a@b " * (n // 4),
    "parentheses": lambda n: "(" * n,
    "credits": lambda n: "Photo: " * (n // 7),
    "bylines": lambda n: "by " * (n // 3),
    "marks": lambda n: "a" + "\u0301" * n,
    "ideographs": lambda n: "渡船" * (n // 2),
}

URL_PARTS = {
    "letters": "a",
    "hyphens": "a-",
    "hyphens alone": "-",
    "slashes": "/",
    "parts": "a/",
    "one part": "/a",
    "digits": "1",
    "dates": "2026/03/",
    "percent signs": "%41",
    "half percent signs": "%",
    "parameters": "?a=1&",
    "ampersands": "&",
    "sessions": ";jsessionid=",
    "dots": "../",
    "calendars": "/calendar",
    "endings": ".amp",
    "underscores": "_print",
    "letters of other scripts": "ж",
}

QUERIES = {
    "words": "ferry{n} ",
    "one word": "a",
    "quotes": '"a ',
    "parentheses": "(a ",
    "minus signs": "-",
    "alternatives": "a OR ",
    "colons": "title:",
    "stars": "ab* ",
    "dates": "after:2026 ",
    "spaces": " ",
}
