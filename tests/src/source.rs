//! A web server that publishes a CRL, well or badly.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longest request that is read.
const MAX_REQUEST: usize = 16_384;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The CRL with an entity tag, or status 304 to whoever has it.
    Crl(Vec<u8>),
    /// The beginning of a CRL, and again and again the part of it from the given octet on, without an end.
    Endless(Vec<u8>, usize),
    /// A redirect to this address.
    Redirect(String),
    /// Nothing at all, over an open connection.
    Silence,
    /// This status.
    Status(u16),
}

struct Shared {
    answer: Answer,
    requests: Vec<String>,
    sent: usize,
}

/// The server. It listens until the test ends.
#[derive(Clone)]
pub struct CrlServer {
    shared: Arc<Mutex<Shared>>,
    /// Where its CRL is.
    pub url: String,
}

impl CrlServer {
    /// Starts a server on `address`, such as `127.0.0.1:0`.
    ///
    /// # Errors
    /// If the port can't be had.
    pub async fn start(address: &str, answer: Answer) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}/fleet.crl", listener.local_addr()?);
        let server = Self { shared: Arc::new(Mutex::new(Shared { answer, requests: Vec::new(), sent: 0 })), url };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let server = accepting.clone();
                // A client that breaks off is no fault of the server.
                tokio::spawn(async move { server.serve(connection).await.ok() });
            }
        });
        Ok(server)
    }

    /// Answers otherwise from now on.
    pub fn set(&self, answer: Answer) {
        self.with(|shared| shared.answer = answer);
    }

    /// Takes the requests since the last call, head and all, in lower case.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.with(|shared| std::mem::take(&mut shared.requests))
    }

    /// Octets that clients have taken so far of bodies without an end.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.with(|shared| shared.sent)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn serve(&self, mut connection: TcpStream) -> Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && request.len() < MAX_REQUEST {
            if connection.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let answer = self.with(|shared| {
            shared.requests.push(request.clone());
            shared.answer.clone()
        });
        match answer {
            Answer::Crl(crl) => {
                let tag = format!("\"{}-{}\"", crl.len(), crl.iter().map(|octet| u64::from(*octet)).sum::<u64>());
                if request.contains(&format!("if-none-match: {tag}")) {
                    let head = format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\nConnection: close\r\n\r\n");
                    connection.write_all(head.as_bytes()).await?;
                } else {
                    let head = format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {}\r\n", crl.len());
                    connection.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
                    connection.write_all(&crl).await?;
                }
            }
            Answer::Endless(crl, from) => {
                connection.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
                let (mut part, again) = (crl.as_slice(), crl.get(from..).unwrap_or_default());
                loop {
                    connection.write_all(part).await?;
                    self.with(|shared| shared.sent += part.len());
                    part = again;
                }
            }
            Answer::Redirect(to) => {
                let head =
                    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                connection.write_all(head.as_bytes()).await?;
            }
            // Until the client goes.
            Answer::Silence => while connection.read_buf(&mut Vec::new()).await? > 0 {},
            Answer::Status(status) => {
                let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                connection.write_all(head.as_bytes()).await?;
            }
        }
        Ok(connection.shutdown().await?)
    }
}
