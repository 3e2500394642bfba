"""What procedural scenes are painted with: a pinhole camera, daylight, noise, and a canvas that knows what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

#: OpenCV takes coordinates in 1/16 pixel
_SHIFT = 4

Color = Sequence[float] | np.ndarray
Point = tuple[float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above a flat street that runs straight away from it.

    Args:
        height: rows of the picture
        width: columns of the picture
        focal: focal length in pixels
        horizon: row of the horizon
        vanishing: column in which the street vanishes
        above_ground: metres
        lateral: metres right of the street's middle
    """

    height: int
    width: int
    focal: float
    horizon: float
    vanishing: float
    above_ground: float
    lateral: float

    def project(self, x: float, y: float, z: float) -> Point:
        """(column, row) of the point x metres right of the street's middle, y metres up and z metres ahead."""
        scale = self.focal / z
        return self.vanishing + scale * (x - self.lateral), self.horizon + scale * (self.above_ground - y)

    def pixels(self, metres: float, z: float) -> float:
        """The length in pixels of an upright length at a distance."""
        return self.focal * metres / z


@dataclass(frozen=True)
class Light:
    """The weather and the time of day.

    Args:
        ambient: (3,) RGB light that reaches shadows
        sun: (3,) RGB light of the sun, on top of it
        sun_side: -1 where the sun shines from the left, 1 from the right
        sky: (3,) RGB of the zenith
        haze: (3,) RGB of the horizon, towards which distance fades
        haze_density: share lost per metre
        clouds: 0 clear to 1 overcast
    """

    ambient: np.ndarray
    sun: np.ndarray
    sun_side: int
    sky: np.ndarray
    haze: np.ndarray
    haze_density: float
    clouds: float

    def on(self, color: Color, exposure: float = 1.0) -> np.ndarray:
        """(3,) a surface's colour under this light; exposure is the share of the sun that reaches it."""
        return np.asarray(color, np.float32) * (self.ambient + exposure * self.sun)


@dataclass
class Canvas:
    """A picture painted from far to near in layers; every pixel remembers the layer it shows.

    Args:
        camera: the camera
        light: the light
        rng: the scene's random numbers
    """

    camera: Camera
    light: Light
    rng: np.random.Generator
    paint: np.ndarray = field(init=False)
    shadow: np.ndarray = field(init=False)
    labels: list[int] = field(default_factory=list)
    depths: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paint = np.zeros((self.camera.height, self.camera.width, 4), np.float32)
        self.shadow = np.zeros((self.camera.height, self.camera.width), np.float32)

    def layer(self, label: int, depth: float) -> int:
        """Begins a layer of a class at a distance in metres; returns its number, the paint's fourth channel."""
        self.labels.append(label)
        self.depths.append(depth)
        return len(self.labels) - 1

    def polygon(self, points: Sequence[Point], color: Color) -> None:
        """Fills a polygon in the current layer."""
        cv2.fillPoly(self.paint, [_fixed(points)], self._brush(color), shift=_SHIFT)

    def ellipse(self, centre: Point, axes: Point, color: Color) -> None:
        """Fills an upright ellipse, given its half axes, in the current layer."""
        box = _fixed([centre, axes])
        middle, half = (int(box[0, 0]), int(box[0, 1])), (max(int(box[1, 0]), 1), max(int(box[1, 1]), 1))
        cv2.ellipse(self.paint, middle, half, 0, 0, 360, self._brush(color), -1, shift=_SHIFT)

    def bar(self, start: Point, end: Point, width: float, color: Color) -> None:
        """Draws a straight bar, at least one pixel wide, in the current layer."""
        ends = _fixed([start, end])
        thickness = max(1, round(width))
        cv2.line(self.paint, ends[0].tolist(), ends[1].tolist(), self._brush(color), thickness, shift=_SHIFT)

    def texture(self, rows: slice, columns: slice, where: np.ndarray, colors: np.ndarray) -> None:
        """Paints the pixels ``where`` (h, w) of a box with colours (h, w, 3) in the current layer."""
        if where.any():
            layer = np.full((*where.shape, 1), len(self.labels) - 1, np.float32)
            brush = np.concatenate([colors, layer], axis=2, dtype=np.float32)
            cv2.copyTo(brush, where.astype(np.uint8), self.paint[rows, columns])

    def cast_shadow(self, x: float, z: float, half_width: float, length: float) -> None:
        """Darkens the ground beside and under something that stands at (x, z), all in metres."""
        away = -self.light.sun_side * length
        left, right = min(x - half_width, x + away), max(x + half_width, x + away)
        near = max(z - half_width, 1.0)
        corners = [(left, near), (right, near), (right, z + half_width), (left, z + half_width)]
        points = [self.camera.project(u, 0, v) for u, v in corners]
        cv2.fillPoly(self.shadow, [_fixed(points)], 1.0, shift=_SHIFT)

    def layers(self) -> np.ndarray:
        """(H, W) number of the layer that each pixel shows."""
        return self.paint[..., 3].astype(np.intp)

    def _brush(self, color: Color) -> tuple[float, float, float, float]:
        red, green, blue = color
        return float(red), float(green), float(blue), float(len(self.labels) - 1)


def make_camera(size: tuple[int, int], lateral: float, rng: np.random.Generator) -> Camera:
    """A driver's or a walker's view, from that many metres right of the street's middle."""
    height, width = size
    return Camera(
        height=height,
        width=width,
        focal=width * rng.uniform(0.75, 1.05),
        horizon=height * rng.uniform(0.4, 0.52),
        vanishing=width * rng.uniform(0.38, 0.62),
        above_ground=rng.uniform(1.3, 2.0),
        lateral=lateral,
    )


def make_light(rng: np.random.Generator) -> Light:
    """From a clear noon over an overcast day to dusk."""
    height_of_sun, clouds = rng.beta(1.6, 1.3), rng.beta(0.8, 1.0)
    warm = np.array([1.0, 0.55 + 0.4 * height_of_sun, 0.3 + 0.6 * height_of_sun], np.float32)
    blue = np.array([0.86, 0.95, 1.08], np.float32)
    day = 0.3 + 0.7 * height_of_sun
    gray = np.array([0.78, 0.8, 0.83], np.float32)
    clear = np.array([0.3, 0.5, 0.86], np.float32)
    zenith = day * (clouds * gray + (1 - clouds) * clear)
    return Light(
        ambient=np.float32(day * (0.42 + 0.38 * clouds)) * blue,
        sun=np.float32((0.35 + 0.45 * height_of_sun) * (1 - 0.9 * clouds)) * warm,
        sun_side=int(rng.choice([-1, 1])),
        sky=zenith.astype(np.float32),
        haze=(0.45 * zenith + 0.5 * day * (clouds * gray + (1 - clouds) * warm)).astype(np.float32),
        haze_density=0.002 + 0.014 * rng.beta(1, 3),
        clouds=clouds,
    )


def noise(rng: np.random.Generator, size: tuple[int, int], cells: float, octaves: int = 3) -> np.ndarray:
    """Smooth fractal noise.

    Args:
        rng: random numbers
        size: (H, W)
        cells: cells of the coarsest octave along the longer side
        octaves: each of twice the cells and half the weight

    Returns:
        (H, W) float32, about -1 to 1
    """
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        shape = [max(2, round(cells * 2**octave * side / max(size))) for side in size]
        coarse = rng.random(shape, dtype=np.float32) * 2 - 1
        total += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR) / 2**octave
    return total


def develop(canvas: Canvas, depth: np.ndarray, grain: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Turns paint into a photograph: texture, shadows, haze, lens, sensor.

    Args:
        canvas: the finished painting
        depth: (H, W) metres
        grain: (H, W) relative strength of each pixel's surface texture
        ground: (H, W) bool, where shadows fall

    Returns:
        (H, W, 3) uint8 RGB
    """
    rng, light, size = canvas.rng, canvas.light, depth.shape
    scene = canvas.paint[..., :3]
    texture = np.float32(0.6) * noise(rng, size, 60, 2) + rng.standard_normal(size, dtype=np.float32)
    lost = light.ambient / (light.ambient + light.sun)
    shade = cv2.GaussianBlur(canvas.shadow * ground, (0, 0), 1.0)[..., None].astype(np.float32)
    scene = scene * (1 + grain * texture)[..., None] * (1 - shade * (1 - 0.9 * lost))
    haze = 1 - np.exp(np.float32(-light.haze_density) * depth)[..., None]
    scene = scene + (light.haze - scene) * haze
    return _photograph(scene, rng)


def _photograph(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur, exposure, white balance, contrast and sensor noise; more noise where the exposure had to be raised."""
    gain = np.clip(rng.uniform(0.3, 0.46) / scene.mean(), 0.6, 3.5)
    balance = (gain * rng.uniform(0.94, 1.06, 3)).astype(np.float32)
    exposed = (cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.4, 0.8)) * balance).clip(0, 1)
    contrast = np.float32(rng.uniform(0.0, 0.5))
    exposed += contrast * exposed * (1 - exposed) * (2 * exposed - 1)
    strength = np.float32(rng.uniform(0.008, 0.022) * np.sqrt(gain))
    exposed += rng.standard_normal(exposed.shape, dtype=np.float32) * strength * (np.float32(0.4) + exposed)
    return (exposed.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _fixed(points: Sequence[Point]) -> np.ndarray:
    """Points in OpenCV's fixed-point coordinates."""
    scaled = np.array(points) * float(1 << _SHIFT)
    return np.minimum(np.maximum(scaled, -1e5), 2e5).astype(np.int32)
