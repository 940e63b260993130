//! Which addresses of the web are asked: the source's own, and those it redirects to.

use reqwest::Url;

use super::FetchFault;

/// The source's own address.
///
/// # Errors
/// [`FetchFault::Url`] if the URL standard reads another host in it than `host`, which is the one that the hosts of a
/// profile were compared with.
pub(super) fn first(text: &str, host: &str) -> Result<Url, FetchFault> {
    let fault = |problem| FetchFault::Url { problem, url: text.to_owned() };
    let url = Url::parse(text).map_err(|_| fault("it can't be read"))?;
    if !is_web(&url) {
        return Err(fault("its scheme is neither https nor http"));
    }
    if names_user(&url) {
        return Err(fault("it holds a user name or password"));
    }
    if url.host_str() != Some(host) {
        return Err(fault("its host is not written in the usual form"));
    }
    Ok(url)
}

/// The address that `url` redirects to with `location`, relative or not.
///
/// # Errors
/// [`FetchFault::Redirect`] if it is not one of the web, gives up TLS, names a user, or is on a host that is neither
/// `own` nor among `hosts`.
pub(super) fn follow(url: &Url, location: &str, own: &str, hosts: &[String]) -> Result<Url, FetchFault> {
    let fault = |problem| {
        let target = location.chars().take(200).collect();
        FetchFault::Redirect { problem, target, url: url.to_string() }
    };
    let next = url.join(location).map_err(|_| fault("it can't be read"))?;
    if !is_web(&next) {
        return Err(fault("its scheme is neither https nor http"));
    }
    if url.scheme() == "https" && next.scheme() != "https" {
        return Err(fault("it would give up TLS"));
    }
    if names_user(&next) {
        return Err(fault("it holds a user name or password"));
    }
    let host = next.host_str().unwrap_or_default();
    if host != own && !hosts.iter().any(|allowed| allowed == host) {
        return Err(fault("its host is not among those allowed"));
    }
    Ok(next)
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn names_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_read_as_the_allow_list_was() {
        for (text, host, good) in [
            ("http://crl.example.com/a.crl", "crl.example.com", true),
            ("https://crl.example.com:8443/a?b=c", "crl.example.com", true),
            ("http://[2001:db8::1]/a", "[2001:db8::1]", true),
            ("http://192.0.2.1/a", "192.0.2.1", true),
            ("http://evil.example\\.crl.example.com/a", "evil.example\\.crl.example.com", false),
            ("http://2130706433/a", "2130706433", false),
            ("http://0177.0.0.1/a", "0177.0.0.1", false),
            ("http://127.1/a", "127.1", false),
            ("http://[::ffff:127.0.0.1]/a", "[::ffff:127.0.0.1]", false),
            ("http://crl%2eexample.com/a", "crl%2eexample.com", false),
            ("http://user@crl.example.com/a", "crl.example.com", false),
            ("ftp://crl.example.com/a", "crl.example.com", false),
            ("http://a b/", "a b", false),
        ] {
            assert_eq!(first(text, host).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn redirects_are_followed_where_they_may() {
        let hosts = ["mirror.example.com".to_owned(), "127.0.0.1".to_owned()];
        let (plain, tls) = ("http://crl.example.com/ca/a.crl", "https://crl.example.com/ca/a.crl");
        for (from, location, expected) in [
            (plain, "b.crl", Ok("http://crl.example.com/ca/b.crl")),
            (plain, "/b.crl", Ok("http://crl.example.com/b.crl")),
            (plain, "?b", Ok("http://crl.example.com/ca/a.crl?b")),
            (plain, "https://crl.example.com/a", Ok("https://crl.example.com/a")),
            (plain, "http://MIRROR.example.com/a", Ok("http://mirror.example.com/a")),
            (tls, "//mirror.example.com/a", Ok("https://mirror.example.com/a")),
            // The address is another check's matter; here it is a name like any other.
            (plain, "http://0x7f.1/a", Ok("http://127.0.0.1/a")),
            (tls, "http://crl.example.com/a", Err("it would give up TLS")),
            (plain, "http://mirror.example.com.evil.example/a", Err("its host is not among those allowed")),
            (plain, "http://evil.mirror.example.com/a", Err("its host is not among those allowed")),
            (plain, "http://mirror.example.com./a", Err("its host is not among those allowed")),
            (plain, "//evil.example\\@mirror.example.com/a", Err("its host is not among those allowed")),
            (plain, "http://mirror.example.com@evil.example/a", Err("it holds a user name or password")),
            (plain, "http://:secret@mirror.example.com/a", Err("it holds a user name or password")),
            (plain, "ftp://mirror.example.com/a", Err("its scheme is neither https nor http")),
            (plain, "file:///etc/passwd", Err("its scheme is neither https nor http")),
            (plain, "data:,a", Err("its scheme is neither https nor http")),
            (plain, "http://", Err("it can't be read")),
        ] {
            let next = follow(&Url::parse(from).unwrap(), location, "crl.example.com", &hosts);
            let next = next.as_ref().map(Url::as_str).map_err(|fault| match fault {
                FetchFault::Redirect { problem, .. } => *problem,
                other => panic!("{location}: {other}"),
            });
            assert_eq!(next, expected, "{from} {location}");
        }
    }
}
