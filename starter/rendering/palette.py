"""The ten product colors of the demo shop and the studio backgrounds."""

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (200, 40, 44),
    "blue": (44, 84, 190),
    "green": (52, 138, 74),
    "yellow": (236, 204, 64),
    "black": (36, 36, 40),
    "white": (244, 244, 243),
    "pink": (240, 152, 182),
    "purple": (120, 64, 160),
    "orange": (238, 128, 44),
    "grey": (142, 143, 147),
}
BACKGROUNDS: tuple[RGB, ...] = ((255, 255, 255), (249, 247, 243), (237, 240, 243), (227, 221, 213), (243, 233, 232))


def shade(colour: RGB, factor: float) -> RGB:
    """The color with each channel multiplied by `factor` and clipped to 0…255."""
    red, green, blue = (max(0, min(255, round(channel * factor))) for channel in colour)
    return red, green, blue


def lift(colour: RGB, amount: float) -> RGB:
    """The color moved towards white by `amount` (0…1); unlike `shade` it is visible on black."""
    red, green, blue = (round(channel + (255 - channel) * amount) for channel in colour)
    return red, green, blue
