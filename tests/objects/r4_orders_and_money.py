"""The elements of the resources about medications, orders for food, devices, people around the patient, consent, and money.

Same notation as `r4.py`. Source: FHIR R4 resource and datatype pages.
"""

from __future__ import annotations

TYPES: dict[str, str] = {
    "MedicationRequest": (
        "authoredOn:dateTime basedOn:Reference* category:CodeableConcept* courseOfTherapyType:CodeableConcept "
        "detectedIssue:Reference* dispenseRequest:MedicationRequest.dispenseRequest doNotPerform:boolean "
        "dosageInstruction:Dosage* encounter:Reference eventHistory:Reference* groupIdentifier:Identifier "
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* insurance:Reference* intent:code "
        "medicationCodeableConcept:CodeableConcept medicationReference:Reference note:Annotation* performer:Reference "
        "performerType:CodeableConcept priorPrescription:Reference priority:code reasonCode:CodeableConcept* "
        "reasonReference:Reference* recorder:Reference reportedBoolean:boolean reportedReference:Reference "
        "requester:Reference status:code statusReason:CodeableConcept subject:Reference "
        "substitution:MedicationRequest.substitution supportingInformation:Reference*"
    ),
    "MedicationRequest.dispenseRequest": (
        "dispenseInterval:Duration expectedSupplyDuration:Duration "
        "initialFill:MedicationRequest.dispenseRequest.initialFill numberOfRepeatsAllowed:integer performer:Reference "
        "quantity:Quantity validityPeriod:Period"
    ),
    "MedicationRequest.dispenseRequest.initialFill": "duration:Duration quantity:Quantity",
    "MedicationRequest.substitution": ("allowedBoolean:boolean allowedCodeableConcept:CodeableConcept reason:CodeableConcept"),
    "MedicationAdministration": (
        "category:CodeableConcept context:Reference device:Reference* dosage:MedicationAdministration.dosage "
        "effectiveDateTime:dateTime effectivePeriod:Period eventHistory:Reference* identifier:Identifier* "
        "instantiates:uri* medicationCodeableConcept:CodeableConcept medicationReference:Reference note:Annotation* "
        "partOf:Reference* performer:MedicationAdministration.performer* reasonCode:CodeableConcept* "
        "reasonReference:Reference* request:Reference status:code statusReason:CodeableConcept* subject:Reference "
        "supportingInformation:Reference*"
    ),
    "MedicationAdministration.dosage": (
        "dose:Quantity method:CodeableConcept rateQuantity:Quantity rateRatio:Ratio route:CodeableConcept "
        "site:CodeableConcept text:string"
    ),
    "MedicationAdministration.performer": "actor:Reference function:CodeableConcept",
    "MedicationStatement": (
        "basedOn:Reference* category:CodeableConcept context:Reference dateAsserted:dateTime derivedFrom:Reference* "
        "dosage:Dosage* effectiveDateTime:dateTime effectivePeriod:Period identifier:Identifier* "
        "informationSource:Reference medicationCodeableConcept:CodeableConcept medicationReference:Reference "
        "note:Annotation* partOf:Reference* reasonCode:CodeableConcept* reasonReference:Reference* status:code "
        "statusReason:CodeableConcept* subject:Reference"
    ),
    "MedicationDispense": (
        "authorizingPrescription:Reference* category:CodeableConcept context:Reference daysSupply:Quantity "
        "destination:Reference detectedIssue:Reference* dosageInstruction:Dosage* eventHistory:Reference* "
        "identifier:Identifier* location:Reference medicationCodeableConcept:CodeableConcept "
        "medicationReference:Reference note:Annotation* partOf:Reference* performer:MedicationDispense.performer* "
        "quantity:Quantity receiver:Reference* status:code statusReasonCodeableConcept:CodeableConcept "
        "statusReasonReference:Reference subject:Reference substitution:MedicationDispense.substitution "
        "supportingInformation:Reference* type:CodeableConcept whenHandedOver:dateTime whenPrepared:dateTime"
    ),
    "MedicationDispense.performer": "actor:Reference function:CodeableConcept",
    "MedicationDispense.substitution": (
        "reason:CodeableConcept* responsibleParty:Reference* type:CodeableConcept wasSubstituted:boolean"
    ),
    "Coverage": (
        "beneficiary:Reference class:Coverage.class* contract:Reference* costToBeneficiary:Coverage.costToBeneficiary* "
        "dependent:string identifier:Identifier* network:string order:positiveInt payor:Reference* period:Period "
        "policyHolder:Reference relationship:CodeableConcept status:code subrogation:boolean subscriber:Reference "
        "subscriberId:string type:CodeableConcept"
    ),
    "Coverage.class": "name:string type:CodeableConcept value:string",
    "Coverage.costToBeneficiary": (
        "exception:Coverage.costToBeneficiary.exception* type:CodeableConcept valueMoney:Money valueQuantity:Quantity"
    ),
    "Coverage.costToBeneficiary.exception": "period:Period type:CodeableConcept",
    "RelatedPerson": (
        "active:boolean address:Address* birthDate:date communication:RelatedPerson.communication* gender:code "
        "identifier:Identifier* name:HumanName* patient:Reference period:Period photo:Attachment* "
        "relationship:CodeableConcept* telecom:ContactPoint*"
    ),
    "RelatedPerson.communication": "language:CodeableConcept preferred:boolean",
    "Person": (
        "active:boolean address:Address* birthDate:date gender:code identifier:Identifier* link:Person.link* "
        "managingOrganization:Reference name:HumanName* photo:Attachment telecom:ContactPoint*"
    ),
    "Person.link": "assurance:code target:Reference",
    "Device": (
        "contact:ContactPoint* definition:Reference deviceName:Device.deviceName* distinctIdentifier:string "
        "expirationDate:dateTime identifier:Identifier* location:Reference lotNumber:string manufactureDate:dateTime "
        "manufacturer:string modelNumber:string note:Annotation* owner:Reference parent:Reference partNumber:string "
        "patient:Reference property:Device.property* safety:CodeableConcept* serialNumber:string "
        "specialization:Device.specialization* status:code statusReason:CodeableConcept* type:CodeableConcept "
        "udiCarrier:Device.udiCarrier* url:uri version:Device.version*"
    ),
    "Device.deviceName": "name:string type:code",
    "Device.property": "type:CodeableConcept valueCode:CodeableConcept* valueQuantity:Quantity*",
    "Device.specialization": "systemType:CodeableConcept version:string",
    "Device.udiCarrier": (
        "carrierAIDC:base64Binary carrierHRF:string deviceIdentifier:string entryType:code issuer:uri jurisdiction:uri"
    ),
    "Device.version": "component:Identifier type:CodeableConcept value:string",
    "Account": (
        "coverage:Account.coverage* description:string guarantor:Account.guarantor* identifier:Identifier* name:string "
        "owner:Reference partOf:Reference servicePeriod:Period status:code subject:Reference* type:CodeableConcept"
    ),
    "Account.coverage": "coverage:Reference priority:integer",
    "Account.guarantor": "onHold:boolean party:Reference period:Period",
    "ChargeItem": (
        "account:Reference* bodysite:CodeableConcept* code:CodeableConcept context:Reference costCenter:Reference "
        "definitionCanonical:canonical* definitionUri:uri* enteredDate:dateTime enterer:Reference factorOverride:decimal "
        "identifier:Identifier* note:Annotation* occurrenceDateTime:dateTime occurrencePeriod:Period "
        "occurrenceTiming:Timing overrideReason:string partOf:Reference* performer:ChargeItem.performer* "
        "performingOrganization:Reference priceOverride:Money productCodeableConcept:CodeableConcept "
        "productReference:Reference quantity:Quantity reason:CodeableConcept* requestingOrganization:Reference "
        "service:Reference* status:code subject:Reference supportingInformation:Reference*"
    ),
    "ChargeItem.performer": "actor:Reference function:CodeableConcept",
    "InsurancePlan": (
        "administeredBy:Reference alias:string* contact:InsurancePlan.contact* coverage:InsurancePlan.coverage* "
        "coverageArea:Reference* endpoint:Reference* identifier:Identifier* name:string network:Reference* "
        "ownedBy:Reference period:Period plan:InsurancePlan.plan* status:code type:CodeableConcept*"
    ),
    "InsurancePlan.contact": "address:Address name:HumanName purpose:CodeableConcept telecom:ContactPoint*",
    "InsurancePlan.coverage": "benefit:InsurancePlan.coverage.benefit* network:Reference* type:CodeableConcept",
    "InsurancePlan.coverage.benefit": ("limit:InsurancePlan.coverage.benefit.limit* requirement:string type:CodeableConcept"),
    "InsurancePlan.coverage.benefit.limit": "code:CodeableConcept value:Quantity",
    "InsurancePlan.plan": (
        "coverageArea:Reference* generalCost:InsurancePlan.plan.generalCost* identifier:Identifier* network:Reference* "
        "specificCost:InsurancePlan.plan.specificCost* type:CodeableConcept"
    ),
    "InsurancePlan.plan.generalCost": "comment:string cost:Money groupSize:positiveInt type:CodeableConcept",
    "InsurancePlan.plan.specificCost": "benefit:InsurancePlan.plan.specificCost.benefit* category:CodeableConcept",
    "InsurancePlan.plan.specificCost.benefit": ("cost:InsurancePlan.plan.specificCost.benefit.cost* type:CodeableConcept"),
    "InsurancePlan.plan.specificCost.benefit.cost": (
        "applicability:CodeableConcept qualifiers:CodeableConcept* type:CodeableConcept value:Quantity"
    ),
    "NutritionOrder": (
        "allergyIntolerance:Reference* dateTime:dateTime encounter:Reference enteralFormula:NutritionOrder.enteralFormula "
        "excludeFoodModifier:CodeableConcept* foodPreferenceModifier:CodeableConcept* identifier:Identifier* "
        "instantiates:uri* instantiatesCanonical:canonical* instantiatesUri:uri* intent:code note:Annotation* "
        "oralDiet:NutritionOrder.oralDiet orderer:Reference patient:Reference status:code "
        "supplement:NutritionOrder.supplement*"
    ),
    "NutritionOrder.enteralFormula": (
        "additiveProductName:string additiveType:CodeableConcept "
        "administration:NutritionOrder.enteralFormula.administration* administrationInstruction:string "
        "baseFormulaProductName:string baseFormulaType:CodeableConcept caloricDensity:Quantity "
        "maxVolumeToDeliver:Quantity routeofAdministration:CodeableConcept"
    ),
    "NutritionOrder.enteralFormula.administration": ("quantity:Quantity rateQuantity:Quantity rateRatio:Ratio schedule:Timing"),
    "NutritionOrder.oralDiet": (
        "fluidConsistencyType:CodeableConcept* instruction:string nutrient:NutritionOrder.oralDiet.nutrient* "
        "schedule:Timing* texture:NutritionOrder.oralDiet.texture* type:CodeableConcept*"
    ),
    "NutritionOrder.oralDiet.nutrient": "amount:Quantity modifier:CodeableConcept",
    "NutritionOrder.oralDiet.texture": "foodType:CodeableConcept modifier:CodeableConcept",
    "NutritionOrder.supplement": (
        "instruction:string productName:string quantity:Quantity schedule:Timing* type:CodeableConcept"
    ),
    "Consent": (
        "category:CodeableConcept* dateTime:dateTime identifier:Identifier* organization:Reference* patient:Reference "
        "performer:Reference* policy:Consent.policy* policyRule:CodeableConcept provision:Consent.provision "
        "scope:CodeableConcept sourceAttachment:Attachment sourceReference:Reference status:code "
        "verification:Consent.verification*"
    ),
    "Consent.policy": "authority:uri uri:uri",
    "Consent.provision": (
        "action:CodeableConcept* actor:Consent.provision.actor* class:Coding* code:CodeableConcept* "
        "data:Consent.provision.data* dataPeriod:Period period:Period provision:Consent.provision* purpose:Coding* "
        "securityLabel:Coding* type:code"
    ),
    "Consent.provision.actor": "reference:Reference role:CodeableConcept",
    "Consent.provision.data": "meaning:code reference:Reference",
    "Consent.verification": "verificationDate:dateTime verified:boolean verifiedWith:Reference",
    "Basic": "author:Reference code:CodeableConcept created:date identifier:Identifier* subject:Reference",
    "Medication": (
        "amount:Ratio batch:Medication.batch code:CodeableConcept form:CodeableConcept identifier:Identifier* "
        "ingredient:Medication.ingredient* manufacturer:Reference status:code"
    ),
    "Medication.batch": "expirationDate:dateTime lotNumber:string",
    "Medication.ingredient": ("isActive:boolean itemCodeableConcept:CodeableConcept itemReference:Reference strength:Ratio"),
    "Dosage": (
        "additionalInstruction:CodeableConcept* asNeededBoolean:boolean asNeededCodeableConcept:CodeableConcept "
        "doseAndRate:Dosage.doseAndRate* maxDosePerAdministration:Quantity maxDosePerLifetime:Quantity "
        "maxDosePerPeriod:Ratio method:CodeableConcept patientInstruction:string route:CodeableConcept sequence:integer "
        "site:CodeableConcept text:string timing:Timing"
    ),
    "Dosage.doseAndRate": (
        "doseQuantity:Quantity doseRange:Range rateQuantity:Quantity rateRange:Range rateRatio:Ratio type:CodeableConcept"
    ),
    "Money": "currency:code value:decimal",
}

RESOURCES: tuple[str, ...] = (
    "MedicationRequest",
    "MedicationAdministration",
    "MedicationStatement",
    "MedicationDispense",
    "Coverage",
    "RelatedPerson",
    "Person",
    "Device",
    "Account",
    "ChargeItem",
    "InsurancePlan",
    "NutritionOrder",
    "Consent",
    "Basic",
)

# What a reference has to point to, where that matters.
TARGETS: dict[str, str] = {
    "MedicationRequest.subject": "Patient",
    "MedicationRequest.encounter": "Encounter",
    "MedicationAdministration.subject": "Patient",
    "MedicationAdministration.context": "Encounter",
    "MedicationAdministration.request": "MedicationRequest",
    "MedicationStatement.subject": "Patient",
    "MedicationStatement.context": "Encounter",
    "MedicationDispense.subject": "Patient",
    "MedicationDispense.context": "Encounter",
    "MedicationDispense.authorizingPrescription": "MedicationRequest",
    "Coverage.beneficiary": "Patient",
    "RelatedPerson.patient": "Patient",
    "Device.patient": "Patient",
    "ChargeItem.subject": "Patient",
    "ChargeItem.context": "Encounter",
    "ChargeItem.account": "Account",
    "NutritionOrder.patient": "Patient",
    "NutritionOrder.encounter": "Encounter",
    "NutritionOrder.allergyIntolerance": "AllergyIntolerance",
    "Consent.patient": "Patient",
    "Basic.subject": "Patient",
}

# Codes that say how the rest is to be read.
CODES: dict[str, str] = {
    "Device.contact.system": "phone",
    "InsurancePlan.contact.telecom.system": "phone",
}
