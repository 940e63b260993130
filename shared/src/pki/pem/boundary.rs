//! The line that begins a block.

/// UTF-8's byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";

/// Longest label in bytes: those of RFC 7468 have 22 at most.
const MAX_LABEL: usize = 64;

/// What a line may be by its beginning.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum LineStart<'a> {
    /// Blanks and byte order marks, which may stand before a boundary.
    Blank,
    /// The boundary in front of a block with this label.
    Boundary(&'a str),
    /// Text.
    Text,
    /// More of the line decides.
    Undecided,
}

/// Reads a line that grows byte by byte.
pub(super) fn read(line: &[u8]) -> LineStart<'_> {
    if line == BYTE_ORDER_MARK || matches!(line, [blank] if is_blank(*blank)) {
        return LineStart::Blank;
    }
    if BYTE_ORDER_MARK.starts_with(line) || BEGIN.starts_with(line) {
        return LineStart::Undecided;
    }
    let Some(label) = line.strip_prefix(BEGIN) else { return LineStart::Text };
    let (label, is_complete) = label.strip_suffix(DASHES).map_or((label, false), |label| (label, true));
    match std::str::from_utf8(label) {
        Ok(label) if is_label(label) => {
            if is_complete {
                LineStart::Boundary(label)
            } else {
                LineStart::Undecided
            }
        }
        _ => LineStart::Text,
    }
}

/// Printable ASCII: RFC 7468 allows single spaces and hyphens between the words of a label only, which no label that
/// is asked for depends on.
fn is_label(text: &str) -> bool {
    text.len() <= MAX_LABEL && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// White space of RFC 7468 section 3: blanks, line ends, vertical tabulation and form feed.
pub(super) fn is_white(byte: u8) -> bool {
    is_blank(byte) || is_line_end(byte)
}

/// White space within a line.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c)
}

pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_known_as_soon_as_it_can_be() {
        for (line, expected) in [
            (&b""[..], LineStart::Undecided),
            (b"---", LineStart::Undecided),
            (b"-----BEGIN X509 CR", LineStart::Undecided),
            (b"-----BEGIN X509 CRL----", LineStart::Undecided),
            (b"-----BEGIN X509 CRL-----", LineStart::Boundary("X509 CRL")),
            (b"\xef\xbb", LineStart::Undecided),
            (b"\xef\xbb\xbf", LineStart::Blank),
            (b"\t", LineStart::Blank),
            (b"-----BEGIN A-B-----", LineStart::Boundary("A-B")),
            (b"-----END", LineStart::Text),
            (b"------", LineStart::Text),
            (b"-----BEGIN\tX", LineStart::Text),
            (b"-----begin ", LineStart::Text),
            (b"\xef\xbba", LineStart::Text),
            (b"-----BEGIN \xff", LineStart::Text),
            (b"c", LineStart::Text),
        ] {
            assert_eq!(read(line), expected, "{}", line.escape_ascii());
        }
        let long = [BEGIN, &[b'A'; MAX_LABEL + 1]].concat();
        assert_eq!(read(&long), LineStart::Text);
    }
}
