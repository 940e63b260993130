//! The system's name resolution without the addresses that may not be asked.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::PrivateNetworks;

/// Gives the client the addresses that it connects to, and those only: what is checked is what is used, however
/// often and however differently a name server answers.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) PrivateNetworks);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let addresses = tokio::task::spawn_blocking(move || lookup(&host)).await??;
            let permitted = private.permitted(name.as_str(), addresses)?;
            // The client puts the port of the URL in the place of port 0.
            let addresses: Addrs = Box::new(permitted.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

fn lookup(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}
