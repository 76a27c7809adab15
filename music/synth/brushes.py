"""A brush drawn over the coated skin of a snare: hiss that follows the hand round its circle."""

import numpy as np

from music.synth.signals import Audio, Envelope, Stroke, clock, noise

SWIRL = Envelope(attack=0.05, release=0.12)
#: Where the hand is quickest, as a share of the circle, and how much slower it is elsewhere.
QUICKEST, SLOWEST = 0.16, 0.34
#: How far the sound goes from side to side with the hand.
SWAY = 0.28


def swirl(stroke: Stroke) -> Audio:
    """The quicker the wires move, the louder and the brighter they are."""
    rate = stroke.rate
    count = stroke.count(SWIRL.release)
    draw = stroke.draw()
    round_ = clock(count, rate) * np.float32(1.0 / max(stroke.seconds, 0.05))
    angle = (round_ - np.float32(QUICKEST)) * np.float32(2.0 * np.pi)
    speed = np.float32(0.5) + np.float32(0.5) * np.cos(angle)
    speed *= speed
    pace = np.float32(SLOWEST) + np.float32(1.0 - SLOWEST) * speed
    # Every wire catches on the grain of the skin by itself.
    grain = np.float32(1.0) + np.float32(0.28) * noise(count, rate, draw, low=18.0, high=75.0)
    dull = noise(count, rate, draw, low=650.0, high=2600.0)
    bright = noise(count, rate, draw, low=2600.0, high=5200.0 + 3000.0 * stroke.velocity)
    sound = np.float32(0.55) * dull * pace
    sound += bright * (pace * (np.float32(0.35 + 0.3 * stroke.velocity) + np.float32(0.45) * speed))
    sound *= np.maximum(grain, np.float32(0.0))
    sound *= SWIRL.shape(stroke)
    across = np.float32(SWAY) * np.sin(angle)
    return np.stack([sound * (np.float32(1.0) - across), sound * (np.float32(1.0) + across)])
