//! Files that commands read and write.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use shared::pki::Certificate;
use shared::pki::pem::is_utf16;
use tempfile::NamedTempFile;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::credentials::{certificates, private_key};
use crate::output::write_error;

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
    let key = private_key(&read_bytes(path)?).with_context(|| unusable(path))?;
    if let Some(warning) = warning(path) {
        write_error(warning);
    }
    Ok(key)
}

/// What is wrong with the mode of a private key's file.
fn warning(path: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        let mode = fs::metadata(path).map(|file| std::os::unix::fs::PermissionsExt::mode(&file.permissions()));
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            let path = path.display();
            return Some(format!("warning: others than its owner may read or change the key {path}: chmod 600 {path}"));
        }
    }
    None
}

fn unusable(path: &Path) -> String {
    format!("{} is not usable", path.display())
}

/// Writes files into a folder, which is made if need be: all of them, or none if one is in the way. A file is whole when it has
/// its name, and an old one stays until then. Of two commands that write there at once, one waits.
///
/// # Errors
/// [`Existing::Keep`] and a file of that name, or what the system says.
pub fn write_all(folder: &Path, files: &[NewFile<'_>], existing: Existing) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    let files = files.iter().map(|file| {
        let path = folder.join(file.name);
        let content = Unnamed::write(folder_of(&path), file.content.as_bytes(), file.secret);
        Ok((content.with_context(|| unwritable(&path))?, path))
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let lock = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    let lock = lock.with_context(|| format!("folder {} cannot be locked", folder.display()))?;
    if existing == Existing::Keep
        && let Some((_, path)) = files.iter().find(|(_, path)| is_there(path))
    {
        return Err(in_the_way(path, "folder"));
    }
    let paths = files.into_iter().map(|(content, path)| content.name(&path, existing, "folder").map(|()| path));
    let paths = paths.collect::<Result<_>>()?;
    keep_names(&lock);
    Ok(paths)
}

/// Writes one file of any kind, readable for all, in the same way. Its folder has to be there.
///
/// # Errors
/// [`Existing::Keep`] and a file of that name, or what the system says.
pub fn write_bytes(path: &Path, content: &[u8], existing: Existing) -> Result<()> {
    if existing == Existing::Keep && is_there(path) {
        return Err(in_the_way(path, "file"));
    }
    let folder = folder_of(path);
    Unnamed::write(folder, content, false).with_context(|| unwritable(path))?.name(path, existing, "file")?;
    if let Ok(folder) = File::open(folder) {
        keep_names(&folder);
    }
    Ok(())
}

/// A file that has its content and not yet its name. It is removed if it never gets that.
struct Unnamed(NamedTempFile);

impl Unnamed {
    /// Writes the content, down to the disk.
    fn write(folder: &Path, content: &[u8], secret: bool) -> io::Result<Self> {
        // Only its owner can read it from the first moment on.
        let mut file = NamedTempFile::with_prefix_in(".jitr-", folder)?;
        file.write_all(content)?;
        #[cfg(unix)]
        if !secret {
            file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        }
        file.as_file().sync_all()?;
        Ok(Self(file))
    }

    /// Gives it its name, which replaces another file only if that may be.
    fn name(self, path: &Path, existing: Existing, what: &str) -> Result<()> {
        let named = match existing {
            Existing::Keep => self.0.persist_noclobber(path),
            Existing::Replace => self.0.persist(path),
        };
        match named.map_err(|error| error.error) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(in_the_way(path, what)),
            Err(error) => Err(error).with_context(|| unwritable(path)),
        }
    }
}

/// The names outlive a loss of power too, where the system can promise that; the content does in any case.
fn keep_names(folder: &File) {
    let _ = folder.sync_all();
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Whether the name is taken, be it by a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn in_the_way(path: &Path, what: &str) -> anyhow::Error {
    anyhow!("{} exists already: choose another {what} with --out, or overwrite it with --force", path.display())
}

fn unwritable(path: &Path) -> String {
    format!("{} cannot be written", path.display())
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
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "nothing else is left: {names:?}");
        fs::remove_dir_all(&folder).unwrap();
    }

    /// Each key has the certificate that was made with it, and none is lost.
    #[test]
    fn of_commands_that_run_at_once_one_writes_all_files_or_each_does_in_its_turn() {
        for existing in [Existing::Keep, Existing::Replace] {
            let folder = tempfile::tempdir().unwrap();
            let write = |content: &str| {
                let files = [
                    NewFile { name: "a.key", content, secret: true },
                    NewFile { name: "a.pem", content, secret: false },
                ];
                write_all(folder.path(), &files, existing).is_ok()
            };
            let written = std::thread::scope(|scope| {
                let writers: Vec<_> =
                    (0..8).map(|writer| scope.spawn(move || write(&writer.to_string().repeat(4096)))).collect();
                writers.into_iter().map(|writer| writer.join().unwrap()).filter(|written| *written).count()
            });
            let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(written, if existing == Existing::Keep { 1 } else { 8 });
            assert_eq!(read("a.key"), read("a.pem"));
        }
    }

    #[test]
    fn what_can_not_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            NewFile { name: "a.key", content: "new", secret: true },
            NewFile { name: "b/a.pem", content: "new", secret: false },
        ];
        fs::write(folder.path().join("a.key"), "old").unwrap();
        // The folder b is missing.
        write_all(folder.path(), &files, Existing::Replace).unwrap_err();
        assert_eq!(fs::read_to_string(folder.path().join("a.key")).unwrap(), "old");
        fs::create_dir(folder.path().join("c")).unwrap();
        write_bytes(&folder.path().join("c"), b"new", Existing::Replace).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.crl");
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        write_bytes(&path, b"new", Existing::Keep).unwrap_err();
        write_bytes(&path, b"new", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_key_that_others_can_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.key");
        fs::write(&path, "").unwrap();
        for (mode, is_named) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(warning(&path).is_some(), is_named, "{mode:o}");
        }
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
