"""The words of the planted world: what the things are called, the themes that a text can show, and talk that shows none."""

MATERIALS: dict[str, tuple[str, ...]] = {
    "mug": ("stoneware", "porcelain", "earthenware", "enamel"),
    "lamp": ("linen", "paper", "cotton", "parchment"),
    "vase": ("ceramic", "glazed", "porcelain", "clay"),
    "plant": ("potted", "leafy", "evergreen", "indoor"),
    "cushion": ("cotton", "woven", "velvet", "linen"),
    "armchair": ("upholstered", "beech", "oak", "wool"),
    "poster": ("framed", "printed", "paper", "mounted"),
    "clock": ("wooden", "quartz", "silent", "wall"),
    "teapot": ("stoneware", "ceramic", "porcelain", "clay"),
}
"""For each family, what it may be made of; its picture does not show which."""

# fmt: off
NAMES = (
    "Alva", "Arlo", "Bea", "Birk", "Bo", "Calla", "Cleo", "Dara", "Edda", "Elin", "Ebba", "Fern", "Finn", "Frida", "Greta", "Hale",
    "Hedda", "Ida", "Ilse", "Iver", "Juno", "Kaia", "Karl", "Lark", "Leni", "Lina", "Liv", "Loa", "Lund", "Mae", "Mara", "Milo", "Mona",
    "Nell", "Nils", "Nora", "Oda", "Olive", "Orla", "Otto", "Pia", "Quinn", "Rae", "Rhea", "Rolf", "Runa", "Saga", "Signe", "Sol", "Stig",
    "Sven", "Tara", "Thea", "Tilda", "Tove", "Ulla", "Una", "Vera", "Vidar", "Vigo", "Wanda", "Wren", "Ylva", "Yuna", "Zola", "Zuri",
)
# fmt: on

THEMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "camping": (
        ("campfire", "trail", "tent", "backpack", "lantern", "hiking"),
        ("Made for nights by the {0} and mornings on the {1}.", "Packs beside the {2} and the {3} for a weekend of {5}."),
    ),
    "baking": (
        ("oven", "flour", "sourdough", "pastry", "cinnamon", "dough"),
        ("Smells of {4} and a warm {0} seem to follow it.", "For everyone who has {1} on their sleeves and {2} on the rise."),
    ),
    "music": (
        ("vinyl", "jazz", "guitar", "melody", "concert", "piano"),
        ("Keeps company with a {0} record and slow {1}.", "A present for those who hum a {3} and never miss a {4}."),
    ),
    "sailing": (
        ("harbour", "sail", "anchor", "tide", "regatta", "captain"),
        ("At home in the cabin when the {0} is near and the {3} is low.", "Every {5} with an {2} tattoo will nod at it."),
    ),
    "astronomy": (
        ("telescope", "comet", "planet", "galaxy", "orbit", "observatory"),
        ("For long nights at the {0}, waiting for a {1}.", "As faithful as a {2} in its {4}."),
    ),
    "cycling": (
        ("bicycle", "pedal", "saddle", "peloton", "spokes", "velodrome"),
        ("What you want to come home to after a day in the {2}.", "Named after a {0} ride and the hum of its {4}."),
    ),
    "reading": (
        ("novel", "library", "bookshelf", "chapter", "poetry", "bookworm"),
        ("Belongs next to a {0} you can't put down.", "One more {3}, says the {5}, and looks along the {2}."),
    ),
    "gardening": (
        ("compost", "seedling", "greenhouse", "trowel", "harvest", "orchard"),
        ("A rest from the {2} when every {1} is watered.", "Waits on the bench with the {3} until the {4} is in."),
    ),
    "yoga": (
        ("yoga", "breath", "meditation", "stretch", "calm", "lotus"),
        ("For the quiet minutes of {2} after a long {3}.", "Brings {4} to the corner with the {0} mat."),
    ),
    "chess": (
        ("chess", "gambit", "knight", "checkmate", "rook", "tournament"),
        ("Stays cool while you think about a {1}.", "Stands by at every {5}, from the first {2} to {3}."),
    ),
    "skiing": (
        ("ski", "slope", "alpine", "chalet", "snowfall", "glacier"),
        ("Waits in the {3} when you come off the {1}.", "Made for the evening of a {4} on the {5}."),
    ),
    "cinema": (
        ("cinema", "matinee", "popcorn", "director", "screenplay", "premiere"),
        ("Dim the light, share the {2}, and let the {1} begin.", "A {3} would give it a small part in a {4}."),
    ),
}
"""For each theme, its words (each can stand in a title) and sentences that use them."""

PLAIN_TITLES = ("everyday", "simple", "little", "favourite", "classic", "honest", "modest", "handy", "homely", "trusty")

PLAIN_SENTENCES = (
    "A good thing for the home, made to be used every day.",
    "Made by hand in a small workshop, so no two are quite the same.",
    "Comes in a sturdy box and makes an easy present.",
    "Easy to clean and easy to live with.",
    "It does its job well and asks for little in return.",
    "Built to last for years and to be mended if need be.",
    "Small enough for a narrow shelf, strong enough for a busy house.",
    "People who have one tend to come back for a second.",
    "The maker looks over each piece before it leaves the bench.",
    "Nicely weighted, with edges that feel soft in the hand.",
    "Goes with nearly everything that you have already.",
    "The kind of thing that you soon can't do without.",
)
