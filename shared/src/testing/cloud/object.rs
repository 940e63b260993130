//! Content of an object, which copies of the cloud share until one of them changes it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Bytes that are cheap to copy and to compare.
#[derive(Clone, Eq, PartialEq)]
pub struct Object {
    bytes: Arc<Vec<u8>>,
    hash: u64,
}

impl Object {
    /// Changes the bytes.
    pub fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        change(Arc::make_mut(&mut self.bytes));
        self.hash = hash(&self.bytes);
    }
}

impl From<Vec<u8>> for Object {
    fn from(bytes: Vec<u8>) -> Self {
        Self { hash: hash(&bytes), bytes: Arc::new(bytes) }
    }
}

impl Deref for Object {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Hash for Object {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.hash.hash(hasher);
    }
}

/// Length and a hash: nobody reads thousands of bytes.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} bytes, {:016x})", self.bytes.len(), self.hash)
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
