"""Words in the classes and ids of web pages that say what an element is for, in groups.

The words are generic: no name of a site, and no name of a product of one site. An element may be in
several groups or in none.
"""

from __future__ import annotations

from typing import Final


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORD_GROUPS: Final = {
    "story": _word_set(
        "article body content story entry post text paragraph main articlebody texto cuerpo "
        "corps contenu inhalt artikel testo tekst treść"
    ),
    "other": _word_set(
        "related recommend recommended recommendations more promo teaser teasers card cards "
        "also trending popular latest read readmore widget sidebar recirc recirculation "
        "outbrain taboola links list feed carousel rail"
    ),
    "comment": _word_set("comment comments disqus reply replies discussion forum respond"),
    "picture": _word_set(
        "caption credit figure photo image gallery media video wp figcaption picture slideshow "
        "player audio"
    ),
    "byline": _word_set(
        "byline author authors bio meta date time published timestamp dateline updated info "
        "name profile writer contributor avatar"
    ),
    "service": _word_set(
        "share social newsletter subscribe signup subscription paywall tags tag nav menu "
        "breadcrumb breadcrumbs footer header ad ads advert advertisement banner cookie consent "
        "login sponsored follow copyright legal disclaimer correction toolbar buttons"
    ),
    "overlay": _word_set(
        "modal popup dialog overlay cookie cookies consent gdpr privacy drawer tooltip hidden "
        "hide collapse toast lightbox offcanvas dropdown"
    ),
    "part": _word_set(
        "section module block step steps slide chapter question answer faq accordion product "
        "review item items entry live update listicle pros cons rating key toc contents"
    ),
}
SUMMARY_WORDS: Final = _word_set(
    "dek deck subhead subheadline subheading standfirst lead summary subtitle strapline "
    "excerpt synopsis lede intro description abstract teaser introduction subline subdeck "
    "vorspann einleitung anleser untertitel unterzeile ingress ingressi manchet underrubrik "
    "inleiding chapo chapeau accroche soustitre entradilla bajada copete sumario subtitulo "
    "sommario sottotitolo catenaccio lide gravata lid zajawka wstep zapowiedz perex "
    "bevezeto spot ozet anons anotacija ievads sapou"
)
NOT_SUMMARY_WORDS: Final = _word_set(
    "caption credit credits photo photos image images img picture gallery video audio "
    "author authors byline bio date time read newsletter share signup related promo ad ads "
    "disclosure disclaimer comment comments"
)
