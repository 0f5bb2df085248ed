"""What cars are made of."""

from data.studio.atlas import Material

PAINT_MIRROR = 0.075
"""Share of light that a car's paint mirrors; what mirrors as much is taken for paint."""

BLACK = Material((22, 22, 23), mirror=0.03)
PLASTIC = Material((44, 44, 46), mirror=0.012)
CHROME = Material((70, 71, 73), mirror=0.75)
SILVER = Material((168, 170, 172), mirror=0.2)
LAMP = Material((222, 226, 230), mirror=0.2)
LAMP_DARK = Material((104, 108, 114), mirror=0.22)
LAMP_DEEP = Material((40, 42, 46), mirror=0.15)
AMBER = Material((214, 112, 22), mirror=0.08)
RED = Material((134, 10, 16), mirror=0.10)
RED_BRIGHT = Material((206, 34, 36), mirror=0.10)
PLATE = Material((226, 230, 236), mirror=0.02)
PLATE_INK = Material((44, 72, 120))
LOOKING_GLASS = Material((30, 32, 34), mirror=0.8)
WELL = Material((7, 7, 7))
TYRE = Material((30, 30, 31), mirror=0.004)
SIDEWALL = Material((40, 40, 41), mirror=0.006)
BRAKE = Material((74, 74, 76), mirror=0.05)
BEHIND_SPOKES = Material((16, 16, 17))
DASH = Material((38, 38, 40))


def darker(material: Material, share: float) -> Material:
    """Return `material` with `share` of its colour's brightness."""
    red, green, blue = material.colour
    return Material((share * red, share * green, share * blue), mirror=material.mirror)
