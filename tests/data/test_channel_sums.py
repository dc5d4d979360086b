import torch

from segkit.data.channel_sums import ChannelSums


def test_parts_give_the_mean_and_deviation_of_all_pixels():
    generator = torch.Generator().manual_seed(0)
    images = [torch.randint(0, 60000, (4, size, 9), generator=generator).to(torch.uint16) for size in (5, 8)]
    sums = ChannelSums.of(images[0]) + ChannelSums.of(images[1])
    values = torch.cat([image.flatten(1).double() for image in images], dim=1)
    torch.testing.assert_close(torch.tensor(sums.mean).double(), values.mean(1), rtol=1e-5, atol=0)
    torch.testing.assert_close(torch.tensor(sums.std).double(), values.std(1, correction=0), rtol=1e-5, atol=0)
