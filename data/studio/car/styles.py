"""Body styles: the proportions from which a car's outline is made.

A share is of the car's length, from the nose (0) to the tail (1); all else is in metres.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class BodyStyle:
    """Proportions of a car.

    Attributes:
        name: what one calls such a car.
        length: from bumper to bumper.
        width: at its widest, without the mirrors.
        height: of the roof.
        clearance: of the sills.
        wheel_radius: of the tyres.
        axles: shares of the front and the rear axle.
        nose: height of the bonnet's front edge.
        cowl: share and height of the windscreen's foot.
        roof: shares of the roof's front and rear edge.
        roof_drop: how much lower the roof's rear edge is.
        rear_glass: share and height of the rear window's foot.
        deck: share and height of the boot lid's rear edge.
        belt: heights of the side windows' lower edge, front and rear.
        tumblehome: how far the side windows lean in.
        glass_end: share where the side windows end.
        pillars: shares of the pillars between the side windows.
        doors: shares of the doors' shut lines.
    """

    name: str
    length: float
    width: float
    height: float
    clearance: float
    wheel_radius: float
    axles: tuple[float, float]
    nose: float
    cowl: tuple[float, float]
    roof: tuple[float, float]
    roof_drop: float
    rear_glass: tuple[float, float]
    deck: tuple[float, float]
    belt: tuple[float, float]
    tumblehome: float
    glass_end: float
    pillars: tuple[float, ...]
    doors: tuple[float, ...]


SEDAN = BodyStyle(
    name="sedan",
    length=4.75,
    width=1.84,
    height=1.46,
    clearance=0.20,
    wheel_radius=0.325,
    axles=(0.19, 0.78),
    nose=0.70,
    cowl=(0.27, 0.97),
    roof=(0.44, 0.68),
    roof_drop=0.05,
    rear_glass=(0.855, 1.09),
    deck=(0.975, 1.07),
    belt=(0.90, 0.98),
    tumblehome=0.21,
    glass_end=0.80,
    pillars=(0.505, 0.70),
    doors=(0.30, 0.51, 0.705),
)
COUPE = replace(
    SEDAN,
    name="coupe",
    length=4.55,
    height=1.37,
    clearance=0.17,
    nose=0.68,
    cowl=(0.30, 0.92),
    roof=(0.47, 0.62),
    rear_glass=(0.87, 1.02),
    deck=(0.975, 1.01),
    belt=(0.86, 0.96),
    tumblehome=0.24,
    glass_end=0.79,
    pillars=(0.60,),
    doors=(0.325, 0.605),
)
HATCHBACK = replace(
    SEDAN,
    name="hatchback",
    length=4.1,
    width=1.76,
    height=1.49,
    wheel_radius=0.31,
    axles=(0.20, 0.82),
    nose=0.72,
    cowl=(0.25, 0.98),
    roof=(0.42, 0.84),
    roof_drop=0.07,
    rear_glass=(0.965, 1.03),
    deck=(0.99, 0.97),
    belt=(0.91, 1.00),
    tumblehome=0.19,
    glass_end=0.86,
    pillars=(0.52, 0.72),
    doors=(0.28, 0.525, 0.73),
)
ESTATE = replace(
    SEDAN,
    name="estate",
    height=1.50,
    roof=(0.43, 0.87),
    roof_drop=0.07,
    rear_glass=(0.965, 1.05),
    deck=(0.985, 1.00),
    belt=(0.90, 0.98),
    tumblehome=0.19,
    glass_end=0.925,
    pillars=(0.49, 0.68, 0.80),
    doors=(0.29, 0.495, 0.70),
)
SUV = replace(
    SEDAN,
    name="suv",
    length=4.6,
    width=1.90,
    height=1.71,
    clearance=0.25,
    wheel_radius=0.365,
    axles=(0.19, 0.79),
    nose=0.90,
    cowl=(0.25, 1.11),
    roof=(0.41, 0.87),
    roof_drop=0.06,
    rear_glass=(0.965, 1.16),
    deck=(0.985, 1.10),
    belt=(1.04, 1.12),
    tumblehome=0.19,
    glass_end=0.905,
    pillars=(0.49, 0.695, 0.80),
    doors=(0.275, 0.495, 0.715),
)
MINIVAN = replace(
    SEDAN,
    name="minivan",
    length=5.05,
    width=1.98,
    height=1.76,
    clearance=0.19,
    wheel_radius=0.335,
    axles=(0.175, 0.78),
    nose=0.84,
    cowl=(0.195, 1.08),
    roof=(0.37, 0.92),
    roof_drop=0.05,
    rear_glass=(0.98, 1.12),
    deck=(0.99, 1.05),
    belt=(1.00, 1.05),
    tumblehome=0.16,
    glass_end=0.95,
    pillars=(0.43, 0.66),
    doors=(0.245, 0.435, 0.67),
)
PICKUP = replace(
    SEDAN,
    name="pickup",
    length=5.35,
    width=1.96,
    height=1.84,
    clearance=0.31,
    wheel_radius=0.39,
    axles=(0.18, 0.785),
    nose=1.04,
    cowl=(0.245, 1.21),
    roof=(0.36, 0.585),
    roof_drop=0.04,
    rear_glass=(0.635, 1.26),
    deck=(0.985, 1.22),
    belt=(1.15, 1.19),
    tumblehome=0.17,
    glass_end=0.615,
    pillars=(0.445,),
    doors=(0.265, 0.45, 0.60),
)
STYLES = (SEDAN, COUPE, HATCHBACK, ESTATE, SUV, MINIVAN, PICKUP)


def vary(style: BodyStyle, rng: np.random.Generator) -> BodyStyle:
    """Return a car like `style`, with its own proportions."""
    tall = rng.uniform(0.98, 1.03)
    lift = rng.uniform(-0.03, 0.03)
    return replace(
        style,
        length=style.length * rng.uniform(0.95, 1.04),
        width=style.width * rng.uniform(0.97, 1.03),
        height=style.height * tall,
        clearance=style.clearance + rng.uniform(-0.02, 0.03),
        wheel_radius=style.wheel_radius * rng.uniform(0.96, 1.05),
        nose=style.nose + lift + rng.uniform(-0.03, 0.03),
        cowl=(style.cowl[0] + rng.uniform(-0.015, 0.015), style.cowl[1] + lift),
        roof=(style.roof[0] + rng.uniform(-0.02, 0.02), style.roof[1] + rng.uniform(-0.02, 0.01)),
        roof_drop=style.roof_drop + rng.uniform(-0.02, 0.03),
        deck=(style.deck[0], style.deck[1] + rng.uniform(-0.03, 0.03)),
        belt=(style.belt[0] + lift, style.belt[1] + lift + rng.uniform(-0.02, 0.03)),
        tumblehome=style.tumblehome * rng.uniform(0.85, 1.15),
    )
