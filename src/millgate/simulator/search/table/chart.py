"""The rules of patients and of what is in their charts."""

from __future__ import annotations

from millgate.simulator.search.rules import RANGE_PREFIXES, DateRule, Needs, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import (
    CLOSED,
    D2,
    PROVENANCE,
    R4,
    US_CORE,
    count,
    encounter,
    last_updated,
    patient,
    resource_id,
    subject,
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
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Patient", US_CORE + "patient-id"),
        Parameter(
            name="identifier",
            kind="token",
            definition=US_CORE + "patient-identifier",
            about="An identifier, with or without its system.",
        ),
        _name("name", "How any name of the patient begins.", US_CORE + "patient-name"),
        _name("given", "How a given name begins.", US_CORE + "patient-given"),
        _name("family", "How the family name begins.", US_CORE + "patient-family"),
        Parameter(
            name="address-postalcode",
            kind="string",
            definition=R4 + "individual-address-postalcode",
            about="How the postal code begins.",
        ),
        Parameter(
            name="birthdate",
            kind="date",
            dates=DateRule(lower=frozenset({"ge"}), upper=frozenset({"le"}), time="never"),
            definition=US_CORE + "patient-birthdate",
            about="The date of birth, never a time. Once with any prefix, or 'ge' and 'le' together.",
        ),
        Parameter(name="phone", kind="token", definition=R4 + "individual-phone", about="A phone number."),
        Parameter(name="email", kind="token", definition=R4 + "individual-email", about="An e-mail address."),
        Parameter(
            name="gender",
            kind="token",
            codes=frozenset({"male", "female", "other", "unknown"}),
            definition=US_CORE + "patient-gender",
            about="The administrative gender. Only beside another parameter than '_id'.",
        ),
        count(),
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
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Encounter", US_CORE + "encounter-id"),
        count(),
        patient(US_CORE + "encounter-patient"),
        subject(R4 + "Encounter-subject"),
        Parameter(
            name="status",
            kind="token",
            many=True,
            paths=("status",),
            codes=frozenset({"planned", "in-progress", "finished", "cancelled"}),
            definition=US_CORE + "encounter-status",
            about="The status. Only with 'patient'.",
        ),
        Parameter(
            name="date",
            kind="date",
            paths=("period",),
            dates=DateRule(single=RANGE_PREFIXES, time="always"),
            definition=US_CORE + "encounter-date",
            about="When the encounter was, with prefix and time. " + CLOSED,
        ),
        Parameter(
            name="identifier",
            kind="token",
            paths=("identifier",),
            definition=US_CORE + "encounter-identifier",
            about="An identifier of the encounter.",
        ),
        Parameter(
            name="account", kind="reference", targets=("Account",), paths=("account",), about="The account of the encounters."
        ),
        last_updated(),
    ),
)

OBSERVATION = SearchRule(
    resource_type="Observation",
    any_of=("_id", "patient", "subject"),
    one_of=("patient", "subject"),
    not_together=(("date", "_lastUpdated"),),
    page=Page(default=50, maximum=200, token="stores", uneven=True),  # noqa: S106
    order="newest-first",
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Observation"),
        patient(US_CORE + "observation-patient"),
        subject(R4 + "Observation-subject"),
        Parameter(
            name="category",
            kind="token",
            many=True,
            paths=("category.coding",),
            definition=US_CORE + "observation-category",
            about="One or several kinds of observation, by comma.",
        ),
        Parameter(
            name="code",
            kind="token",
            many=True,
            paths=("code.coding",),
            definition=US_CORE + "observation-code",
            about="One or several codes, by comma. Codes of components are not looked at.",
        ),
        Parameter(
            name="date",
            kind="date",
            paths=("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
            dates=D2,
            definition=US_CORE + "observation-date",
            about="When it was observed. " + CLOSED,
        ),
        last_updated(),
        count(),
    ),
)

DIAGNOSTIC_REPORT = SearchRule(
    resource_type="DiagnosticReport",
    any_of=("_id", "patient"),
    not_together=(("date", "_lastUpdated"),),
    page=Page(default=10, maximum=100, token="stores", uneven=True),  # noqa: S106
    order="newest-first",
    revincludes=PROVENANCE,
    parameters=(
        resource_id("DiagnosticReport"),
        Parameter(
            name="category",
            kind="token",
            many=True,
            paths=("category.coding",),
            definition=US_CORE + "diagnosticreport-category",
            about="The department or discipline that made the report.",
        ),
        Parameter(
            name="code",
            kind="token",
            many=True,
            paths=("code.coding",),
            definition=US_CORE + "diagnosticreport-code",
            about="The kind of report.",
        ),
        encounter(R4 + "clinical-encounter"),
        patient(US_CORE + "diagnosticreport-patient"),
        Parameter(
            name="date",
            kind="date",
            paths=("effectiveDateTime", "effectivePeriod"),
            dates=DateRule(time="in-pairs"),
            definition=US_CORE + "diagnosticreport-date",
            about="What time the report is about. Once, or twice with times as a closed range.",
        ),
        last_updated(),
        count(),
    ),
)
