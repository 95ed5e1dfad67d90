"""The one place through which the command line, the web app and the reader read the archive.

Use it as `from pipeline.store import read` and `read.list_runs(database, 20)`. The package loads a
module only when somebody uses a name of it, so a command does not load what it does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.lazy_imports import lazy_names

if TYPE_CHECKING:
    # the import rule would split each list into one statement for each name
    # isort: off
    from pipeline.store.clean.container_stats import ContainerStats as ContainerStats
    from pipeline.store.clean.held_results import (
        held_pages as held_pages,
        review_inputs as review_inputs,
        revertible_pages as revertible_pages,
    )
    from pipeline.store.clean.line_sightings import MAX_PAGES_PER_LINE as MAX_PAGES_PER_LINE
    from pipeline.store.clean.near_duplicates import (
        GroupMember as GroupMember,
        count_near_duplicates as count_near_duplicates,
        group_members as group_members,
    )
    from pipeline.store.db.article_view import (
        ArticleView as ArticleView,
        article_values as article_values,
    )
    from pipeline.store.monitoring.issues import (
        IssueView as IssueView,
        issues_closed_since as issues_closed_since,
        open_issues as open_issues,
        site_issues as site_issues,
        unsent_issues as unsent_issues,
    )
    from pipeline.store.monitoring.night_stats import load_nights as load_nights
    from pipeline.store.read.origins import (
        ArticleOrigin as ArticleOrigin,
        ArticlePart as ArticlePart,
        LivePage as LivePage,
        article_origin as article_origin,
        article_payload as article_payload,
    )
    from pipeline.store.read.export_articles import (
        ExportQuery as ExportQuery,
        ExportedArticle as ExportedArticle,
        ExportedFetch as ExportedFetch,
        count_articles as count_articles,
        expected_articles as expected_articles,
        expected_fetches as expected_fetches,
        iter_articles as iter_articles,
        iter_fetches as iter_fetches,
        iter_stories as iter_stories,
    )
    from pipeline.store.read.export_payloads import (
        ExportedPayload as ExportedPayload,
        KnownPayload as KnownPayload,
        PayloadPage as PayloadPage,
        iter_extracted_pages as iter_extracted_pages,
        iter_payloads as iter_payloads,
        known_payloads as known_payloads,
        payloads_by_id as payloads_by_id,
        sites_with_payloads as sites_with_payloads,
    )
    from pipeline.store.read.headlines import (
        Headline as Headline,
        Neighbour as Neighbour,
        neighbour_days as neighbour_days,
        neighbours as neighbours,
        newest_headlines as newest_headlines,
        section_headlines as section_headlines,
    )
    from pipeline.store.read.night_summary import (
        CrawlStats as CrawlStats,
        LastNight as LastNight,
        StoryStats as StoryStats,
        last_nights as last_nights,
        list_crawl_stats as list_crawl_stats,
        sample_story_stats as sample_story_stats,
    )
    from pipeline.store.read.page_history import (
        Fetch as Fetch,
        Provenance as Provenance,
        RunEntry as RunEntry,
        get_provenance as get_provenance,
        list_fetches as list_fetches,
        list_run_entries as list_run_entries,
        page_payload as page_payload,
        payload_bytes as payload_bytes,
    )
    from pipeline.store.read.pages import (
        ExplainedBlock as ExplainedBlock,
        Explanation as Explanation,
        PageView as PageView,
        RevisionView as RevisionView,
        explain_page as explain_page,
        find_articles as find_articles,
        find_page as find_page,
        follow_redirects as follow_redirects,
        get_article as get_article,
        list_revisions as list_revisions,
    )
    from pipeline.store.read.pictures import (
        LeadPicture as LeadPicture,
        lead_pictures as lead_pictures,
        picture_bytes as picture_bytes,
    )
    from pipeline.store.read.runs import (
        LedgerEntryView as LedgerEntryView,
        RunLogEntry as RunLogEntry,
        RunView as RunView,
        SiteStatus as SiteStatus,
        count_reasons as count_reasons,
        count_reasons_of_runs as count_reasons_of_runs,
        get_run as get_run,
        ledger_pruned_at as ledger_pruned_at,
        list_outcomes as list_outcomes,
        list_runs as list_runs,
        recent_crawls as recent_crawls,
        removed_by_rule as removed_by_rule,
        run_log as run_log,
        site_ids as site_ids,
        site_statuses as site_statuses,
        unbalanced_runs as unbalanced_runs,
    )
    from pipeline.store.read.site_profile import (
        ProfileStats as ProfileStats,
        profile_stats as profile_stats,
    )
    from pipeline.store.read.source_history import (
        Placement as Placement,
        RobotsRules as RobotsRules,
        list_placements as list_placements,
        robots_in_force as robots_in_force,
    )
    from pipeline.store.read.stories import (
        LinkView as LinkView,
        get_story as get_story,
        list_links as list_links,
    )
    from pipeline.store.read.story_changes import (
        ChangePage as ChangePage,
        ChangeQuery as ChangeQuery,
        ChangeView as ChangeView,
        ChangedTexts as ChangedTexts,
        changed_texts as changed_texts,
        count_changes as count_changes,
        iter_changes as iter_changes,
        list_changes as list_changes,
    )
    from pipeline.store.read.task_queue import (
        WORKER_TIMEOUT as WORKER_TIMEOUT,
        QueueStatus as QueueStatus,
        WorkerStatus as WorkerStatus,
        queue_status as queue_status,
    )
    from pipeline.store.read.watch_matches import (
        MAX_MATCHES as MAX_MATCHES,
        new_matches as new_matches,
    )
    from pipeline.store.search.counts import (
        COUNT_UNITS as COUNT_UNITS,
        CountRow as CountRow,
        CountTable as CountTable,
        CountedQuery as CountedQuery,
        MAX_QUERIES as MAX_QUERIES,
        column_names as column_names,
        count_queries as count_queries,
    )
    from pipeline.store.search.exact_names import ExactName as ExactName
    from pipeline.store.search.facets import (
        FacetCount as FacetCount,
        FacetCounts as FacetCounts,
        count_matches as count_matches,
    )
    from pipeline.store.search.hints import suggest_query as suggest_query
    from pipeline.store.search.index import (
        count_unindexed as count_unindexed,
        has_articles as has_articles,
    )
    from pipeline.store.search.search import (
        MAX_HITS as MAX_HITS,
        ORDERS as ORDERS,
        SearchHit as SearchHit,
        SearchPage as SearchPage,
        search_articles as search_articles,
    )
    from pipeline.store.search.top_words import (
        TopWord as TopWord,
        top_words as top_words,
    )
    from pipeline.store.read.visits import (
        Visit as Visit,
        list_visits as list_visits,
        nearest_visit as nearest_visit,
    )
    # isort: on

_MODULES = {
    "pipeline.store.clean.container_stats": ("ContainerStats",),
    "pipeline.store.clean.held_results": ("held_pages", "review_inputs", "revertible_pages"),
    "pipeline.store.clean.line_sightings": ("MAX_PAGES_PER_LINE",),
    "pipeline.store.clean.near_duplicates": (
        "GroupMember",
        "count_near_duplicates",
        "group_members",
    ),
    "pipeline.store.db.article_view": ("ArticleView", "article_values"),
    "pipeline.store.read.visits": ("Visit", "list_visits", "nearest_visit"),
    "pipeline.store.monitoring.issues": (
        "IssueView",
        "issues_closed_since",
        "open_issues",
        "site_issues",
        "unsent_issues",
    ),
    "pipeline.store.monitoring.night_stats": ("load_nights",),
    "pipeline.store.read.origins": (
        "ArticleOrigin",
        "ArticlePart",
        "LivePage",
        "article_origin",
        "article_payload",
    ),
    "pipeline.store.read.export_articles": (
        "ExportQuery",
        "ExportedArticle",
        "ExportedFetch",
        "count_articles",
        "expected_articles",
        "expected_fetches",
        "iter_articles",
        "iter_fetches",
        "iter_stories",
    ),
    "pipeline.store.read.export_payloads": (
        "ExportedPayload",
        "KnownPayload",
        "PayloadPage",
        "iter_extracted_pages",
        "iter_payloads",
        "known_payloads",
        "payloads_by_id",
        "sites_with_payloads",
    ),
    "pipeline.store.read.headlines": (
        "Headline",
        "Neighbour",
        "neighbour_days",
        "neighbours",
        "newest_headlines",
        "section_headlines",
    ),
    "pipeline.store.read.night_summary": (
        "CrawlStats",
        "LastNight",
        "StoryStats",
        "last_nights",
        "list_crawl_stats",
        "sample_story_stats",
    ),
    "pipeline.store.read.page_history": (
        "Fetch",
        "Provenance",
        "RunEntry",
        "get_provenance",
        "list_fetches",
        "list_run_entries",
        "page_payload",
        "payload_bytes",
    ),
    "pipeline.store.read.pages": (
        "ExplainedBlock",
        "Explanation",
        "PageView",
        "RevisionView",
        "explain_page",
        "find_articles",
        "find_page",
        "follow_redirects",
        "get_article",
        "list_revisions",
    ),
    "pipeline.store.read.pictures": ("LeadPicture", "lead_pictures", "picture_bytes"),
    "pipeline.store.read.runs": (
        "LedgerEntryView",
        "RunLogEntry",
        "RunView",
        "SiteStatus",
        "count_reasons",
        "count_reasons_of_runs",
        "get_run",
        "ledger_pruned_at",
        "list_outcomes",
        "list_runs",
        "recent_crawls",
        "removed_by_rule",
        "run_log",
        "site_ids",
        "site_statuses",
        "unbalanced_runs",
    ),
    "pipeline.store.read.site_profile": ("ProfileStats", "profile_stats"),
    "pipeline.store.read.source_history": (
        "Placement",
        "RobotsRules",
        "list_placements",
        "robots_in_force",
    ),
    "pipeline.store.read.stories": ("LinkView", "get_story", "list_links"),
    "pipeline.store.read.story_changes": (
        "ChangePage",
        "ChangeQuery",
        "ChangeView",
        "ChangedTexts",
        "changed_texts",
        "count_changes",
        "iter_changes",
        "list_changes",
    ),
    "pipeline.store.read.task_queue": (
        "WORKER_TIMEOUT",
        "QueueStatus",
        "WorkerStatus",
        "queue_status",
    ),
    "pipeline.store.read.watch_matches": ("MAX_MATCHES", "new_matches"),
    "pipeline.store.search.counts": (
        "COUNT_UNITS",
        "CountRow",
        "CountTable",
        "CountedQuery",
        "MAX_QUERIES",
        "column_names",
        "count_queries",
    ),
    "pipeline.store.search.exact_names": ("ExactName",),
    "pipeline.store.search.facets": ("FacetCount", "FacetCounts", "count_matches"),
    "pipeline.store.search.hints": ("suggest_query",),
    "pipeline.store.search.index": ("count_unindexed", "has_articles"),
    "pipeline.store.search.search": (
        "MAX_HITS",
        "ORDERS",
        "SearchHit",
        "SearchPage",
        "search_articles",
    ),
    "pipeline.store.search.top_words": ("TopWord", "top_words"),
}

if not TYPE_CHECKING:  # a type checker must know each name, and a __getattr__ would accept any
    __getattr__ = lazy_names(__name__, _MODULES)
