# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One photo, stage by stage
#
# A rendered car goes from photo to mask, and every step is drawn. The car comes with its exact mask, so each step can be
# scored. Nothing is downloaded. You need `pip install .` and matplotlib.

# %%
import matplotlib.pyplot as plt
import numpy as np

from data.studio import render_photo
from foveamask import MaskOptions, Segmenter

photo, truth = render_photo(0, 0, 2, num_angles=4)
photo.shape, photo.dtype, truth.shape, truth.dtype

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
left.imshow(photo)
left.set_title("photo")
right.imshow(truth, cmap="gray")
right.set_title("true mask")
for axes in (left, right):
    axes.axis("off")

# %% [markdown]
# ## 1. The pyramid
#
# Both networks read one pyramid: full, half and quarter resolution, each the 2 x 2 mean of the one before. The photo is padded
# to multiples of 32 and by a margin of 32 pixels on all sides, which the windows need.

# %%
segmenter = Segmenter.load("carvana", device="cpu")
levels = segmenter.pyramid([photo])
[tuple(level.shape) for level in levels]

# %% [markdown]
# ## 2. The coarse network
#
# It sees the quarter alone and gives a logit for each of its pixels. As a probability, it is sure nearly everywhere.

# %%
proposal = segmenter.propose([photo])
coarse = 1 / (1 + np.exp(-proposal.coarse[0].float().numpy()))
unsure = (coarse > 0.08) & (coarse < 0.92)
print(f"{coarse.shape}: unsure in {unsure.mean():.1%} of the pixels")

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
left.imshow(coarse, cmap="gray")
left.set_title("coarse probability")
right.imshow(unsure, cmap="magma")
right.set_title("unsure")
for axes in (left, right):
    axes.axis("off")

# %% [markdown]
# ## 3. Uncertain tiles
#
# The photo is divided into tiles of 16 x 16 pixels. A tile with an unsure pixel is refined; the most uncertain come first.

# %%
tiles = proposal.tiles[:, 1:].numpy()
print(f"{len(tiles)} of {proposal.tile_uncertainty[0].numel():,} tiles")
shown = photo.copy()
for row, column in tiles * 16:
    shown[row : row + 16, column : column + 16] = (255, 210, 0)
plt.figure(figsize=(9, 6))
plt.imshow(shown)
_ = plt.axis("off")
# %% [markdown]
# ## 4. The window of a tile
#
# The refiner sees a tile at full resolution, what is around it at half, and what is around that at a quarter. A fourth channel
# has the coarse probability.

# %%
most = int(proposal.tile_uncertainty[0].flatten().argmax())
columns = proposal.tile_uncertainty.shape[2]
index = int(np.flatnonzero((tiles == divmod(most, columns)).all(1))[0])
_, panels = plt.subplots(2, 3, figsize=(9, 6))
for level, window in enumerate(proposal.windows):
    pixels = window[index].numpy()
    panels[0, level].imshow(pixels[..., :3])
    panels[0, level].set_title(f"1/{2**level}: {len(pixels)} x {len(pixels)}")
    panels[1, level].imshow(pixels[..., 3], cmap="gray", vmin=0, vmax=255)
for axes in panels.flat:
    axes.axis("off")

# %% [markdown]
# ## 5. The refiner and the stitch
#
# The refiner's logits take the place of the coarse ones in the tiles. Outside, the coarse logits stay, bit for bit. The threshold
# comes once and last.

# %%
refined = segmenter.refine(proposal)
(prediction,) = segmenter.finish([photo], proposal, refined)


def dice(mask):
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


scores = {"coarse": dice(prediction.coarse > 0), "refined": dice(prediction.mask)}
scores

# %%
row, column = np.array(divmod(most, columns)) * 16
top, left_side = max(0, row - 60), max(0, column - 90)
box = slice(top, top + 120), slice(left_side, left_side + 180)
plt.figure(figsize=(9, 6))
plt.imshow(photo[box])
plt.contour(truth[box], [0.5], colors="lime", linewidths=1)
plt.contour(prediction.coarse[box], [0], colors="blue", linewidths=1.5)
plt.contour(prediction.logits[box], [0], colors="red", linewidths=1.5)
plt.title("true contour green, coarse blue, refined red")
_ = plt.axis("off")
# %% [markdown]
# ## 6. How many tiles are worth it?
#
# `finish` runs no network. So the mask of any budget costs only the stitch.

# %%
budgets = [0, 16, 32, 64, 128, 256, len(tiles)]
by_budget = [
    dice(segmenter.finish([photo], proposal, refined, MaskOptions(budget=budget))[0].mask)
    for budget in budgets
]
plt.figure(figsize=(7, 4))
plt.plot(budgets, by_budget, marker="o")
plt.xlabel("refined tiles")
plt.ylabel("Dice")
plt.grid(alpha=0.3)

# %% [markdown]
# The curve is steep first and level at the end: the most uncertain tiles hold most of what is to be gained.
