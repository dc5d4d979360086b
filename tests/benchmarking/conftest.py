import pytest


@pytest.fixture
def tiny_bodies(monkeypatch):
    """Backbones of a few layers in the place of R50 and Swin-T."""
    library = pytest.importorskip("transformers")
    resnet = {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 48, 64]}
    swin = {"embed_dim": 24, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 3, 4]}
    originals = library.ResNetConfig, library.SwinConfig, library.DetrConfig
    monkeypatch.setattr(library, "ResNetConfig", lambda **settings: originals[0](**settings, **resnet))
    monkeypatch.setattr(library, "SwinConfig", lambda **settings: originals[1](**settings, **swin))
    monkeypatch.setattr(library, "DetrConfig", lambda **settings: originals[2](**settings, decoder_layers=2))
