import numpy as np
import pytest
import torch

from coarse.novelty import MARGIN, MIN_GROUPS, fit_novelty, ledoit_wolf_shrinkage
from coarse.novelty import Features as Array


def samples(num: int, size: int = 12, seed: int = 0, shift: float = 0.0) -> Array:
    """Correlated features, such as those of photos of one kind."""
    mixing = np.random.default_rng(99).normal(size=(size, size))
    points = np.random.default_rng(seed).normal(size=(num, size))
    return points @ mixing + shift


def names(num: int) -> list[str]:
    return [f"photo-{i}" for i in range(num)]


def score(features: Array, training: Array) -> Array:
    detector = fit_novelty(training, names(len(training)))
    assert detector is not None
    return np.asarray(detector.score(torch.from_numpy(features)))


def test_other_photos_of_the_same_kind_are_known() -> None:
    novelty = score(samples(2000, seed=1), samples(40))

    assert (novelty > 1).mean() < 0.01
    assert np.median(novelty) == pytest.approx(1 / MARGIN, rel=0.4)


def test_photos_of_another_kind_are_novel() -> None:
    novelty = score(samples(200, seed=1, shift=60.0), samples(40))

    assert (novelty > 1).all()


def test_a_distance_counts_in_units_of_the_spread_along_it() -> None:
    spread = np.array([100.0, 1.0])
    training = np.random.default_rng(0).normal(size=(200, 2)) * spread

    along_the_narrow, along_the_wide = score(np.array([[0.0, 50.0], [50.0, 0.0]]), training)

    assert along_the_narrow > 1 > along_the_wide


def test_the_score_is_the_mahalanobis_distance_over_the_limit() -> None:
    training = samples(5000, size=4)
    detector = fit_novelty(training, names(5000))
    assert detector is not None
    points = samples(50, size=4, seed=1)

    found = detector.score(torch.from_numpy(points)).numpy() * float(detector.limit)

    centred = points - training.mean(0)
    inverse = np.linalg.inv(np.cov(training.T))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", centred, inverse, centred))
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_photos_of_a_group_do_not_vouch_for_each_other() -> None:
    centres = np.repeat(samples(8), 50, axis=0)
    training = centres + np.random.default_rng(3).normal(size=centres.shape) * 0.01
    by_photo = fit_novelty(training, names(400))
    by_group = fit_novelty(training, [f"car-{i // 50}" for i in range(400)])

    assert by_photo is not None
    assert by_group is not None
    assert by_group.limit > 2 * by_photo.limit


def test_a_few_odd_training_photos_do_not_move_the_limit() -> None:
    training = samples(100)
    odd = training.copy()
    odd[:2] *= 30
    without, with_them = (fit_novelty(part, names(len(part))) for part in (training, odd))

    assert without is not None
    assert with_them is not None
    assert with_them.limit < 1.2 * without.limit


@pytest.mark.parametrize("features", [samples(MIN_GROUPS - 1), samples(40)[:, :0]])
def test_too_little_to_tell_by_gives_no_detector(features: Array) -> None:
    assert fit_novelty(features, names(len(features))) is None


def test_photos_that_are_all_alike_give_a_detector() -> None:
    alike = np.ones((20, 6))

    assert score(alike, alike) == pytest.approx(0, abs=1)
    assert (score(alike + 5, alike) > 1).all()


def test_the_shrinkage_is_that_of_ledoit_and_wolf() -> None:
    # By their formulas of section 3.3, written out sample by sample.
    centred = samples(30, size=5)
    centred -= centred.mean(0)
    num, size = centred.shape
    covariance = centred.T @ centred / num
    m = np.trace(covariance) / size
    d2 = np.sum((covariance - m * np.eye(size)) ** 2) / size
    b2 = sum(np.sum((np.outer(x, x) - covariance) ** 2) / size for x in centred) / num**2

    assert ledoit_wolf_shrinkage(centred) == pytest.approx(min(b2, d2) / d2)


def test_features_of_another_network_are_refused() -> None:
    detector = fit_novelty(samples(40), names(40))
    assert detector is not None

    with pytest.raises(ValueError, match=r"\(B, 12\).*\(3, 7\)"):
        detector.score(torch.zeros(3, 7))


def test_parts_that_do_not_fit_together_are_refused() -> None:
    detector = fit_novelty(samples(40), names(40))
    assert detector is not None
    parts = vars(detector)

    for name, value in (
        ("mean", torch.zeros(3)),
        ("variances", torch.zeros(3)),
        ("rest", torch.tensor(0.0)),
        ("limit", torch.tensor(float("nan"))),
        ("axes", torch.zeros(12)),
    ):
        with pytest.raises(ValueError, match="novelty detector"):
            type(detector)(**parts | {name: value})
