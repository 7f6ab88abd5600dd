"""What translated video is good for: fused with its infrared, searched by a detector, divided by a segmenter."""
