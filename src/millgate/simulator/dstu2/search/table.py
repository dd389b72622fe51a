"""The search rules of every DSTU2 type, as data.

Source: the vendor's DSTU2 pages (last state 2024), and for `telecom`, DocumentReference `type` and MedicationStatement
`effectivedate` its published Conformance, which is older. Not known from public sources, chosen here: page sizes that no page
states (20; 50 for orders of medicines), at most 100 but where a cap is stated; `telecom` is an e-mail address if there is an `@` in it.
"""

from __future__ import annotations

from millgate.simulator.search.rules import ANY_PREFIX, DateRule, Include, Needs, Page, Parameter, SearchRule

_FROM = frozenset({"ge"})
_ENDS = frozenset({"ge", "le"})
# `ge`, `le`, or both with `ge` below.
_RANGE = DateRule(single=_ENDS, lower=frozenset({"ge"}), upper=frozenset({"le"}))
_TIMES = DateRule(single=_ENDS, lower=frozenset({"ge"}), upper=frozenset({"le"}), time="always")
_PATIENT_ANY = ("identifier", "name", "family", "given", "birthdate", "phone", "email", "telecom", "address-postalcode")


def _id(*, many: bool = True) -> Parameter:
    return Parameter(
        name="_id", kind="token", many=many, paths=("id",), about="The logical resource id associated with the resource."
    )


def _count(about: str = "The maximum number of results to return.") -> Parameter:
    return Parameter(name="_count", kind="number", about=about)


def _patient(path: str = "patient") -> Parameter:
    return Parameter(
        name="patient", kind="reference", targets=("Patient",), paths=(path,), about="The patient whom the resource is about."
    )


def _subject(path: str = "subject") -> Parameter:
    return Parameter(
        name="subject",
        kind="reference",
        targets=("Patient",),
        modifiers=frozenset({"Patient"}),
        paths=(path,),
        about="The subject, which must be a Patient.",
    )


def _token(name: str, about: str, *paths: str, many: bool = True, codes: frozenset[str] | None = None) -> Parameter:
    return Parameter(name=name, kind="token", about=about, paths=paths, many=many, codes=codes)


def _date(name: str, about: str, *paths: str, dates: DateRule = _RANGE) -> Parameter:
    return Parameter(name=name, kind="date", about=about, paths=paths, dates=dates)


def _name(name: str, about: str) -> Parameter:
    return Parameter(name=name, kind="string", modifiers=frozenset({"exact"}), about=about)


def _participants(name: str, resource_type: str) -> Parameter:
    return Parameter(
        name=name,
        kind="reference",
        many=True,
        targets=(resource_type,),
        paths=("participant.actor",),
        about=f"A single or comma separated list of {resource_type} references.",
    )


_PATIENT = SearchRule(
    resource_type="Patient",
    any_of=("_id", *_PATIENT_ANY),
    needs=(Needs("gender", _PATIENT_ANY),),
    not_together=(("telecom", "phone"), ("telecom", "email")),
    page=Page(default=20, maximum=1000),
    total=True,
    parameters=(
        _id(),
        Parameter(name="identifier", kind="token", about="A patient identifier."),
        _name("name", "The start of either family or given name of the patient."),
        _name("family", "The start of the family name of the patient."),
        _name("given", "The start of the given name of the patient."),
        _date(
            "birthdate",
            "The patient's date of birth.",
            dates=DateRule(lower=frozenset({"ge"}), upper=frozenset({"le"}), time="never"),
        ),
        Parameter(name="phone", kind="token", about="The patient's phone number."),
        Parameter(name="email", kind="token", about="The patient's email address."),
        Parameter(name="telecom", kind="token", about="The value in any kind of telecom details of the patient."),
        Parameter(name="address-postalcode", kind="string", about="The postal code in the address details of the patient."),
        _token("gender", "The gender of the patient.", many=False, codes=frozenset({"male", "female", "other", "unknown"})),
        _count(),
    ),
)

_ENCOUNTER = SearchRule(resource_type="Encounter", any_of=("_id", "patient"), total=True, parameters=(_patient(), _id()))

_OBSERVATION = SearchRule(
    resource_type="Observation",
    any_of=("patient", "subject"),
    not_together=(("date", "_lastUpdated"),),
    page=Page(default=50, maximum=100, token="stores", uneven=True),  # noqa: S106
    order="newest-first",
    parameters=(
        _patient("subject"),
        _subject(),
        Parameter(
            name="code",
            kind="token",
            many=True,
            paths=("code.coding", "component.code.coding"),
            system_required=True,
            about="The code of the observation type, with its system.",
        ),
        _date("date", "Date range into which the observation falls.", "effectiveDateTime", "effectivePeriod", dates=DateRule()),
        _date("_lastUpdated", "Date range in which the observation was last updated.", "meta.lastUpdated", dates=DateRule()),
        _token("category", "The category of observations.", "category.coding"),
        _count(),
    ),
)

_DIAGNOSTIC_REPORT = SearchRule(
    resource_type="DiagnosticReport",
    any_of=("patient", "subject"),
    page=Page(default=20, maximum=100),
    total=True,
    order="newest-first",
    parameters=(
        _patient("subject"),
        _subject(),
        _date(
            "date",
            "Date range into which the diagnostic report falls.",
            "effectiveDateTime",
            "effectivePeriod",
            dates=DateRule(single=_FROM, lower=_FROM, upper=frozenset({"lt"})),
        ),
        _count(),
    ),
)

_CONDITION = SearchRule(
    resource_type="Condition",
    any_of=("_id", "patient"),
    total=True,
    parameters=(
        _id(),
        _patient(),
        _token("clinicalstatus", "A list of desired clinical statuses of the condition.", "clinicalStatus"),
        _token(
            "category",
            "The category of the condition.",
            "category.coding",
            codes=frozenset({"diagnosis", "problem", "health-concern"}),
        ),
    ),
)

_ALLERGY_INTOLERANCE = SearchRule(
    resource_type="AllergyIntolerance",
    any_of=("_id", "patient"),
    total=True,
    parameters=(_id(), _patient(), _token("status", "Certainty of the allergy or intolerance.", "status")),
)

_PROCEDURE = SearchRule(
    resource_type="Procedure",
    any_of=("_id", "patient", "subject"),
    total=True,
    parameters=(
        _id(),
        _patient("subject"),
        _subject(),
        _date("date", "When the procedure was performed.", "performedDateTime", "performedPeriod", dates=_TIMES),
    ),
)

_IMMUNIZATION = SearchRule(
    resource_type="Immunization",
    any_of=("_id", "patient"),
    total=True,
    parameters=(_id(), _patient(), _date("date", "Date range into which the administration falls.", "date")),
)

_MEDICATION_ORDER = SearchRule(
    resource_type="MedicationOrder",
    any_of=("_id", "patient"),
    not_together=(("-timing-boundsPeriod", "_lastUpdated"),),
    page=Page(default=50, maximum=100, token="concept"),  # noqa: S106
    total=True,
    parameters=(
        _id(),
        _patient(),
        _token("status", "The status of the medication order, may be a list separated by commas.", "status"),
        _date(
            "-timing-boundsPeriod",
            "The date-time which should fall within the period in which the medication should be given.",
            "dosageInstruction.timing.repeat.boundsPeriod",
            dates=DateRule(single=_FROM, pairs=False),
        ),
        _date("_lastUpdated", "When the order was last updated.", "meta.lastUpdated", dates=_TIMES),
        _count(),
    ),
)

_MEDICATION_STATEMENT = SearchRule(
    resource_type="MedicationStatement",
    any_of=("_id", "patient"),
    page=Page(default=50, maximum=100, token="concept"),  # noqa: S106
    total=True,
    parameters=(
        _patient(),
        _token("status", "The status of the medication statement, may be a list separated by commas.", "status"),
        _date(
            "effectivedate",
            "The date-time which should fall within the period in which the patient was taking the medication.",
            "effectivePeriod",
            dates=DateRule(single=_FROM, pairs=False),
        ),
        _count(),
        _id(),
    ),
)

_MEDICATION_ADMINISTRATION = SearchRule(
    resource_type="MedicationAdministration",
    any_of=("_id", "patient"),
    page=Page(default=20, maximum=100),
    total=True,
    parameters=(
        _id(),
        _patient(),
        _token("status", "The status of the medication administration, may be a list separated by commas.", "status"),
        Parameter(
            name="practitioner",
            kind="reference",
            many=True,
            targets=("Practitioner",),
            paths=("practitioner",),
            about="The performing clinician, may be a list separated by commas.",
        ),
        _token("notgiven", "Administrations that were not made.", "wasNotGiven", many=False, codes=frozenset({"true", "false"})),
        _date("effectivetime", "The time of the administration.", "effectiveTimeDateTime", "effectiveTimePeriod"),
        _count(),
    ),
)

_DOCUMENT_REFERENCE = SearchRule(
    resource_type="DocumentReference",
    any_of=("patient", "subject"),
    page=Page(default=10, maximum=100),
    total=True,
    order="newest-first",
    parameters=(
        _patient("subject"),
        _subject(),
        _token("type", "The type of the document.", "type.coding"),
        Parameter(
            name="encounter",
            kind="reference",
            many=True,
            targets=("Encounter",),
            paths=("context.encounter",),
            about="The encounter which belongs to the reference.",
        ),
        _date(
            "created",
            "When the referenced document was created.",
            "created",
            dates=DateRule(single=frozenset(), lower=_FROM, upper=frozenset({"le"}), same_precision=True),
        ),
        _count(),
    ),
)

_CARE_PLAN = SearchRule(
    resource_type="CarePlan",
    any_of=("_id", "patient", "subject"),
    page=Page(default=10, maximum=10),
    total=True,
    parameters=(
        _patient("subject"),
        _subject(),
        _id(),
        _date("date", "Time period plan covers.", "period"),
        _count(),
        Parameter(
            name="category",
            kind="token",
            codes=frozenset({"careteam", "assess-plan", "longitudinal", "encounter"}),
            about="The scope of care plan being searched for. Care teams are only found by it.",
        ),
        Parameter(
            name="context",
            kind="reference",
            targets=("Encounter",),
            paths=("context",),
            about="The encounter id of the care plan.",
        ),
    ),
)

_GOAL = SearchRule(
    resource_type="Goal",
    any_of=("_id", "patient", "subject"),
    total=True,
    parameters=(
        _patient("subject"),
        _date("targetdate", "A date or date range from which to find goals.", "targetDate", dates=DateRule()),
        _id(),
        _subject(),
    ),
)

_DEVICE = SearchRule(resource_type="Device", any_of=("_id", "patient"), total=True, parameters=(_patient(), _id()))

_PROCEDURE_REQUEST = SearchRule(
    resource_type="ProcedureRequest",
    any_of=("_id", "patient", "subject"),
    one_of=("patient", "subject"),
    page=Page(default=20, maximum=100),
    total=True,
    parameters=(
        _id(),
        _patient("subject"),
        _subject(),
        _date("_lastUpdated", "When the most recent clinically relevant update was made.", "meta.lastUpdated", dates=_TIMES),
        _count(),
    ),
)

_CONTRACT_BY = ("actor", "actor.identifier", "patient.identifier", "subject")
_CONTRACT = SearchRule(
    resource_type="Contract",
    any_of=("_id", *_CONTRACT_BY),
    total=True,
    includes=(Include("Contract:actor", ("RelatedPerson",)), Include("Contract:patient", ("Patient",))),
    parameters=(
        _id(),
        Parameter(
            name="actor",
            kind="reference",
            targets=("RelatedPerson",),
            modifiers=frozenset({"RelatedPerson"}),
            paths=("actor.entity",),
            about="The actor of the Contract.",
        ),
        _token("actor.identifier", "The identifier for the actor of the Contract.", many=False),
        _token("patient.identifier", "The identifier for the patient subject of the Contract.", many=False),
        _subject(),
    ),
)

_PERSON = SearchRule(
    resource_type="Person",
    any_of=("_id", "identifier"),
    total=True,
    parameters=(
        _id(),
        Parameter(name="identifier", kind="token", system_required=True, about="The person identifier, with its system."),
    ),
)

_RELATED_PERSON = SearchRule(
    resource_type="RelatedPerson",
    any_of=("_id", "identifier", "patient"),
    total=True,
    parameters=(
        _id(),
        Parameter(name="identifier", kind="token", system_required=True, about="A RelatedPerson identifier, with its system."),
        _patient(),
    ),
)

_PRACTITIONER = SearchRule(resource_type="Practitioner", any_of=("_id",), total=True, parameters=(_id(),))

_APPOINTMENT_BY = ("patient", "practitioner", "location")
_APPOINTMENT = SearchRule(
    resource_type="Appointment",
    any_of=("_id", *_APPOINTMENT_BY),
    one_of=_APPOINTMENT_BY,
    needs=tuple(Needs(name, ("date",)) for name in _APPOINTMENT_BY),
    page=Page(default=50, maximum=100),
    total=True,
    order="start",
    parameters=(
        _id(),
        _date("date", "The Appointment date/time.", "start", dates=DateRule(single=frozenset({"", "eq"}))),
        *(_participants(name, name.capitalize()) for name in _APPOINTMENT_BY),
        _token("status", "A single or comma separated list of appointment statuses.", "status"),
        _count(),
    ),
)

_SCHEDULE = SearchRule(resource_type="Schedule", any_of=("_id",), total=True, parameters=(_id(),))

_SLOT = SearchRule(
    resource_type="Slot",
    any_of=("_id", "slot-type"),
    needs=(Needs("slot-type", ("start",)), *(Needs(name, ("slot-type",)) for name in ("start", "schedule.actor", "-location"))),
    page=Page(default=50, maximum=200, keeps_parameters=False),
    order="slot",
    includes=(Include("Slot:schedule", ("Schedule",)),),
    parameters=(
        _id(),
        _token("slot-type", "A single or comma separated list of appointment types that can be booked into the slot."),
        Parameter(
            name="schedule.actor",
            kind="reference",
            many=True,
            targets=("Practitioner",),
            about="A list of Practitioner references.",
        ),
        Parameter(name="-location", kind="reference", many=True, targets=("Location",), about="A list of Location references."),
        _date(
            "start",
            "The Slot date-time.",
            dates=DateRule(single=ANY_PREFIX & {""}, lower=frozenset({"ge"}), upper=frozenset({"lt"})),
        ),
        _count(),
    ),
)

RULES: dict[str, SearchRule] = {
    rule.resource_type: rule
    for rule in (
        _ALLERGY_INTOLERANCE,
        _APPOINTMENT,
        SearchRule(resource_type="Binary", parameters=(), searchable=False),
        _CARE_PLAN,
        _CONDITION,
        _CONTRACT,
        _DEVICE,
        _DIAGNOSTIC_REPORT,
        _DOCUMENT_REFERENCE,
        _ENCOUNTER,
        _GOAL,
        _IMMUNIZATION,
        _MEDICATION_ADMINISTRATION,
        _MEDICATION_ORDER,
        _MEDICATION_STATEMENT,
        _OBSERVATION,
        _PATIENT,
        _PERSON,
        _PRACTITIONER,
        _PROCEDURE,
        _PROCEDURE_REQUEST,
        _RELATED_PERSON,
        _SCHEDULE,
        _SLOT,
    )
}
