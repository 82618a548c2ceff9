"""mpcs-bench: is it so? A harness that makes the claims of "Magnification Prior" checkable."""

__version__ = "0.1.0"
