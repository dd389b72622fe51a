"""A device, above all one that is implanted in a patient."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, identifier, listed, note, quantity, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text
from millgate.objects.shared import Code, ContactPoint, Identifier, Note, Object, OtherTelecom, Quantity, Reference, Shared
from millgate.terminology import lifting_order

_TYPE_ORDER = lifting_order("device", "type")


class UdiCarrier(Shared, frozen=True, kw_only=True):
    """A unique device identifier as it stands on the device or its package."""

    device_identifier: Annotated[str | None, about("Device.udiCarrier.deviceIdentifier", "The part that names the model.")] = None
    human_readable: Annotated[str | None, about("Device.udiCarrier.carrierHRF", "The whole as people read it.")] = None
    machine_readable: Annotated[str | None, about("Device.udiCarrier.carrierAIDC", "The whole as scanned, in base64.")] = None
    issuer: Annotated[str | None, about("Device.udiCarrier.issuer", "Who issues such identifiers (URI).")] = None
    jurisdiction: Annotated[str | None, about("Device.udiCarrier.jurisdiction", "By whose rules (URI).")] = None
    entry_type: Annotated[str | None, about("Device.udiCarrier.entryType", "barcode, rfid, manual, card, …")] = None


class DeviceName(Shared, frozen=True, kw_only=True):
    """One of the device's names."""

    name: Annotated[str | None, about("Device.deviceName.name", "The name.")] = None
    type: Annotated[str | None, about("Device.deviceName.type", "user-friendly-name, manufacturer-name, model-name, …")] = None


class DeviceVersion(Shared, frozen=True, kw_only=True):
    """The version of the device or of a part of it."""

    type: Annotated[Code | None, about("Device.version.type", "Of what: software, firmware, …")] = None
    component: Annotated[Identifier | None, about("Device.version.component", "Which part.")] = None
    value: Annotated[str | None, about("Device.version.value", "The version.")] = None


class DeviceSpecialization(Shared, frozen=True, kw_only=True):
    """A capability with the standard that it follows."""

    system_type: Annotated[Code | None, about("Device.specialization.systemType", "The standard.")] = None
    version: Annotated[str | None, about("Device.specialization.version", "Its version.")] = None


class DeviceProperty(Shared, frozen=True, kw_only=True):
    """A setting or characteristic, such as its time keeping or magnetic resonance safety."""

    type: Annotated[Code | None, about("Device.property.type", "Which.")] = None
    quantities: Annotated[tuple[Quantity, ...], about("Device.property.valueQuantity", "Its values as amounts.")] = ()
    codes: Annotated[tuple[Code, ...], about("Device.property.valueCode", "Its values as codes.")] = ()


class Device(Object, frozen=True, kw_only=True):
    """A device, above all one that is implanted in a patient."""

    patient_id: Annotated[str | None, about("Device.patient", "The patient in or on whom it is.")] = None
    status: Annotated[str | None, about("Device.status", "active, inactive, entered-in-error or unknown.")] = None
    source_status: Annotated[str | None, about("Device.status.extension", "The source's own, finer status.")] = None
    status_reasons: Annotated[tuple[Code, ...], about("Device.statusReason", "Why it has this status.")] = ()
    type: Annotated[Code | None, about("Device.type", "What it is; SNOMED CT is lifted first.")] = None
    names: Annotated[tuple[DeviceName, ...], about("Device.deviceName", "Its names.")] = ()
    udi_carriers: Annotated[tuple[UdiCarrier, ...], about("Device.udiCarrier", "Its unique device identifiers.")] = ()
    distinct_identifier: Annotated[
        str | None, about("Device.distinctIdentifier", "The number of this piece of tissue or cells.")
    ] = None
    manufacturer: Annotated[str | None, about("Device.manufacturer", "Who made it.")] = None
    manufactured_at: Annotated[str | None, about("Device.manufactureDate", "When it was made.")] = None
    expires_at: Annotated[str | None, about("Device.expirationDate", "When it expires.")] = None
    lot_number: Annotated[str | None, about("Device.lotNumber", "Number of its lot.")] = None
    serial_number: Annotated[str | None, about("Device.serialNumber", "Its serial number.")] = None
    model_number: Annotated[str | None, about("Device.modelNumber", "Number of its model.")] = None
    part_number: Annotated[str | None, about("Device.partNumber", "Its part number.")] = None
    versions: Annotated[tuple[DeviceVersion, ...], about("Device.version", "Versions of its parts.")] = ()
    specializations: Annotated[
        tuple[DeviceSpecialization, ...], about("Device.specialization", "Standards that it follows.")
    ] = ()
    properties: Annotated[tuple[DeviceProperty, ...], about("Device.property", "Settings and characteristics.")] = ()
    owner: Annotated[Reference | None, about("Device.owner", "Which organization answers for it.")] = None
    location: Annotated[Reference | None, about("Device.location", "Where it is.")] = None
    parent: Annotated[Reference | None, about("Device.parent", "The device that it is a part of.")] = None
    definition: Annotated[Reference | None, about("Device.definition", "The definition of its model.")] = None
    url: Annotated[str | None, about("Device.url", "Where it can be reached on the network.")] = None
    phones: Annotated[tuple[ContactPoint, ...], about("Device.contact", "Telephone numbers of who supports it.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Device.contact", "E-mail addresses of who supports it.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Device.contact", "Fax, pager, text and the like.")] = ()
    safety: Annotated[tuple[Code, ...], about("Device.safety", "Latex, magnetic resonance safety and the like.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Device.identifier", "Its other numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("Device.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> Device:
    """The device that this canonical Device describes. Raises FixMessage where it is no Device with an id."""
    notes = opened(resource, "Device", context)
    telecoms = Telecoms({"telecom": resource["contact"]} if "contact" in resource else {}, notes)
    return Device(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reasons=concepts(resource, "statusReason", "status_reasons", notes),
        type=concept_of(resource, "type", "type", notes, _TYPE_ORDER),
        names=listed(resource, "deviceName", "names", notes, _name),
        udi_carriers=listed(resource, "udiCarrier", "udi_carriers", notes, _udi_carrier),
        distinct_identifier=text(resource, "distinctIdentifier", "distinct_identifier", notes),
        manufacturer=text(resource, "manufacturer", "manufacturer", notes),
        manufactured_at=moment(resource, "manufactureDate", "manufactured_at", notes),
        expires_at=moment(resource, "expirationDate", "expires_at", notes),
        lot_number=text(resource, "lotNumber", "lot_number", notes),
        serial_number=text(resource, "serialNumber", "serial_number", notes),
        model_number=text(resource, "modelNumber", "model_number", notes),
        part_number=text(resource, "partNumber", "part_number", notes),
        versions=listed(resource, "version", "versions", notes, _version),
        specializations=listed(resource, "specialization", "specializations", notes, _specialization),
        properties=listed(resource, "property", "properties", notes, _property),
        owner=single(resource, "owner", "owner", notes, reference),
        location=single(resource, "location", "location", notes, reference),
        parent=single(resource, "parent", "parent", notes, reference),
        definition=single(resource, "definition", "definition", notes, reference),
        url=text(resource, "url", "url", notes),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        safety=concepts(resource, "safety", "safety", notes),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **common_fields(notes),
    )


def _udi_carrier(element: dict[str, Any], field: str, notes: Notes) -> UdiCarrier | None:
    found = UdiCarrier(
        device_identifier=text(element, "deviceIdentifier", field + ".device_identifier", notes),
        human_readable=text(element, "carrierHRF", field + ".human_readable", notes),
        machine_readable=text(element, "carrierAIDC", field + ".machine_readable", notes),
        issuer=text(element, "issuer", field + ".issuer", notes),
        jurisdiction=text(element, "jurisdiction", field + ".jurisdiction", notes),
        entry_type=text(element, "entryType", field + ".entry_type", notes),
    )
    return found if found != UdiCarrier() else None


def _name(element: dict[str, Any], field: str, notes: Notes) -> DeviceName | None:
    found = DeviceName(
        name=text(element, "name", field + ".name", notes),
        type=text(element, "type", field + ".type", notes),
    )
    return found if found != DeviceName() else None


def _version(element: dict[str, Any], field: str, notes: Notes) -> DeviceVersion | None:
    found = DeviceVersion(
        type=concept_of(element, "type", field + ".type", notes),
        component=single(element, "component", field + ".component", notes, identifier),
        value=text(element, "value", field + ".value", notes),
    )
    return found if found != DeviceVersion() else None


def _specialization(element: dict[str, Any], field: str, notes: Notes) -> DeviceSpecialization | None:
    found = DeviceSpecialization(
        system_type=concept_of(element, "systemType", field + ".system_type", notes),
        version=text(element, "version", field + ".version", notes),
    )
    return found if found != DeviceSpecialization() else None


def _property(element: dict[str, Any], field: str, notes: Notes) -> DeviceProperty | None:
    found = DeviceProperty(
        type=concept_of(element, "type", field + ".type", notes),
        quantities=listed(element, "valueQuantity", field + ".quantities", notes, quantity),
        codes=concepts(element, "valueCode", field + ".codes", notes),
    )
    return found if found != DeviceProperty() else None


DECLARATION = Declaration(
    name="device",
    plural="devices",
    resource_type="Device",
    struct=Device,
    normalize=normalize,
    filters=(PATIENT_ID, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "type", "manufacturer", "model_number", "serial_number", "status"),
)
