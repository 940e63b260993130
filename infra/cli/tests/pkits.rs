//! NIST's Public Key Interoperability Test Suite through `jitr crl check`: each certificate of a path against its issuer,
//! with all CRLs of the test (`tests/data/pkits/README.md` says where they come from).

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

use std::process::Command;

use serde_json::Value;

/// Within the validity of the suite's certificates and CRLs.
const AT: &str = "2026-11-28T12:00:00Z";
const ANCHOR: &str = "TrustAnchorRootCertificate";
const ANCHOR_CRL: &str = "TrustAnchorRootCRL";

/// What PKITS wants of a path.
const VALID: bool = true;
const INVALID: bool = false;

/// Why an answer is not good though PKITS calls the path valid.
const AS_WANTED: &str = "";
const INDIRECT: &str = "the CRL is indirect, or signed by another than the certificate's issuer";
const SEPARATE_KEY: &str = "the CRL is signed with another key of the CA than the registered one";

/// Number, certificates below the trust anchor, CRLs beside the anchor's, PKITS's verdict, our answer for the first
/// certificate that is not good, why it differs.
struct Case(&'static str, &'static str, &'static str, bool, &'static str, &'static str);

#[rustfmt::skip]
const CASES: [Case; 82] = [
    Case("4.3.1", "GoodCACert InvalidNameChainingTest1EE", "GoodCACRL", INVALID, "unusable:issuer_name", AS_WANTED),
    Case("4.3.2", "NameOrderingCACert InvalidNameChainingOrderTest2EE", "NameOrderCACRL", INVALID, "unusable:issuer_name", AS_WANTED),
    Case("4.3.3", "GoodCACert ValidNameChainingWhitespaceTest3EE", "GoodCACRL", VALID, "good", AS_WANTED),
    Case("4.3.4", "GoodCACert ValidNameChainingWhitespaceTest4EE", "GoodCACRL", VALID, "good", AS_WANTED),
    Case("4.3.5", "GoodCACert ValidNameChainingCapitalizationTest5EE", "GoodCACRL", VALID, "good", AS_WANTED),
    Case("4.3.6", "UIDCACert ValidNameUIDsTest6EE", "UIDCACRL", VALID, "good", AS_WANTED),
    Case("4.3.7", "RFC3280MandatoryAttributeTypesCACert ValidRFC3280MandatoryAttributeTypesTest7EE", "RFC3280MandatoryAttributeTypesCACRL", VALID, "good", AS_WANTED),
    Case("4.3.8", "RFC3280OptionalAttributeTypesCACert ValidRFC3280OptionalAttributeTypesTest8EE", "RFC3280OptionalAttributeTypesCACRL", VALID, "good", AS_WANTED),
    Case("4.3.9", "UTF8StringEncodedNamesCACert ValidUTF8StringEncodedNamesTest9EE", "UTF8StringEncodedNamesCACRL", VALID, "good", AS_WANTED),
    Case("4.3.10", "RolloverfromPrintableStringtoUTF8StringCACert ValidRolloverfromPrintableStringtoUTF8StringTest10EE", "RolloverfromPrintableStringtoUTF8StringCACRL", VALID, "good", AS_WANTED),
    Case("4.3.11", "UTF8StringCaseInsensitiveMatchCACert ValidUTF8StringCaseInsensitiveMatchTest11EE", "UTF8StringCaseInsensitiveMatchCACRL", VALID, "good", AS_WANTED),
    Case("4.4.1", "NoCRLCACert InvalidMissingCRLTest1EE", "", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.4.2", "GoodCACert RevokedsubCACert InvalidRevokedCATest2EE", "GoodCACRL RevokedsubCACRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.4.3", "GoodCACert InvalidRevokedEETest3EE", "GoodCACRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.4.4", "BadCRLSignatureCACert InvalidBadCRLSignatureTest4EE", "BadCRLSignatureCACRL", INVALID, "unusable:crl_malformed", AS_WANTED),
    Case("4.4.5", "BadCRLIssuerNameCACert InvalidBadCRLIssuerNameTest5EE", "BadCRLIssuerNameCACRL", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.4.6", "WrongCRLCACert InvalidWrongCRLTest6EE", "WrongCRLCACRL", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.4.7", "TwoCRLsCACert ValidTwoCRLsTest7EE", "TwoCRLsCAGoodCRL TwoCRLsCABadCRL", VALID, "good", AS_WANTED),
    Case("4.4.8", "UnknownCRLEntryExtensionCACert InvalidUnknownCRLEntryExtensionTest8EE", "UnknownCRLEntryExtensionCACRL", INVALID, "unusable:crl_entry_extension", AS_WANTED),
    Case("4.4.9", "UnknownCRLExtensionCACert InvalidUnknownCRLExtensionTest9EE", "UnknownCRLExtensionCACRL", INVALID, "unusable:crl_extension", AS_WANTED),
    Case("4.4.10", "UnknownCRLExtensionCACert InvalidUnknownCRLExtensionTest10EE", "UnknownCRLExtensionCACRL", INVALID, "unusable:crl_extension", AS_WANTED),
    Case("4.4.11", "OldCRLnextUpdateCACert InvalidOldCRLnextUpdateTest11EE", "OldCRLnextUpdateCACRL", INVALID, "unusable:crl_expired", AS_WANTED),
    Case("4.4.12", "pre2000CRLnextUpdateCACert Invalidpre2000CRLnextUpdateTest12EE", "pre2000CRLnextUpdateCACRL", INVALID, "unusable:crl_expired", AS_WANTED),
    Case("4.4.13", "GeneralizedTimeCRLnextUpdateCACert ValidGeneralizedTimeCRLnextUpdateTest13EE", "GeneralizedTimeCRLnextUpdateCACRL", VALID, "good", AS_WANTED),
    Case("4.4.14", "NegativeSerialNumberCACert ValidNegativeSerialNumberTest14EE", "NegativeSerialNumberCACRL", VALID, "good", AS_WANTED),
    Case("4.4.15", "NegativeSerialNumberCACert InvalidNegativeSerialNumberTest15EE", "NegativeSerialNumberCACRL", INVALID, "unusable:serial_invalid", AS_WANTED),
    Case("4.4.16", "LongSerialNumberCACert ValidLongSerialNumberTest16EE", "LongSerialNumberCACRL", VALID, "good", AS_WANTED),
    Case("4.4.17", "LongSerialNumberCACert ValidLongSerialNumberTest17EE", "LongSerialNumberCACRL", VALID, "good", AS_WANTED),
    Case("4.4.18", "LongSerialNumberCACert InvalidLongSerialNumberTest18EE", "LongSerialNumberCACRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.4.19", "SeparateCertificateandCRLKeysCertificateSigningCACert ValidSeparateCertificateandCRLKeysTest19EE", "SeparateCertificateandCRLKeysCRL", VALID, "unusable:crl_issuer_key", SEPARATE_KEY),
    Case("4.4.20", "SeparateCertificateandCRLKeysCertificateSigningCACert InvalidSeparateCertificateandCRLKeysTest20EE", "SeparateCertificateandCRLKeysCRL", INVALID, "unusable:crl_issuer_key", AS_WANTED),
    Case("4.4.21", "SeparateCertificateandCRLKeysCA2CertificateSigningCACert InvalidSeparateCertificateandCRLKeysTest21EE", "SeparateCertificateandCRLKeysCA2CRL", INVALID, "unusable:crl_issuer_key", AS_WANTED),
    Case("4.7.1", "keyUsageCriticalkeyCertSignFalseCACert InvalidkeyUsageCriticalkeyCertSignFalseTest1EE", "keyUsageCriticalkeyCertSignFalseCACRL", INVALID, "unusable:issuer_unusable", AS_WANTED),
    Case("4.7.2", "keyUsageNotCriticalkeyCertSignFalseCACert InvalidkeyUsageNotCriticalkeyCertSignFalseTest2EE", "keyUsageNotCriticalkeyCertSignFalseCACRL", INVALID, "unusable:issuer_unusable", AS_WANTED),
    Case("4.7.3", "keyUsageNotCriticalCACert ValidkeyUsageNotCriticalTest3EE", "keyUsageNotCriticalCACRL", VALID, "good", AS_WANTED),
    Case("4.7.4", "keyUsageCriticalcRLSignFalseCACert InvalidkeyUsageCriticalcRLSignFalseTest4EE", "keyUsageCriticalcRLSignFalseCACRL", INVALID, "unusable:crl_issuer_unusable", AS_WANTED),
    Case("4.7.5", "keyUsageNotCriticalcRLSignFalseCACert InvalidkeyUsageNotCriticalcRLSignFalseTest5EE", "keyUsageNotCriticalcRLSignFalseCACRL", INVALID, "unusable:crl_issuer_unusable", AS_WANTED),
    Case("4.14.1", "distributionPoint1CACert ValiddistributionPointTest1EE", "distributionPoint1CACRL", VALID, "good", AS_WANTED),
    Case("4.14.2", "distributionPoint1CACert InvaliddistributionPointTest2EE", "distributionPoint1CACRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.14.3", "distributionPoint1CACert InvaliddistributionPointTest3EE", "distributionPoint1CACRL", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.4", "distributionPoint1CACert ValiddistributionPointTest4EE", "distributionPoint1CACRL", VALID, "good", AS_WANTED),
    Case("4.14.5", "distributionPoint2CACert ValiddistributionPointTest5EE", "distributionPoint2CACRL", VALID, "good", AS_WANTED),
    Case("4.14.6", "distributionPoint2CACert InvaliddistributionPointTest6EE", "distributionPoint2CACRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.14.7", "distributionPoint2CACert ValiddistributionPointTest7EE", "distributionPoint2CACRL", VALID, "good", AS_WANTED),
    Case("4.14.8", "distributionPoint2CACert InvaliddistributionPointTest8EE", "distributionPoint2CACRL", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.9", "distributionPoint2CACert InvaliddistributionPointTest9EE", "distributionPoint2CACRL", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.10", "NoissuingDistributionPointCACert ValidNoissuingDistributionPointTest10EE", "NoissuingDistributionPointCACRL", VALID, "good", AS_WANTED),
    Case("4.14.11", "onlyContainsUserCertsCACert InvalidonlyContainsUserCertsTest11EE", "onlyContainsUserCertsCACRL", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.12", "onlyContainsCACertsCACert InvalidonlyContainsCACertsTest12EE", "onlyContainsCACertsCACRL", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.13", "onlyContainsCACertsCACert ValidonlyContainsCACertsTest13EE", "onlyContainsCACertsCACRL", VALID, "good", AS_WANTED),
    Case("4.14.14", "onlyContainsAttributeCertsCACert InvalidonlyContainsAttributeCertsTest14EE", "onlyContainsAttributeCertsCACRL", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.15", "onlySomeReasonsCA1Cert InvalidonlySomeReasonsTest15EE", "onlySomeReasonsCA1compromiseCRL onlySomeReasonsCA1otherreasonsCRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.14.16", "onlySomeReasonsCA1Cert InvalidonlySomeReasonsTest16EE", "onlySomeReasonsCA1compromiseCRL onlySomeReasonsCA1otherreasonsCRL", INVALID, "held:certificateHold", AS_WANTED),
    Case("4.14.17", "onlySomeReasonsCA2Cert InvalidonlySomeReasonsTest17EE", "onlySomeReasonsCA2CRL1 onlySomeReasonsCA2CRL2", INVALID, "unusable:crl_not_covering", AS_WANTED),
    Case("4.14.18", "onlySomeReasonsCA3Cert ValidonlySomeReasonsTest18EE", "onlySomeReasonsCA3compromiseCRL onlySomeReasonsCA3otherreasonsCRL", VALID, "good", AS_WANTED),
    Case("4.14.19", "onlySomeReasonsCA4Cert ValidonlySomeReasonsTest19EE", "onlySomeReasonsCA4compromiseCRL onlySomeReasonsCA4otherreasonsCRL", VALID, "good", AS_WANTED),
    Case("4.14.20", "onlySomeReasonsCA4Cert InvalidonlySomeReasonsTest20EE", "onlySomeReasonsCA4compromiseCRL onlySomeReasonsCA4otherreasonsCRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.14.21", "onlySomeReasonsCA4Cert InvalidonlySomeReasonsTest21EE", "onlySomeReasonsCA4compromiseCRL onlySomeReasonsCA4otherreasonsCRL", INVALID, "revoked:affiliationChanged", AS_WANTED),
    Case("4.14.22", "indirectCRLCA1Cert ValidIDPwithindirectCRLTest22EE", "indirectCRLCA1CRL", VALID, "unusable:crl_indirect", INDIRECT),
    Case("4.14.23", "indirectCRLCA1Cert InvalidIDPwithindirectCRLTest23EE", "indirectCRLCA1CRL", INVALID, "unusable:crl_indirect", AS_WANTED),
    Case("4.14.24", "indirectCRLCA2Cert ValidIDPwithindirectCRLTest24EE", "indirectCRLCA1CRL", VALID, "unusable:crl_issuer_name", INDIRECT),
    Case("4.14.25", "indirectCRLCA2Cert ValidIDPwithindirectCRLTest25EE", "indirectCRLCA1CRL", VALID, "unusable:crl_issuer_name", INDIRECT),
    Case("4.14.26", "indirectCRLCA2Cert InvalidIDPwithindirectCRLTest26EE", "indirectCRLCA1CRL", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.14.27", "indirectCRLCA2Cert InvalidcRLIssuerTest27EE", "GoodCACRL", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.14.28", "indirectCRLCA3Cert ValidcRLIssuerTest28EE", "indirectCRLCA3CRL indirectCRLCA3cRLIssuerCRL", VALID, "unusable:crl_not_covering", INDIRECT),
    Case("4.14.29", "indirectCRLCA3Cert ValidcRLIssuerTest29EE", "indirectCRLCA3CRL indirectCRLCA3cRLIssuerCRL", VALID, "unusable:crl_not_covering", INDIRECT),
    Case("4.14.30", "indirectCRLCA4Cert ValidcRLIssuerTest30EE", "indirectCRLCA4cRLIssuerCRL", VALID, "unusable:crl_issuer_name", INDIRECT),
    Case("4.14.31", "indirectCRLCA6Cert InvalidcRLIssuerTest31EE", "indirectCRLCA5CRL", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.14.32", "indirectCRLCA6Cert InvalidcRLIssuerTest32EE", "indirectCRLCA5CRL", INVALID, "unusable:crl_issuer_name", AS_WANTED),
    Case("4.14.33", "indirectCRLCA6Cert ValidcRLIssuerTest33EE", "indirectCRLCA5CRL", VALID, "unusable:crl_issuer_name", INDIRECT),
    Case("4.14.34", "indirectCRLCA5Cert InvalidcRLIssuerTest34EE", "indirectCRLCA5CRL", INVALID, "unusable:crl_indirect", AS_WANTED),
    Case("4.14.35", "indirectCRLCA5Cert InvalidcRLIssuerTest35EE", "indirectCRLCA5CRL", INVALID, "unusable:crl_indirect", AS_WANTED),
    Case("4.15.1", "deltaCRLIndicatorNoBaseCACert InvaliddeltaCRLIndicatorNoBaseTest1EE", "deltaCRLIndicatorNoBaseCACRL", INVALID, "unusable:crl_delta", AS_WANTED),
    Case("4.15.2", "deltaCRLCA1Cert ValiddeltaCRLTest2EE", "deltaCRLCA1CRL deltaCRLCA1deltaCRL", VALID, "good", AS_WANTED),
    Case("4.15.3", "deltaCRLCA1Cert InvaliddeltaCRLTest3EE", "deltaCRLCA1CRL deltaCRLCA1deltaCRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.15.4", "deltaCRLCA1Cert InvaliddeltaCRLTest4EE", "deltaCRLCA1CRL deltaCRLCA1deltaCRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.15.5", "deltaCRLCA1Cert ValiddeltaCRLTest5EE", "deltaCRLCA1CRL deltaCRLCA1deltaCRL", VALID, "good", AS_WANTED),
    Case("4.15.6", "deltaCRLCA1Cert InvaliddeltaCRLTest6EE", "deltaCRLCA1CRL deltaCRLCA1deltaCRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.15.7", "deltaCRLCA1Cert ValiddeltaCRLTest7EE", "deltaCRLCA1CRL deltaCRLCA1deltaCRL", VALID, "good", AS_WANTED),
    Case("4.15.8", "deltaCRLCA2Cert ValiddeltaCRLTest8EE", "deltaCRLCA2CRL deltaCRLCA2deltaCRL", VALID, "good", AS_WANTED),
    Case("4.15.9", "deltaCRLCA2Cert InvaliddeltaCRLTest9EE", "deltaCRLCA2CRL deltaCRLCA2deltaCRL", INVALID, "revoked:keyCompromise", AS_WANTED),
    Case("4.15.10", "deltaCRLCA3Cert InvaliddeltaCRLTest10EE", "deltaCRLCA3CRL deltaCRLCA3deltaCRL", INVALID, "unusable:crl_expired", AS_WANTED),
];

/// Status and reason of the answer, which is JSON whatever it is.
fn ask(authority: &str, certificate: &str, crls: &[&str]) -> String {
    let path = |name: &str, form| format!("{}/../../tests/data/pkits/{name}.{form}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_jitr"));
    command.args(["crl", "check", "--at", AT, "--ca", &path(authority, "crt"), "--cert", &path(certificate, "crt")]);
    for crl in crls {
        command.args(["--crl", &path(crl, "crl")]);
    }
    let output = command.output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{certificate}: {}", String::from_utf8_lossy(&output.stderr)));
    let status = answer["status"].as_str().unwrap().to_owned();
    let code = ["good", "", "revoked", "held", "unusable"].iter().position(|known| *known == status);
    assert_eq!(output.status.code(), code.map(|code| i32::try_from(code).unwrap()), "{certificate}: {answer}");
    answer["reason"].as_str().map_or_else(|| status.clone(), |reason| format!("{status}:{reason}"))
}

#[test]
fn no_good_is_wrong_and_every_other_answer_has_its_reason() {
    for Case(number, path, crls, wanted, expected, difference) in CASES {
        let crls: Vec<&str> = [ANCHOR_CRL].into_iter().chain(crls.split_whitespace()).collect();
        let mut authority = ANCHOR;
        let mut answer = String::new();
        for certificate in path.split_whitespace() {
            answer = ask(authority, certificate, &crls);
            if answer != "good" {
                break;
            }
            authority = certificate;
        }
        assert_eq!(answer, expected, "{number} {path}");
        assert!(wanted || answer != "good", "{number} {path}: a wrong good");
        assert_eq!(wanted != (answer == "good"), !difference.is_empty(), "{number} {path}: {difference}");
    }
}
