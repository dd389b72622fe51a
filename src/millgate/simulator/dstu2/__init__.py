"""The same hospital in FHIR DSTU2, which the vendor has retired: rendering, search rules and surface of the older release.

Source: the vendor's published DSTU2 pages and bodies (last state 2024); FHIR DSTU2 (1.0.2).
"""
