//! CRLs from the web.

use std::error::Error;
use std::net::IpAddr;

use reqwest::header::{
    CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Client, Response, StatusCode, Url, redirect, retry};
use shared::revocation::Validators;

use super::body::{Body, Chunks, Clock};
use super::resolver::Resolver;
use super::{AddressRefused, FetchFault, Fetched, Limits, PrivateNetworks, TimeLimit, hop};

/// Content codings that change octets (RFC 9110 section 8.4.1). Others, which some servers invent, are ignored.
const CODINGS: [&str; 8] = ["br", "compress", "dcb", "deflate", "gzip", "x-compress", "x-gzip", "zstd"];

/// A source on the web with what is allowed to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) host: &'a str,
    pub(super) hosts: &'a [String],
    pub(super) private: &'a PrivateNetworks,
    pub(super) url: &'a str,
}

/// The client, for all requests of a sandbox.
pub(super) fn client(private: &PrivateNetworks, limits: &Limits) -> Result<Client, reqwest::Error> {
    // The process has one cryptography; that somebody has named it before, the same one, is no fault.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .connect_timeout(limits.connect)
        .dns_resolver(Resolver(private.clone()))
        .http1_only()
        .no_brotli()
        .no_deflate()
        .no_gzip()
        .no_proxy()
        .no_zstd()
        // Lambda freezes the sandbox between invocations, and idle connections die meanwhile.
        .pool_max_idle_per_host(0)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .user_agent("iot-jitr")
        .build()
}

/// Asks a source, following its redirects.
pub(super) async fn fetch(
    client: &Client,
    clock: Clock,
    source: Source<'_>,
    validators: &Validators,
) -> Result<Fetched<Body>, FetchFault> {
    let conditional = validators.etag.is_some() || validators.last_modified.is_some();
    let mut url = hop::first(source.url, source.host)?;
    for _ in 0..=clock.limits.redirects {
        let answer = ask(client, &clock, source.private, &url, validators).await?;
        match answer.status() {
            StatusCode::OK => return content(clock, &url, answer),
            StatusCode::NOT_MODIFIED if conditional => return Ok(Fetched::NotModified),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let location = text(answer.headers(), &LOCATION).unwrap_or_default();
                if location.is_empty() {
                    let problem = "it says no readable address";
                    return Err(FetchFault::Redirect { problem, target: location, url: url.into() });
                }
                url = hop::follow(&url, &location, source.host, source.hosts)?;
            }
            status => return Err(FetchFault::Status { status: status.as_u16(), url: url.into() }),
        }
    }
    Err(FetchFault::TooManyRedirects { redirects: clock.limits.redirects, url: url.into() })
}

async fn ask(
    client: &Client,
    clock: &Clock,
    private: &PrivateNetworks,
    url: &Url,
    validators: &Validators,
) -> Result<Response, FetchFault> {
    // An address in place of a name does not pass through the resolver.
    if let Some(address) = literal(url) {
        private
            .permitted(&address.to_string(), vec![address])
            .map_err(|source| FetchFault::Address { url: url.to_string(), source })?;
    }
    let mut request = client.get(url.clone());
    if let Some(etag) = &validators.etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if let Some(date) = &validators.last_modified {
        request = request.header(IF_MODIFIED_SINCE, date);
    }
    clock.head(url.as_str(), request.send()).await?.map_err(|error| refused(clock, url, error.without_url()))
}

/// The address that stands in a URL in place of a name; `Url` has brought all its forms into the usual one.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn refused(clock: &Clock, url: &Url, error: reqwest::Error) -> FetchFault {
    let url = url.to_string();
    if let Some(source) = address_refused(&error) {
        return FetchFault::Address { url, source };
    }
    if error.is_connect() && error.is_timeout() {
        let after = clock.limits.connect;
        return FetchFault::TimedOut { after, limit: TimeLimit::Connect, source: Some(error), url };
    }
    FetchFault::Request { source: error, url }
}

/// What the resolver said, if it was the resolver that refused.
fn address_refused(error: &reqwest::Error) -> Option<AddressRefused> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<AddressRefused>() {
            return Some(refused.clone());
        }
        cause = error.source();
    }
    None
}

fn content(clock: Clock, url: &Url, answer: Response) -> Result<Fetched<Body>, FetchFault> {
    let headers = answer.headers();
    if let Some(coding) = text(headers, &CONTENT_ENCODING).filter(|coding| changes_octets(coding)) {
        return Err(FetchFault::Encoded { coding: coding.chars().take(200).collect(), url: url.to_string() });
    }
    let validators = Validators::new(text(headers, &ETAG), text(headers, &LAST_MODIFIED));
    let announced = answer.content_length();
    let body = Body::new(clock, url.to_string(), announced, Chunks::Web(answer))?;
    Ok(Fetched::Content { body, validators })
}

fn changes_octets(coding: &str) -> bool {
    coding.split(',').any(|coding| CODINGS.iter().any(|known| coding.trim().eq_ignore_ascii_case(known)))
}

/// A header's value, if it is there and visible ASCII.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}
