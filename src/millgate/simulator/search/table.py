"""The search rules of every resource type that the simulated tenant serves, as data.

Source: fact sheet section 3.2; parameter documentation of the live CapabilityStatement, 2026-08, where the sheet leaves a point open
(a time in Encounter `date`). Not known from public sources, chosen here: the default page sizes of Appointment and Practitioner
(20) and all maxima but those of DiagnosticReport, Observation and Slot (100; Patient 1,000); a `_count` outside the range is moved to
its nearer end; DiagnosticReport comes newest first.
"""

from __future__ import annotations

from millgate.simulator.search.rules import RANGE_PREFIXES, DateRule, Include, Needs, Page, Parameter, SearchRule

_R4 = "http://hl7.org/fhir/R4/SearchParameter/"
_US_CORE = "http://hl7.org/fhir/us/core/SearchParameter/us-core-"
_PROVENANCE = ("Provenance:target",)

# "D2" of the fact sheet: at most two values, any prefix; two values close a range.
_D2 = DateRule()
_CLOSED = "Once, or twice as the lower and the upper end of a closed range."


def _id(resource_type: str, definition: str = _R4 + "Resource-id") -> Parameter:
    return Parameter(
        name="_id",
        kind="token",
        many=True,
        paths=("id",),
        definition=definition,
        about=f"One or several {resource_type} ids, by comma.",
    )


def _count(definition: str = _R4 + "Resource-count") -> Parameter:
    return Parameter(
        name="_count",
        kind="number",
        definition=definition,
        about="The most results on a page. Passed over with '_id'.",
    )


def _last_updated() -> Parameter:
    return Parameter(
        name="_lastUpdated",
        kind="date",
        dates=_D2,
        paths=("meta.lastUpdated",),
        definition=_R4 + "Resource-lastUpdated",
        about="When the record last changed in a clinically significant way. " + _CLOSED,
    )


def _patient(definition: str, path: str = "subject") -> Parameter:
    return Parameter(
        name="patient",
        kind="reference",
        targets=("Patient",),
        paths=(path,),
        definition=definition,
        about="The patient that the record is about.",
    )


def _subject(definition: str) -> Parameter:
    return Parameter(
        name="subject",
        kind="reference",
        targets=("Patient",),
        modifiers=frozenset({"Patient"}),
        paths=("subject",),
        definition=definition,
        about="The patient that the record is about.",
    )


def _encounter(definition: str) -> Parameter:
    return Parameter(
        name="encounter",
        kind="reference",
        many=True,
        targets=("Encounter",),
        paths=("encounter",),
        definition=definition,
        about="One or several encounters, by comma, in which the record was made.",
    )


def _name(name: str, about: str, definition: str) -> Parameter:
    return Parameter(name=name, kind="string", modifiers=frozenset({"exact"}), definition=definition, about=about)


_PATIENT_ANY = ("_id", "identifier", "name", "family", "given", "birthdate", "phone", "email", "address-postalcode")

PATIENT = SearchRule(
    resource_type="Patient",
    any_of=_PATIENT_ANY,
    needs=(Needs("gender", _PATIENT_ANY[1:]),),
    page=Page(default=20, maximum=1000, count_ignored_with=("_id", "identifier")),
    total=True,
    revincludes=_PROVENANCE,
    parameters=(
        _id("Patient", _US_CORE + "patient-id"),
        Parameter(
            name="identifier",
            kind="token",
            definition=_US_CORE + "patient-identifier",
            about="An identifier, with or without its system.",
        ),
        _name("name", "How any name of the patient begins.", _US_CORE + "patient-name"),
        _name("given", "How a given name begins.", _US_CORE + "patient-given"),
        _name("family", "How the family name begins.", _US_CORE + "patient-family"),
        Parameter(
            name="address-postalcode",
            kind="string",
            definition=_R4 + "individual-address-postalcode",
            about="How the postal code begins.",
        ),
        Parameter(
            name="birthdate",
            kind="date",
            dates=DateRule(lower=frozenset({"ge"}), upper=frozenset({"le"}), time="never"),
            definition=_US_CORE + "patient-birthdate",
            about="The date of birth, never a time. Once with any prefix, or 'ge' and 'le' together.",
        ),
        Parameter(name="phone", kind="token", definition=_R4 + "individual-phone", about="A phone number."),
        Parameter(name="email", kind="token", definition=_R4 + "individual-email", about="An e-mail address."),
        Parameter(
            name="gender",
            kind="token",
            codes=frozenset({"male", "female", "other", "unknown"}),
            definition=_US_CORE + "patient-gender",
            about="The administrative gender. Only beside another parameter than '_id'.",
        ),
        _count(),
    ),
)

ENCOUNTER = SearchRule(
    resource_type="Encounter",
    any_of=("_id", "patient", "subject", "account", "identifier"),
    one_of=("patient", "subject", "account", "identifier"),
    needs=(Needs("date", ("patient", "subject")), Needs("status", ("patient",))),
    not_together=(("date", "_lastUpdated"),),
    page=Page(default=10, maximum=100, count_only_with=("patient",), uneven=True),
    total=True,
    order="oldest-first-unsorted-inside",
    revincludes=_PROVENANCE,
    parameters=(
        _id("Encounter", _US_CORE + "encounter-id"),
        _count(),
        _patient(_US_CORE + "encounter-patient"),
        _subject(_R4 + "Encounter-subject"),
        Parameter(
            name="status",
            kind="token",
            many=True,
            paths=("status",),
            codes=frozenset({"planned", "in-progress", "finished", "cancelled"}),
            definition=_US_CORE + "encounter-status",
            about="The status. Only with 'patient'.",
        ),
        Parameter(
            name="date",
            kind="date",
            paths=("period",),
            dates=DateRule(single=RANGE_PREFIXES, time="always"),
            definition=_US_CORE + "encounter-date",
            about="When the encounter was, with prefix and time. " + _CLOSED,
        ),
        Parameter(
            name="identifier",
            kind="token",
            paths=("identifier",),
            definition=_US_CORE + "encounter-identifier",
            about="An identifier of the encounter.",
        ),
        Parameter(
            name="account", kind="reference", targets=("Account",), paths=("account",), about="The account of the encounters."
        ),
        _last_updated(),
    ),
)

OBSERVATION = SearchRule(
    resource_type="Observation",
    any_of=("_id", "patient", "subject"),
    one_of=("patient", "subject"),
    not_together=(("date", "_lastUpdated"),),
    page=Page(default=50, maximum=200, token="stores", uneven=True),  # noqa: S106
    order="newest-first",
    revincludes=_PROVENANCE,
    parameters=(
        _id("Observation"),
        _patient(_US_CORE + "observation-patient"),
        _subject(_R4 + "Observation-subject"),
        Parameter(
            name="category",
            kind="token",
            many=True,
            paths=("category.coding",),
            definition=_US_CORE + "observation-category",
            about="One or several kinds of observation, by comma.",
        ),
        Parameter(
            name="code",
            kind="token",
            many=True,
            paths=("code.coding",),
            definition=_US_CORE + "observation-code",
            about="One or several codes, by comma. Codes of components are not looked at.",
        ),
        Parameter(
            name="date",
            kind="date",
            paths=("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
            dates=_D2,
            definition=_US_CORE + "observation-date",
            about="When it was observed. " + _CLOSED,
        ),
        _last_updated(),
        _count(),
    ),
)

DIAGNOSTIC_REPORT = SearchRule(
    resource_type="DiagnosticReport",
    any_of=("_id", "patient"),
    not_together=(("date", "_lastUpdated"),),
    page=Page(default=10, maximum=100, token="stores", uneven=True),  # noqa: S106
    order="newest-first",
    revincludes=_PROVENANCE,
    parameters=(
        _id("DiagnosticReport"),
        Parameter(
            name="category",
            kind="token",
            many=True,
            paths=("category.coding",),
            definition=_US_CORE + "diagnosticreport-category",
            about="The department or discipline that made the report.",
        ),
        Parameter(
            name="code",
            kind="token",
            many=True,
            paths=("code.coding",),
            definition=_US_CORE + "diagnosticreport-code",
            about="The kind of report.",
        ),
        _encounter(_R4 + "clinical-encounter"),
        _patient(_US_CORE + "diagnosticreport-patient"),
        Parameter(
            name="date",
            kind="date",
            paths=("effectiveDateTime", "effectivePeriod"),
            dates=DateRule(time="in-pairs"),
            definition=_US_CORE + "diagnosticreport-date",
            about="What time the report is about. Once, or twice with times as a closed range.",
        ),
        _last_updated(),
        _count(),
    ),
)

_APPOINTMENT_DATE = DateRule(time="with-prefix")
_APPOINTMENT_BY = ("patient", "practitioner", "location")


def _participant(name: str, resource_type: str) -> Parameter:
    return Parameter(
        name=name,
        kind="reference",
        many=True,
        targets=(resource_type,),
        paths=("participant.actor",),
        definition=_R4 + f"Appointment-{name}",
        about=f"One or several {resource_type} participants, by comma. Exactly one of 'patient', 'practitioner', 'location', or '_id'.",
    )


APPOINTMENT = SearchRule(
    resource_type="Appointment",
    any_of=("_id", *_APPOINTMENT_BY),
    one_of=_APPOINTMENT_BY,
    needs=(
        *(Needs(name, ("date", "-date-or-req-period")) for name in _APPOINTMENT_BY),
        *(Needs(name, _APPOINTMENT_BY) for name in ("date", "-date-or-req-period", "status")),
    ),
    not_together=(("date", "-date-or-req-period"),),
    page=Page(default=20, maximum=100),
    order="start",
    parameters=(
        _id("Appointment"),
        _count(),
        Parameter(
            name="date",
            kind="date",
            paths=("start",),
            dates=_APPOINTMENT_DATE,
            definition=_R4 + "Appointment-date",
            about="When it starts: without a prefix, with a prefix and a time, or twice as a closed range. Leaves out proposed ones.",
        ),
        Parameter(
            name="-date-or-req-period",
            kind="date",
            paths=("start", "requestedPeriod"),
            dates=_APPOINTMENT_DATE,
            about="Like 'date', and for proposed appointments the requested period.",
        ),
        _participant("patient", "Patient"),
        _participant("practitioner", "Practitioner"),
        _participant("location", "Location"),
        Parameter(
            name="status",
            kind="token",
            many=True,
            paths=("status",),
            codes=frozenset(
                {
                    "proposed",
                    "pending",
                    "booked",
                    "arrived",
                    "fulfilled",
                    "cancelled",
                    "noshow",
                    "entered-in-error",
                    "checked-in",
                    "waitlist",
                }
            ),
            definition=_R4 + "Appointment-status",
            about="One or several statuses, by comma.",
        ),
    ),
)

SCHEDULE = SearchRule(resource_type="Schedule", any_of=("_id",), parameters=(_id("Schedule"),))

SLOT = SearchRule(
    resource_type="Slot",
    any_of=("_id", "service-type"),
    needs=(
        Needs("service-type", ("start",)),
        *(Needs(name, ("service-type",)) for name in ("start", "schedule.actor", "-location")),
    ),
    page=Page(default=50, minimum=5, maximum=200, keeps_parameters=False),
    order="slot",
    includes=(Include("Slot:schedule", ("Schedule",)), Include("Schedule:actor:Practitioner", ("Schedule", "Practitioner"))),
    parameters=(
        _id("Slot"),
        Parameter(
            name="start",
            kind="date",
            dates=DateRule(single=frozenset(), lower=frozenset({"ge"}), upper=frozenset({"lt"}), time="always"),
            definition=_R4 + "Slot-date",
            about="When the slot starts: 'ge' and 'lt', both with a time. Required with 'service-type'.",
        ),
        Parameter(
            name="service-type",
            kind="token",
            many=True,
            definition=_R4 + "Service-type",
            about="One or several appointment types, by comma, all from the standard or all from the tenant's code system.",
        ),
        Parameter(
            name="schedule.actor",
            kind="reference",
            many=True,
            targets=("Practitioner",),
            definition=_R4 + "Slot-schedule.actor",
            about="One or several practitioners, by comma.",
        ),
        Parameter(
            name="-location",
            kind="reference",
            many=True,
            targets=("Location",),
            definition=_R4 + "Slot-location",
            about="One or several locations, by comma.",
        ),
        _count(),
    ),
)

PRACTITIONER = SearchRule(
    resource_type="Practitioner",
    any_of=("_id", "identifier", "family", "name", "active"),
    needs=(Needs("given", ("family",)),),
    page=Page(default=20, maximum=100),
    parameters=(
        _id("Practitioner"),
        Parameter(
            name="identifier",
            kind="token",
            system_required=True,
            paths=("identifier",),
            definition=_US_CORE + "practitioner-identifier",
            about="An identifier, with its system.",
        ),
        Parameter(
            name="given",
            kind="string",
            paths=("name.given",),
            definition=_R4 + "individual-given",
            about="How a given name begins.",
        ),
        Parameter(
            name="family",
            kind="string",
            paths=("name.family",),
            definition=_R4 + "individual-family",
            about="How the family name begins.",
        ),
        Parameter(
            name="name",
            kind="string",
            shortest=2,
            paths=("name.family", "name.given"),
            definition=_R4 + "individual-name",
            about="How any name begins; two characters or more.",
        ),
        Parameter(
            name="active",
            kind="token",
            codes=frozenset({"true", "false"}),
            paths=("active",),
            definition=_R4 + "Resource-active",
            about="Whether the record is active.",
        ),
        _count(),
    ),
)

_PLACE_PARTS = ("address.line", "address.city", "address.district", "address.state", "address.postalCode", "address.text")
_PLACE_ANY = ("_id", "-physicalType", "type", "identifier", "address", "address-state", "address-postalcode")

LOCATION = SearchRule(
    resource_type="Location",
    any_of=_PLACE_ANY,
    needs=(
        Needs("address-city", ("address-state", "address-postalcode")),
        *(
            Needs(name, ("-physicalType", "identifier", "address", "address-state", "address-postalcode"))
            for name in ("name", "organization")
        ),
    ),
    page=Page(default=100, maximum=100),
    parameters=(
        _id("Location"),
        Parameter(
            name="-physicalType",
            kind="token",
            proprietary=False,
            paths=("physicalType.coding",),
            about="The physical type, by a standard code.",
        ),
        Parameter(
            name="identifier",
            kind="token",
            paths=("identifier",),
            definition=_US_CORE + "location-identifier",
            about="An identifier of the location.",
        ),
        Parameter(name="address", kind="string", partial=True, paths=_PLACE_PARTS, about="A part of the address."),
        Parameter(name="address-city", kind="string", paths=("address.city",), about="The city. Only with state or postal code."),
        Parameter(name="address-state", kind="string", paths=("address.state",), about="The state."),
        Parameter(name="address-postalcode", kind="string", paths=("address.postalCode",), about="The postal code."),
        Parameter(name="name", kind="string", partial=True, paths=("name", "alias"), about="A part of the name or alias."),
        Parameter(
            name="organization",
            kind="reference",
            targets=("Organization",),
            paths=("managingOrganization",),
            about="The managing organization.",
        ),
        Parameter(name="type", kind="token", proprietary=False, paths=("type.coding",), about="The type, by a standard code."),
    ),
)

ORGANIZATION = SearchRule(
    resource_type="Organization",
    page=Page(default=100, maximum=100),
    total=True,
    parameters=(
        _id("Organization"),
        Parameter(
            name="identifier",
            kind="token",
            paths=("identifier",),
            definition=_R4 + "Organization-identifier",
            about="An NPI, an OID or a tax id.",
        ),
        Parameter(
            name="type",
            kind="token",
            proprietary=False,
            paths=("type.coding",),
            definition=_R4 + "Organization-type",
            about="The type.",
        ),
        _count(_R4 + "Organization-count"),
        Parameter(
            name="name",
            kind="string",
            paths=("name", "alias"),
            definition=_R4 + "Organization-name",
            about="How the name begins.",
        ),
        Parameter(
            name="address",
            kind="string",
            partial=True,
            paths=_PLACE_PARTS,
            definition=_R4 + "Organization-address",
            about="A part of the address.",
        ),
    ),
)

RULES: dict[str, SearchRule] = {
    rule.resource_type: rule
    for rule in (
        APPOINTMENT,
        DIAGNOSTIC_REPORT,
        ENCOUNTER,
        LOCATION,
        OBSERVATION,
        ORGANIZATION,
        PATIENT,
        PRACTITIONER,
        SCHEDULE,
        SLOT,
    )
}
