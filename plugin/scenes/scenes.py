"""Procedural street scenes with exact masks: the demo's dataset, and the tests', without a download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from .canvas import Canvas, develop, make_camera, make_light, noise
from .objects import paint_building, paint_car, paint_clutter, paint_pedestrian, paint_pole, paint_sign, paint_tree

#: Mask value to name of every class of the scenes
SCENE_CLASSES = {
    0: "unlabelled",
    1: "sky",
    2: "building",
    3: "road",
    4: "pavement",
    5: "tree",
    6: "car",
    7: "pedestrian",
    8: "pole",
    9: "sign",
}
UNLABELLED, SKY, BUILDING, ROAD, PAVEMENT, TREE, CAR, PEDESTRIAN, POLE, SIGN = SCENE_CLASSES
#: How strongly the surface of each class is textured
_GRAIN = np.array([0.1, 0.01, 0.06, 0.05, 0.06, 0.16, 0.04, 0.08, 0.05, 0.04], np.float32)
#: Sky, open ground, pavement, road: the layers that are painted first
_GROUND_LAYERS = 4
_FARTHEST = 110.0
_TILE = 128

Thing = tuple[float, Callable[[Canvas], None]]


def render_scene(seed: int, size: tuple[int, int] = (240, 320)) -> tuple[np.ndarray, np.ndarray]:
    """Renders a street with its exact mask.

    Args:
        seed: of everything in the scene, at least 0; the same seed gives the same pixels
        size: (height, width) in pixels

    Returns:
        (H, W, 3) uint8 RGB image and (H, W) uint8 mask of the values of `SCENE_CLASSES`
    """
    rng = np.random.default_rng([seed, 7])
    street = Street(rng)
    canvas = Canvas(make_camera(size, street.viewpoint(), rng), make_light(rng), rng)
    _paint_sky(canvas)
    depth = _paint_ground(canvas, street)
    for _, paint in sorted(street.things(), key=lambda thing: -thing[0]):
        paint(canvas)
    if rng.random() < 0.15:
        _paint_bonnet(canvas)
    layers = canvas.layers()
    labels = np.array(canvas.labels, np.uint8)[layers]
    ground = layers < _GROUND_LAYERS
    depth = np.where(ground, depth, np.array(canvas.depths, np.float32)[layers])
    return develop(canvas, depth, _GRAIN[labels], ground), labels


class Street:
    """The plan of one street: widths in metres, and what stands where."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.half_road = rng.uniform(2.9, 5.6)
        self.pavement = {-1: rng.uniform(2.2, 6.0), 1: rng.uniform(2.2, 6.0)}
        self.trees = rng.uniform(0.3, 1) * rng.integers(0, 2, 2)
        self.built_up = rng.uniform(0.35, 1.0)
        self.busy = rng.uniform(0.2, 1.0)
        self.traffic = rng.uniform(0.1, 0.9)

    def edge(self, side: int) -> float:
        """Metres from the street's middle to where the pavement of a side ends."""
        return self.half_road + self.pavement[side]

    def viewpoint(self) -> float:
        """Metres right of the middle where the camera is: in a lane, or at times on a pavement."""
        if self.rng.random() < 0.7:
            return self.rng.uniform(-0.6, 0.6) * self.half_road
        side = int(self.rng.choice([-1, 1]))
        return side * (self.half_road + self.rng.uniform(0.3, 0.6) * self.pavement[side])

    def things(self) -> Iterator[Thing]:
        """Everything that stands in the street, as (metres ahead, painter)."""
        yield from self._closing_row()
        for side in (-1, 1):
            yield from self._buildings(side)
            yield from self._trees(side)
            yield from self._furniture(side)
            yield from self._parked_cars(side)
        yield from self._moving_cars()
        yield from self._pedestrians()
        yield from self._clutter()

    def _closing_row(self) -> Iterator[Thing]:
        """What the street runs towards."""
        left = -60.0
        while left < 60:
            width, z = self.rng.uniform(8, 22), self.rng.uniform(_FARTHEST - 10, _FARTHEST + 10)
            if self.rng.random() < self.built_up:
                place = partial(paint_building, label=BUILDING, side=1, x=left, depth=width)
                yield z, partial(place, near=z, far=z + 5, height=self.rng.uniform(5, 16))
            else:
                yield z, partial(paint_tree, label=TREE, x=left, z=z, height=9.0)
            left += width

    def _buildings(self, side: int) -> Iterator[Thing]:
        z = self.rng.uniform(2, 7)
        while z < _FARTHEST - 15:
            length, height = self.rng.uniform(6, 20), self.rng.uniform(4, 9) * self.rng.choice([1, 1.6, 2.6])
            x = side * (self.edge(side) + self.rng.choice([0, 0, self.rng.uniform(0, 5)]))
            if self.rng.random() < self.built_up:
                place = partial(paint_building, label=BUILDING, side=side, x=x, depth=side * 12)
                yield z + length, partial(place, near=z, far=z + length, height=height)
            elif self.rng.random() < 0.7:
                yield z + 2, partial(paint_tree, label=TREE, x=x + 3 * side, z=z + 2, height=7.0)
            z += length + self.rng.choice([0, 0, 0, self.rng.uniform(1, 8)])

    def _trees(self, side: int) -> Iterator[Thing]:
        z = self.rng.uniform(5, 14)
        x = side * (self.edge(side) - self.rng.uniform(0.5, 1.2))
        while z < 90:
            if self.rng.random() < self.trees[max(side, 0)]:
                yield z, partial(paint_tree, label=TREE, x=x, z=z, height=self.rng.uniform(4, 9))
            z += self.rng.uniform(5, 13)

    def _furniture(self, side: int) -> Iterator[Thing]:
        x = side * (self.half_road + 0.35)
        z, spacing = self.rng.uniform(4, 20), self.rng.uniform(14, 32)
        height, arm = self.rng.uniform(4.5, 8.5), -side * self.rng.choice([0.0, 1.6], p=[0.3, 0.7])
        while z < 100:
            yield z, partial(paint_pole, label=POLE, x=x, z=z, height=height, arm=arm)
            z += spacing
        for z in self.rng.uniform(4, 45, self.rng.integers(0, 4)):
            yield z, partial(paint_sign, pole=POLE, label=SIGN, x=x, z=z)

    def _parked_cars(self, side: int) -> Iterator[Thing]:
        x, z = side * (self.half_road - 1.1), self.rng.uniform(5, 12)
        while z < 80:
            if self.rng.random() < self.traffic:
                yield z, partial(paint_car, label=CAR, x=x, z=z)
            z += self.rng.uniform(5.2, 9)

    def _moving_cars(self) -> Iterator[Thing]:
        for z in self.rng.uniform(9, 70, self.rng.poisson(1.5 * self.traffic)):
            yield z, partial(paint_car, label=CAR, x=self.half_road * self.rng.choice([-0.35, 0.35]), z=z)

    def _pedestrians(self) -> Iterator[Thing]:
        for z in self.rng.uniform(4.5, 40, self.rng.poisson(11 * self.busy)):
            side = self.rng.choice([-1, 1])
            x = side * self.rng.uniform(self.half_road + 0.3, self.edge(side))
            x = self.rng.uniform(-self.half_road, self.half_road) if self.rng.random() < 0.12 else x
            yield z, partial(paint_pedestrian, label=PEDESTRIAN, x=x, z=z)

    def _clutter(self) -> Iterator[Thing]:
        for z in self.rng.uniform(4.5, 35, self.rng.poisson(6)):
            side = self.rng.choice([-1, 1])
            x = side * self.rng.uniform(self.half_road - 0.4, self.edge(side))
            yield z, partial(paint_clutter, label=UNLABELLED, x=x, z=z)


def _paint_sky(canvas: Canvas) -> None:
    camera, light = canvas.camera, canvas.light
    canvas.layer(SKY, 0.0)
    size = int(camera.horizon) + 1, camera.width
    fade = np.clip((camera.horizon - np.arange(size[0], dtype=np.float32)) / camera.horizon, 0, 1)[:, None, None]
    colors = light.haze + (light.sky - light.haze) * np.sqrt(fade)
    clouds = np.clip(noise(canvas.rng, size, 4) * 1.2 + np.float32(2 * light.clouds - 0.9), 0, 1)[..., None]
    cloud_color = light.on((0.86, 0.87, 0.9)) * (0.85 + 0.15 * noise(canvas.rng, size, 9, 2)[..., None])
    colors = colors + (cloud_color - colors) * (clouds * 0.75)
    canvas.texture(slice(0, size[0]), slice(None), np.ones(size, bool), colors)


def _paint_ground(canvas: Canvas, street: Street) -> np.ndarray:
    """Paints road, pavements and what lies beyond; returns the (H, W) depth of the ground, 0 in the sky."""
    camera, rng = canvas.camera, canvas.rng
    first = int(camera.horizon) + 1
    half_road = np.float32(street.half_road)
    below = np.arange(first, camera.height, dtype=np.float32)[:, None] - camera.horizon
    z = np.float32(camera.focal * camera.above_ground) / below
    x = (np.arange(camera.width, dtype=np.float32) - camera.vanishing) * z / camera.focal + camera.lateral
    outside = np.abs(x) - half_road
    kerb = np.where(x < 0, street.pavement[-1], street.pavement[1])
    surface = _surface(rng, x, z)
    rows, columns = slice(first, None), slice(None)
    beyond = rng.choice([UNLABELLED, PAVEMENT])
    canvas.layer(int(beyond), _FARTHEST)
    canvas.texture(rows, columns, np.ones(x.shape, bool), _tinted(canvas, _open_ground(rng, beyond), surface))
    canvas.layer(PAVEMENT, 0.0)
    tiles = surface - 0.12 * (_grid(x, 0.9) | _grid(z + 0 * x, 0.9)) + 0.22 * (outside < 0.18)
    gray = rng.uniform(0.36, 0.62)
    slabs = _tinted(canvas, gray * np.array([1, rng.uniform(0.93, 1.0), rng.uniform(0.82, 1.0)]), tiles)
    canvas.texture(rows, columns, outside < kerb, slabs)
    canvas.layer(ROAD, 0.0)
    asphalt = _tinted(canvas, gray * rng.uniform(0.55, 0.95) * np.array([1, 1, 1.04]), surface)
    asphalt = np.where(_markings(rng, x, z, street)[..., None], canvas.light.on((0.75, 0.75, 0.71)), asphalt)
    canvas.texture(rows, columns, outside < 0, asphalt.astype(np.float32))
    depth = np.zeros((camera.height, camera.width), np.float32)
    depth[rows] = np.minimum(z, 400)
    return depth


def _surface(rng: np.random.Generator, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Stains and patches that lie on the ground, fading where they are finer than a pixel."""
    pattern = noise(rng, (_TILE, _TILE), 16, 3)
    steps_x, steps_z = (x * 9).astype(np.int32) % _TILE, (z * 5).astype(np.int32) % _TILE
    stains = noise(rng, (_TILE, _TILE), 5, 2)[(z * 1.3).astype(np.int32) % _TILE, (x * 3).astype(np.int32) % _TILE]
    return 1 + 0.11 * pattern[steps_z, steps_x] / (1 + z / 18) + 0.09 * stains


def _tinted(canvas: Canvas, color: np.ndarray, surface: np.ndarray) -> np.ndarray:
    return (canvas.light.on(color) * surface[..., None]).astype(np.float32)


def _open_ground(rng: np.random.Generator, label: int) -> np.ndarray:
    """A colour for what lies beyond the pavement: more pavement, or grass and earth that have no class."""
    if label == PAVEMENT:
        return rng.uniform(0.35, 0.6) * np.array([1, 0.97, 0.9])
    return rng.uniform(0.25, 0.5) * np.array(rng.choice([[0.8, 1.0, 0.5], [1.0, 0.85, 0.65]]))


def _grid(x: np.ndarray, spacing: float) -> np.ndarray:
    return np.asarray((x / spacing) % 1 < 0.07)


def _markings(rng: np.random.Generator, x: np.ndarray, z: np.ndarray, street: Street) -> np.ndarray:
    """(h, w) bool where the road is painted white: the middle line, the edges, a crossing."""
    dashed = (z % 6 < 3) | (rng.random() < 0.2)
    painted = (np.abs(x) < 0.08) & dashed & (rng.random() < 0.8)
    if rng.random() < 0.4:
        painted |= np.abs(np.abs(x) - street.half_road + 0.35) < 0.06
    if rng.random() < 0.35:
        start = rng.uniform(4, 22)
        painted |= (z > start) & (z < start + 3) & (x % 1.1 < 0.55)
    return np.asarray(painted)


def _paint_bonnet(canvas: Canvas) -> None:
    """The camera's own car, which belongs to no class."""
    camera, rng = canvas.camera, canvas.rng
    canvas.layer(UNLABELLED, 0.0)
    axes = camera.width * rng.uniform(0.5, 0.8), camera.height * rng.uniform(0.06, 0.13)
    color = canvas.light.on(rng.uniform(0.05, 0.5) * np.ones(3))
    canvas.ellipse((camera.width / 2, camera.height), axes, color)
    canvas.ellipse((camera.width / 2, camera.height), (axes[0] * 0.9, axes[1] * 0.6), color * 1.3)
