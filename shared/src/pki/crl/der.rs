//! DER, one element at a time: definite minimal lengths, single identifier octets, expected tags (X.690 section 10).

/// Identifier octets of DER.
pub(in crate::pki) const BIT_STRING: u8 = 0x03;
pub(in crate::pki) const BOOLEAN: u8 = 0x01;
pub(in crate::pki) const ENUMERATED: u8 = 0x0a;
pub(in crate::pki) const GENERALIZED_TIME: u8 = 0x18;
pub(in crate::pki) const INTEGER: u8 = 0x02;
pub(in crate::pki) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(in crate::pki) const OCTET_STRING: u8 = 0x04;
pub(in crate::pki) const SEQUENCE: u8 = 0x30;
pub(in crate::pki) const SET: u8 = 0x31;
pub(in crate::pki) const UTC_TIME: u8 = 0x17;

/// Longest length field, in octets after the first: an element may have up to 4 GiB.
const MAX_LENGTH_OCTETS: usize = 4;

/// What is wrong with an element, for people.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::pki) struct Flaw(pub(in crate::pki) &'static str);

/// Identifier and length of an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    /// Octets of the content.
    pub(super) content: usize,
    /// Octets of identifier and length.
    pub(super) own: usize,
    /// The identifier octet.
    pub(super) tag: u8,
}

impl Header {
    /// Octets of the whole element.
    pub(super) fn total(self) -> usize {
        self.own.saturating_add(self.content)
    }
}

/// An element that is there as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::pki) struct Element<'a> {
    /// What the identifier and the length wrap.
    pub(in crate::pki) content: &'a [u8],
    /// The identifier octet.
    pub(in crate::pki) tag: u8,
    /// Identifier, length and content.
    pub(in crate::pki) whole: &'a [u8],
}

/// Reads the header at the start of `input`; none if it is not complete yet.
///
/// A flaw that a longer input would not cure is found as soon as its octet is there.
pub(super) fn header(input: &[u8]) -> Result<Option<Header>, Flaw> {
    let Some((&tag, rest)) = input.split_first() else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Flaw("an identifier of more than one octet"));
    }
    let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some(Header { content: usize::from(first), own: 2, tag }));
    }
    let octets = usize::from(first & 0x7f);
    if octets == 0 {
        return Err(Flaw("an indefinite length"));
    }
    if octets > MAX_LENGTH_OCTETS {
        return Err(Flaw("a length of more than four octets"));
    }
    let Some(digits) = rest.get(..octets) else { return Ok(None) };
    let content = digits.iter().fold(0_usize, |length, octet| (length << 8) | usize::from(*octet));
    if content < 0x80 || digits.first() == Some(&0) {
        return Err(Flaw("a length with more octets than it needs"));
    }
    Ok(Some(Header { content, own: 2 + octets, tag }))
}

/// Takes the first element off `input`.
pub(in crate::pki) fn element<'a>(input: &mut &'a [u8]) -> Result<Element<'a>, Flaw> {
    let short = Flaw("an element longer than what it stands in");
    let header = header(input)?.ok_or(short)?;
    let (whole, rest) = input.split_at_checked(header.total()).ok_or(short)?;
    let content = whole.get(header.own..).ok_or(short)?;
    *input = rest;
    Ok(Element { content, tag: header.tag, whole })
}

/// Takes the first element off `input` and returns its content, if it is of this kind.
pub(in crate::pki) fn expect<'a>(input: &mut &'a [u8], tag: u8, otherwise: &'static str) -> Result<&'a [u8], Flaw> {
    let element = element(input)?;
    if element.tag == tag { Ok(element.content) } else { Err(Flaw(otherwise)) }
}

/// The same, if there is an element of this kind.
pub(in crate::pki) fn optional<'a>(input: &mut &'a [u8], tag: u8) -> Result<Option<&'a [u8]>, Flaw> {
    if input.first() != Some(&tag) {
        return Ok(None);
    }
    element(input).map(|element| Some(element.content))
}

/// The content of the one element that `input` is.
pub(in crate::pki) fn only<'a>(mut input: &'a [u8], tag: u8, otherwise: &'static str) -> Result<&'a [u8], Flaw> {
    let content = expect(&mut input, tag, otherwise)?;
    end(input)?;
    Ok(content)
}

/// Checks that nothing follows.
pub(in crate::pki) fn end(rest: &[u8]) -> Result<(), Flaw> {
    if rest.is_empty() { Ok(()) } else { Err(Flaw("something follows the last element")) }
}

/// Reads the content of a BOOLEAN DEFAULT FALSE: 00 or ff (X.690 section 11.1).
///
/// DER leaves a FALSE out where it is the default (section 11.5). One that is written out says the same.
pub(in crate::pki) fn boolean(content: Option<&[u8]>) -> Result<bool, Flaw> {
    match content {
        None | Some([0]) => Ok(false),
        Some([0xff]) => Ok(true),
        Some(_) => Err(Flaw("a BOOLEAN that is not as DER encodes it")),
    }
}

/// An INTEGER.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Integer<'a> {
    /// Below zero.
    Negative,
    /// The octets without the leading zero octet that DER puts before a high bit; none for zero.
    NotNegative(&'a [u8]),
}

impl<'a> Integer<'a> {
    /// Reads the content of an INTEGER.
    pub(super) fn read(content: &'a [u8]) -> Result<Self, Flaw> {
        match content {
            [] => Err(Flaw("an INTEGER without octets")),
            [0] => Ok(Self::NotNegative(&[])),
            [0, second, ..] if *second < 0x80 => Err(Flaw("an INTEGER with more octets than it needs")),
            [0xff, second, ..] if *second >= 0x80 => Err(Flaw("an INTEGER with more octets than it needs")),
            [0, octets @ ..] => Ok(Self::NotNegative(octets)),
            [first, ..] if *first >= 0x80 => Ok(Self::Negative),
            octets => Ok(Self::NotNegative(octets)),
        }
    }
}

/// The octets of a BIT STRING that is whole octets: its first octet, the number of unused bits, is zero.
pub(in crate::pki) fn whole_octets(content: &[u8]) -> Result<&[u8], Flaw> {
    content.strip_prefix(&[0]).ok_or(Flaw("a signature that is not whole octets"))
}

/// The octets of a non-negative INTEGER of at most 20 octets without the leading zero octet; none for zero.
///
/// The octet that DER puts before a high bit does not count among the 20.
pub(in crate::pki) fn magnitude(content: &[u8]) -> Result<&[u8], Flaw> {
    match Integer::read(content)? {
        Integer::Negative => Err(Flaw("a negative INTEGER")),
        Integer::NotNegative(octets) if octets.len() > 20 => Err(Flaw("an INTEGER of more than 20 octets")),
        Integer::NotNegative(octets) => Ok(octets),
    }
}

/// The element of this kind with this content, in parts.
pub(in crate::pki) fn encode(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|octet| **octet == 0).count();
    let digits = length.get(zeros..).unwrap_or_default();
    let mut element = vec![tag];
    match digits {
        [] => element.push(0),
        [short @ ..0x80] => element.push(*short),
        // A length has at most 8 digits.
        digits => {
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            element.extend_from_slice(digits);
        }
    }
    element.extend_from_slice(&content);
    element
}

/// Checks the content of an OBJECT IDENTIFIER (X.690 section 8.19).
pub(in crate::pki) fn object_identifier(content: &[u8]) -> Result<&[u8], Flaw> {
    let mut starts = true;
    for octet in content {
        if starts && *octet == 0x80 {
            return Err(Flaw("an OBJECT IDENTIFIER with more octets than it needs"));
        }
        starts = *octet < 0x80;
    }
    if content.is_empty() || !starts { Err(Flaw("an OBJECT IDENTIFIER without an end")) } else { Ok(content) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_one_encoding() {
        let read = |octets: &[u8]| header(octets).map(|header| header.map(|header| (header.own, header.content)));
        assert_eq!(read(&[0x30, 0x7f]), Ok(Some((2, 127))));
        assert_eq!(read(&[0x30, 0x81, 0x80]), Ok(Some((3, 128))));
        assert_eq!(read(&[0x30, 0x82, 0x01, 0x00]), Ok(Some((4, 256))));
        assert_eq!(read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Ok(Some((6, 0xffff_ffff))));
        for incomplete in [&[][..], &[0x30], &[0x30, 0x82], &[0x30, 0x82, 1]] {
            assert_eq!(read(incomplete), Ok(None), "{incomplete:02x?}");
        }
        for flawed in [
            &[0x3f, 0x01][..],
            &[0x30, 0x80],
            &[0x30, 0x81, 0x7f],
            &[0x30, 0x82, 0x00, 0xff],
            &[0x30, 0x85, 0x01, 0, 0, 0, 0],
            &[0x30, 0xff],
        ] {
            assert!(read(flawed).is_err(), "{flawed:02x?}");
        }
    }

    #[test]
    fn integers_are_minimal_and_of_at_most_20_octets() {
        assert_eq!(magnitude(&[0]), Ok(&[][..]));
        assert_eq!(magnitude(&[0, 0x80]), Ok(&[0x80][..]));
        assert_eq!(magnitude(&[0x7f; 20]), Ok(&[0x7f; 20][..]));
        let high: Vec<u8> = [0].into_iter().chain([0xff; 20]).collect();
        assert_eq!(magnitude(&high), Ok(&[0xff; 20][..]));
        for flawed in [&[][..], &[0, 0], &[0, 0x7f], &[0x80], &[0xff, 0x01], &[0xff, 0x80], &[1; 21]] {
            assert!(magnitude(flawed).is_err(), "{flawed:02x?}");
        }
        for (content, negative) in [(&[0x80][..], true), (&[0xff], true), (&[0xff, 0x7f], true), (&[1; 21], false)] {
            assert_eq!(Integer::read(content).map(|read| read == Integer::Negative), Ok(negative), "{content:02x?}");
        }
        for flawed in [&[][..], &[0, 0], &[0, 0x7f], &[0xff, 0x80], &[0xff, 0xff]] {
            assert!(Integer::read(flawed).is_err(), "{flawed:02x?}");
        }
    }

    #[test]
    fn booleans_are_read_whether_the_default_is_written_or_not() {
        assert_eq!([None, Some(&[0][..]), Some(&[0xff])].map(boolean), [Ok(false), Ok(false), Ok(true)]);
        for flawed in [&[][..], &[1], &[0x7f], &[0, 0], &[0xff, 0xff]] {
            assert!(boolean(Some(flawed)).is_err(), "{flawed:02x?}");
        }
    }

    #[test]
    fn what_is_encoded_reads_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_536] {
            let content = vec![7; length];
            let encoded = encode(SET, &[&content[..length / 2], &content[length / 2..]]);
            assert_eq!(only(&encoded, SET, "another kind"), Ok(content.as_slice()));
        }
    }

    #[test]
    fn object_identifiers_end_and_do_not_begin_with_padding() {
        assert!(object_identifier(&[0x55, 0x1d, 0x15]).is_ok());
        assert!(object_identifier(&[0x2a, 0x86, 0x48]).is_ok());
        for flawed in [&[][..], &[0x55, 0x9d], &[0x55, 0x80, 0x01]] {
            assert!(object_identifier(flawed).is_err(), "{flawed:02x?}");
        }
    }
}
