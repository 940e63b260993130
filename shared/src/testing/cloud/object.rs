//! Content of an object, which copies of the cloud share until one of them changes it.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Deref;
use std::sync::Arc;

/// Bytes that are cheap to copy.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Object(Arc<Vec<u8>>);

impl Object {
    /// The bytes, to be changed.
    pub fn to_mut(&mut self) -> &mut Vec<u8> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Vec<u8>> for Object {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Object {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Length and a hash: nobody reads thousands of bytes.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        write!(f, "Object({} bytes, {:016x})", self.0.len(), hasher.finish())
    }
}
