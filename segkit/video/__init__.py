"""Videos, cameras and image sequences: read frame by frame, segmented, and written as a video of overlays.

Objects keep their number and color from frame to frame (`segkit.video.tracker`).
"""
