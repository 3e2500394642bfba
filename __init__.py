"""Label quality for semantic segmentation: a FiftyOne plugin, and the Python package ``label_quality``."""

# pytest imports a root ``__init__.py`` as a top-level module, where relative imports have nothing to be relative to
if __package__:
    from .operators import register

    __all__ = ["register"]
