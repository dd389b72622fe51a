"""An appointment: the type is a service type, and the reason a list, in R4.

Source: FHIR DSTU2 Appointment; FHIR R4 Appointment.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "priority", "description", "start", "end", "minutesDuration", "slot", "comment", "participant"),
    "status": status("Appointment.status"),
    "type": into_list("serviceType"),
    "reason": into_list("reasonCode"),
}
