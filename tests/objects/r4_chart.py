"""The elements of the resources that a chart is made of: problems, procedures, allergies, immunizations, documents, plans, orders.

Same notation as `r4.py`. Source: FHIR R4 resource pages.
"""

from __future__ import annotations

TYPES: dict[str, str] = {
    "Condition": (
        "identifier:Identifier* clinicalStatus:CodeableConcept verificationStatus:CodeableConcept category:CodeableConcept* "
        "severity:CodeableConcept code:CodeableConcept bodySite:CodeableConcept* subject:Reference encounter:Reference "
        "onsetDateTime:dateTime onsetAge:Age onsetPeriod:Period onsetRange:Range onsetString:string "
        "abatementDateTime:dateTime abatementAge:Age abatementPeriod:Period abatementRange:Range abatementString:string "
        "recordedDate:dateTime recorder:Reference asserter:Reference stage:Condition.stage* evidence:Condition.evidence* "
        "note:Annotation*"
    ),
    "Condition.stage": "summary:CodeableConcept assessment:Reference* type:CodeableConcept",
    "Condition.evidence": "code:CodeableConcept* detail:Reference*",
    "AllergyIntolerance": (
        "identifier:Identifier* clinicalStatus:CodeableConcept verificationStatus:CodeableConcept type:code category:code* "
        "criticality:code code:CodeableConcept patient:Reference encounter:Reference onsetDateTime:dateTime onsetAge:Age "
        "onsetPeriod:Period onsetRange:Range onsetString:string recordedDate:dateTime recorder:Reference asserter:Reference "
        "lastOccurrence:dateTime note:Annotation* reaction:AllergyIntolerance.reaction*"
    ),
    "AllergyIntolerance.reaction": (
        "substance:CodeableConcept manifestation:CodeableConcept* description:string onset:dateTime severity:code "
        "exposureRoute:CodeableConcept note:Annotation*"
    ),
    "Procedure": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* basedOn:Reference* partOf:Reference* "
        "status:code statusReason:CodeableConcept category:CodeableConcept code:CodeableConcept subject:Reference "
        "encounter:Reference performedDateTime:dateTime performedPeriod:Period performedString:string performedAge:Age "
        "performedRange:Range recorder:Reference asserter:Reference performer:Procedure.performer* location:Reference "
        "reasonCode:CodeableConcept* reasonReference:Reference* bodySite:CodeableConcept* outcome:CodeableConcept "
        "report:Reference* complication:CodeableConcept* complicationDetail:Reference* followUp:CodeableConcept* "
        "note:Annotation* focalDevice:Procedure.focalDevice* usedReference:Reference* usedCode:CodeableConcept*"
    ),
    "Procedure.performer": "function:CodeableConcept actor:Reference onBehalfOf:Reference",
    "Procedure.focalDevice": "action:CodeableConcept manipulated:Reference",
    "Immunization": (
        "identifier:Identifier* status:code statusReason:CodeableConcept vaccineCode:CodeableConcept patient:Reference "
        "encounter:Reference occurrenceDateTime:dateTime occurrenceString:string recorded:dateTime primarySource:boolean "
        "reportOrigin:CodeableConcept location:Reference manufacturer:Reference lotNumber:string expirationDate:date "
        "site:CodeableConcept route:CodeableConcept doseQuantity:Quantity performer:Immunization.performer* note:Annotation* "
        "reasonCode:CodeableConcept* reasonReference:Reference* isSubpotent:boolean subpotentReason:CodeableConcept* "
        "education:Immunization.education* programEligibility:CodeableConcept* fundingSource:CodeableConcept "
        "reaction:Immunization.reaction* protocolApplied:Immunization.protocolApplied*"
    ),
    "Immunization.performer": "function:CodeableConcept actor:Reference",
    "Immunization.education": "documentType:string reference:uri publicationDate:dateTime presentationDate:dateTime",
    "Immunization.reaction": "date:dateTime detail:Reference reported:boolean",
    "Immunization.protocolApplied": (
        "series:string authority:Reference targetDisease:CodeableConcept* doseNumberPositiveInt:positiveInt "
        "doseNumberString:string seriesDosesPositiveInt:positiveInt seriesDosesString:string"
    ),
    "DocumentReference": (
        "masterIdentifier:Identifier identifier:Identifier* status:code docStatus:code type:CodeableConcept "
        "category:CodeableConcept* subject:Reference date:instant author:Reference* authenticator:Reference "
        "custodian:Reference relatesTo:DocumentReference.relatesTo* description:string securityLabel:CodeableConcept* "
        "content:DocumentReference.content* context:DocumentReference.context"
    ),
    "DocumentReference.relatesTo": "code:code target:Reference",
    "DocumentReference.content": "attachment:Attachment format:Coding",
    "DocumentReference.context": (
        "encounter:Reference* event:CodeableConcept* period:Period facilityType:CodeableConcept "
        "practiceSetting:CodeableConcept sourcePatientInfo:Reference related:Reference*"
    ),
    "CarePlan": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* basedOn:Reference* replaces:Reference* "
        "partOf:Reference* status:code intent:code category:CodeableConcept* title:string description:string subject:Reference "
        "encounter:Reference period:Period created:dateTime author:Reference contributor:Reference* careTeam:Reference* "
        "addresses:Reference* supportingInfo:Reference* goal:Reference* activity:CarePlan.activity* note:Annotation*"
    ),
    "CarePlan.activity": (
        "outcomeCodeableConcept:CodeableConcept* outcomeReference:Reference* progress:Annotation* reference:Reference "
        "detail:CarePlan.activity.detail"
    ),
    "CarePlan.activity.detail": (
        "kind:code instantiatesCanonical:canonical* instantiatesUri:uri* code:CodeableConcept reasonCode:CodeableConcept* "
        "reasonReference:Reference* goal:Reference* status:code statusReason:CodeableConcept doNotPerform:boolean "
        "scheduledTiming:Timing scheduledPeriod:Period scheduledString:string location:Reference performer:Reference* "
        "productCodeableConcept:CodeableConcept productReference:Reference dailyAmount:Quantity quantity:Quantity "
        "description:string"
    ),
    "CareTeam": (
        "identifier:Identifier* status:code category:CodeableConcept* name:string subject:Reference encounter:Reference "
        "period:Period participant:CareTeam.participant* reasonCode:CodeableConcept* reasonReference:Reference* "
        "managingOrganization:Reference* telecom:ContactPoint* note:Annotation*"
    ),
    "CareTeam.participant": "role:CodeableConcept* member:Reference onBehalfOf:Reference period:Period",
    "Goal": (
        "identifier:Identifier* lifecycleStatus:code achievementStatus:CodeableConcept category:CodeableConcept* "
        "priority:CodeableConcept description:CodeableConcept subject:Reference startDate:date "
        "startCodeableConcept:CodeableConcept target:Goal.target* statusDate:date statusReason:string expressedBy:Reference "
        "addresses:Reference* note:Annotation* outcomeCode:CodeableConcept* outcomeReference:Reference*"
    ),
    "Goal.target": (
        "measure:CodeableConcept detailQuantity:Quantity detailRange:Range detailCodeableConcept:CodeableConcept "
        "detailString:string detailBoolean:boolean detailInteger:integer detailRatio:Ratio dueDate:date dueDuration:Duration"
    ),
    "ServiceRequest": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* basedOn:Reference* replaces:Reference* "
        "requisition:Identifier status:code intent:code category:CodeableConcept* priority:code doNotPerform:boolean "
        "code:CodeableConcept orderDetail:CodeableConcept* quantityQuantity:Quantity quantityRatio:Ratio quantityRange:Range "
        "subject:Reference encounter:Reference occurrenceDateTime:dateTime occurrencePeriod:Period occurrenceTiming:Timing "
        "asNeededBoolean:boolean asNeededCodeableConcept:CodeableConcept authoredOn:dateTime requester:Reference "
        "performerType:CodeableConcept performer:Reference* locationCode:CodeableConcept* locationReference:Reference* "
        "reasonCode:CodeableConcept* reasonReference:Reference* insurance:Reference* supportingInfo:Reference* "
        "specimen:Reference* bodySite:CodeableConcept* note:Annotation* patientInstruction:string relevantHistory:Reference*"
    ),
    "Specimen": (
        "identifier:Identifier* accessionIdentifier:Identifier status:code type:CodeableConcept subject:Reference "
        "receivedTime:dateTime parent:Reference* request:Reference* collection:Specimen.collection "
        "processing:Specimen.processing* container:Specimen.container* condition:CodeableConcept* note:Annotation*"
    ),
    "Specimen.collection": (
        "collector:Reference collectedDateTime:dateTime collectedPeriod:Period duration:Duration quantity:Quantity "
        "method:CodeableConcept bodySite:CodeableConcept fastingStatusCodeableConcept:CodeableConcept "
        "fastingStatusDuration:Duration"
    ),
    "Specimen.processing": (
        "description:string procedure:CodeableConcept additive:Reference* timeDateTime:dateTime timePeriod:Period"
    ),
    "Specimen.container": (
        "identifier:Identifier* description:string type:CodeableConcept capacity:Quantity specimenQuantity:Quantity "
        "additiveCodeableConcept:CodeableConcept additiveReference:Reference"
    ),
    "Provenance": (
        "target:Reference* occurredPeriod:Period occurredDateTime:dateTime recorded:instant policy:uri* location:Reference "
        "reason:CodeableConcept* activity:CodeableConcept agent:Provenance.agent* entity:Provenance.entity* signature:Signature*"
    ),
    "Provenance.agent": "type:CodeableConcept role:CodeableConcept* who:Reference onBehalfOf:Reference",
    "Provenance.entity": "role:code what:Reference agent:Provenance.agent*",
    "Signature": (
        "type:Coding* when:instant who:Reference onBehalfOf:Reference targetFormat:code sigFormat:code data:base64Binary"
    ),
    "QuestionnaireResponse": (
        "identifier:Identifier basedOn:Reference* partOf:Reference* questionnaire:canonical status:code subject:Reference "
        "encounter:Reference authored:dateTime author:Reference source:Reference item:QuestionnaireResponse.item*"
    ),
    "QuestionnaireResponse.item": (
        "linkId:string definition:uri text:string answer:QuestionnaireResponse.item.answer* item:QuestionnaireResponse.item*"
    ),
    "QuestionnaireResponse.item.answer": (
        "valueBoolean:boolean valueDecimal:decimal valueInteger:integer valueDate:date valueDateTime:dateTime valueTime:time "
        "valueString:string valueUri:uri valueAttachment:Attachment valueCoding:Coding valueQuantity:Quantity "
        "valueReference:Reference item:QuestionnaireResponse.item*"
    ),
    "FamilyMemberHistory": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* status:code "
        "dataAbsentReason:CodeableConcept patient:Reference date:dateTime name:string relationship:CodeableConcept "
        "sex:CodeableConcept bornPeriod:Period bornDate:date bornString:string ageAge:Age ageRange:Range ageString:string "
        "estimatedAge:boolean deceasedBoolean:boolean deceasedAge:Age deceasedRange:Range deceasedDate:date "
        "deceasedString:string reasonCode:CodeableConcept* reasonReference:Reference* note:Annotation* "
        "condition:FamilyMemberHistory.condition*"
    ),
    "FamilyMemberHistory.condition": (
        "code:CodeableConcept outcome:CodeableConcept contributedToDeath:boolean onsetAge:Age onsetRange:Range "
        "onsetPeriod:Period onsetString:string note:Annotation*"
    ),
    "Communication": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* basedOn:Reference* partOf:Reference* "
        "inResponseTo:Reference* status:code statusReason:CodeableConcept category:CodeableConcept* priority:code "
        "medium:CodeableConcept* subject:Reference topic:CodeableConcept about:Reference* encounter:Reference sent:dateTime "
        "received:dateTime recipient:Reference* sender:Reference reasonCode:CodeableConcept* reasonReference:Reference* "
        "payload:Communication.payload* note:Annotation*"
    ),
    "Communication.payload": "contentString:string contentAttachment:Attachment contentReference:Reference",
    "Questionnaire": (
        "url:uri identifier:Identifier* version:string name:string title:string derivedFrom:canonical* status:code "
        "experimental:boolean subjectType:code* date:dateTime publisher:string contact:ContactDetail* description:markdown "
        "useContext:UsageContext* jurisdiction:CodeableConcept* purpose:markdown copyright:markdown approvalDate:date "
        "lastReviewDate:date effectivePeriod:Period code:Coding* item:Questionnaire.item*"
    ),
    "Questionnaire.item": (
        "linkId:string definition:uri code:Coding* prefix:string text:string type:code enableWhen:Questionnaire.item.enableWhen* "
        "enableBehavior:code required:boolean repeats:boolean readOnly:boolean maxLength:integer answerValueSet:canonical "
        "answerOption:Questionnaire.item.answerOption* initial:Questionnaire.item.initial* item:Questionnaire.item*"
    ),
    "Questionnaire.item.enableWhen": (
        "question:string operator:code answerBoolean:boolean answerDecimal:decimal answerInteger:integer answerDate:date "
        "answerDateTime:dateTime answerTime:time answerString:string answerCoding:Coding answerQuantity:Quantity "
        "answerReference:Reference"
    ),
    "Questionnaire.item.answerOption": (
        "valueInteger:integer valueDate:date valueTime:time valueString:string valueCoding:Coding valueReference:Reference "
        "initialSelected:boolean"
    ),
    "Questionnaire.item.initial": (
        "valueBoolean:boolean valueDecimal:decimal valueInteger:integer valueDate:date valueDateTime:dateTime valueTime:time "
        "valueString:string valueUri:uri valueAttachment:Attachment valueCoding:Coding valueQuantity:Quantity "
        "valueReference:Reference"
    ),
    "ContactDetail": "name:string telecom:ContactPoint*",
    "UsageContext": (
        "code:Coding valueCodeableConcept:CodeableConcept valueQuantity:Quantity valueRange:Range valueReference:Reference"
    ),
}

RESOURCES: tuple[str, ...] = (
    "Condition",
    "AllergyIntolerance",
    "Procedure",
    "Immunization",
    "DocumentReference",
    "CarePlan",
    "CareTeam",
    "Goal",
    "ServiceRequest",
    "Specimen",
    "Provenance",
    "QuestionnaireResponse",
    "FamilyMemberHistory",
    "Communication",
    "Questionnaire",
)

# What a reference has to point to, where that matters.
TARGETS: dict[str, str] = {
    "Condition.subject": "Patient",
    "Condition.encounter": "Encounter",
    "AllergyIntolerance.patient": "Patient",
    "AllergyIntolerance.encounter": "Encounter",
    "Procedure.subject": "Patient",
    "Procedure.encounter": "Encounter",
    "Immunization.patient": "Patient",
    "Immunization.encounter": "Encounter",
    "DocumentReference.subject": "Patient",
    "DocumentReference.context.encounter": "Encounter",
    "CarePlan.subject": "Patient",
    "CareTeam.subject": "Patient",
    "Goal.subject": "Patient",
    "ServiceRequest.subject": "Patient",
    "Specimen.subject": "Patient",
    "QuestionnaireResponse.subject": "Patient",
    "Communication.subject": "Patient",
    "CarePlan.encounter": "Encounter",
    "CareTeam.encounter": "Encounter",
    "ServiceRequest.encounter": "Encounter",
    "QuestionnaireResponse.encounter": "Encounter",
    "Communication.encounter": "Encounter",
    "FamilyMemberHistory.patient": "Patient",
    "CarePlan.careTeam": "CareTeam",
    "CarePlan.goal": "Goal",
    "CarePlan.activity.detail.goal": "Goal",
}

# Codes that say how the rest is to be read.
CODES: dict[str, str] = {}
