//! An HTTP server that answers as a test says, and remembers what it was asked.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) line: String,
}

impl Request {
    /// The body as a document; null if it is none.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The operation that a protocol of AWS with JSON 1.0 names in a header.
    pub(crate) fn operation(&self) -> &str {
        self.header("x-amz-target").split_once('.').map_or("", |(_, operation)| operation)
    }
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// Header lines, each with its line end.
    pub(crate) headers: String,
    pub(crate) status: u16,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { body: body.into().into_bytes(), headers: String::new(), status: 200 }
    }

    pub(crate) fn of_octets(body: Vec<u8>) -> Self {
        Self { body, headers: String::new(), status: 200 }
    }
}

/// A server on this machine.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // A name: with an address as endpoint the SDK has the bucket in the path anyway.
        let endpoint = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(stream.unwrap(), &*answer, &seen));
            }
        });
        Self { endpoint, requests }
    }
}

fn serve(stream: TcpStream, answer: &impl Fn(&Request) -> Answer, seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = receive(&mut reader) {
        let Answer { body, headers, status } = answer(&request);
        seen.lock().unwrap().push(request);
        let head = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    }
}

fn receive(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut request = Request { body: Vec::new(), headers, line: line.trim_end().to_owned() };
    request.body.resize(request.header("content-length").parse().unwrap_or(0), 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
