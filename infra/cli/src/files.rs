//! Files that commands read and write.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use shared::pki::Certificate;
use shared::pki::pem::is_utf16;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::credentials::{certificates, private_key};

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// It stays and the command fails. The default: a key that is gone is gone.
    Keep,
    /// It is replaced.
    Replace,
}

/// A file to be written.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// Its name within the folder.
    pub name: &'a str,
    /// What it holds.
    pub content: &'a str,
    /// Whether only the owner may read it.
    pub secret: bool,
}

/// Reads a file of any kind.
///
/// # Errors
/// The file's path with what the system says.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Reads a text file in UTF-8, without the byte order mark that some editors and spreadsheets put first.
///
/// # Errors
/// The file's path with what the system says, or what it holds instead.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_bytes(path)?;
    if is_utf16(&bytes) {
        bail!("{} is text in UTF-16: save it as UTF-8", path.display());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        anyhow!("{} is not text in UTF-8: byte {place} is at fault", path.display())
    })?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}

/// Reads the certificates of a file in its order, DER or PEM; there is at least one.
///
/// # Errors
/// The file's path with what it holds instead.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    certificates(&read_bytes(path)?).with_context(|| unusable(path))
}

/// Reads the certificate of a file, DER or PEM; the first one of a chain.
///
/// # Errors
/// The file's path with what it holds instead.
pub fn read_certificate(path: &Path) -> Result<Certificate> {
    Ok(read_first_certificate(path)?.0)
}

/// The same, with its DER form.
///
/// # Errors
/// The file's path with what it holds instead.
pub fn read_first_certificate(path: &Path) -> Result<(Certificate, CertificateDer<'static>)> {
    let der = read_certificates(path)?.into_iter().next().with_context(|| unusable(path))?;
    Ok((Certificate::from_der(&der).with_context(|| unusable(path))?, der))
}

/// Reads the first private key of a file, DER or PEM.
///
/// # Errors
/// The file's path with what it holds instead.
pub fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    private_key(&read_bytes(path)?).with_context(|| unusable(path))
}

fn unusable(path: &Path) -> String {
    format!("{} is not usable", path.display())
}

/// Writes files into a folder, which is made if need be. Nothing is written if one of them is in the way.
///
/// # Errors
/// [`Existing::Keep`] and a file of that name, or what the system says.
pub fn write_all(folder: &Path, files: &[NewFile<'_>], existing: Existing) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    let paths: Vec<_> = files.iter().map(|file| folder.join(file.name)).collect();
    if existing == Existing::Keep
        && let Some(path) = paths.iter().find(|path| path.exists())
    {
        bail!("{} exists already: choose another folder with --out, or overwrite it with --force", path.display());
    }
    for (file, path) in files.iter().zip(&paths) {
        let written = write(path, file.content.as_bytes(), file.secret);
        written.with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(paths)
}

/// Writes one file of any kind, readable for all. Its folder has to be there.
///
/// # Errors
/// [`Existing::Keep`] and a file of that name, or what the system says.
pub fn write_bytes(path: &Path, content: &[u8], existing: Existing) -> Result<()> {
    if existing == Existing::Keep && path.exists() {
        bail!("{} exists already: choose another file with --out, or overwrite it with --force", path.display());
    }
    write(path, content, false).with_context(|| format!("{} cannot be written", path.display()))
}

/// The old file goes first: one that is opened keeps its mode, and a key must never be in a readable file.
fn write(path: &Path, content: &[u8], secret: bool) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    options.open(path)?.write_all(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn existing_files_stay_unless_replaced_and_keys_are_private() {
        let folder = std::env::temp_dir().join(format!("jitr-files-{}", std::process::id()));
        let files = |content| {
            [NewFile { name: "a.pem", content, secret: false }, NewFile { name: "a.key", content, secret: true }]
        };
        let paths = write_all(&folder, &files("one"), Existing::Keep).unwrap();
        fs::remove_file(&paths[0]).unwrap();
        fs::set_permissions(&paths[1], fs::Permissions::from_mode(0o644)).unwrap();

        let fault = write_all(&folder, &files("two"), Existing::Keep).unwrap_err();
        assert!(fault.to_string().contains("a.key exists already"), "{fault}");
        assert!(!paths[0].exists(), "nothing is written if one file is in the way");

        write_all(&folder, &files("two"), Existing::Replace).unwrap();
        assert_eq!(read_text(&paths[1]).unwrap(), "two");
        assert_eq!(fs::metadata(&paths[1]).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn text_is_utf_8_with_or_without_a_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        let read = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read_text(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "list.csv"))
        };
        for (bytes, expected) in [
            (&b"a,\xc3\xa4\r\n"[..], Ok("a,ä\r\n")),
            (b"\xef\xbb\xbfa", Ok("a")),
            (b"", Ok("")),
            (b"\xff\xfea\0", Err("list.csv is text in UTF-16: save it as UTF-8")),
            (b"\xfe\xff\0a", Err("list.csv is text in UTF-16: save it as UTF-8")),
            (b"ab\xe4", Err("list.csv is not text in UTF-8: byte 2 is at fault")),
        ] {
            assert_eq!(read(bytes), expected.map(ToOwned::to_owned).map_err(ToOwned::to_owned), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (content, expected) in [
            (&b""[..], "it is empty"),
            (b" \r\n", "it is empty"),
            (b"hello", "it is neither DER nor PEM with a block CERTIFICATE"),
            (
                b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
                "it is neither DER nor PEM with a block CERTIFICATE: it has CERTIFICATE REQUEST",
            ),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "it ends within a PEM block"),
            (b"-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n", "something that is no base64"),
            (b"\xff\xfe-\0", "UTF-16"),
            (b"\x30\x82\x01\x00abc", "not an X.509 certificate"),
        ] {
            fs::write(&path, content).unwrap();
            let error = format!("{:#}", read_certificate(&path).unwrap_err());
            assert!(error.contains("ca.pem is not usable: ") && error.contains(expected), "{expected}: {error}");
        }
    }
}
