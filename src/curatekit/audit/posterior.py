"""How many rows of each stratum are wrong, given the reviewed ones: a chain of log-odds along the ranks, solved exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints

GRID = np.arange(-12, 8.01, 0.25)
SLOPES = (0.0, 0.5, 1.0, 1.5, 2.0)
SCALES = (0.2, 0.6, 1.5)
LEAST_SCALE = 0.15
START = 3.0
DRAWS = 4000


class Chain(NamedTuple):
    """A chain at one slope and scale: steps (H - 1, G, G), and what the strata behind each say of it (H, G)."""

    steps: Floats
    behind: Floats
    log_evidence: float


def rate_draws(reviewed: Ints, wrong: Ints, position: Floats, rng: np.random.Generator, n_draws: int = DRAWS) -> Floats:
    """Return draws of P(label is wrong) in each of the H strata (n_draws, H) from its posterior distribution.

    reviewed, wrong  (H,) reviewed rows of each stratum, and how many of them are wrong; strata from doubtful to undoubted
    position         (H,) the log-odds that were expected of each stratum, falling

    The log-odds θ of the strata form a chain, θ_1 ~ N(0, 3²), θ_{h+1} ~ N(θ_h − m d, τ² d) at a distance d of the
    expected log-odds: the scores, recalibrated by a slope m (1: as expected, 0: the order says nothing), and free to
    depart from that by τ. Both are unknown, all pairs on a small grid as likely beforehand, and weighed by their
    evidence. On a grid of θ the posterior is exact: a pass from the last stratum to the first, and draws on the way back
    (Rabiner 1989, Proceedings of the IEEE 77:257; Frühwirth-Schnatter 1994, J. Time Series Analysis 15:183). So a
    stratum whose few reviewed rows are all right is not taken for free of errors, nor for as bad as chance would allow.
    """
    likelihood = _likelihood(reviewed, wrong)
    distance = np.maximum(position[:-1] - position[1:], 1e-3)
    start = np.exp(-0.5 * (GRID / START) ** 2)
    start /= start.sum()
    chains = [_chain(likelihood, start, distance, slope, scale) for slope in SLOPES for scale in SCALES]
    evidence = np.array([chain.log_evidence for chain in chains])
    share = np.exp(evidence - evidence.max())
    counts = rng.multinomial(n_draws, share / share.sum())
    cells = np.concatenate(
        [_paths(chain, likelihood, start, count, rng) for chain, count in zip(chains, counts, strict=True) if count]
    )
    # anywhere within its cell of the grid
    log_odds = GRID[cells] + (rng.random(cells.shape) - 0.5) * (GRID[1] - GRID[0])
    rates: Floats = 1 / (1 + np.exp(-log_odds))
    return rates


def _likelihood(reviewed: Ints, wrong: Ints) -> Floats:
    """Return P(wrong of reviewed | θ) on the grid (H, G), each stratum's largest value 1."""
    log = -wrong[:, None] * np.logaddexp(0, -GRID) - (reviewed - wrong)[:, None] * np.logaddexp(0, GRID)
    likelihood: Floats = np.exp(log - log.max(axis=1, keepdims=True))
    return likelihood


def _chain(likelihood: Floats, start: Floats, distance: Floats, slope: float, scale: float) -> Chain:
    deviation = np.maximum(scale * np.sqrt(distance), LEAST_SCALE)[:, None, None]
    away = GRID[None, None, :] - GRID[None, :, None] + slope * distance[:, None, None]
    # the tiny constant keeps a step beyond the grid's end a distribution
    steps = np.exp(-0.5 * (away / deviation) ** 2) + 1e-30
    steps /= steps.sum(axis=2, keepdims=True)
    behind = np.ones_like(likelihood)
    log_evidence = 0.0
    for h in range(len(distance) - 1, -1, -1):
        message = steps[h] @ (likelihood[h + 1] * behind[h + 1])
        behind[h] = message / message.max()
        log_evidence += float(np.log(message.max()))
    return Chain(steps, behind, log_evidence + float(np.log((start * likelihood[0] * behind[0]).sum())))


def _paths(chain: Chain, likelihood: Floats, start: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Return draws of the cells that the chain runs through (count, H)."""
    first = start * likelihood[0] * chain.behind[0]
    cell = rng.choice(len(GRID), count, p=first / first.sum())
    path = [cell]
    for h, step in enumerate(chain.steps):
        cumulated = (step * (likelihood[h + 1] * chain.behind[h + 1])).cumsum(axis=1)[cell]
        cell = (cumulated < rng.random((count, 1)) * cumulated[:, -1:]).sum(axis=1)
        path.append(cell)
    return np.stack(path, axis=1)
