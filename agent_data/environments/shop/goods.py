"""What the shop sells: category, name, price from and to, and the options that its variants are made of."""

from __future__ import annotations

GOODS: tuple[tuple[str, str, int, int, dict[str, tuple[str, ...]]], ...] = (
    ("kitchen", "Fernhollow kettle", 38, 64, {"colour": ("copper", "slate", "cream"), "volume": ("1 l", "1.7 l")}),
    ("kitchen", "Ostrava chef's knife", 45, 90, {"blade": ("18 cm", "21 cm", "24 cm"), "handle": ("walnut", "resin")}),
    ("kitchen", "Tidewater stock pot", 52, 88, {"volume": ("3 l", "5 l", "8 l"), "lid": ("glass", "steel")}),
    ("kitchen", "Morrow coffee grinder", 60, 120, {"drive": ("hand", "electric"), "colour": ("black", "white", "sage")}),
    ("kitchen", "Pebble mug set", 18, 36, {"pieces": ("2", "4", "6"), "colour": ("sand", "indigo")}),
    ("kitchen", "Halden bread tin", 14, 28, {"size": ("small", "large"), "finish": ("enamel", "steel", "cast iron")}),
    ("kitchen", "Ember tea set", 42, 79, {"colour": ("jade", "rust", "ivory"), "pieces": ("5", "7")}),
    ("home", "Lumen desk lamp", 34, 72, {"colour": ("brass", "black", "white"), "bulb": ("warm", "cool")}),
    ("home", "Wexcombe wool blanket", 58, 110, {"size": ("single", "double"), "colour": ("moss", "charcoal", "ochre")}),
    ("home", "Driftwood picture frame", 12, 30, {"size": ("A5", "A4", "A3"), "glass": ("clear", "matt")}),
    ("home", "Quietus wall clock", 26, 55, {"diameter": ("20 cm", "30 cm"), "face": ("white", "black", "oak")}),
    ("home", "Cumulus pillow", 24, 48, {"filling": ("down", "latex", "buckwheat"), "firmness": ("soft", "firm")}),
    ("home", "Sorrel curtain pair", 40, 85, {"length": ("160 cm", "220 cm"), "colour": ("linen", "teal", "plum")}),
    ("home", "Beacon storage basket", 16, 34, {"size": ("small", "medium", "large"), "colour": ("natural", "grey")}),
    ("office", "Corvid fountain pen", 28, 66, {"nib": ("fine", "medium", "broad"), "colour": ("black", "green")}),
    ("office", "Ledgerline notebook", 9, 22, {"paper": ("ruled", "dotted", "plain"), "size": ("A5", "A4")}),
    ("office", "Atlas standing desk", 310, 520, {"width": ("120 cm", "160 cm"), "top": ("oak", "white", "walnut")}),
    ("office", "Perch office chair", 140, 260, {"armrests": ("none", "fixed", "adjustable"), "colour": ("grey", "navy")}),
    ("office", "Tessel keyboard", 55, 130, {"switches": ("quiet", "clicky", "linear"), "layout": ("full", "compact")}),
    ("office", "Murmur headset", 48, 115, {"connection": ("cable", "wireless"), "colour": ("black", "white", "red")}),
    ("outdoor", "Cairn rucksack", 70, 150, {"volume": ("25 l", "40 l", "60 l"), "colour": ("pine", "orange")}),
    ("outdoor", "Harrier rain jacket", 85, 160, {"size": ("S", "M", "L", "XL"), "colour": ("yellow", "navy")}),
    ("outdoor", "Bivouac two-person tent", 130, 240, {"season": ("three-season", "four-season"), "colour": ("green", "sand")}),
    ("outdoor", "Skerry water bottle", 15, 32, {"volume": ("0.5 l", "0.75 l", "1 l"), "colour": ("blue", "steel")}),
    ("outdoor", "Tarn head torch", 22, 49, {"output": ("200 lm", "400 lm"), "power": ("batteries", "rechargeable")}),
    ("outdoor", "Ridgeway walking poles", 32, 68, {"material": ("aluminium", "carbon"), "length": ("110 cm", "120 cm", "130 cm")}),
    ("clothing", "Selkie merino jumper", 62, 105, {"size": ("S", "M", "L", "XL"), "colour": ("navy", "oatmeal")}),
    ("clothing", "Farrow canvas trainers", 48, 84, {"size": ("38", "40", "42", "44"), "colour": ("white", "olive")}),
    ("clothing", "Loden winter scarf", 20, 44, {"material": ("wool", "cashmere"), "colour": ("grey", "red", "green")}),
    ("clothing", "Tinker work gloves", 13, 27, {"size": ("S", "M", "L"), "lining": ("none", "fleece")}),
    ("garden", "Thistle pruning shears", 19, 45, {"blade": ("bypass", "anvil"), "size": ("small", "large")}),
    ("garden", "Rill watering can", 17, 39, {"volume": ("3 l", "5 l", "9 l"), "colour": ("zinc", "green")}),
    ("garden", "Hearthside fire bowl", 75, 140, {"diameter": ("45 cm", "60 cm"), "material": ("steel", "corten")}),
    ("garden", "Bumble insect hotel", 21, 43, {"size": ("small", "large"), "roof": ("bitumen", "cedar", "copper")}),
    ("games", "Gambit chess set", 29, 95, {"wood": ("beech", "walnut", "olive"), "board": ("folding", "solid")}),
    ("games", "Thousand Lakes jigsaw", 14, 31, {"pieces": ("500", "1000", "2000"), "picture": ("map", "forest")}),
)  # fmt: skip

CATEGORIES = ("kitchen", "home", "office", "outdoor", "clothing", "garden", "games")
