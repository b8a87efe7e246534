"""Every code the synthetic patients use, by a short name. One place, so that one test can check them all."""

from __future__ import annotations

from typing import Any, Final

SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICDO3: Final = "http://terminology.hl7.org/CodeSystem/icd-o-3"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
NUCC: Final = "http://nucc.org/provider-taxonomy"
NDC: Final = "http://hl7.org/fhir/sid/ndc"
OTHER_HCPCS: Final = "https://bluebutton.cms.gov/resources/codesystem/hcpcs"
HCPCS: Final = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ATC: Final = "http://www.whocc.no/atc"
UCUM: Final = "http://unitsofmeasure.org"
HL7: Final = "http://terminology.hl7.org/CodeSystem/"
OURS: Final = "https://blinatumomab-cds.example.org/fhir"
ANSWERS: Final = f"{OURS}/CodeSystem/order-answers"
LOCAL_LABORATORY: Final = f"{OURS}/CodeSystem/synthetic-laboratory"
"""No LOINC number is known for quantitative MRD or for CD19 on blasts: a laboratory's own codes, as in real life."""

CODES: Final[dict[str, tuple[str, str, str]]] = {
    # diagnoses
    "b-all": (SNOMED, "277572006", "Precursor B-cell acute lymphoblastic leukemia (disorder)"),
    "b-all-ph-positive": (
        SNOMED,
        "723889003",
        "B lymphoblastic leukemia lymphoma with t(9:22) (q34;q11.2); BCR-ABL 1 (disorder)",
    ),
    "b-all-icd-o": (ICDO3, "9811/3", "B lymphoblastic leukemia/lymphoma, NOS"),
    "b-all-bcr-abl1-like": (ICDO3, "9819/3", "B-lymphoblastic leukemia/lymphoma, BCR-ABL1-like"),
    "b-all-kmt2a": (
        SNOMED,
        "838341005",
        "B lymphoblastic leukemia lymphoma with t(v;11q23); MLL rearranged (disorder)",
    ),
    "t-all": (SNOMED, "277575008", "T-lymphoblastic leukemia (disorder)"),
    "all-not-in-remission": (ICD10CM, "C91.00", "Acute lymphoblastic leukemia not having achieved remission"),
    "all-in-remission": (ICD10CM, "C91.01", "Acute lymphoblastic leukemia, in remission"),
    "all-in-remission-undotted": (ICD10CM, "C9101", "Acute lymphoblastic leukemia, in remission"),
    "all-in-relapse": (ICD10CM, "C91.02", "Acute lymphoblastic leukemia, in relapse"),
    "all-relapse": (SNOMED, "12301000132103", "Acute lymphoid leukemia relapse (disorder)"),
    "cns-leukemia": (
        SNOMED,
        "61301000119102",
        "Disorder of central nervous system co-occurrent and due to acute lymphoid leukemia (disorder)",
    ),
    "crs-grade-2": (ICD10CM, "D89.832", "Cytokine release syndrome, grade 2"),
    "icans-grade-3": (ICD10CM, "G92.03", "Immune effector cell-associated neurotoxicity syndrome, grade 3"),
    "epilepsy": (SNOMED, "84757009", "Epilepsy (disorder)"),
    "sepsis": (SNOMED, "91302008", "Sepsis (disorder)"),
    "acute-pancreatitis": (ICD10CM, "K85.90", "Acute pancreatitis without necrosis or infection, unspecified"),
    "tumour-lysis": (SNOMED, "277605001", "Tumor lysis syndrome"),
    "leukoencephalopathy": (SNOMED, "22811006", "Leukoencephalopathy"),
    "very-low-birth-weight": (SNOMED, "276611006", "Very low birth weight infant"),
    "lactation": (SNOMED, "1260078007", "Maternal breastfeeding (finding)"),
    "neutropenia": (ICD10CM, "D70.1", "Agranulocytosis secondary to cancer chemotherapy"),
    # measures and laboratory
    "weight": (LOINC, "29463-7", "Body weight"),
    "weight-stated": (LOINC, "3142-7", "Body weight Stated"),
    "height": (LOINC, "8302-2", "Body height"),
    "bsa": (LOINC, "3140-1", "Body surface area derived"),
    "birth-weight": (LOINC, "8339-4", "Birth weight Measured"),
    "gestational-age": (LOINC, "76516-4", "Gestational age--at birth"),
    "bcr-abl1-fish": (LOINC, "51867-0", "t(9;22)(q34.1;q11)(ABL1,BCR) fusion transcript in Blood or Tissue by FISH"),
    "bcr-abl1-p210": (LOINC, "69380-4", "Quant BCR-ABL1, Major (p210) International Scale"),
    "bcr-abl1-control": (LOINC, "46434-7", "t(9;22)(BCR-ABL1) control Bld T"),
    "karyotype": (LOINC, "59267-5", "Karyotype [Identifier] in Blood or Tissue by FISH Narrative"),
    "kmt2a-fish": (LOINC, "78219-3", "MLL gene rearrangements [Presence] in Blood or Tissue by FISH"),
    "alt": (LOINC, "1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma"),
    "ast": (LOINC, "1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma"),
    "ggt": (LOINC, "2324-2", "Gamma glutamyl transferase [Enzymatic activity/volume] in Serum or Plasma"),
    "bilirubin": (LOINC, "1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma"),
    "neutrophils": (LOINC, "751-8", "Neutrophils [#/volume] in Blood by Automated count"),
    "pregnancy-test": (LOINC, "2118-8", "Choriogonadotropin (pregnancy test) [Presence] in Serum or Plasma"),
    # answers
    "positive": (SNOMED, "10828004", "Positive (qualifier value)"),
    "negative": (SNOMED, "260385009", "Negative (qualifier value)"),
    "not-detected": (SNOMED, "260415000", "Not detected (qualifier value)"),
    # drugs
    "blinatumomab": (RXNORM, "1597258", "blinatumomab"),
    "blinatumomab-vial": (RXNORM, "1597262", "blinatumomab 0.035 MG Injection"),
    "blinatumomab-ndc": (NDC, "55513-160", "BLINCYTO (blinatumomab) 35 mcg kit, Amgen"),
    "blinatumomab-ndc-eleven-digits": (NDC, "55513016001", "BLINCYTO (blinatumomab) 35 mcg kit, Amgen"),
    "blinatumomab-hcpcs-other-uri": (OTHER_HCPCS, "J9039", "Injection, blinatumomab, 1 microgram"),
    "blinatumomab-hcpcs": (HCPCS, "J9039", "Injection, blinatumomab, 1 microgram"),
    "blinatumomab-atc": (ATC, "L01FX07", "blinatumomab"),
    "blinatumomab-substance": (SNOMED, "716122004", "Blinatumomab (substance)"),
    "benzyl-alcohol": (RXNORM, "1426", "Benzyl Alcohol"),
    "dexamethasone": (RXNORM, "3264", "Dexamethasone"),
    "prednisone": (RXNORM, "8640", "predniSONE"),
    "imatinib": (RXNORM, "282388", "imatinib"),
    "dasatinib": (RXNORM, "475342", "dasatinib"),
    "ponatinib": (RXNORM, "1364347", "ponatinib"),
    "mercaptopurine": (RXNORM, "103", "mercaptopurine"),
    "methotrexate": (RXNORM, "6851", "Methotrexate"),
    "vincristine": (RXNORM, "11202", "vincristine"),
    "cytarabine": (RXNORM, "3041", "cytarabine"),
    # vaccines
    "mmr": (CVX, "03", "measles, mumps and rubella virus vaccine"),
    "varicella": (CVX, "21", "varicella virus vaccine"),
    "zoster-recombinant": (CVX, "187", "zoster recombinant"),
    # routes and people
    "intravenous": (SNOMED, "47625008", "Intravenous route (qualifier value)"),
    "oral": (SNOMED, "26643006", "Oral route (qualifier value)"),
    "pediatric-oncologist": (NUCC, "2080P0207X", "Pediatric Hematology & Oncology Physician"),
    "hematologist-oncologist": (NUCC, "207RH0003X", "Hematology & Oncology Physician"),
    "internist": (NUCC, "207R00000X", "Internal Medicine Physician"),
}


def coding(name: str) -> dict[str, Any]:
    """The FHIR Coding of a code by its short name. Raises KeyError for a name that is not in the table."""
    system, code, display = CODES[name]
    return {"system": system, "code": code, "display": display}


def concept(name: str, text: str | None = None) -> dict[str, Any]:
    """A CodeableConcept with one coding, and the words a clinician would have chosen."""
    return {"coding": [coding(name)], "text": text or CODES[name][2]}


def hl7(system: str, code: str) -> dict[str, Any]:
    """A CodeableConcept from one of HL7's own terminology systems."""
    return {"coding": [{"system": f"{HL7}{system}", "code": code}]}
