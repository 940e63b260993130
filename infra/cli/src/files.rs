//! Files that commands read and write.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

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
pub fn read_octets(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Reads a text file.
///
/// # Errors
/// The file's path with what the system says.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
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
pub fn write_octets(path: &Path, content: &[u8], existing: Existing) -> Result<()> {
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
        assert_eq!(read(&paths[1]).unwrap(), "two");
        assert_eq!(fs::metadata(&paths[1]).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&folder).unwrap();
    }
}
