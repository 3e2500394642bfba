"""What stands in a procedural street: each painter adds one thing, at a place in metres, to the canvas."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Color, Point, noise

_CAR_COLORS = ((0.75, 0.75, 0.77), (0.08, 0.08, 0.09), (0.4, 0.42, 0.45), (0.55, 0.08, 0.08), (0.1, 0.18, 0.45))
_WALLS = (
    (0.62, 0.55, 0.45),
    (0.5, 0.3, 0.24),
    (0.55, 0.55, 0.55),
    (0.72, 0.68, 0.6),
    (0.4, 0.42, 0.46),
    (0.6, 0.5, 0.4),
)
_LEAVES = ((0.2, 0.32, 0.1), (0.3, 0.38, 0.13), (0.14, 0.25, 0.1), (0.42, 0.33, 0.12))
_PLATES = ((0.75, 0.1, 0.1), (0.1, 0.2, 0.65), (0.85, 0.8, 0.78), (0.8, 0.65, 0.1), (0.1, 0.4, 0.2))
#: A facade nearer than this fills the picture with a few bricks
_NEAREST = 1.2
#: How much narrower a car's roof is than its body
_TAPER = 0.84


def paint_building(
    canvas: Canvas, label: int, side: int, x: float, depth: float, near: float, far: float, height: float
) -> None:
    """A building with its facade along the street, or across it.

    Args:
        canvas: where to paint
        label: its class
        side: -1 left of the street, 1 right
        x: of the facade along the street
        depth: metres from there to its back, away from the street
        near: metres ahead where it begins
        far: metres ahead where it ends
        height: metres
    """
    canvas.layer(label, near)
    style = _Facade(canvas.rng)
    _paint_front(canvas, style, side, x, depth, near, height)
    canvas.layer(label, (near + far) / 2)
    _paint_flank(canvas, style, side, x, max(near, _NEAREST), far, height)


class _Facade:
    """The look of one building: wall, windows, storeys."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.wall = (rng.permutation(_WALLS)[0] * rng.uniform(0.6, 1.2)).astype(np.float32)
        self.glass = np.float32(rng.uniform(0.08, 0.4)) * np.array([0.85, 0.95, 1.1], np.float32)
        self.storey, self.bay = rng.uniform(2.7, 3.6), rng.uniform(1.6, 3.6)
        self.window = rng.uniform(0.3, 0.75, 2)
        self.ground_floor = np.float32(rng.uniform(0.25, 1.1)) * self.wall
        self.panes = rng.uniform(0.55, 1.7, (16, 16)).astype(np.float32)
        self.stains = noise(rng, (64, 64), 8, 3)
        self.cornice = np.float32(rng.uniform(0.7, 1.2))

    def colors(self, along: np.ndarray, up: np.ndarray, height: float, exposed: np.ndarray) -> np.ndarray:
        """(h, w, 3) colours at metres along the facade and up, under light of (3,) intensity."""
        bay, storey = along / self.bay, up / self.storey
        opening = (np.abs(bay % 1 - 0.5) < self.window[0] / 2) & (np.abs(storey % 1 - 0.55) < self.window[1] / 2)
        pane = self.panes[storey.astype(np.int32) % 16, bay.astype(np.int32) % 16][..., None]
        stain = self.stains[(up * 6).astype(np.int32) % 64, (along * 4).astype(np.int32) % 64][..., None]
        wall = np.where(up[..., None] < self.storey, self.ground_floor, self.wall) * (1 + np.float32(0.09) * stain)
        wall = np.where((up > height - 0.5)[..., None], wall * self.cornice, wall)
        colors = np.where((opening & (up < height - 0.6))[..., None], self.glass * pane, wall)
        return (colors * exposed).astype(np.float32)


def _paint_flank(canvas: Canvas, style: _Facade, side: int, x: float, near: float, far: float, height: float) -> None:
    """The facade along the street."""
    camera = canvas.camera
    offset = x - camera.lateral
    inner, outer = (camera.vanishing + camera.focal * offset / z for z in (far, near))
    if offset * side < 0.3 or abs(outer - inner) < 0.5:
        return
    columns = _span(min(inner, outer), max(inner, outer), camera.width)
    centres = np.arange(camera.width, dtype=np.float32)[columns]
    away = np.maximum((centres - camera.vanishing) * side, 1e-3)
    z = camera.focal * abs(offset) / away
    top = camera.project(0, height, near)[1]
    rows = _span(top, camera.project(0, 0, near)[1], camera.height)
    up = (
        camera.above_ground
        - (np.arange(camera.height, dtype=np.float32)[rows, None] - camera.horizon) * z / camera.focal
    )
    along = np.broadcast_to(z, up.shape)
    where = (up >= 0) & (up <= height) & (along >= near) & (along <= far)
    canvas.texture(rows, columns, where, style.colors(along, up, height, _on_wall(canvas, side)))


def _paint_front(canvas: Canvas, style: _Facade, side: int, x: float, depth: float, near: float, height: float) -> None:
    """The wall that faces the camera."""
    if near < _NEAREST:
        return
    camera = canvas.camera
    (left, top), (right, bottom) = (
        camera.project(min(x, x + depth), height, near),
        camera.project(max(x, x + depth), 0, near),
    )
    columns, rows = _span(left, right, camera.width), _span(top, bottom, camera.height)
    scale = near / camera.focal
    along = (np.arange(camera.width, dtype=np.float32)[columns] - left) * scale
    up = (bottom - np.arange(camera.height, dtype=np.float32)[rows, None]) * scale
    along, up = np.broadcast_arrays(along, up)
    exposed = canvas.light.ambient + 0.45 * canvas.light.sun
    canvas.texture(rows, columns, up >= 0, style.colors(along, up, height, exposed))


def _on_wall(canvas: Canvas, side: int) -> np.ndarray:
    """The light on a facade: the sun reaches those across the street from it."""
    return canvas.light.ambient + canvas.light.sun * (0.9 if side != canvas.light.sun_side else 0.12)


def _span(low: float, high: float, size: int) -> slice:
    """The pixels whose centres lie between two coordinates."""
    first = int(np.clip(np.ceil(low), 0, size))
    return slice(first, int(np.clip(np.floor(high) + 1, first, size)))


def paint_tree(canvas: Canvas, label: int, x: float, z: float, height: float) -> None:
    """A tree: trunk and crown, of many clumps of leaves that let the background through."""
    camera, rng, light = canvas.camera, canvas.rng, canvas.light
    canvas.layer(label, z)
    canvas.cast_shadow(x, z, 0.25 * height, 0.5 * height)
    foot, crown = camera.project(x, 0, z), camera.project(x, height * 0.65, z)
    trunk = light.on(rng.uniform(0.6, 1.3) * np.array([0.22, 0.17, 0.12]), 0.3)
    canvas.bar(foot, crown, camera.pixels(0.035 * height, z), trunk)
    radius = camera.pixels(height * rng.uniform(0.24, 0.36), z)
    leaves = np.array(rng.permutation(_LEAVES)[0]) * rng.uniform(0.7, 1.3)
    clumps = int(np.clip(radius * 1.6, 8, 70))
    angles, distances = rng.uniform(0, 2 * np.pi, clumps), np.sqrt(rng.uniform(0, 1, clumps))
    columns = crown[0] + 0.95 * radius * distances * np.cos(angles)
    rows = crown[1] + 1.05 * radius * distances * np.sin(angles)
    sizes = radius * rng.uniform(0.12, 0.34, clumps) * (1.25 - 0.7 * distances)
    sunny = 0.5 - 0.5 * np.sin(angles) * distances + 0.25 * light.sun_side * np.cos(angles) * distances
    tones = rng.uniform(0.65, 1.2, clumps)
    for clump in np.argsort(sunny):
        color = light.on(leaves * tones[clump], float(sunny[clump].clip(0, 1)))
        canvas.ellipse((columns[clump], rows[clump]), (sizes[clump], sizes[clump] * 0.85), color)


def paint_pole(canvas: Canvas, label: int, x: float, z: float, height: float, arm: float) -> None:
    """A street lamp or a bare pole; the arm reaches out that many metres to the right."""
    camera = canvas.camera
    canvas.layer(label, z)
    color = canvas.light.on(canvas.rng.uniform(0.12, 0.45) * np.array([1, 1.02, 1.02]), 0.5)
    foot, top = camera.project(x, 0, z), camera.project(x, height, z)
    canvas.bar(foot, top, camera.pixels(0.11, z), color)
    if arm:
        lamp = camera.project(x + arm, height + 0.25, z)
        canvas.bar(top, lamp, camera.pixels(0.09, z), color)
        canvas.ellipse(lamp, (camera.pixels(0.32, z), camera.pixels(0.1, z)), color * 1.25)


def paint_sign(canvas: Canvas, pole: int, label: int, x: float, z: float) -> None:
    """A traffic sign, or two, on its pole."""
    camera, rng, light = canvas.camera, canvas.rng, canvas.light
    canvas.layer(pole, z)
    height = rng.uniform(2.3, 3.3)
    canvas.bar(
        camera.project(x, 0, z), camera.project(x, height, z), camera.pixels(0.07, z), light.on((0.4, 0.4, 0.42), 0.5)
    )
    canvas.layer(label, z)
    half = camera.pixels(rng.uniform(0.28, 0.45), z)
    plates = np.array(_PLATES)
    for level in range(rng.integers(1, 3)):
        u, v = camera.project(x, height - 0.85 * level, z)
        face, symbol = (light.on(color, 0.6) for color in plates[rng.permutation(len(plates))[:2]])
        _plate(canvas, int(rng.integers(3)), u, v, half, face)
        _plate(canvas, int(rng.integers(3)), u, v, half * 0.5, symbol)


def _plate(canvas: Canvas, shape: int, u: float, v: float, half: float, color: Color) -> None:
    if shape == 0:
        canvas.ellipse((u, v), (half, half), color)
    elif shape == 1:
        canvas.polygon([(u - half, v + half * 0.8), (u + half, v + half * 0.8), (u, v - half)], color)
    else:
        canvas.polygon([(u - half, v - half), (u + half, v - half), (u + half, v + half), (u - half, v + half)], color)


def paint_car(canvas: Canvas, label: int, x: float, z: float) -> None:
    """A car seen from behind or ahead, with the flank that the camera sees; z is its near end."""
    rng, light = canvas.rng, canvas.light
    canvas.layer(label, z)
    body = np.array(rng.permutation(_CAR_COLORS)[0]) * rng.uniform(0.7, 1.3)
    half, length, height = rng.uniform(0.8, 0.95), rng.uniform(3.6, 4.6), rng.uniform(1.35, 1.9)
    canvas.cast_shadow(x, z + length / 2, length / 2, 0.8)
    waist, glass = 0.55 * height, light.on((0.1, 0.12, 0.14))
    ends = (x, z, half, length)
    flank = light.on(body * 0.8, 0.35)
    _flank(canvas, ends, (0.0, 1.0), 0.3, (0.0, 1.0), waist, 1.0, flank)
    _flank(canvas, ends, (0.0, 0.85), waist, (0.0, 0.65), height, _TAPER, flank)
    _flank(canvas, ends, (0.06, 0.78), waist, (0.06, 0.6), height - 0.1, _TAPER, glass)
    _wheels(canvas, ends)
    _roof(canvas, ends, height, light.on(body, 0.9))
    _end_face(canvas, x, z, half, (0.25, waist), 1.0, light.on(body, 0.6))
    _end_face(canvas, x, z, half, (waist, height), _TAPER, light.on(body * 0.9, 0.6))
    _end_face(canvas, x, z, half * _TAPER, (waist + 0.05, height - 0.1), 0.9, glass * rng.uniform(1, 2.2))
    _lights(canvas, x, z, half, waist)


def _flank(
    canvas: Canvas,
    ends: tuple[float, float, float, float],
    bottom: tuple[float, float],
    low: float,
    top: tuple[float, float],
    high: float,
    taper: float,
    color: Color,
) -> None:
    """A quadrilateral of the visible flank; bottom and top give its ends as shares of the length."""
    x, z, half, length = ends
    out = -half if x > canvas.camera.lateral else half
    corners = [(bottom[0], low, 1.0), (bottom[1], low, 1.0), (top[1], high, taper), (top[0], high, taper)]
    canvas.polygon([canvas.camera.project(x + out * t, y, z + share * length) for share, y, t in corners], color)


def _wheels(canvas: Canvas, ends: tuple[float, float, float, float]) -> None:
    x, z, half, length = ends
    wall = x - half if x > canvas.camera.lateral else x + half
    for share in (0.8, 0.2):
        centre = canvas.camera.project(wall, 0.32, z + share * length)
        near, far = (canvas.camera.project(wall, 0, z + share * length + step)[0] for step in (-0.32, 0.32))
        axes = (abs(near - far) / 2 + 0.5, canvas.camera.pixels(0.32, z + share * length))
        canvas.ellipse(centre, axes, canvas.light.on((0.06, 0.06, 0.06)))
    for offset in (-0.8, 0.8):
        u, v = canvas.camera.project(x + offset * half, 0, z)
        tyre, floor = canvas.camera.pixels(0.12, z), canvas.camera.pixels(0.35, z)
        corners = [(u - tyre, v - floor), (u + tyre, v - floor), (u + tyre, v), (u - tyre, v)]
        canvas.polygon(corners, canvas.light.on((0.05, 0.05, 0.05)))


def _roof(canvas: Canvas, ends: tuple[float, float, float, float], height: float, color: Color) -> None:
    x, z, half, length = ends
    corners = [(-1, 0.0), (1, 0.0), (1, 0.65), (-1, 0.65)]
    points: list[Point] = [
        canvas.camera.project(x + _TAPER * half * side, height, z + share * length) for side, share in corners
    ]
    canvas.polygon(points, color)


def _end_face(
    canvas: Canvas, x: float, z: float, half: float, levels: tuple[float, float], taper: float, color: Color
) -> None:
    """The near end of a car between two heights; the top is narrower by ``taper``."""
    low, high = levels
    corners = [(-half, low), (half, low), (half * taper, high), (-half * taper, high)]
    canvas.polygon([canvas.camera.project(x + offset, y, z) for offset, y in corners], color)


def _lights(canvas: Canvas, x: float, z: float, half: float, waist: float) -> None:
    color = (0.8, 0.1, 0.08) if canvas.rng.random() < 0.6 else (0.95, 0.95, 0.85)
    for side in (-0.78, 0.78):
        centre = canvas.camera.project(x + side * half, waist - 0.1, z)
        canvas.ellipse(centre, (canvas.camera.pixels(0.14, z), canvas.camera.pixels(0.08, z)), color)
    plate = [canvas.camera.project(x + u, y, z) for u, y in ((-0.25, 0.42), (0.25, 0.42), (0.25, 0.55), (-0.25, 0.55))]
    canvas.polygon(plate, canvas.light.on((0.7, 0.7, 0.6)))


def paint_pedestrian(canvas: Canvas, label: int, x: float, z: float) -> None:
    """Someone walking or standing."""
    camera, rng, light = canvas.camera, canvas.rng, canvas.light
    canvas.layer(label, z)
    canvas.cast_shadow(x, z, 0.15, 1.0)
    height = rng.uniform(1.45, 1.9)
    scale = camera.pixels(height, z)
    u, v = camera.project(x, 0, z)
    coat, trousers = (light.on(rng.uniform(0.05, 0.6, 3) * rng.uniform(0.5, 1.2), 0.5) for _ in range(2))
    skin = light.on(rng.uniform(0.35, 1.0) * np.array([0.8, 0.6, 0.48]), 0.6)
    stride = scale * rng.uniform(0.02, 0.12)
    hip, neck = (u, v - 0.48 * scale), (u + 0.02 * scale, v - 0.8 * scale)
    for foot in (-stride, stride):
        canvas.bar(hip, (u + foot, v), 0.085 * scale, trousers)
    canvas.ellipse((u, v - 0.64 * scale), (0.115 * scale, 0.2 * scale), coat)
    for hand in (-1, 1):
        wrist = (u + hand * (0.1 * scale + 0.4 * stride), v - 0.45 * scale)
        canvas.bar((neck[0] + hand * 0.08 * scale, neck[1]), wrist, 0.055 * scale, coat * 0.9)
    canvas.ellipse((u, v - 0.91 * scale), (0.06 * scale, 0.08 * scale), skin)
    canvas.ellipse((u, v - 0.95 * scale), (0.062 * scale, 0.045 * scale), light.on(rng.uniform(0.05, 0.35, 3)))


def paint_clutter(canvas: Canvas, label: int, x: float, z: float) -> None:
    """What street datasets leave unlabelled: bins, crates, bollards, hedges in tubs."""
    camera, rng, light = canvas.camera, canvas.rng, canvas.light
    canvas.layer(label, z)
    height, half = rng.uniform(0.45, 1.25), rng.uniform(0.15, 0.6)
    canvas.cast_shadow(x, z, half, 0.7 * height)
    color = rng.uniform(0.08, 0.55, 3) * rng.uniform(0.5, 1.1)
    lean = rng.uniform(0.75, 1.1)
    corners = [(-half, 0), (half, 0), (half * lean, height), (-half * lean, height)]
    canvas.polygon([camera.project(x + offset, y, z) for offset, y in corners], light.on(color, 0.55))
    lid = [(-half, height), (half, height), (half, 0.85 * height), (-half, 0.85 * height)]
    canvas.polygon([camera.project(x + offset * lean, y, z) for offset, y in lid], light.on(color * 1.3, 0.9))
    if rng.random() < 0.35:
        top = camera.project(x, 1.25 * height, z)
        radius = camera.pixels(half, z)
        canvas.ellipse(top, (radius, 0.7 * radius), light.on(rng.permutation(_LEAVES)[0], 0.7))
