//! URIs, as far as lists of revoked certificates need them: who is asked, and whether two name one place.
//!
//! Scheme and host are compared without regard to case, the rest exactly (RFC 5280 section 4.2.1.6). A port that is the
//! scheme's own is the same as none, and an empty path the same as `/` (section 7.4, step 5). Paths and queries are not
//! normalized: `%7E` and `~` differ, as they do to many a server.

use std::fmt;

/// A URI taken apart (RFC 3986 section 3), as it stands. Its display has scheme and host in lower case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uri<'a> {
    /// None in URIs without `//`, such as `urn:x`.
    authority: Option<Authority<'a>>,
    /// Path, query and fragment.
    rest: &'a str,
    scheme: &'a str,
}

#[derive(Clone, Copy, Debug)]
struct Authority<'a> {
    /// An IPv6 address keeps its brackets.
    host: &'a str,
    /// None without a colon.
    port: Option<&'a str>,
    /// What stands before the `@`.
    user: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Takes a text apart; none without a scheme.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(allowed) {
            return None;
        }
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at_checked(end)?;
                (Some(Authority::read(authority)), rest)
            }
            None => (None, rest),
        };
        Some(Self { authority, rest, scheme })
    }

    /// The host without port; empty if the URI has none.
    pub(crate) fn host(&self) -> &'a str {
        self.authority.map_or("", |authority| authority.host)
    }

    /// Whether its scheme is this one, which is given in lower case.
    pub(crate) fn has_scheme(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Whether it is an address of the web.
    pub(crate) fn is_web(&self) -> bool {
        self.authority.is_some() && (self.has_scheme("http") || self.has_scheme("https"))
    }

    /// Whether it has a user name, even an empty one.
    pub(crate) fn names_user(&self) -> bool {
        self.authority.is_some_and(|authority| authority.user.is_some())
    }

    /// Whether both name one place.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.has_scheme(other.scheme)
            && self.host().eq_ignore_ascii_case(other.host())
            && self.remainder() == other.remainder()
    }

    /// What counts besides scheme and host: whether there is an authority, its user and port, and the rest.
    fn remainder(&self) -> (Option<(Option<&str>, &str)>, &str) {
        let own_port = OWN_PORTS.iter().find(|(scheme, _)| self.has_scheme(scheme)).map(|(_, port)| *port);
        let authority = self.authority.map(|Authority { port, user, .. }| {
            (user, port.filter(|port| Some(*port) != own_port).unwrap_or_default())
        });
        let rest = if self.rest.is_empty() && own_port.is_some() { "/" } else { self.rest };
        (authority, rest)
    }
}

/// The schemes that RFC 5280 section 7.4 wants normalized, and their ports.
const OWN_PORTS: [(&str, &str); 4] = [("ftp", "21"), ("http", "80"), ("https", "443"), ("ldap", "389")];

impl<'a> Authority<'a> {
    fn read(text: &'a str) -> Self {
        let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user), place));
        // The colons of an IPv6 address are within its brackets.
        let end_of_address = place.rfind(']').unwrap_or(0);
        let colon = place.get(end_of_address..).and_then(|rest| rest.find(':')).map(|at| end_of_address + at);
        let (host, port) = colon.and_then(|at| place.split_at_checked(at)).unwrap_or((place, ""));
        Self { host, port: port.strip_prefix(':'), user }
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme.to_ascii_lowercase())?;
        if let Some(Authority { host, port, user }) = self.authority {
            f.write_str("//")?;
            user.iter().try_for_each(|user| write!(f, "{user}@"))?;
            f.write_str(&host.to_ascii_lowercase())?;
            port.iter().try_for_each(|port| write!(f, ":{port}"))?;
        }
        f.write_str(self.rest)
    }
}

/// Whether two texts are URIs that name one place.
pub(crate) fn matches(one: &str, other: &str) -> bool {
    match (Uri::read(one), Uri::read(other)) {
        (Some(one), Some(other)) => one.matches(&other),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn uris_are_taken_apart() {
        for (text, scheme, host, web, shown) in [
            ("HTTP://CRL.Example.com/A.crl", "http", "CRL.Example.com", true, "http://crl.example.com/A.crl"),
            ("https://[2001:DB8::1]:8443/a?B", "https", "[2001:DB8::1]", true, "https://[2001:db8::1]:8443/a?B"),
            ("http://Me:It@HOST", "http", "HOST", true, "http://Me:It@host"),
            ("http://a@b@HOST:x/", "http", "HOST", true, "http://a@b@host:x/"),
            ("http://?Q", "http", "", true, "http://?Q"),
            ("LDAP:///CN=A", "ldap", "", false, "ldap:///CN=A"),
            ("URN:Ab:C", "urn", "", false, "urn:Ab:C"),
            ("http:no-host", "http", "", false, "http:no-host"),
        ] {
            let uri = Uri::read(text).unwrap();
            assert_eq!((uri.has_scheme(scheme), uri.host(), uri.is_web()), (true, host, web), "{text}");
            assert_eq!(uri.to_string(), shown);
        }
        for text in ["", "a", "/a:b", "4:a4023000", "://a", "a b://c", "ä://c"] {
            assert!(Uri::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn one_place_has_several_texts() {
        for (one, other, expected) in [
            ("http://a/x", "HTTP://A/x", true),
            ("http://a/x", "http://a:80/x", true),
            ("http://a/x", "http://a:/x", true),
            ("https://a/x", "https://A:443/x", true),
            ("ldap://a/x", "ldap://a:389/x", true),
            ("http://a", "http://a/", true),
            ("http://[::A]/x", "http://[::a]:80/x", true),
            ("urn:a", "URN:a", true),
            ("no uri", "no uri", true),
            ("http://a/x", "http://a/X", false),
            ("http://a/x", "http://a/x/", false),
            ("http://a/x?q", "http://a/x?Q", false),
            ("http://a/%7e", "http://a/~", false),
            ("http://a/x", "https://a/x", false),
            ("http://a/x", "http://a:443/x", false),
            ("http://a/x", "http://a./x", false),
            ("http://a/x", "http://b@a/x", false),
            ("http://B@a/x", "http://b@a/x", false),
            ("x://a", "x://a/", false),
            ("x://a:80", "x://a", false),
            ("urn:a", "urn:A", false),
            ("urn://a", "urn:a", false),
            ("no uri", "no URI", false),
        ] {
            assert_eq!((matches(one, other), matches(other, one)), (expected, expected), "{one} {other}");
        }
    }

    proptest! {
        /// Whatever the case of scheme and host, and with and without the scheme's own port.
        #[test]
        fn case_of_scheme_and_host_makes_no_difference(
            scheme in "[hH][tT][tT][pP]",
            host in "[a-zA-Z0-9.-]{1,20}",
            upper: bool,
            port in prop::sample::select(vec!["", ":", ":80"]),
            rest in "(/[a-zA-Z0-9%._~-]{0,8}){0,3}(\\?[a-z=]{0,5})?",
        ) {
            let cased = if upper { host.to_uppercase() } else { host.to_lowercase() };
            let (one, other) = (format!("{scheme}://{host}{port}{rest}"), format!("http://{cased}{rest}"));
            prop_assert!(matches(&one, &other), "{one} {other}");
            let longer = other.clone() + "x";
            prop_assert!(!matches(&one, &longer), "{one} {longer}");
        }

        #[test]
        fn texts_read_back(text in "\\PC{0,40}|[a-z]{1,4}://[a-z@:\\[\\]/?#]{0,20}") {
            if let Some(uri) = Uri::read(&text) {
                let shown = uri.to_string();
                let again = Uri::read(&shown).unwrap();
                prop_assert!(uri.matches(&again));
                prop_assert_eq!(again.to_string(), shown);
            }
        }
    }
}
