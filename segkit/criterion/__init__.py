"""The training loss: matching, class losses and mask losses over all decoder layers.

The path of a loss, top to bottom (L layers, B images, Q queries, M matched pairs of all layers and images):

    Prediction of every layer                          targets of the batch
    class_logits (B,Q,K+1), mask factors or logits     labels (N,), segment map (H,W)
          |                                                  |
          +------------------------+-------------------------+
                                   v
    matcher                        costs (L,B,Q,N) from the mask maps at (h,w), or at random points, in chunks of
      matchers/hungarian.py        images and pixels; one transfer to the CPU; linear assignment there
      ops/mask_costs.py            -> per layer and image (query_index, target_index)
                                   |
    MatchedPairs                   v  all pairs as flat arrays (M,), one transfer back
      matched_pairs.py             |
          +------------------------+-------------------------+
          v                                                  v
    class losses                                       matched mask logits (M,h,w)
      class_index (L,B,Q), K = no object                 matched_pairs.py: one product per batch,
      losses/cross_entropy.py                            only masks of matched queries
          |                                                  v
          |                                            in chunks of masks of any images, small enough for
          |                                              the cache of a CPU:
          |                                              1. pixels: bilinear upsampling to (H,W), or random
          |                                                 points where a mask is uncertain -> logits (m,P)
          |                                                 mask_pixels.py, ops/points.py
          |                                              2. mask losses (m,) each: losses/focal.py, losses/dice.py
          |                                              3. their gradient at once, back to (m,h,w); the (m,P)
          |                                                 tensors are dropped before the next chunk
          |                                                 mask_losses.py: WeightedMaskLoss, EagerGradient
          |                                                  v
          v                                                  v
    sum over images / normalizer                       sum over masks / number of masks
          |                          normalizers.py: of all images of an optimizer step, in any batches and processes
          v                                                  v
    weight * sum over layers                           weighted sum over losses and layers
          +------------------------+-------------------------+
                                   v
    LossReport(total, parts)       criterion.py: Criterion

Layers with another number of queries, or with matches of their own (`Prediction.matches`, denoising), go the same way
as a group of their own: layer_groups.py. Such a layer counts as much as any other.

A general loss (`input_type = "prediction"`) stands beside the class losses: it takes the whole prediction of a layer,
the targets and that layer's matches. A per-pixel model (`PixelPrediction`) has general losses only and no matching.
"""

from segkit.criterion.criterion import Criterion, LossReport, WeightedLoss

__all__ = ["Criterion", "LossReport", "WeightedLoss"]
