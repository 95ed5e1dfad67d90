"""The values of a proposed site file, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.config.site import Site
from pipeline.core.models import CleanResult, Outcome, Reason
from pipeline.process_messages import ProbedSource, SamplePage

LIST_KEYS = ("feeds", "sitemaps", "sections", "hosts", "allow", "deny")


@dataclass(frozen=True, slots=True)
class CleanedSample:
    """A sample page with its clean result; None where there was nothing to clean."""

    sample: SamplePage
    result: CleanResult | None = None

    @property
    def is_story(self) -> bool:
        """Whether the page has the text of a story."""
        return self.result is not None and self.result.outcome is Outcome.ARCHIVED


def story_samples(samples: Iterable[CleanedSample]) -> list[CleanedSample]:
    """Return the samples that are stories."""
    return [sample for sample in samples if sample.is_story]


def clean_results(samples: Iterable[CleanedSample]) -> list[CleanResult]:
    """Return the clean results of all samples that have one."""
    return [sample.result for sample in samples if sample.result is not None]


def count_shells(results: Iterable[CleanResult]) -> int:
    """Return how many pages hold no text until scripts build them."""
    return sum(result.reason is Reason.SCRIPT_SHELL for result in results)


@dataclass(frozen=True, slots=True)
class SourceYield:
    """How many stories a source yields under the proposed file."""

    source: ProbedSource
    stories: int = 0  # links that the file allows
    unique_stories: int = 0  # of these, links that no other source lists
    is_selected: bool = False
    note: str = ""  # why it is not selected


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """A value of the site file, and why it was chosen."""

    value: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the site file should say."""

    name: str
    url: str
    language: ExplainedValue
    timezone: ExplainedValue
    feeds: tuple[ExplainedValue, ...] = ()
    sitemaps: tuple[ExplainedValue, ...] = ()
    sections: tuple[ExplainedValue, ...] = ()
    section_pages: ExplainedValue = ExplainedValue("")  # "" where no section shows a next page
    omitted_sitemaps: tuple[ExplainedValue, ...] = ()  # they hold the whole past
    hosts: tuple[ExplainedValue, ...] = ()
    allow: tuple[ExplainedValue, ...] = ()
    deny: tuple[ExplainedValue, ...] = ()
    no_allow_reason: str = ""  # why `allow` is empty
    render: bool = False  # the pages need a browser, and were probed in one
    source_yields: tuple[SourceYield, ...] = field(default=(), compare=False)

    def site(self, site_id: str, **overrides: object) -> Site:
        """Return the site that the file makes.

        Args:
            site_id: Its id.
            **overrides: Further keys of the site file.
        """
        keys: dict[str, object] = {
            "id": site_id,
            "name": self.name,
            "url": self.url,
            "timezone": self.timezone.value,
            "render": self.render,
        }
        if self.section_pages.value:
            keys["section_pages"] = int(self.section_pages.value)
        if self.language.value:
            keys["language"] = self.language.value
        for key in LIST_KEYS:
            keys[key] = tuple(explained.value for explained in getattr(self, key))
        return Site.model_validate(keys | overrides)
