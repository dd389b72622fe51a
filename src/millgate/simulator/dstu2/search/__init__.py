"""Searching as the vendor's DSTU2 did: its own rules and sources for the engine that R4 has too."""
