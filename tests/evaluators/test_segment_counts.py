import numpy as np
import pytest

from segkit.classes import Classes
from segkit.evaluators._segment_counts import added, by_name, mean_of, no_counts, rates


def test_rates_by_hand():
    """A class with two matches, one error of each kind; one that is only missed; one that does not occur."""
    counts = {
        "iou": np.array([1.4, 0.0, 0.0]),
        "true_positives": np.array([2.0, 0.0, 0.0]),
        "false_positives": np.array([1.0, 0.0, 0.0]),
        "false_negatives": np.array([1.0, 3.0, 0.0]),
    }
    found = rates(added(no_counts(3), counts))
    assert found["pq"].tolist() == pytest.approx([1.4 / 3, 0.0, np.nan], nan_ok=True)
    assert found["sq"].tolist() == pytest.approx([0.7, 0.0, np.nan], nan_ok=True)
    assert found["rq"].tolist() == pytest.approx([2 / 3, 0.0, np.nan], nan_ok=True)
    assert mean_of(found["pq"], np.array([True, True, True])) == pytest.approx(0.7 / 3)
    assert np.isnan(mean_of(found["pq"], np.array([False, False, True])))
    assert by_name(Classes.make(["a", "b", "c"]), found["rq"])["b"] == 0.0
