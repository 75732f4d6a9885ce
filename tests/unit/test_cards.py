"""What cards promise: any text is inert, every picture has words, and what moved is said and drawn."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from srgformer_lab import plots
from srgformer_lab.errors import DataError
from srgformer_lab.plots.cards import ROW_HEIGHT, initials

PIXEL = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
VOID = {"img"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that everything is closed."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag, name=""):
        return [attrs for found, attrs in self.tags if found == tag and name in ["", *(attrs.get("class") or "").split()]]

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def items(n=3, **columns):
    return pd.DataFrame(
        {"item_id": [f"i{k}" for k in range(n)], "title": [f"Thing {k}" for k in range(n)], "picture": PIXEL, "line": "rank 1"} | columns
    )


def compare():
    frame = pd.DataFrame({"rank_before": [1, 2, 3, 4, 25], "rank_after": [1, 4, 2, 16, 3]})
    return frame.assign(item_id=[f"i{k}" for k in range(5)], title=["Still", "Sinker", "Riser", "Leaver", "Newcomer"], picture=PIXEL)


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


# ---------------------------------------------------------------- one card


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_text_becomes_markup(title, line, item_id):
    read = Reader(plots.card(title, "", line, item_id=item_id))
    assert {tag for tag, _ in read.tags} <= {"figure", "svg", "rect", "path", "text", "figcaption", "span"}
    assert not any(name.startswith("on") for _, attrs in read.tags for name in attrs)


def test_a_script_as_title_is_only_a_title():
    read = Reader(plots.card("<script>alert(1)</script>", PIXEL, '"><img src=x onerror=alert(1)>', item_id="' onload='x"))
    assert not read.all("script")
    assert len(read.all("img")) == 1
    assert "<script>alert(1)</script>" in read.text
    assert read.all("img")[0]["alt"] == "<script>alert(1)</script>"


def test_a_picture_has_its_title_as_alt_text():
    assert Reader(plots.card("Toy", PIXEL)).all("img")[0]["alt"] == "Toy"


def test_a_missing_picture_is_drawn_with_initials_and_says_so():
    read = Reader(plots.card("The Striped Mug"))
    assert not read.all("img")
    assert read.all("svg")[0]["aria-label"] == "The Striped Mug, no picture"
    assert "SM" in read.words


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("4788", "4788"),
        ("47881", "47"),
        ("The Matrix", "Ma"),
        ("toy story", "TS"),
        ("A", "A"),
        ("B0012XY", "B0"),
        ("!?", "?"),
        ("", "?"),
        ("“Élan” vital", "ÉV"),
    ],
)
def test_initials(name, letters):
    assert initials(name) == letters


def test_an_item_without_a_title_shows_its_id():
    assert "i7" in Reader(plots.card("", item_id="i7")).text


def test_a_picture_from_elsewhere_is_refused():
    with pytest.raises(DataError, match="data URI"):
        plots.card("Toy", "https://example.org/toy.png")


def test_an_unknown_size_is_refused():
    with pytest.raises(DataError, match="normal or small"):
        plots.card("Toy", size="huge")


@pytest.mark.parametrize(
    ("moved", "said"), [(3, "▲ 3"), (-2, "▼ 2"), (0, "= stayed"), (None, ""), (float("nan"), ""), (np.int64(1), "▲ 1"), (pd.NA, "")]
)
def test_ranks_moved_are_an_arrow_with_words(moved, said):
    read = Reader(plots.card("Toy", moved=moved))
    assert read.text == f"ToToy{said}"
    labels = [attrs["aria-label"] for attrs in read.all("span") if "aria-label" in attrs]
    assert labels == (
        [f"{'rose' if moved > 0 else 'fell'} by {abs(moved)} rank{'s' if abs(moved) > 1 else ''}"] if "▲" in said or "▼" in said else []
    )


@pytest.mark.parametrize(("hit", "said"), [(True, "● hit"), (False, "○ miss"), (np.True_, "● hit"), (None, ""), (float("nan"), "")])
def test_a_hit_is_filled_a_miss_is_hollow_and_both_are_named(hit, said):
    assert Reader(plots.card("Toy", hit=hit)).text == f"ToToy{said}"


# ---------------------------------------------------------------- many cards


@pytest.mark.parametrize(("shape", "kind"), [(plots.card_row, "srg-row"), (plots.card_wall, "srg-wall"), (plots.card_column, "srg-column")])
def test_cards_stand_in_a_list_in_the_frames_order(shape, kind):
    source = shape(items(), size="small")
    read = Reader(source)
    assert len(read.all("ol", kind)) == 1
    assert [attrs["alt"] for attrs in read.all("img")] == ["Thing 0", "Thing 1", "Thing 2"]
    assert "<style" not in source


def test_gaps_in_a_frame_leave_gaps_not_words():
    frame = items(3, moved=[1.0, np.nan, -2.0], hit=[True, None, False], picture=[PIXEL, None, np.nan])
    read = Reader(plots.card_row(frame))
    assert read.text.count("▲") == read.text.count("▼") == read.text.count("● hit") == read.text.count("○ miss") == 1
    assert len(read.all("svg")) == 2
    assert "nan" not in read.text.lower()
    assert "None" not in read.text


def test_an_empty_frame_says_what_to_do():
    assert "Pick a user &lt;first&gt;." in plots.card_row(items(0), empty="Pick a user <first>.")


@pytest.mark.parametrize("shape", [plots.card_row, plots.card_wall, plots.card_column])
def test_missing_columns_are_named(shape):
    with pytest.raises(DataError, match="no column picture, line; it has item_id, title"):
        shape(items()[["item_id", "title"]])


def test_a_card_without_its_picture_is_small():
    assert len(plots.card_wall(items(100, picture=""))) < 100_000


# ---------------------------------------------------------------- before and after


def test_both_columns_stand_in_rank_order_and_hold_only_the_first_k():
    read = Reader(plots.rank_moves_cards(compare(), 4))
    assert [attrs["alt"] for attrs in read.all("img")] == ["Still", "Sinker", "Riser", "Leaver", "Still", "Riser", "Newcomer", "Sinker"]


def test_a_line_joins_the_middle_of_a_card_before_to_the_middle_of_the_same_card_after():
    drawn = {tuple(attrs.items()) for attrs in Reader(plots.rank_moves_cards(compare(), 4)).all("path") if attrs.get("class")}
    ends = {}
    for path in map(dict, drawn):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path["d"])]
        ends[numbers[0], numbers[1], numbers[-2], numbers[-1]] = path["class"]
    middle = {rank: (rank - 0.5) * ROW_HEIGHT["small"] for rank in range(1, 5)}
    assert ends[0, middle[1], 100, middle[1]] == "srg-same"
    assert ends[0, middle[2], 100, middle[4]] == "srg-fell"
    assert ends[0, middle[3], 100, middle[2]] == "srg-rose"
    assert len(ends) == 5


def test_who_enters_and_who_leaves_says_from_where_and_to_where():
    text = Reader(plots.rank_moves_cards(compare(), 4, before="α 0.1", after="α <now>")).text
    assert "▲ 22, from 25" in text
    assert "▼ 12, to 16" in text
    assert "1 item enters the top 4; “Newcomer” rises most, by 22 ranks" in text
    assert "α <now>" in text


def test_hits_are_marked_where_they_are_known():
    marked = Reader(plots.rank_moves_cards(compare().assign(hit=[True, False, False, False, True]), 4)).text
    assert marked.count("● hit") == 2
    assert "hit" not in Reader(plots.rank_moves_cards(compare(), 4)).text


def test_moves_without_a_picture_column_are_refused():
    with pytest.raises(DataError, match="no column picture"):
        plots.rank_moves_cards(compare().drop(columns="picture"))


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (300, 450), "red"),
        Image.new("RGB", (400, 100), "red"),
        Image.new("RGBA", (60, 90), (255, 0, 0, 255)),
        Image.new("L", (1, 1), 80),
        Image.new("P", (20, 300)),
    ],
)
def test_a_thumbnail_is_two_to_three_and_small(image):
    uri = plots.thumbnail_uri(image)
    assert uri.startswith("data:image/")
    assert opened(uri).size == (96, 144)
    assert len(uri) < 12_000


def test_a_wide_picture_is_shown_whole_on_its_own_edge_colour():
    wide = Image.new("RGB", (300, 100), "#204060")
    wide.paste("#FFFFFF", (0, 40, 20, 60))
    pixels = np.asarray(opened(plots.thumbnail_uri(wide)).convert("RGB")).astype(int)
    assert np.abs(pixels[2, 48] - [0x20, 0x40, 0x60]).max() < 12
    assert pixels[72, 2].min() > 180  # the white mark at its left edge is still there


def test_clear_pixels_become_white():
    pixels = np.asarray(opened(plots.thumbnail_uri(Image.new("RGBA", (60, 90), (0, 0, 0, 0)))).convert("RGB"))
    assert pixels.min() > 240


def test_no_picture_no_thumbnail_and_equal_pictures_equal_bytes():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 60, 3), dtype=np.uint8))
    assert plots.thumbnail_uri(None) == ""
    assert plots.thumbnail_uri(noise) == plots.thumbnail_uri(noise.copy())


# ---------------------------------------------------------------- around the figures


def test_each_badge_has_a_word_a_shape_and_a_class_of_its_own():
    badges = [plots.badge(kind) for kind in ("instant", "needs training", "from finished runs")]
    assert [Reader(badge).text for badge in badges] == ["instant", "needs training", "from finished runs"]
    assert len({re.search(r"<svg.*</svg>", badge).group() for badge in badges}) == 3
    assert all(f".{Reader(badge).all('span')[0]['class'].split()[-1]}{{" in plots.STYLE for badge in badges)
    with pytest.raises(DataError, match="must be one of instant"):
        plots.badge("soon")


def test_the_strip_says_what_is_looked_at_and_what_was_turned():
    history = [{"title": "Lamp", "picture": PIXEL}] * 9
    source = plots.strip(
        "studio <x>", "first", history, {"title": "Mug", "picture": ""}, {"attention_scale": 0.45, "hypergraph_scale": 0.3},
        {"attention_scale": 0.3, "hypergraph_scale": 0.3}, "instant", "12 things taken",
    )  # fmt: skip
    read = Reader(source)
    assert not read.all("x")
    assert [image["alt"] for image in read.all("img")] == ["Lamp"] * 5
    for words in ("studio <x>", "first", "12 things taken", "Mug", "αattention 0.45 ○ 0.3", "βhypergraph 0.3", "instant"):
        assert words in read.text
    assert read.text.count("○") == 1


def test_the_strip_shows_the_first_of_several_items_with_their_names():
    several = [{"title": f"Mug <{n}>", "picture": PIXEL if n else ""} for n in range(9)]
    read = Reader(plots.strip("studio", items=several, items_label="9 chosen together"))
    assert [image["alt"] for image in read.all("img")] == ["Mug <1>", "Mug <2>", "Mug <3>", "Mug <4>"]
    assert "Items" in read.text
    assert "9 chosen together" in read.text
    assert "chosen" not in Reader(plots.strip("studio", items_label="0 chosen together")).text


def test_a_knob_wears_its_parts_colours():
    source = plots.knob_label("membership_temperature", 0.2)
    assert all(color in source for color in plots.PART_COLORS["hypergraph"])
    assert "τ<sub>H</sub>" in source
    assert plots.part_knob_style("attention_scale")["--primary"] == plots.PART_COLORS["attention"][0]
    assert plots.part_knob_style("attention_scale", dark=True)["--primary"] == plots.PART_COLORS["attention"][1]


def test_every_class_that_cards_use_is_in_the_style():
    source = plots.card_column(items(2, moved=[1, -1], hit=[True, False])) + plots.rank_moves_cards(compare(), 4) + plots.card("x")
    source += plots.strip("d", "r", [{"title": "u"}], {"title": "t"}, {"attention_scale": 1}, kind="instant")
    used = {name for group in re.findall(r'class="([^"]*)"', source) for name in group.split()}
    styled = set(re.findall(r"\.(srg[\w-]*)", plots.STYLE))
    assert used <= styled
