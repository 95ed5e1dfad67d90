"""The table of commands: all that the help needs, so that it loads no command.

The function of a command has its full help. A test holds this table against the functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

SETUP: Final = "Set up"
EVERY_NIGHT: Final = "Every night"
READ: Final = "Read"
CLEANING: Final = "Cleaning"
EXCHANGE: Final = "Export and import"
OPERATIONS: Final = "Operations"
CLUSTER: Final = "Several machines"


class CommandEntry(NamedTuple):
    """One command in the list of the help.

    Attributes:
        group: The heading under which the help lists it.
        summary: The first paragraph of its own help.
    """

    group: str
    summary: str


# In the order of the help. The module of a command in `pipeline.cli.commands` has the command's
# name, and so has the function in it.
COMMANDS: Final[Mapping[str, CommandEntry]] = {
    "demo": CommandEntry(
        SETUP,
        "Run two nights of small demo sites on this machine, without a network, and explain them.",
    ),
    "init": CommandEntry(
        SETUP,
        "Make a home folder: settings with your contact, a sample of a site file, a cron line.",
    ),
    "add": CommandEntry(
        SETUP,
        "Probe news sites, and write a file for each: sources, URL patterns, language, time zone.",
    ),
    "catalog": CommandEntry(
        SETUP, "List publishers of public lists that 'nightdesk add --catalog' can add."
    ),
    "check": CommandEntry(
        SETUP, "Probe sites again, and show what is broken, changed or new. Changes no file."
    ),
    "sites": CommandEntry(
        SETUP, "List the sites with their schedule and the number of their sources."
    ),
    "doctor": CommandEntry(
        SETUP, "Check settings, sites, archive, disk, clock, browser and locks, and say what to do."
    ),
    "completion": CommandEntry(
        SETUP,
        "Print the lines that make a shell complete commands, options and site ids with Tab.",
    ),
    "crawl": CommandEntry(
        EVERY_NIGHT,
        "Crawl the sites, clean what is new, and print a summary. This is the nightly command.",
    ),
    "discover": CommandEntry(
        EVERY_NIGHT,
        "Read the stored sources of sites again, and queue the stories that were missed.",
    ),
    "fetch": CommandEntry(
        EVERY_NIGHT,
        "Archive single pages now, under the rules of their sites, and show their articles.",
    ),
    "schedule": CommandEntry(
        EVERY_NIGHT,
        "Run until Ctrl-C or SIGTERM, and crawl each site at the times of its cron line.",
    ),
    "status": CommandEntry(
        EVERY_NIGHT,
        "Show every site on one line, sites with issues first, and whether the ledgers add up.",
    ),
    "report": CommandEntry(
        EVERY_NIGHT,
        "Show the last night of each site, its open issues, and since when they are open.",
    ),
    "search": CommandEntry(READ, "Find articles by words of their title and text, or count them."),
    "count": CommandEntry(
        READ, "Count the articles of several queries side by side, over time or by site."
    ),
    "show": CommandEntry(
        READ, "Show an article: its text, metadata, revisions and near-duplicates."
    ),
    "changes": CommandEntry(
        READ,
        "List what publications changed: headlines, texts, numbers, corrections, deleted pages.",
    ),
    "diff": CommandEntry(READ, "Show word by word what changed between two revisions."),
    "watches": CommandEntry(
        READ, "List the watches of the settings with what they found, and test their addresses."
    ),
    "explain": CommandEntry(
        READ, "Show each block of a page, kept or removed, with the rule that removed it, and why."
    ),
    "runs": CommandEntry(READ, "List the newest runs, or the ledger of one of them, URL by URL."),
    "serve": CommandEntry(READ, "Show the archive in a browser, for reading only, until Ctrl-C."),
    "clean": CommandEntry(
        CLEANING,
        "Clean the pages that are new, or older than the rules, versions or options of their site.",
    ),
    "review": CommandEntry(
        CLEANING,
        "List results that are held because they lose much text, and accept or reject them.",
    ),
    "rollback": CommandEntry(
        CLEANING,
        "Take a clean back: each article is again as it was before, until its recipe changes.",
    ),
    "profile": CommandEntry(
        CLEANING,
        "Show a site's profile: the containers that hold its stories, and its most frequent lines.",
    ),
    "export": CommandEntry(
        EXCHANGE,
        "Write articles, pages or extracted pages to files, with a manifest of their SHA-256.",
    ),
    "import": CommandEntry(
        EXCHANGE, "Import WARC files, HTML or extracted pages, or copy another Nightdesk archive."
    ),
    "extract": CommandEntry(
        EXCHANGE,
        "Extract clean texts from files, without an archive: one line of JSON for each page.",
    ),
    "extract-export": CommandEntry(
        EXCHANGE,
        "Extract exported pages without an archive. 'nightdesk import' takes the result back.",
    ),
    "evidence": CommandEntry(
        EXCHANGE,
        "Write a bundle with bytes, history and proofs of a story, which anybody can verify.",
    ),
    "verify": CommandEntry(
        OPERATIONS,
        "Check bytes, texts, articles, index and ledgers of the archive, its log, or exports.",
    ),
    "backup": CommandEntry(
        OPERATIONS,
        "Copy the whole archive in one state, also during a crawl, and read the copy to check it.",
    ),
    "prune": CommandEntry(
        OPERATIONS,
        "Delete old results, ledgers and versions of sources, by the site files. Articles stay.",
    ),
    "forget": CommandEntry(
        OPERATIONS, "Delete a story for good, hide it, or redact it, and log that."
    ),
    "compact": CommandEntry(
        OPERATIONS,
        "Compress pages that were stored before their site had a dictionary. No byte is lost.",
    ),
    "keys": CommandEntry(
        OPERATIONS, "Make the key that signs checkpoints of the log, show it, or replace it."
    ),
    "log": CommandEntry(
        OPERATIONS,
        "Show the log, declare that a backup was restored, or add cosignatures of witnesses.",
    ),
    "prove": CommandEntry(
        OPERATIONS,
        "Prove that the captures of a page, or its absence in a night, are in the log.",
    ),
    "witness": CommandEntry(
        OPERATIONS,
        "Fetch checkpoints of archives, check that each extends the last one, co-sign and keep"
        " them.",
    ),
    "worker": CommandEntry(
        CLUSTER,
        "Run tasks of an archive on PostgreSQL until Ctrl-C or SIGTERM, beside other machines.",
    ),
    "queue": CommandEntry(
        CLUSTER,
        "Show the tasks in the queue and at work, how long they take, and those that were given"
        " up.",
    ),
}
