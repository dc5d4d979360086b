"""Which parts are told the step."""

from torch import nn

from segkit.layers.stepping import announce_step, stepped_parts


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_step(self, step, steps):
        self.seen.append((step, steps))


class PlainMatcher:
    def on_step(self, step, steps):
        self.seen = step, steps


def test_modules_at_any_depth_and_others_once():
    counter, matcher = Counter(), PlainMatcher()
    parts = stepped_parts(nn.Sequential(nn.Sequential(counter), nn.ReLU()), matcher, counter, print)
    announce_step(parts, 3, 7)
    assert (counter.seen, matcher.seen) == ([(3, 7)], (3, 7))
