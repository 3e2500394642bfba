"""The hand-over of images to annotation services, and what comes back."""
