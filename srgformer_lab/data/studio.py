"""The planted world: a built-in data set of which everything is known, drawn and written anew from a seed in about a second.

Each item belongs to one interest group. A third of the groups shows only in pictures (a pattern and a palette), a third only in
texts (a theme), a third in both. Everything else about an item, its kind among it, says nothing about its group.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
from PIL import Image

from srgformer_lab.data import studio_art as art
from srgformer_lab.data import studio_shapes as shapes
from srgformer_lab.data import studio_words as words
from srgformer_lab.data.dataset import Dataset, DataSource, Interactions, ItemCards, Truth
from srgformer_lab.data.encoders import encode_pictures, encode_texts
from srgformer_lab.data.fingerprint import content_digest
from srgformer_lab.data.splitting import check_learnable, split_by_protocol
from srgformer_lab.errors import ConfigError

POPULARITY_EXPONENT = 1.0
"""Within all items, the one of popularity rank r is drawn in proportion to (r + POPULARITY_SHIFT) ** -POPULARITY_EXPONENT."""
POPULARITY_SHIFT = 4.0
INTEREST_COUNTS = (0.3, 0.45, 0.25)
"""Shares of users with one, two and three interests."""
INTEREST_EVENNESS = 3.0
"""How alike a user's interests are in strength (of a Dirichlet distribution)."""
ACTIVITY_SPREAD = 0.5
"""Standard deviation of the logarithm of the users' activity."""
LARGEST_SHARE = 0.7
"""A user takes at most this share of the items of their interests."""
SMALLEST_HISTORY = 3
"""Every user has as many interactions, so that each can be judged."""
MODALITIES = ("image", "text", "both")
START, DAYS = 1_672_531_200, 730
"""First day of the timestamps (1 January 2023) and how many days they span."""

MAX_GROUPS = len(MODALITIES) * len(words.THEMES) // 2


def studio(
    n_users: int = 600,
    n_items: int = 240,
    n_groups: int = 18,
    n_interactions: int = 12_000,
    noise: float = 0.5,
    image_signal: float = 1.0,
    text_signal: float = 1.0,
    seed: int = 0,
) -> Dataset:
    """Make the planted world, a shop of which everything is known.

    Args:
        n_users: Number of users, each with one to three interests.
        n_items: Number of items, spread evenly over the groups.
        n_groups: Number of interest groups; they show in pictures, texts and both in turn.
        n_interactions: Number of distinct user–item pairs.
        noise: Share of the interactions that were drawn regardless of interests, 0 to 1; more where the groups of a user's interests
            hold too few items. ``truth.noise`` marks each.
        image_signal: Share of the items of picture groups whose picture shows the group, 0 to 1; the others look like any item.
        text_signal: Share of the items of text groups whose text shows the group, 0 to 1; the others read like any item.
        seed: The same seed makes the same world.

    Returns:
        The data set, with ``image`` and ``text`` features and the planted groups in ``truth``.

    Raises:
        ConfigError: An argument is out of its range, or so many interactions don't fit.

    Examples:
        >>> lab.studio()
        Dataset(studio: 600 users × 240 items, 9,766/1,045/1,189, image[32], text[32])
    """
    options = {name: value.item() if isinstance(value, np.generic) else value for name, value in locals().items()}
    _check(**options)
    of_groups, of_items, of_users, of_pairs, of_cards = (np.random.default_rng([seed, part]) for part in range(5))
    modality = tuple(MODALITIES[group % len(MODALITIES)] for group in range(n_groups))
    looks, themes = _looks(modality, of_groups), _themes(modality, of_groups)
    item_group = of_items.permutation(np.arange(n_items) % n_groups)
    shows_image = _shown(item_group, looks, image_signal, of_items)
    shows_text = _shown(item_group, themes, text_signal, of_items)
    families = of_items.choice(list(shapes.FAMILIES), n_items)
    pictures = _pictures(families, [looks.get(g) if s else None for g, s in zip(item_group.tolist(), shows_image, strict=True)], of_cards)
    titles, texts = _texts(families, [themes.get(g) if s else None for g, s in zip(item_group.tolist(), shows_text, strict=True)], of_cards)
    interests, strength = _interests(n_users, n_groups, of_users)
    user, item, is_noise = _draw_pairs(strength, item_group, n_interactions, noise, of_pairs)
    with ThreadPoolExecutor(2) as pool:
        encoded = list(pool.map(art.encode_picture, pictures))
    names = tuple(_group_name(looks.get(group), themes.get(group)) for group in range(n_groups))
    data = Dataset(
        name="studio",
        user_ids=[f"u{row}" for row in range(n_users)],
        item_ids=[f"i{row}" for row in range(n_items)],
        interactions=Interactions(user, item, split_by_protocol(user, n_users, seed, item), _times(user, n_users, of_pairs)),
        features={
            "image": encode_pictures(pictures),
            "text": encode_texts([f"{title}. {text}" for title, text in zip(titles, texts, strict=True)]),
        },
        cards=ItemCards(titles, texts, encoded, pd.DataFrame({"family": families.astype(object)})),
        source=DataSource("studio", "", options),
        truth=Truth(names, modality, item_group, interests, is_noise),
    )
    made = replace(data.source, made=content_digest(data))
    return check_learnable(replace(data, source=made))


def _check(
    n_users: int, n_items: int, n_groups: int, n_interactions: int, noise: float, image_signal: float, text_signal: float, seed: int
) -> None:
    """Refuse what can't be built.

    Raises:
        ConfigError: With the argument, its range and what to change.
    """
    for name, number, least in (("n_users", n_users, 2), ("n_items", n_items, 4), ("n_groups", n_groups, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise ConfigError(f"{name} must be a whole number of at least {least}, not {number!r}")
    for name, share in (("noise", noise), ("image_signal", image_signal), ("text_signal", text_signal)):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise ConfigError(f"{name} is a share and must lie in 0…1, not {share!r}")
    if n_groups > min(MAX_GROUPS, n_items):
        raise ConfigError(f"n_groups must be at most {min(MAX_GROUPS, n_items)} with {n_items} items, not {n_groups}; ask for fewer groups")
    least, most = SMALLEST_HISTORY * n_users, n_users * n_items // 2
    if isinstance(n_interactions, bool) or not isinstance(n_interactions, (int, np.integer)) or not least <= n_interactions <= most:
        raise ConfigError(
            f"n_interactions must lie in {least}…{most} with {n_users} users and {n_items} items ({SMALLEST_HISTORY} a user at least, "
            f"half of all pairs at most), not {n_interactions!r}; change it, or the number of users or items"
        )


def _looks(modality: Sequence[str], rng: np.random.Generator) -> dict[int, tuple[str, str]]:
    """Return each group that shows in pictures a pattern and a palette; none is used twice while they last."""
    groups = [group for group, where in enumerate(modality) if where != "text"]
    patterns, palettes = rng.permutation(art.PATTERNS), rng.permutation(list(art.PALETTES))
    return {group: (str(patterns[k % len(patterns)]), str(palettes[k % len(palettes)])) for k, group in enumerate(groups)}


def _themes(modality: Sequence[str], rng: np.random.Generator) -> dict[int, str]:
    """Return each group that shows in texts a theme of its own."""
    groups = [group for group, where in enumerate(modality) if where != "image"]
    themes = rng.permutation(list(words.THEMES))
    return {group: str(themes[k]) for k, group in enumerate(groups)}


def _group_name(look: tuple[str, str] | None, theme: str | None) -> str:
    """Call a group by what shows of it, such as ``plum checks, reading``."""
    return ", ".join([*([f"{look[1]} {look[0]}"] if look else []), *([theme] if theme else [])])


def _shown(item_group: np.ndarray, visible: Iterable[int], signal: float, rng: np.random.Generator) -> np.ndarray:
    """Mark, of each visible group's items, the share whose modality shows the group."""
    shown = np.zeros(len(item_group), dtype=bool)
    for group in visible:
        members = rng.permutation(np.flatnonzero(item_group == group))
        shown[members[: round(signal * len(members))]] = True
    return shown


def _pictures(families: np.ndarray, looks: Sequence[tuple[str, str] | None], rng: np.random.Generator) -> list[Image.Image]:
    """Draw every item; one without a look of its group gets any pattern in any palette."""
    pictures = []
    for family, look in zip(families, looks, strict=True):
        any_look = (str(rng.choice(art.PATTERNS)), str(rng.choice(list(art.PALETTES))))
        x, y, variant, mirrored = (int(n) for n in rng.integers((32, 32, shapes.N_VARIANTS, 2)))
        pictures.append(art.draw_item(str(family), variant, *(look or any_look), (x, y), bool(mirrored)))
    return pictures


def _texts(families: np.ndarray, themes: Sequence[str | None], rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Write a unique title and two sentences for every item; one without a theme of its group is praised in general."""
    titles, texts, taken = [], [], set()
    for family, theme in zip(families, themes, strict=True):
        material = str(rng.choice(words.MATERIALS[family]))
        plain = [str(sentence) for sentence in rng.permutation(words.PLAIN_SENTENCES)[:2]]
        if theme is None:
            adjective, sentences = str(rng.choice(words.PLAIN_TITLES)), plain
        else:
            vocabulary, templates = words.THEMES[theme]
            adjective = str(rng.choice(vocabulary))
            sentences = [str(rng.choice(templates)).format(*vocabulary), plain[0]]
        thing = f"{adjective.capitalize()} {material} {family}"
        name = next((n for n in rng.permutation(words.NAMES) if f"{thing} {n}" not in taken), None)
        title = f"{thing} {name}" if name else f"{thing} {len(taken)}"
        taken.add(title)
        titles.append(title)
        texts.append(" ".join(sentences))
    return titles, texts


def _interests(n_users: int, n_groups: int, rng: np.random.Generator) -> tuple[tuple[tuple[int, ...], ...], np.ndarray]:
    """Draw each user's interests and how strong they are (users, groups)."""
    shares = np.array(INTEREST_COUNTS)[:n_groups]
    counts = rng.choice(np.arange(1, len(shares) + 1), n_users, p=shares / shares.sum())
    interests, strength = [], np.zeros((n_users, n_groups))
    for row, count in enumerate(counts):
        groups = np.sort(rng.permutation(n_groups)[:count])
        interests.append(tuple(groups.tolist()))
        strength[row, groups] = rng.dirichlet(np.full(count, INTEREST_EVENNESS))
    return tuple(interests), strength


def _draw_pairs(
    strength: np.ndarray, item_group: np.ndarray, n_interactions: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw who takes what: user and item rows and whether interests were disregarded, each pair once, sorted by user."""
    n_users, n_items = len(strength), len(item_group)
    popularity = (rng.permutation(n_items) + POPULARITY_SHIFT) ** -POPULARITY_EXPONENT
    liking = strength[:, item_group]
    room = np.floor(LARGEST_SHARE * (liking > 0).sum(axis=1)).astype(np.int64)
    activity = np.exp(ACTIVITY_SPREAD * rng.standard_normal(n_users)) * np.sqrt(room + 1)
    total = np.full(n_users, SMALLEST_HISTORY)
    total += _apportion(activity, n_interactions - int(total.sum()), np.maximum(room - total, 0), rng)
    total += _apportion(activity, n_interactions - int(total.sum()), n_items - total, rng)  # nothing, unless interests are used up
    marked = rng.permutation(n_interactions) < round(noise * n_interactions)
    others = np.bincount(np.repeat(np.arange(n_users), total)[marked], minlength=n_users)
    wanted = np.minimum(total - others, room)
    # whoever has no room for their interests takes what another would have taken regardless of them
    wanted += _apportion(activity, int((~marked).sum() - wanted.sum()), np.minimum(room - wanted, total - wanted), rng)
    others = total - wanted
    with np.errstate(divide="ignore"):
        keys = np.log(liking) + np.log(popularity) + rng.gumbel(size=liking.shape)
    by_interest = _top(keys, wanted)
    keys = np.log(popularity) + rng.gumbel(size=liking.shape)
    regardless = _top(np.where(by_interest, -np.inf, keys), others)
    user, item = np.nonzero(by_interest | regardless)
    return user, item, regardless[user, item]


def _apportion(weight: np.ndarray, total: int, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share a total out in proportion to weights, in whole numbers and within each one's room; less if there is no room."""
    given = np.zeros(len(weight), dtype=np.int64)
    total = min(int(total), int(room.sum()))
    while given.sum() < total:
        open_ = given < room
        left = total - given.sum()
        ideal = np.where(open_, weight, 0) / weight[open_].sum() * left
        step = np.minimum(np.floor(ideal).astype(np.int64), room - given)
        if not step.any():
            chosen = rng.choice(np.flatnonzero(open_), min(left, int(open_.sum())), replace=False)
            step[chosen] = 1
        given += step
    return given


def _top(keys: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mark each row's largest keys, as many as its count."""
    place = np.argsort(np.argsort(-keys, axis=1, kind="stable"), axis=1, kind="stable")
    return place < counts[:, None]


def _times(user: np.ndarray, n_users: int, rng: np.random.Generator) -> np.ndarray:
    """Return plausible times: users join one by one and come back now and then, mostly in the evening."""
    joined = rng.random(n_users)[user] * 0.7
    day = np.floor((joined + (1 - joined) * rng.random(len(user)) ** 1.5) * DAYS)
    hour = np.clip(rng.normal(18, 3.5, len(user)), 0, 23.99)
    return (START + day * 86_400 + hour * 3_600).astype(np.int64)
