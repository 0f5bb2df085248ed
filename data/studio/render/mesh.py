"""Surfaces as quads: positions, normals, and the place of their skin in the atlas.

Shapes: Q quads of 4 corners; a sheet is a grid of I x J points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """Quads in metres.

    Attributes:
        corners: (Q, 4, 3) positions, in order around the quad.
        normals: (Q, 4, 3) unit vectors, outward.
        skin: (Q, 4, 2) column and row in the atlas, in atlas pixels.
    """

    corners: FloatArray
    normals: FloatArray
    skin: FloatArray

    def __post_init__(self) -> None:
        count = len(self.corners)
        for name, array, last in (
            ("corners", self.corners, 3),
            ("normals", self.normals, 3),
            ("skin", self.skin, 2),
        ):
            if array.shape != (count, 4, last):
                raise ValueError(f"{name} must be {(count, 4, last)}, not {array.shape}")

    def where(self, chosen: NDArray[np.bool_]) -> "Mesh":
        """Return the quads that are `chosen`, (Q,) bool."""
        return Mesh(self.corners[chosen], self.normals[chosen], self.skin[chosen])

    def moved(self, rotation: FloatArray, offset: FloatArray) -> "Mesh":
        """Return this mesh rotated by a (3, 3) matrix, then moved by (3,) metres."""
        return Mesh(self.corners @ rotation.T + offset, self.normals @ rotation.T, self.skin)

    def mirrored(self) -> "Mesh":
        """Return this mesh on the other side of the plane y = 0."""
        flip = np.array([1.0, -1.0, 1.0])
        return Mesh(self.corners * flip, self.normals * flip, self.skin)

    def facing(self, eye: FloatArray) -> NDArray[np.bool_]:
        """Whether each quad turns its outside to `eye`, (Q,) bool."""
        towards = np.einsum("qc,qc->q", self.normals.mean(axis=1), eye - self.corners.mean(axis=1))
        facing: NDArray[np.bool_] = towards > 0
        return facing


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Return all quads of `meshes` as one mesh."""
    return Mesh(
        np.concatenate([mesh.corners for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.skin for mesh in meshes]),
    )


def sheet_normals(points: FloatArray) -> FloatArray:
    """Return (I, J, 3) unit normals of an (I, J, 3) sheet, along d/dj x d/di."""
    along_i = np.gradient(points, axis=0)
    along_j = np.gradient(points, axis=1)
    normals = np.cross(along_j, along_i)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    unit: FloatArray = normals / np.maximum(length, 1e-9)
    return unit


def sheet(points: FloatArray, normals: FloatArray, skin: FloatArray) -> Mesh:
    """Return the quads of a sheet from its (I, J, 3) points, (I, J, 3) normals, (I, J, 2) skin."""

    def quads(grid: FloatArray) -> FloatArray:
        corners = (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:])
        return np.stack(corners, axis=2).reshape(-1, 4, grid.shape[2])

    return Mesh(quads(points), quads(normals), quads(skin))


def plain_sheet(points: FloatArray, swatch: FloatArray, *, outward: float = 1.0) -> Mesh:
    """Return the quads of an (I, J, 3) sheet of one material, whose skin is the (2,) `swatch`."""
    skin = np.broadcast_to(swatch, (*points.shape[:2], 2))
    return sheet(points, sheet_normals(points) * outward, skin)


def blob(centre: Sequence[float], radii: Sequence[float], swatch: FloatArray) -> Mesh:
    """Return a rounded box (a superellipsoid) of (3,) `radii` metres, of one material."""

    def squared_off(wave: FloatArray) -> FloatArray:
        return np.sign(wave) * np.abs(wave) ** 0.7

    polar = np.linspace(0.01, np.pi - 0.01, 13)[:, None]
    turn = np.linspace(0, 2 * np.pi, 25)[None, :]
    unit = np.stack(
        [
            squared_off(np.sin(polar)) * squared_off(np.cos(turn)),
            squared_off(np.sin(polar)) * squared_off(np.sin(turn)),
            squared_off(np.cos(polar)) * np.ones_like(turn),
        ],
        axis=2,
    )
    points = np.asarray(centre) + unit * np.asarray(radii)
    return plain_sheet(points, swatch)


def tube(path: FloatArray, radius: float, swatch: FloatArray, *, sides: int = 8) -> Mesh:
    """Return a tube of `radius` metres around a (I, 3) path, of one material."""
    direction = np.gradient(path, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    across = np.cross(direction, [0.31, 0.87, 0.38])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    over = np.cross(direction, across)
    turn = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    rings = across[:, None] * np.cos(turn) + over[:, None] * np.sin(turn)
    points = path[:, None] + radius * rings
    skin = np.broadcast_to(swatch, (*points.shape[:2], 2))
    return sheet(points, rings, skin)
