//! Hashes of texts, in hexadecimal digits.

use aws_lc_rs::digest;
use md2::Md2;
use md5::{Digest as _, Md5};

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::substitution) enum Hash {
    Md2,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn named(lower: &str) -> Option<Self> {
        Some(match lower {
            "md2" => Self::Md2,
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    pub(super) fn of(self, text: &str) -> String {
        let sha = |algorithm| hex::encode(digest::digest(algorithm, text.as_bytes()));
        match self {
            Self::Md2 => hex::encode(Md2::digest(text)),
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha224 => sha(&digest::SHA224),
            Self::Sha256 => sha(&digest::SHA256),
            Self::Sha384 => sha(&digest::SHA384),
            Self::Sha512 => sha(&digest::SHA512),
        }
    }
}
