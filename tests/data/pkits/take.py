"""Takes the certificates and CRLs of this folder out of NIST's Public Key Interoperability Test Suite (PKITS).

The suite comes with the Python package `cryptography_vectors`: `take.py WHEEL` copies what the table of
`infra/cli/tests/pkits.rs` names, so that a row added there brings its files with the next run.
"""

import hashlib
import pathlib
import re
import sys
import zipfile

HERE = pathlib.Path(__file__).parent
TABLE = HERE.parents[2] / "infra/cli/tests/pkits.rs"
SUITE = "cryptography_vectors/x509/PKITS_data"
# cryptography_vectors-50.0.2-py3-none-any.whl
SHA256 = "51641f03a3eb4edbe9fb68e3a3574d25f86aa502d06391fffa886330d02778a0"


def main():
    wheel = pathlib.Path(sys.argv[1])
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{wheel} is not the version that these files are of")
    words = set(re.findall(r'[A-Za-z0-9]+', TABLE.read_text()))
    for old in [*HERE.glob("*.crt"), *HERE.glob("*.crl")]:
        old.unlink()
    with zipfile.ZipFile(wheel) as suite:
        for path in map(pathlib.PurePosixPath, suite.namelist()):
            kind = {".crt": "certs", ".crl": "crls"}.get(path.suffix)
            if str(path.parent) == f"{SUITE}/{kind}" and path.stem in words:
                (HERE / path.name).write_bytes(suite.read(str(path)))


if __name__ == "__main__":
    main()
