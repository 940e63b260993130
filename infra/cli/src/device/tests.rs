//! The device against a service that follows a script, over real TLS.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, KeyPair};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Codec, ConnAck, ConnectReturnCode, Packet, PubAck, Publish, SubAck, SubscribeReasonCode};
use time::macros::datetime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_util::codec::Framed;

use super::connect::{BackOff, ConnectError, Options, Step, connect};
use super::endpoint::{Endpoint, Identity, ServerTrust, client_config};
use super::session::{Message, Session, SessionError, Target};
use crate::credentials::certificates;
use crate::issue::{CertificateAuthority, DeviceRequest, KeyAlgorithm, Subject, Validity};

const PATIENCE: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(100);

/// How the service treats one connection after the handshake.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Lets the device in and acknowledges what it sends; whatever is published comes back.
    Admit,
    /// Closes at CONNECT, as on first contact.
    Close,
    /// Lets the device in and closes at its first request, as for a topic outside of the policy.
    CutOff,
    /// Lets the device in and never answers.
    Ignore,
    /// Answers CONNECT with a refusal, and SUBSCRIBE too.
    Refuse(ConnectReturnCode),
    /// Lets the device in and refuses its subscriptions.
    RefuseSubscriptions,
}

fn authority(name: &str) -> CertificateAuthority {
    // Real TLS looks at the real clock.
    let validity = Validity { not_before: datetime!(2020-01-01 0:00 UTC), not_after: datetime!(2120-01-01 0:00 UTC) };
    CertificateAuthority::new(&Subject::common_name(name), validity, KeyAlgorithm::P256).unwrap()
}

fn roots(authority: &CertificateAuthority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(authority.certificate_pem().as_bytes()).unwrap());
    Arc::new(roots)
}

/// Starts a service that believes the devices of `devices`, and treats the n-th connection in the n-th manner and all
/// later ones in the last. Every packet that it receives goes into the channel.
async fn service(
    vendor: &CertificateAuthority,
    devices: &CertificateAuthority,
    manners: &'static [Manner],
) -> (u16, mpsc::UnboundedReceiver<Packet>) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, vendor.issuer()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(devices), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (received, packets) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for n in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            serve(stream, manners[n.min(manners.len() - 1)], &received).await;
        }
    });
    (port, packets)
}

async fn serve(stream: TlsStream<TcpStream>, manner: Manner, received: &mpsc::UnboundedSender<Packet>) {
    let codec = Codec { max_incoming_size: 65536, max_outgoing_size: 65536 };
    let mut framed = Framed::new(stream, codec);
    while let Some(Ok(packet)) = framed.next().await {
        let _ = received.send(packet.clone());
        let answers = match (manner, packet) {
            (Manner::Close, _) => break,
            (Manner::Refuse(code), _) => vec![Packet::ConnAck(ConnAck::new(code, false))],
            (_, Packet::Connect(_)) => vec![Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))],
            (Manner::CutOff, _) => break,
            (Manner::Ignore, _) => Vec::new(),
            (Manner::RefuseSubscriptions, Packet::Subscribe(subscribe)) => {
                vec![Packet::SubAck(SubAck::new(subscribe.pkid, vec![SubscribeReasonCode::Failure]))]
            }
            (_, Packet::Subscribe(subscribe)) => {
                let granted = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
                vec![Packet::SubAck(SubAck::new(subscribe.pkid, granted))]
            }
            (_, Packet::Publish(publish)) => {
                let mut echo = Publish::new(publish.topic, QoS::AtLeastOnce, publish.payload.to_vec());
                echo.pkid = 7;
                // The echo overtakes the acknowledgement, as it may.
                vec![Packet::Publish(echo), Packet::PubAck(PubAck::new(publish.pkid))]
            }
            (_, Packet::PingReq) => vec![Packet::PingResp],
            (_, Packet::Disconnect) => break,
            (_, _) => Vec::new(),
        };
        for answer in answers {
            let _ = framed.send(answer).await;
        }
    }
    let _ = framed.close().await;
}

fn target(port: u16, vendor: &CertificateAuthority, devices: &CertificateAuthority) -> Target {
    let validity = Validity { not_before: datetime!(2020-01-01 0:00 UTC), not_after: datetime!(2120-01-01 0:00 UTC) };
    let request =
        DeviceRequest { subject: Subject::common_name("pump-17"), validity, key: KeyAlgorithm::P256, serial: None };
    let device = devices.issue_device(&request).unwrap();
    let identity = Identity::from_pem(&device.chain_pem, &device.key_pem).unwrap();
    let endpoint = Endpoint { host: "localhost".to_owned(), port };
    let trust = ServerTrust::from_pem(vendor.certificate_pem()).unwrap();
    let tls = client_config(&endpoint, &identity, &trust).unwrap();
    Target { endpoint, tls, client_id: "pump-17".to_owned(), keep_alive: PATIENCE }
}

fn message() -> Message {
    Message { topic: "dt/pump-17/hello".to_owned(), payload: b"21.50".to_vec() }
}

fn options(target: Target) -> Options {
    let back_off = BackOff { first: Duration::from_millis(10), longest: Duration::from_millis(10) };
    Options { target, message: message(), time_out: SHORT, patience: PATIENCE, back_off }
}

/// Connects, and tells the names of the steps.
async fn run(options: &Options) -> (Result<u32, ConnectError>, Vec<String>) {
    let mut steps = Vec::new();
    let mut on_step = |_: Duration, step: &Step| {
        let step = serde_json::to_value(step).unwrap();
        steps.push(step["step"].as_str().unwrap().to_owned());
    };
    let result = connect(options, &mut on_step).await.map(|admitted| admitted.attempts);
    (result, steps)
}

#[tokio::test]
async fn a_device_waits_out_the_closed_first_connection_and_is_heard() {
    let (vendor, maker) = (authority("Vendor"), authority("Maker"));
    let (port, mut packets) = service(&vendor, &maker, &[Manner::Close, Manner::Admit]).await;
    let (result, steps) = run(&options(target(port, &vendor, &maker))).await;
    assert_eq!(result.unwrap(), 2);
    assert_eq!(
        steps,
        ["connecting", "secured", "closed", "waiting", "connecting", "secured", "connected", "publishing", "accepted"]
    );
    let mut published = None;
    while let Ok(packet) = packets.try_recv() {
        if let Packet::Publish(publish) = packet {
            published = Some((publish.topic, publish.payload.to_vec(), publish.qos));
        }
    }
    assert_eq!(published, Some((message().topic, message().payload, QoS::AtLeastOnce)));
}

#[tokio::test]
async fn a_device_that_is_not_let_in_gives_up_when_the_time_is_up() {
    let (vendor, maker) = (authority("Vendor"), authority("Maker"));
    for manners in [&[Manner::Close][..], &[Manner::CutOff], &[Manner::Refuse(ConnectReturnCode::NotAuthorized)]] {
        let (port, _packets) = service(&vendor, &maker, manners).await;
        let (result, _) = run(&options(target(port, &vendor, &maker))).await;
        let Err(ConnectError::NotAdmitted { attempts, elapsed, .. }) = result else { panic!("{result:?}") };
        assert!(attempts > 0 && elapsed >= SHORT, "{manners:?}: {attempts} attempts in {elapsed:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_the_service_refuses_in_tls_is_not_tried_again() {
    let (vendor, maker, stranger) = (authority("Vendor"), authority("Maker"), authority("Stranger"));
    let (port, _packets) = service(&vendor, &maker, &[Manner::Admit]).await;
    let (result, steps) = run(&options(target(port, &vendor, &stranger))).await;
    let Err(ConnectError::NotAdmitted { attempts: 1, last: SessionError::CertificateRefused(_), .. }) = result else {
        panic!("{result:?} {steps:?}")
    };
}

#[tokio::test]
async fn a_service_that_is_not_there_or_not_trusted_is_the_callers_matter() {
    let (vendor, maker) = (authority("Vendor"), authority("Maker"));
    let (port, _packets) = service(&vendor, &maker, &[Manner::Admit]).await;
    let (result, _) = run(&options(target(port, &maker, &maker))).await;
    assert!(matches!(result, Err(ConnectError::Unreachable(SessionError::Handshake(_)))), "{result:?}");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    let (result, _) = run(&options(target(free, &vendor, &maker))).await;
    assert!(matches!(result, Err(ConnectError::Unreachable(SessionError::Unreachable(..)))), "{result:?}");
}

#[tokio::test]
async fn a_session_receives_what_overtakes_its_own_acknowledgements() {
    let (vendor, maker) = (authority("Vendor"), authority("Maker"));
    let (port, _packets) = service(&vendor, &maker, &[Manner::Admit]).await;
    let mut session = Session::open(&target(port, &vendor, &maker), PATIENCE).await.unwrap();
    session.subscribe("cmd/pump-17/+", PATIENCE).await.unwrap();
    session.publish(&message(), PATIENCE).await.unwrap();
    assert_eq!(session.receive(PATIENCE).await.unwrap(), Some(message()));
    assert_eq!(session.receive(SHORT).await.unwrap(), None);
    assert!(!session.is_cut_off(SHORT).await.unwrap());
    session.disconnect().await;
}

#[tokio::test]
async fn a_session_reports_how_it_was_turned_down() {
    let (vendor, maker) = (authority("Vendor"), authority("Maker"));
    let (port, _packets) =
        service(&vendor, &maker, &[Manner::CutOff, Manner::CutOff, Manner::RefuseSubscriptions, Manner::Ignore]).await;
    let target = target(port, &vendor, &maker);

    let mut session = Session::open(&target, PATIENCE).await.unwrap();
    let fault = session.publish(&message(), PATIENCE).await.unwrap_err();
    assert!(matches!(fault, SessionError::Closed(_)), "{fault:?}");

    let mut session = Session::open(&target, PATIENCE).await.unwrap();
    let fault = session.subscribe("#", PATIENCE).await.unwrap_err();
    assert!(matches!(fault, SessionError::Closed(_)), "{fault:?}");
    assert!(session.is_cut_off(PATIENCE).await.unwrap());

    let mut session = Session::open(&target, PATIENCE).await.unwrap();
    let fault = session.subscribe("#", PATIENCE).await.unwrap_err();
    assert!(matches!(&fault, SessionError::SubscriptionRefused(filter) if filter == "#"), "{fault:?}");
    session.disconnect().await;

    let mut session = Session::open(&target, PATIENCE).await.unwrap();
    let fault = session.publish(&message(), SHORT).await.unwrap_err();
    assert!(matches!(fault, SessionError::TimedOut { waited_for: "PUBACK", .. }), "{fault:?}");
}

#[tokio::test]
async fn a_waiting_session_keeps_itself_alive() {
    let (vendor, maker) = (authority("Vendor"), authority("Maker"));
    let (port, mut packets) = service(&vendor, &maker, &[Manner::Admit]).await;
    let target = Target { keep_alive: SHORT / 4, ..target(port, &vendor, &maker) };
    let mut session = Session::open(&target, PATIENCE).await.unwrap();
    assert!(!session.is_cut_off(SHORT).await.unwrap());
    let mut pings = 0;
    while let Ok(packet) = packets.try_recv() {
        pings += u32::from(packet == Packet::PingReq);
    }
    assert!(pings >= 2, "{pings} pings");
}
