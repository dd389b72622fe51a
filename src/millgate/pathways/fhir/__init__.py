"""What the FHIR pathways share, whatever their release: discovery, calls, bodies, refusals, and searches encoded by tables."""
