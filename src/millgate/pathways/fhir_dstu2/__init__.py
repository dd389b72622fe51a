"""FHIR DSTU2 ("Ignite") of Oracle Health (Cerner) Millennium, which the vendor has retired."""
