"""Makes the frozen certificates of this folder: CAs of every allowed key, leaves that pass, and one leaf per fault.

Run with a Python that has the package `cryptography` (the local cloud's virtual environment has it). Names of functions
as arguments make their files alone. The keys are thrown away, but for `fixture-*`, `walkthrough-*` and `by-hand-*`, whose
devices connect in tests. The ids of the first two stand in the event fixtures of `events/activator`: regenerate them together.
"""

import datetime
import pathlib
import secrets
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = pathlib.Path(__file__).parent
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2099, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def authority(label, key, digest=hashes.SHA256(), extensions=True, common_name=None):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name or label))
        .issuer_name(name(common_name or label))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(END)
    )
    if extensions:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(
            key_usage(cert_sign=True), critical=True
        )
    certificate = builder.sign(key, digest)
    save(label, der(certificate))
    return key, certificate


def key_usage(cert_sign=False, digital_signature=False, agreement=False):
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=agreement,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def leaf(issuer, key=None, digest=hashes.SHA256(), common_name="pump-1", serial=0x1234, **sign):
    issuer_key, issuer_certificate = issuer
    key = key or ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer_certificate.subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x05\x00"), False)
        .sign(issuer_key, digest, **sign)
    )


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def save(label, data):
    (HERE / f"{label}.der").write_bytes(data)


# DER by hand, for what no library agrees to make.


def tlv(tag, content):
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def split(content):
    parts = []
    while content:
        length, header = content[1], 2
        if length & 0x80:
            count = length & 0x7F
            length, header = int.from_bytes(content[2 : 2 + count], "big"), 2 + count
        parts.append(content[: header + length])
        content = content[header + length :]
    return parts


def inside(element):
    header = 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)
    return element[header:]


def resigned(issuer, certificate, change):
    """The certificate with its tbsCertificate's parts changed, signed again by its issuer, with SHA-256."""
    tbs, algorithm, _ = split(inside(der(certificate)))
    tbs = tlv(0x30, b"".join(change(split(inside(tbs)))))
    key = issuer[0]
    scheme = [padding.PKCS1v15()] if isinstance(key, rsa.RSAPrivateKey) else []
    scheme.append(hashes.SHA256() if scheme else ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, tbs + algorithm + tlv(0x03, b"\0" + key.sign(tbs, *scheme)))


def of_version(encoded, *more, extensions=False):
    """A change for `resigned`: another version, further parts behind the key, and the extensions only if wanted."""
    version = b"" if encoded is None else tlv(0xA0, tlv(0x02, bytes([encoded])))

    def change(parts):
        kept = [part for part in parts if part[0] != 0xA0 and (extensions or part[0] != 0xA3)]
        return [version] + kept[:6] + list(more) + kept[6:]

    return change


def with_serial(content):
    return lambda parts: [parts[0], tlv(0x02, content)] + parts[2:]


def main():
    p256 = authority("ca-p256", ec.generate_private_key(ec.SECP256R1()))
    p384 = authority("ca-p384", ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    p521 = authority("ca-p521", ec.generate_private_key(ec.SECP521R1()), hashes.SHA512())
    rsa2048 = authority("ca-rsa", rsa.generate_private_key(65537, 2048))
    authority("ca-without-extensions", p256[0], extensions=False, common_name="ca-p256")
    save("ca-end-entity", der(leaf(p256, key=p256[0], common_name="ca-p256")))

    save("good-p256-sha256", der(leaf(p256)))
    save("good-p256-sha512", der(leaf(p256, digest=hashes.SHA512())))
    save("good-p384-sha384", der(leaf(p384, digest=hashes.SHA384())))
    save("good-p521-sha512", der(leaf(p521, digest=hashes.SHA512())))
    for bits in (256, 384, 512):
        digest = getattr(hashes, f"SHA{bits}")()
        save(f"good-rsa-pkcs1-sha{bits}", der(leaf(rsa2048, digest=digest)))
        pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=bits // 8)
        save(f"good-rsa-pss-sha{bits}", der(leaf(rsa2048, digest=digest, rsa_padding=pss)))

    good = leaf(p256)
    save("bad-signature-sha1", signed_with_sha1(rsa2048))
    save("bad-signature-sha224", der(leaf(p256, digest=hashes.SHA224())))
    short_salt = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=8)
    save("bad-signature-pss-salt", der(leaf(rsa2048, rsa_padding=short_salt)))
    other_mgf = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=32)
    save("bad-signature-pss-mgf", der(leaf(rsa2048, rsa_padding=other_mgf)))
    tbs, algorithm, signature = split(inside(der(good)))
    save("bad-signature-flipped", tlv(0x30, tbs + algorithm + signature[:-1] + bytes([signature[-1] ^ 1])))
    save("bad-signature-named-twice", tlv(0x30, tbs + ecdsa_with_sha384() + signature))
    save("bad-key-rsa-1024", der(leaf(p256, key=rsa.generate_private_key(65537, 1024))))
    save("bad-key-ed25519", der(leaf(p256, key=ed25519.Ed25519PrivateKey.generate())))
    save("bad-key-secp256k1", der(leaf(p256, key=ec.generate_private_key(ec.SECP256K1()))))
    save("good-version-1", resigned(p256, good, of_version(None)))
    save("bad-trailing-bytes", der(good) + b"\0\0")
    save("bad-truncated", der(good)[:-20])
    save("bad-serial-negative", resigned(p256, good, with_serial(b"\x80\x01")))
    save("bad-serial-zero", resigned(p256, good, with_serial(b"\0")))
    save("bad-serial-21-octets", resigned(p256, good, with_serial(b"\x01" * 21)))
    twice = der(good).count(b"\x86\x8d\x1f\x02")
    assert twice == 1, "the second extension's object identifier is not where it was"
    double = lambda parts: [part.replace(b"\x86\x8d\x1f\x02", b"\x86\x8d\x1f\x01") for part in parts]
    save("bad-extension-twice", resigned(p256, good, double))
    huge = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.3"), b"\x04\x82\xc3\x50" + b"\0" * 50000)
    builder = x509.CertificateBuilder(p256[1].subject, name("pump-1"), p256[0].public_key(), 5, START, END)
    save("bad-huge", der(builder.add_extension(huge, critical=False).sign(p256[0], hashes.SHA256())))

    versions()
    serials()
    walkthrough()
    by_hand()

    fixture_key = ec.generate_private_key(ec.SECP256R1())
    fixture_ca = authority("fixture-ca", ec.generate_private_key(ec.SECP256R1()))
    save("fixture-device", der(leaf(fixture_ca, key=fixture_key, common_name="fixture-device")))
    save_key("fixture-ca", fixture_ca[0])
    save_key("fixture-device", fixture_key)


def versions():
    """What each X.509 version may have and what it may not, and who is the CA itself."""
    ca = authority("ca-versions", ec.generate_private_key(ec.SECP256R1()))
    good = leaf(ca)
    bits = b"\x07\x80"
    save("good-version-1-written", resigned(ca, good, of_version(0)))
    save("good-version-2", resigned(ca, good, of_version(1)))
    save("good-version-2-unique-ids", resigned(ca, good, of_version(1, tlv(0x81, bits), tlv(0x82, bits))))
    save("good-version-3-unique-id", resigned(ca, good, of_version(2, tlv(0x82, bits), extensions=True)))
    save("good-version-3-without-extensions", resigned(ca, good, of_version(2)))
    save("bad-version-1-extensions", resigned(ca, good, of_version(None, extensions=True)))
    save("bad-version-1-extensions-empty", resigned(ca, good, of_version(None, tlv(0xA3, tlv(0x30, b"")))))
    save("bad-version-1-unique-id", resigned(ca, good, of_version(None, tlv(0x81, bits))))
    save("bad-version-2-extensions", resigned(ca, good, of_version(1, extensions=True)))
    save("bad-version-4", resigned(ca, good, of_version(3, extensions=True)))

    save("bad-authority-key", resigned(ca, leaf(ca, key=ca[0]), of_version(None)))
    compressed = ca[0].public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    key = tlv(0x30, split(inside(split_tbs(good)[6]))[0] + tlv(0x03, b"\0" + compressed))
    with_key = lambda parts: of_version(None)(parts[:6] + [key] + parts[7:])
    save("bad-authority-key-compressed", resigned(ca, good, with_key))
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = (root_key, leaf((root_key, ca[1]), key=root_key, common_name="ca-versions"))
    save("ca-version-1", resigned(root, root[1], of_version(None)))


def split_tbs(certificate):
    return split(inside(split(inside(der(certificate)))[0]))


def serials():
    """Serial numbers at the edges of what RFC 5280 section 4.1.2.2 allows."""
    ca = authority("ca-serials", ec.generate_private_key(ec.SECP256R1()))
    good = leaf(ca)
    save("good-serial-20-octets", resigned(ca, good, with_serial(b"\x7f" + b"\xff" * 19)))
    save("good-serial-20-octets-high", resigned(ca, good, with_serial(b"\0" + b"\xff" * 20)))
    save("bad-serial-21-octets-high", resigned(ca, good, with_serial(b"\0" + b"\xff" * 21)))
    save("bad-serial-padded", resigned(ca, good, with_serial(b"\0\x12\x34")))


def walkthrough(label="walkthrough"):
    """A CA and a device as the commands of AWS's walk-through of just-in-time registration make them, with OpenSSL 3.0:

    openssl req -x509 -new -nodes -key CAroot.key -sha256 -days … -out CAroot.pem
    openssl x509 -req -in deviceCert.csr -CA CAroot.pem -CAkey CAroot.key -CAcreateserial -out deviceCert.crt -days … -sha256

    The device's certificate is of version 1. Only the validity differs: it does not end.
    """
    key = rsa.generate_private_key(65537, 2048)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    ca = (
        x509.CertificateBuilder(name(f"{label}-ca"), name(f"{label}-ca"), key.public_key(), random_serial())
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    device_key = rsa.generate_private_key(65537, 2048)
    device = leaf((key, ca), key=device_key, common_name=f"{label}-device", serial=random_serial())
    save(f"{label}-ca", der(ca))
    save(f"{label}-device", resigned((key, ca), device, of_version(None)))
    save_key(f"{label}-ca", key)
    save_key(f"{label}-device", device_key)


def by_hand():
    """The same once more, for a test that registers the CA itself: AWS IoT takes a CA once."""
    walkthrough("by-hand")


def random_serial():
    return secrets.randbits(159)


def save_key(label, key):
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (HERE / f"{label}.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))


def signed_with_sha1(issuer):
    """No library makes such a certificate any more, so the parts are put together by hand."""
    algorithm = bytes.fromhex("300d06092a864886f70d0101050500")
    tbs, _, _ = split(inside(der(leaf(issuer))))
    parts = split(inside(tbs))
    tbs = tlv(0x30, b"".join(parts[:2] + [algorithm] + parts[3:]))
    signature = issuer[0].sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    return tlv(0x30, tbs + algorithm + tlv(0x03, b"\0" + signature))


def ecdsa_with_sha384():
    return bytes.fromhex("300a06082a8648ce3d040303")


if __name__ == "__main__":
    for function in sys.argv[1:] or ["main"]:
        globals()[function]()
