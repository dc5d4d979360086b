"""One process alone; tests/training/test_distributed.py starts several."""

import pytest
import torch

from segkit.errors import ConfigError
from segkit.runtime.processes import join_processes, leave_processes, make_accelerator


def test_a_lone_process_is_the_main_one():
    process = join_processes("cpu")
    assert (process.rank, process.num_processes, process.is_main) == (0, 1, True)
    assert process.device == torch.device("cpu")


def test_each_training_has_its_own_precision_and_device():
    for precision, expected in (("bf16", "bf16"), ("fp32", "no")):
        accelerator = make_accelerator(precision, "cpu")
        assert accelerator.mixed_precision == expected
        assert accelerator.device == torch.device("cpu")


def test_an_unusable_device_is_refused():
    for call in (join_processes, lambda device: make_accelerator("fp32", device)):
        with pytest.raises(
            ConfigError, match=r"^device 'gpu' cannot be used here \(.*\)\. Use 'cpu', or leave the device out\.$"
        ):
            call("gpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_device_of_an_earlier_call_is_not_kept():
    assert join_processes("cpu").device == torch.device("cpu")
    assert join_processes().device == torch.device("cuda", 0)
    assert make_accelerator("fp32", "cpu").device == torch.device("cpu")
    assert make_accelerator("fp32").device == torch.device("cuda", 0)


def test_a_lone_process_leaves_as_one_of_many_does(tmp_path):
    leave_processes()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    leave_processes()
    assert not torch.distributed.is_initialized()
