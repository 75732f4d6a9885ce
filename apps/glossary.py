"""Words that a student need not know: what each means, in one table; a page explains the first time that one stands in its heading."""

import html
import re

import marimo as mo

TERMS = {
    "SRGFormer": "A recommender for things with pictures and texts: one graph of who took what, learned hyperedges, and attention.",
    "collaborative": "By who took what together, whatever the things look like; the part of the model called E^id.",
    "embedding": "A row of numbers that stands for a person or a thing; two that point the same way go together.",
    "modality": "A kind of knowledge about things, such as pictures or texts.",
    "hyperedge": "A group of any number of things and people at once; here training decides who is in it, and how far.",
    "hypergraph": "A graph whose edges are hyperedges.",
    "membership": "How far a thing or a person is in a hyperedge, from 0 to 1; the memberships of one sum to 1.",
    "attention": "Weights, which sum to 1, that say how much of each thing of a history flows into a person’s part.",
    "head": "One of several sets of attention weights, learned side by side.",
    "contrast": "A part of the loss that pulls two views of one thing together, and those of different things apart.",
    "regularization": "A part of the loss that keeps the embeddings short.",
    "epoch": "One pass of the training over all that there is to learn from.",
    "run": "What one training left: its settings, its curves and its weights, in a folder.",
    "shipped": "That comes with the package.",
    "validation": "Interactions held back to choose the best epoch by.",
    "test split": "Interactions held back to judge the chosen epoch by, looked at once.",
    "Recall@20": "The share of a person’s held-back things that are among the first 20 of their list.",
    "NDCG": "Like Recall, but a hit counts the more the higher it stands; 1 is the best list possible.",
    "at 95 %": "An interval that would hold the true value in 95 of 100 such samples of people.",
    "bootstrap": "Draws the people again and again, with replacement, to see how far a mean depends on who they are.",
    "softmax": "Turns any numbers into positive ones that sum to 1, the larger ones taking more.",
    "entropy": "How even shares are: 0 if one has all, 1 (as it is written here) if all have the same.",
    "purity": "The share of a group’s things that are of its commonest category.",
    "mass": "The share of all membership that a hyperedge has.",
    "NMI": "How far one grouping tells another: 0 nothing, 1 all.",
    "trustworthiness": "The share of neighbours in a picture that are neighbours in the model; continuity is the other way round.",
    "uniformity": "How evenly directions are spread: the lower, the more evenly.",
    "α": "Weight of the attention branch in the sum that is the model.",
    "β": "Weight of the hypergraph branch in the sum that is the model.",
    "γ": "Weight of the contrast between modalities in the loss.",
    "τ": "A temperature: low ones make shares sharp, high ones make them even.",
}
_FINDS = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, sorted(TERMS, key=len, reverse=True))) + r")(?!\w)", re.IGNORECASE)
_MEANS = {term.casefold(): meaning for term, meaning in TERMS.items()}


def explained(text: str) -> str:
    """Return a text as markup in which each term says its meaning where it first stands, on pointing and by Tab."""
    seen: set[str] = set()

    def mark(found: re.Match[str]) -> str:
        term = found[1].casefold()
        if term in seen:
            return found[1]
        seen.add(term)
        return f'<dfn tabindex="0" title="{html.escape(_MEANS[term])}">{found[1]}</dfn>'

    return _FINDS.sub(mark, html.escape(text))


def table() -> mo.Html:
    """Return all words with their meanings."""
    rows = "".join(f"<div><dt>{html.escape(term)}</dt><dd>{html.escape(meaning)}</dd></div>" for term, meaning in TERMS.items())
    return mo.Html(f'<dl class="lab-words">{rows}</dl>')


PAPER = "https://arxiv.org/abs/2511.00584"


def about() -> mo.Html:
    """Say in a paragraph what SRGFormer is, with the paper, and where the lessons are."""
    said = explained(
        "SRGFormer is a graph recommender: it adds up who takes what together (the collaborative part), what things look like and what is "
        "said of them (a part for each modality), attention over a person’s history (α), and membership in learned hyperedges (β). "
        "A score is the product of a person’s sum and a thing’s, so that it can be taken apart exactly."
    )
    paper = f'<a href="{PAPER}" rel="noreferrer">the paper (Shi et al., arXiv 2511.00584)</a>'
    lessons = "Twelve lessons build it step by step: <code>srgformer-lab lessons</code> opens them."
    return mo.Html(f'<p class="lab-about">{said} It is described in {paper}. {lessons}</p>')
