//! Temporary files that share one budget of storage.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder for temporary files, and how many bytes they may hold together. Clones share the budget.
#[derive(Clone, Debug)]
pub struct Scratch {
    budget: Arc<Budget>,
    folder: PathBuf,
}

#[derive(Debug)]
struct Budget {
    free: AtomicU64,
    lowest: AtomicU64,
    whole: u64,
}

impl Scratch {
    /// A folder whose files may hold so many bytes together.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, bytes: u64) -> Self {
        let budget = Budget { free: AtomicU64::new(bytes), lowest: AtomicU64::new(bytes), whole: bytes };
        Self { budget: Arc::new(budget), folder: folder.into() }
    }

    /// Bytes that are free.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.budget.free.load(Ordering::Relaxed)
    }

    /// Most bytes that were held at once so far.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.budget.whole.saturating_sub(self.budget.lowest.load(Ordering::Relaxed))
    }

    /// Makes a file without a name, which vanishes with its handle even if the process is killed.
    ///
    /// # Errors
    /// The folder takes no files.
    pub fn file(&self) -> io::Result<ScratchFile> {
        Ok(ScratchFile { budget: Arc::clone(&self.budget), file: tempfile::tempfile_in(&self.folder)?, held: 0 })
    }
}

/// A folder without a limit of its own.
impl From<PathBuf> for Scratch {
    fn from(folder: PathBuf) -> Self {
        Self::new(folder, u64::MAX)
    }
}

impl From<&Path> for Scratch {
    fn from(folder: &Path) -> Self {
        Self::new(folder, u64::MAX)
    }
}

impl From<&str> for Scratch {
    fn from(folder: &str) -> Self {
        Self::new(folder, u64::MAX)
    }
}

/// A temporary file. What it holds is free again when it is dropped.
#[derive(Debug)]
pub struct ScratchFile {
    budget: Arc<Budget>,
    file: File,
    held: u64,
}

impl ScratchFile {
    /// The open file, for reading.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let less = |free: u64| free.checked_sub(bytes);
        let reserved = self.budget.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let before = reserved.map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        self.budget.lowest.fetch_min(before.saturating_sub(bytes), Ordering::Relaxed);
        self.held = self.held.saturating_add(bytes);
        Ok(())
    }
}

/// Appends. `ErrorKind::StorageFull` if the budget is spent, as the operating system says it of a full disk.
impl Write for ScratchFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_the_budget_and_give_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path(), 10);
        let (mut first, mut second) = (scratch.file().unwrap(), scratch.clone().file().unwrap());
        first.write_all(b"123456").unwrap();
        assert_eq!(second.write_all(b"12345").unwrap_err().kind(), io::ErrorKind::StorageFull);
        second.write_all(b"1234").unwrap();
        assert_eq!(scratch.free(), 0);
        drop(first);
        assert_eq!(scratch.free(), 6);
        drop(second);
        assert_eq!((scratch.free(), scratch.peak()), (10, 10));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
