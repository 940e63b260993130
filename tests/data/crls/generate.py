"""Makes the frozen CRLs of this folder: lists of every allowed algorithm and shape, and at least one per fault.

Run with a Python that has the package `cryptography` (the local cloud's virtual environment has it). Most lists are put
together from DER by hand, because no library agrees to make the faulty ones. All are of 2026-11-01, due again in 2099;
`ca-*` are the CAs, `device-*` certificates of the first one, `bad-*` what has to be refused and `good-*` what has not.
Names of faulty lists begin with the fault. The keys of the P-256 and the RSA CA are kept, to sign more lists with. A run
without arguments makes new keys, so the files of one run belong together; apart from keys and signatures all runs give the
same. A run with names of files, without `.der`, makes only those, with the keys that are kept.
"""

import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent
ONLY = sys.argv[1:]
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2099, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)

# DER


def tlv(tag, *content):
    content = b"".join(content)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*content):
    return tlv(0x30, *content)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def utc(text):
    return tlv(0x17, text.encode())


def generalized(text):
    return tlv(0x18, text.encode())


def extension(oid, value, critical=False):
    return sequence(tlv(0x06, oid), tlv(0x01, b"\xff") if critical else b"", tlv(0x04, value))


REASON, INVALIDITY, ISSUER = b"\x55\x1d\x15", b"\x55\x1d\x18", b"\x55\x1d\x1d"
NUMBER, DELTA, POINT, KEY = b"\x55\x1d\x14", b"\x55\x1d\x1b", b"\x55\x1d\x1c", b"\x55\x1d\x23"
ISSUER_NAME, FRESHEST, INFORMATION = b"\x55\x1d\x12", b"\x55\x1d\x2e", b"\x2b\x06\x01\x05\x05\x07\x01\x01"
UNKNOWN = b"\x2b\x06\x01\x04\x01\x86\x8d\x1f\x01"

THIS, NEXT = utc("261101000000Z"), generalized("20991231235959Z")
VERSION_2 = integer(1)


def reason(code, critical=False):
    return extension(REASON, tlv(0x0A, bytes([code])), critical)


def entry(serial, *extensions, date=utc("261031120000Z")):
    serial = serial if isinstance(serial, bytes) else integer(serial)
    return sequence(serial, date, sequence(*extensions) if extensions else b"")


def number(value=7):
    return extension(NUMBER, integer(value))


def uri(text):
    return tlv(0x86, text.encode())


def full_name(*names):
    return tlv(0xA0, tlv(0xA0, *names))


def point(*fields, critical=True):
    return extension(POINT, sequence(*fields), critical)


# CAs and certificates


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_usage(crl_sign):
    return x509.KeyUsage(False, False, False, False, False, True, crl_sign, False, False)


class Authority:
    def __init__(self, label, key, digest=hashes.SHA256(), keep=False, common_name=None, crl_sign=True, ca=True,
                 start=START, end=END, critical=False, key_identifier=True, usage=True):
        if keep and ONLY:
            key = serialization.load_der_private_key((HERE / f"{label}.key").read_bytes(), None)
        self.key, self.digest, self.common_name = key, digest, common_name or label
        builder = (
            x509.CertificateBuilder(name(self.common_name), name(self.common_name), key.public_key(), 1, start, end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usage:
            builder = builder.add_extension(key_usage(crl_sign), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        self.key_identifier = identifier.digest
        if key_identifier:
            builder = builder.add_extension(identifier, critical=False)
        if critical:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
        self.certificate = builder.sign(key, digest)
        save(label, self.certificate.public_bytes(serialization.Encoding.DER))
        if keep and not ONLY:
            form = serialization.PrivateFormat.PKCS8
            encoding = serialization.Encoding.DER
            (HERE / f"{label}.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))

    @property
    def name(self):
        return self.certificate.subject.public_bytes()

    def authority_key(self, identifier=None):
        return extension(KEY, sequence(tlv(0x80, identifier or self.key_identifier)))

    def device(self, label, serial, *points, ca=False):
        builder = x509.CertificateBuilder(
            self.certificate.subject, name("pump-1"), DEVICE_KEY.public_key(), serial, START, END
        )
        if ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        if points:
            builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        save(label, builder.sign(self.key, self.digest).public_bytes(serialization.Encoding.DER))


DEVICE_KEY = ec.generate_private_key(ec.SECP256R1())

ECDSA = {256: "2a8648ce3d040302", 384: "2a8648ce3d040303", 512: "2a8648ce3d040304"}
PKCS1 = {160: "2a864886f70d010105", 256: "2a864886f70d01010b", 384: "2a864886f70d01010c", 512: "2a864886f70d01010d"}
SHA2 = {256: "608648016503040201", 384: "608648016503040202", 512: "608648016503040203"}
HASHES = {160: hashes.SHA1(), 256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}


def ecdsa(bits):
    return sequence(tlv(0x06, bytes.fromhex(ECDSA[bits]))), lambda key, data: key.sign(data, ec.ECDSA(HASHES[bits]))


def pkcs1(bits):
    algorithm = sequence(tlv(0x06, bytes.fromhex(PKCS1[bits])), b"\x05\x00")
    return algorithm, lambda key, data: key.sign(data, padding.PKCS1v15(), HASHES[bits])


def pss(bits, salt=None):
    salt = salt or bits // 8
    digest = sequence(tlv(0x06, bytes.fromhex(SHA2[bits])), b"\x05\x00")
    mask = sequence(tlv(0x06, bytes.fromhex("2a864886f70d010108")), digest)
    parameters = sequence(tlv(0xA0, digest), tlv(0xA1, mask), tlv(0xA2, integer(salt)))
    algorithm = sequence(tlv(0x06, bytes.fromhex("2a864886f70d01010a")), parameters)
    return algorithm, lambda key, data: key.sign(data, padding.PSS(padding.MGF1(HASHES[bits]), salt), HASHES[bits])


def crl(authority, *entries, extensions=None, version=VERSION_2, this=THIS, following=NEXT, listed=None, issuer=None,
        signing=ecdsa(256), outer=None, after=b"", unused=b"\0"):
    """A list; every part of it can be replaced."""
    algorithm, sign = signing
    if listed is None:
        listed = sequence(*entries) if entries else b""
    if extensions is None:
        extensions = [authority.authority_key(), number()]
    extensions = tlv(0xA0, sequence(*extensions)) if extensions else b""
    signed = sequence(version, algorithm, issuer or authority.name, this, following, listed, extensions, after)
    return sequence(signed, outer or algorithm, tlv(0x03, unused, sign(authority.key, signed)))


def save(label, data, form="der"):
    if not ONLY or label in ONLY:
        (HERE / f"{label}.{form}").write_bytes(data)


def same_name(tag, *values):
    """A name of one commonName, or of several in one relative name."""
    attributes = [sequence(tlv(0x06, b"\x55\x04\x03"), tlv(tag, value)) for value in values]
    return sequence(tlv(0x31, *attributes))


def issuers(ca):
    """The name of the CA as other software writes it, and names that are not the CA's."""
    one = entry(0x1234, reason(1))
    for label, tag, value in (
        ("printable", 0x13, b"ca-p256"),
        ("case", 0x0C, b"CA-P256"),
        ("spaces", 0x13, b"  Ca-p256 "),
        ("teletex", 0x14, b"ca-p256"),
        ("ia5", 0x16, b"ca-p256"),
        ("bmp", 0x1E, "Ca-P256".encode("utf-16-be")),
        ("utf32", 0x1C, "ca-p256".encode("utf-32-be")),
    ):
        save(f"good-issuer-{label}", crl(ca, one, issuer=same_name(tag, value)))
    save("bad-issuer-name-space", crl(ca, one, issuer=same_name(0x13, b"ca -p256")))
    save("bad-issuer-name-octets", crl(ca, one, issuer=same_name(0x04, b"ca-p256")))
    save("bad-issuer-name-twice", crl(ca, one, issuer=same_name(0x0C, b"ca-p256", b"ca-p256")))


def version_1(ca):
    """A CA certificate of version 1, which has no extensions."""
    algorithm, sign = ecdsa(256)
    public = ca.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    validity = sequence(utc("260101000000Z"), generalized("20991231235959Z"))
    signed = sequence(integer(1), algorithm, ca.name, validity, ca.name, public)
    save("ca-version-1", sequence(signed, algorithm, tlv(0x03, b"\0", sign(ca.key, signed))))


def good(ca, rsa_ca, p384, p521):
    listed = [entry(0x1234, reason(1)), entry(0x80), entry(0xFF01, reason(6))]
    for bits in (256, 384, 512):
        save(f"good-p256-sha{bits}", crl(ca, *listed, signing=ecdsa(bits)))
        save(f"good-p384-sha{bits}", crl(p384, *listed, signing=ecdsa(bits)))
        save(f"good-p521-sha{bits}", crl(p521, *listed, signing=ecdsa(bits)))
        save(f"good-rsa-pkcs1-sha{bits}", crl(rsa_ca, *listed, signing=pkcs1(bits)))
        save(f"good-rsa-pss-sha{bits}", crl(rsa_ca, *listed, signing=pss(bits)))
    save("good-version-1", crl(ca, entry(0x1234), version=b"", extensions=[]))
    save("good-version-1-empty", crl(ca, version=b"", extensions=[]))
    save("good-empty", crl(ca))
    save("good-empty-sequence", crl(ca, listed=sequence()))
    save("good-without-extensions", crl(ca, entry(0x1234), extensions=[]))
    late = entry(0x1234, date=generalized("20500101000000Z"))
    save("good-generalized-time", crl(ca, late, this=generalized("20500101000000Z")))
    reasons = [entry(0x100 + code, reason(code)) for code in (0, 1, 2, 3, 4, 5, 6, 8, 9, 10)]
    save("good-reasons", crl(ca, *reasons, entry(0x200), entry(0x201, reason(4, critical=True))))
    serials = [1, 0x7F, 0x80, 0xFF, 0x8000, 2**151, 2**159 - 1, 2**159, 2**160 - 1]
    save("good-serials", crl(ca, *[entry(serial, reason(1)) for serial in serials]))
    date = extension(INVALIDITY, generalized("20261001000000Z"))
    unknown = extension(UNKNOWN, b"\x05\x00")
    save("good-entry-extensions", crl(ca, entry(0x1234, date, reason(1), unknown), entry(0x1235, date)))
    informative = [
        extension(ISSUER_NAME, sequence(uri("https://example.com"))),
        extension(INFORMATION, sequence()),
        extension(FRESHEST, sequence(sequence(full_name(uri("http://example.com/delta.crl"))))),
        extension(UNKNOWN, b"\x05\x00"),
    ]
    save("good-extensions", crl(ca, extensions=[ca.authority_key(), number(2**160 - 1), *informative]))
    save("good-point", crl(ca, extensions=[number(), point(full_name(uri("http://crl.example/1.crl")))]))
    fields = [full_name(uri("http://crl.example/1.crl"), tlv(0xA4, ca.name)), tlv(0x81, b"\xff"), tlv(0x83, b"\x01\x06")]
    save("good-point-user-reasons", crl(ca, extensions=[number(), point(*fields)]))
    save("good-point-not-critical", crl(ca, extensions=[point(tlv(0x82, b"\xff"), critical=False)]))
    save("good-point-attributes", crl(ca, extensions=[point(tlv(0x85, b"\xff"))]))
    save("good-point-users", crl(ca, entry(0x1234), extensions=[number(), point(tlv(0x81, b"\xff"))]))
    save("good-point-authorities", crl(ca, entry(0x1234), extensions=[number(), point(tlv(0x82, b"\xff"))]))
    capitals = full_name(uri("Http://CRL.Example:80/1.crl"))
    save("good-point-capitals", crl(ca, extensions=[number(), point(capitals)]))
    save("good-point-other-path", crl(ca, extensions=[number(), point(full_name(uri("http://crl.example/1.CRL")))]))
    own = full_name(tlv(0xA4, same_name(0x13, b"CA-P256")))
    save("good-point-own-name", crl(ca, entry(0x1234), extensions=[number(), point(own)]))
    relative = tlv(0xA0, tlv(0xA1, sequence(tlv(0x06, b"\x55\x04\x03"), tlv(0x13, b"PART 1"))))
    save("good-point-relative-name", crl(ca, extensions=[number(), point(relative)]))
    written = [tlv(0x81, b"\xff"), tlv(0x82, b"\0"), tlv(0x84, b"\0"), tlv(0x85, b"\0")]
    save("good-point-false-written", crl(ca, extensions=[number(), point(*written)]))
    false = sequence(tlv(0x06, UNKNOWN), tlv(0x01, b"\0"), tlv(0x04, b""))
    save("good-critical-false-written", crl(ca, entry(0x1234, reason(1), false), extensions=[number(), false]))
    odd = [entry(0), entry(b"\x02\x01\xff", reason(1)), entry(2**160), entry(b"\x02\x02\x80\x01"), entry(2**1000)]
    listed = [odd[0], odd[1], entry(0x1234, reason(1)), odd[2], entry(2**160 - 1), odd[3], odd[4]]
    save("good-odd-serials", crl(ca, *listed))
    save("good-odd-serials-only", crl(ca, *odd))
    built = (
        x509.CertificateRevocationListBuilder(ca.certificate.subject, START, END)
        .add_extension(x509.CRLNumber(9), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False)
    )
    for serial in (0x1234, 2**100):
        revoked = x509.RevokedCertificateBuilder(serial, START, [])
        built = built.add_revoked_certificate(
            revoked.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), critical=False).build()
        )
    signed = built.sign(ca.key, hashes.SHA256())
    save("good-by-library", signed.public_bytes(serialization.Encoding.DER))
    save("good-by-library", signed.public_bytes(serialization.Encoding.PEM), "pem")


def bad_values(ca, rsa_ca, other):
    """Lists that are well-formed but must not count."""
    one = entry(0x1234, reason(1))
    delta = extension(DELTA, integer(6), critical=True)
    save("bad-delta", crl(ca, one, extensions=[number(), delta]))
    save("bad-delta-not-critical", crl(ca, one, extensions=[number(), extension(DELTA, integer(6))]))
    save("bad-entry-extension", crl(ca, entry(0x1234, extension(UNKNOWN, b"\x05\x00", critical=True))))
    save("bad-expired", crl(ca, one, this=utc("260101000000Z"), following=utc("261101000000Z")))
    save("bad-extension", crl(ca, one, extensions=[number(), extension(UNKNOWN, b"\x05\x00", critical=True)]))
    freshest = extension(FRESHEST, sequence(sequence(full_name(uri("http://example.com/d")))), critical=True)
    save("bad-extension-freshest", crl(ca, one, extensions=[number(), freshest]))
    foreign = extension(ISSUER, sequence(tlv(0xA4, other.name)), critical=True)
    save("bad-indirect", crl(ca, one, extensions=[number(), point(tlv(0x84, b"\xff"))]))
    save("bad-indirect-entry", crl(ca, entry(0x1234, foreign)))
    save("bad-issuer-key", crl(ca, one, extensions=[number(), ca.authority_key(b"\1" * 20)]))
    save("bad-issuer-name", crl(ca, one, issuer=name("somebody else").public_bytes()))
    save("bad-next-update-missing", crl(ca, one, following=b""))
    save("bad-next-update-missing-empty", crl(ca, version=b"", following=b"", extensions=[]))
    save("bad-next-update-missing-extensions", crl(ca, following=b""))
    save("bad-not-yet-valid", crl(ca, one, this=utc("261101000001Z")))
    save("bad-scope-empty", crl(ca, one, extensions=[point()]))
    save("bad-scope-kinds", crl(ca, one, extensions=[point(tlv(0x81, b"\xff"), tlv(0x82, b"\xff"))]))
    save("bad-scope-kinds-attributes", crl(ca, one, extensions=[point(tlv(0x81, b"\xff"), tlv(0x85, b"\xff"))]))
    save("bad-scope-false-written", crl(ca, one, extensions=[point(tlv(0x81, b"\0"))]))
    save("bad-signature-algorithm-sha1", crl(rsa_ca, one, signing=pkcs1(160)))
    save("bad-signature-algorithm-pss-salt", crl(rsa_ca, one, signing=pss(256, salt=8)))
    save("bad-signature-algorithm-named-twice", crl(ca, one, outer=ecdsa(384)[0]))
    flipped = bytearray(crl(ca, one))
    flipped[-1] ^= 1
    save("bad-signature-invalid", bytes(flipped))
    changed = crl(ca, one)
    save("bad-signature-invalid-serial", changed.replace(b"\x02\x02\x12\x34", b"\x02\x02\x12\x35"))
    wrong_key = crl(other, one, issuer=ca.name, extensions=[number()])
    save("bad-signature-invalid-other-key", wrong_key)
    save("bad-signature-invalid-other-kind", crl(rsa_ca, one, issuer=ca.name, extensions=[], signing=pkcs1(256)))
    save("bad-trailing-bytes", crl(ca, one) + b"\0")
    save("bad-truncated", crl(ca, one)[:-1])
    save("bad-truncated-in-entries", crl(ca, *[entry(serial) for serial in range(1, 100)])[:1000])
    save("bad-version-3", crl(ca, one, version=integer(2)))
    save("bad-version-1-written", crl(ca, entry(0x1234), version=integer(0), extensions=[]))
    save("bad-version-extensions", crl(ca, entry(0x1234), version=b""))
    save("bad-version-entry-extensions", crl(ca, one, version=b"", extensions=[]))


def bad_form(ca):
    """Lists that are not as DER or RFC 5280 writes them; every signature verifies."""
    one = entry(0x1234)

    def malformed(label, *entries, **parts):
        save(f"bad-malformed-{label}", crl(ca, *entries, **parts))

    malformed("version-padded", one, version=b"\x02\x02\x00\x01")
    malformed("this-update-missing", one, this=b"", following=b"")
    malformed("this-update-date", one, this=utc("260229000000Z"))
    malformed("this-update-early-generalized", one, this=generalized("20261101000000Z"))
    malformed("next-update-offset", one, following=utc("271101000000+0000"))
    malformed("after-extensions", one, after=b"\x05\x00")
    malformed("other-after-next-update", listed=b"\x05\x00")
    malformed("signature-bits", one, unused=b"\1")
    malformed("signature-without-bits", one, unused=b"", signing=(ecdsa(256)[0], lambda key, data: b""))
    malformed("serial-padded", entry(b"\x02\x02\x00\x7f"))
    malformed("serial-empty", entry(b"\x02\x00"))
    malformed("serial-negative-padded", entry(b"\x02\x02\xff\x80"))
    malformed("serial-odd-date", entry(0, date=utc("261301000000Z")))
    malformed("serial-long-length", entry(b"\x02\x81\x01\x05"))
    malformed("entry-date", entry(0x1234, date=utc("261301000000Z")))
    malformed("entry-date-missing", entry(0x1234, date=b""))
    malformed("entry-date-early-generalized", entry(0x1234, date=generalized("20261031120000Z")))
    malformed("entry-trailing", sequence(integer(5), utc("261031120000Z"), sequence(reason(1)), b"\x05\x00"))
    malformed("entry-extensions-empty", sequence(integer(5), utc("261031120000Z"), sequence()))
    malformed("entry-extension-twice", entry(0x1234, reason(1), reason(1)))
    malformed("entry-extension-trailing", entry(0x1234, sequence(tlv(0x06, UNKNOWN), tlv(0x04, b""), b"\x05\x00")))
    malformed("entry-not-sequence", listed=sequence(integer(5)))
    malformed("entry-too-long", entry(0x1234, extension(UNKNOWN, b"\0" * 5000)))
    # The list ends in the midst of an entry, which goes on where the extensions should be.
    first, second = entry(1, reason(1)), entry(2, reason(1))
    malformed("entry-across-list-end", listed=sequence(first, second[:10]) + second[10:])
    malformed("entry-longer-than-list", listed=sequence(b"\x30\x20" + b"\0" * 16))
    malformed("reason-7", entry(0x1234, reason(7)))
    malformed("reason-11", entry(0x1234, reason(11)))
    malformed("reason-integer", entry(0x1234, extension(REASON, integer(1))))
    malformed("reason-padded", entry(0x1234, extension(REASON, tlv(0x0A, b"\0\1"))))
    malformed("reason-trailing", entry(0x1234, extension(REASON, tlv(0x0A, b"\1") + b"\0")))
    malformed("invalidity-date-utc", entry(0x1234, extension(INVALIDITY, utc("261031120000Z"))))
    true = sequence(tlv(0x06, UNKNOWN), tlv(0x01, b"\1"), tlv(0x04, b""))
    malformed("critical-true-as-1", one, extensions=[true])
    malformed("extensions-empty", one, extensions=[b""])
    malformed("extension-twice", one, extensions=[number(), number()])
    malformed("extension-oid-padded", one, extensions=[extension(b"\x55\x80\x01", b"")])
    malformed("extensions-too-long", one, extensions=[extension(UNKNOWN, b"\0" * 66000)])
    malformed("number-negative", one, extensions=[extension(NUMBER, b"\x02\x01\x80")])
    malformed("number-21-octets", one, extensions=[number(2**160)])
    malformed("number-trailing", one, extensions=[extension(NUMBER, integer(7) + b"\0")])
    malformed("key-trailing", one, extensions=[extension(KEY, sequence(tlv(0x80, b"\1")) + b"\0")])
    malformed("point-boolean-1", one, extensions=[point(tlv(0x81, b"\1"))])
    malformed("point-relative-name", one, extensions=[point(tlv(0xA0, tlv(0xA1, b"\x31\x00")))])
    malformed("point-order", one, extensions=[point(tlv(0x84, b"\xff"), tlv(0x81, b"\xff"))])
    malformed("point-reasons-padded", one, extensions=[point(tlv(0x83, b"\0\x40"))])
    malformed("point-without-names", one, extensions=[point(full_name())])
    malformed("algorithm-trailing", one, signing=(sequence(tlv(0x06, bytes.fromhex(ECDSA[256])), b"\x05\x00\x05\x00"),
                                                  ecdsa(256)[1]))
    plain = crl(ca, one)
    content = plain[2 + (plain[1] & 0x7F) :]
    save("bad-malformed-length-padded", b"\x30\x83\x00" + len(content).to_bytes(2, "big") + content)
    save("bad-malformed-length-indefinite", b"\x30\x80" + content + b"\0\0")
    save("bad-malformed-after-signature", sequence(content, b"\x05\x00"))
    save("bad-malformed-not-der", b"<html>404 Not Found</html>")


def main():
    ca = Authority("ca-p256", ec.generate_private_key(ec.SECP256R1()), keep=True)
    rsa_ca = Authority("ca-rsa", rsa.generate_private_key(65537, 2048), keep=True)
    p384 = Authority("ca-p384", ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    p521 = Authority("ca-p521", ec.generate_private_key(ec.SECP521R1()), hashes.SHA512())
    other = Authority("ca-other-key", ec.generate_private_key(ec.SECP256R1()), common_name="ca-p256")
    same = {"key": ca.key, "common_name": "ca-p256"}
    Authority("ca-without-crl-sign", crl_sign=False, **same)
    Authority("ca-without-usage", usage=False, **same)
    Authority("ca-without-key-identifier", key_identifier=False, **same)
    Authority("ca-end-entity", ca=False, **same)
    Authority("ca-critical-extension", critical=True, **same)
    Authority("ca-expired", end=datetime.datetime(2026, 10, 31, tzinfo=datetime.timezone.utc), **same)
    Authority("ca-not-yet-valid", start=datetime.datetime(2026, 11, 2, tzinfo=datetime.timezone.utc), **same)
    good(ca, rsa_ca, p384, p521)
    bad_values(ca, rsa_ca, other)
    bad_form(ca)
    issuers(ca)

    at = lambda *urls, issuer=None, reasons=None: x509.DistributionPoint(
        [x509.UniformResourceIdentifier(url) for url in urls] or None, None, reasons, issuer
    )
    ca.device("device-plain", 0x1234)
    ca.device("device-point-1", 0x1234, at("http://crl.example/1.crl"))
    ca.device("device-point-2", 0x1234, at("http://crl.example/2.crl", "ldap://crl.example/2"), at("HTTPS://b.example/2"))
    issuer = [x509.DirectoryName(name("somebody else"))]
    ca.device("device-foreign", 0x1234, at("http://crl.example/1.crl", issuer=issuer))
    flags = frozenset([x509.ReasonFlags.key_compromise, x509.ReasonFlags.superseded])
    ca.device("device-reasons", 0x1234, at("http://crl.example/1.crl", reasons=flags))
    by_name = x509.DistributionPoint([x509.DirectoryName(name("ca-p256"))], None, None, None)
    ca.device("device-directory-name", 0x1234, by_name)
    other_name = x509.DistributionPoint([x509.DirectoryName(name("somebody else"))], None, None, None)
    ca.device("device-other-name", 0x1234, other_name)
    part = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "part 1")])
    ca.device("device-relative-name", 0x1234, x509.DistributionPoint(None, part, None, None))
    own_issuer = [x509.DirectoryName(name("ca-p256"))]
    ca.device("device-own-issuer", 0x1234, at("http://crl.example/1.crl", issuer=own_issuer))
    ca.device("authority-below", 0x1234, at("http://crl.example/1.crl"), ca=True)

    version_1(ca)
    if ONLY:
        return
    pem = [each.certificate.public_bytes(serialization.Encoding.PEM) for each in (ca, rsa_ca, p384, p521)]
    (HERE / "authorities.pem").write_bytes(b"".join(pem))


if __name__ == "__main__":
    main()
