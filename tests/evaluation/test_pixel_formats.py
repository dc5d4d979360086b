from types import SimpleNamespace

import pytest

from segkit.data.limit import Limit
from segkit.datasets.shapes import Shapes
from segkit.errors import ConfigError
from segkit.evaluation.pixel_formats import require_pixel_format
from segkit.types import PixelFormat


def test_a_dataset_of_another_format_is_told():
    dataset = Shapes(length=2)
    dataset.pixel_format = PixelFormat(5, "uint16")
    require_pixel_format(SimpleNamespace(pixel_format=PixelFormat(5, "uint16")), Limit(dataset, 1), [], "data.val")
    with pytest.raises(ConfigError) as caught:
        require_pixel_format(SimpleNamespace(), Limit(dataset, 1), [], "data.train")
    assert str(caught.value) == (
        "data.train.dataset: its images have 5 channels of uint16, but the model takes 3 channels of uint8. The model "
        "takes as many channels as model.pixel_mean has numbers, of the type model.pixel_type: set these two and "
        "model.pixel_std. `segkit check CONFIG --data` prints the numbers."
    )
