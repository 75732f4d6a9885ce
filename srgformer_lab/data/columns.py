"""Which column of a table is what: its role by its name, in the spellings that people use, or as ``columns`` says."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from srgformer_lab.errors import ConfigError

ROLES = ("user", "item", "rating", "time", "split", "event", "title", "text", "image")
"""What a column can be."""
OTHERS = ("interactions", "items")
"""What ``columns`` may name beside columns: the files."""
SPELLINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user": (
            *("user_id", "userid", "user", "uid", "user_name", "username", "customer_id", "customer", "customer_number", "client_id"),
            *("client", "buyer_id", "buyer", "reviewer_id", "member_id", "account_id", "visitor_id", "shopper_id", "reader_id", "email"),
            *(
                "customer_email",
                "buyer_user_id",
                "buyer_username",
                "kunde",
                "kunden_id",
                "kunden_nr",
                "kundennummer",
                "nutzer",
                "benutzer",
                "utilisateur",
                "usuario",
            ),
        ),
        "item": (
            *(
                "item_id",
                "itemid",
                "item",
                "iid",
                "movie_id",
                "movie",
                "parent_asin",
                "asin",
                "product_id",
                "product",
                "pid",
                "product_code",
            ),
            *("article_id", "article", "sku", "lineitem_sku", "stock_code", "isbn", "book_id", "book", "song_id", "track_id", "artist_id"),
            *("business_id", "anime_id", "video_id", "photo_id", "recipe_id", "game_id", "news_id", "artikel", "artikel_id", "artikel_nr"),
            *(
                "artikelnummer",
                "item_sku",
                "product_sku",
                "item_number",
                "item_code",
                "listing_id",
                "goods_id",
                "produkt",
                "produkt_id",
                "handle",
                "producto",
                "produit",
            ),
        ),
        "rating": (
            *("rating", "ratings", "score", "stars", "star_rating", "overall", "book_rating", "bewertung", "note", "label", "rate"),
            *("liked", "is_liked", "like", "vote", "thumbs", "thumb", "recommended", "is_recommended"),
        ),
        "time": (
            *("timestamp", "time", "unix_review_time", "t_dat", "datetime", "date_time", "date", "event_time", "event_timestamp"),
            *(
                "created_at",
                "order_date",
                "purchase_date",
                "invoice_date",
                "review_date",
                "ts",
                "datum",
                "zeit",
                "zeitpunkt",
                "bestelldatum",
                "sale_date",
                "date_added",
            ),
        ),
        "split": ("split", "x_label", "subset", "fold"),
        "event": (
            "event",
            "event_type",
            "event_name",
            "action",
            "action_type",
            "behavior",
            "behaviour",
            "behavior_type",
            "interaction_type",
        ),
        "title": (
            *("title", "name", "item_name", "product_name", "prod_name", "product_title", "movie_title", "book_title", "item_title"),
            *("bezeichnung", "artikelbezeichnung", "titel", "produktname", "nom", "nombre", "headline"),
        ),
        "text": (
            *("text", "description", "item_description", "product_description", "detail_desc", "overview", "plot", "summary", "abstract"),
            *("body_html", "body", "beschreibung", "blurb", "synopsis", "content"),
        ),
        "image": ("image", "image_path", "image_file", "picture", "picture_path", "photo", "bild", "img", "img_path", "image_src"),
    }
)
"""Names of columns by role, the surest first, compared without case, spaces, dashes and dots."""
QUANTITIES = ("quantity", "qty", "menge", "anzahl", "cantidad", "quantite", "lineitem_quantity")
"""Names of columns that say how many were bought; 0 or less is a return."""
ADDRESSES = ("image_url", "img_url", "imurl", "picture_url", "image_link", "thumbnail", "image_urls", "images")
"""Names of columns that hold addresses of pictures."""
DESCRIBING = ("genres", "genre", "category", "categories", "tags", "brand", "features", "keywords", "class", "description", "product_type")
"""Names of columns that would make a text, if there is none."""
TYPE = re.compile(r":(token|token_seq|float|float_seq)$")


def plain(name: str) -> str:
    """Return a column's name without what spellings differ by, and without a type that it may end in."""
    return re.sub(r"[\W_]+", "", TYPE.sub("", name.strip()).casefold())


_BY_PLAIN = {role: {plain(name): place for place, name in reversed(list(enumerate(names)))} for role, names in SPELLINGS.items()}


def roles_of(
    header: Sequence[str], roles: Sequence[str], known: Mapping[str, Sequence[str]] | None = None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return which column has each role.

    Args:
        header: The columns that there are.
        roles: The roles to find.
        known: A layout's own names for some roles, which come before the usual ones.
        given: What the user says: role → column, an empty column for none. A column may be meant for another file.

    Returns:
        Column by role; a role that no column has is not among them.
    """
    given, found, taken = given or {}, {}, set()
    for role in roles:
        if role in given:
            names = [name for name in header if name == given[role]] or [name for name in header if plain(name) == plain(given[role])]
            if names and given[role]:
                found[role] = names[0]
                taken.add(names[0])
    for role in roles:
        if role in found or (role in given and not given[role]):
            continue
        names = [name for name in (known or {}).get(role, ()) if name in header and name not in taken]
        spelled = _BY_PLAIN.get(role, {})
        usual = sorted(
            (name.endswith("#"), spelled[plain(name)], place)
            for place, name in enumerate(header)
            if plain(name) in spelled and name not in taken
        )
        if name := names[0] if names else header[usual[0][2]] if usual and (role not in given) else None:
            found[role] = name
            taken.add(name)
    return found


def read_columns(text: str | None, known: Sequence[str] = ROLES + OTHERS) -> dict[str, str]:
    """Read what ``columns`` says: ``user=who,item=what,time=``; an empty name means that no column is it, and ``known`` what there is.

    Raises:
        ConfigError: It is none of that form, or a role does not exist.
    """
    if text is None:
        return {}
    pairs = [part.partition("=") for part in re.split(r",(?=\s*\w+\s*=)", text)] if isinstance(text, str) else []
    roles = [role.strip() for role, _, _ in pairs]
    unknown = [
        role for role, equals, _ in ((role.strip(), equals, name) for role, equals, name in pairs) if not equals or role not in known
    ]
    if not pairs or unknown or len(set(roles)) != len(roles):
        roles_there, files = ([name for name in known if (name in OTHERS) == is_file] for is_file in (False, True))
        raise ConfigError(
            f"columns={text!r} must say which column is what, such as 'user=buyer,item=sku,time='; "
            f"there are {', '.join(roles_there)}" + (f", and the files {', '.join(files)}" if files else "")
        )
    return {role.strip(): name.strip() for role, _, name in pairs}


def not_found(given: Mapping[str, str], headers: Mapping[str, Sequence[str]]) -> str | None:
    """Say which column that ``columns`` names is in none of the files, if there is one."""
    there = {plain(name) for names in headers.values() for name in names}
    for role, name in given.items():
        if role in ROLES and name and plain(name) not in there:
            columns = "; ".join(f"{file} has {', '.join(names)}" for file, names in headers.items())
            return f"columns='{role}={name}': no file has a column {name!r}; {columns}"
    return None
