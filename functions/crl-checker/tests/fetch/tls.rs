//! HTTPS: whom the client trusts, and that TLS once used is not given up.

use std::process::Command;
use std::sync::Arc;

use crl_checker::fetch::FetchFault;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use shared::fault::chain;
use shared::revocation::Validators;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{Server, Step, answer, content, get, redirect};

/// Names the file that the root certificate is written to, which is also the child's `SSL_CERT_FILE`.
const ROOT: &str = "FETCH_TEST_ROOT";

/// A server with a certificate for 127.0.0.1, and the certificate of its root as PEM.
async fn start(script: impl IntoIterator<Item = Vec<Step>>) -> (Server, String) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::new(listener.local_addr().unwrap(), script);
    let far_end = server.clone();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                far_end.serve(stream).await;
            }
        }
    });
    (server, root.pem())
}

#[tokio::test]
async fn a_server_whose_issuer_is_unknown_is_not_asked() {
    let (server, _) = start([answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")]).await;
    let url = format!("https://{}/a.crl", server.address);
    let fault = get(&server.fetcher(), &url, &[], &Validators::default()).await.unwrap_err();
    assert!(matches!(fault, FetchFault::Request { .. }), "{fault:?}");
    assert!(chain(&fault).contains("certificate"), "{}", chain(&fault));
    assert!(server.asked().is_empty());
}

#[test]
fn servers_of_the_systems_roots_are_asked() {
    let root = tempfile::NamedTempFile::new().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::child_that_trusts_the_root", "--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", root.path())
        .env_remove("SSL_CERT_DIR")
        .env(ROOT, root.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

/// Root certificates are read from the environment, which a process with several tests must not change.
#[tokio::test]
#[ignore = "runs as a child of servers_of_the_systems_roots_are_asked"]
#[expect(clippy::disallowed_methods, reason = "says whether this is the child")]
async fn child_that_trusts_the_root() {
    let Some(file) = std::env::var_os(ROOT) else { return };
    let plain = Server::start([answer("HTTP/1.1 200 OK\r\n\r\nplain")]).await;
    let good = answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let (server, root) = start([good.clone(), redirect("/b"), good, redirect(&plain.url("/a.crl"))]).await;
    std::fs::write(file, root).unwrap();
    let fetcher = server.fetcher();
    let url = format!("https://{}/a.crl", server.address);

    for _ in 0..2 {
        let got = get(&fetcher, &url, &[], &Validators::default()).await;
        assert_eq!(got.unwrap(), content("hello", None, None));
    }
    assert_eq!(server.asked().len(), 3);
    let fault = get(&fetcher, &url, &[], &Validators::default()).await.unwrap_err();
    assert!(fault.to_string().ends_with("it would give up TLS"), "{fault}");
    assert!(plain.asked().is_empty());

    // Trusted, and yet not the one that was asked for.
    let url = format!("https://localhost:{}/a.crl", server.address.port());
    let fault = get(&fetcher, &url, &[], &Validators::default()).await.unwrap_err();
    assert!(chain(&fault).contains("not valid for name"), "{}", chain(&fault));
}
