"""Millgate: one clean API over an Oracle Health (Cerner) Millennium EHR."""

__version__ = "0.1.0"
