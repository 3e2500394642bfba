"""A run's suspects as people have left them, in the pixels of their images: masks, and pictures to judge them by."""
