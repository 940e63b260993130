//! One MQTT 3.1.1 connection over mutual TLS.
//!
//! The packets are rumqttc's, the connection is our own: rumqttc's event loop reconnects by itself and hides at which
//! packet a connection ended, and that is what just-in-time registration is about.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{
    Codec, Connect, ConnectReturnCode, Packet, PubAck, Publish, Subscribe, SubscribeReasonCode,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::codec::Framed;

use super::endpoint::Endpoint;
use super::fault::is_alert;

pub use super::fault::SessionError;

/// What a session needs to begin.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// The TLS side, from [`client_config`](super::endpoint::client_config).
    pub tls: Arc<ClientConfig>,
    /// The MQTT client id; AWS IoT takes up to 128 bytes.
    pub client_id: String,
    /// The longest silence, in whole seconds; AWS IoT closes a connection after 1.5 times that.
    pub keep_alive: Duration,
}

/// An application message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Topic name.
    pub topic: String,
    /// The bytes as published.
    pub payload: Vec<u8>,
}

/// A TLS connection on which CONNECT has not been sent yet.
///
/// AWS IoT registers a new certificate at the CONNECT packet, not at the handshake.
#[derive(Debug)]
pub struct Channel {
    framed: Framed<TlsStream<TcpStream>, Codec>,
}

impl Channel {
    /// Connects and shakes hands.
    ///
    /// With TLS 1.3 the service may refuse the certificate after the client's side of the handshake is done; that
    /// surfaces in [`Channel::login`].
    ///
    /// # Errors
    /// [`SessionError::Unreachable`], [`SessionError::Handshake`], [`SessionError::HandshakeTimedOut`] or
    /// [`SessionError::CertificateRefused`].
    pub async fn open(target: &Target, patience: Duration) -> Result<Self, SessionError> {
        let endpoint = &target.endpoint;
        let host = ServerName::try_from(endpoint.host.clone())
            .map_err(|_| SessionError::Unreachable(endpoint.clone(), ErrorKind::InvalidInput.into()))?;
        let opening = async {
            let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
                .await
                .map_err(|source| SessionError::Unreachable(endpoint.clone(), source))?;
            let connector = TlsConnector::from(Arc::clone(&target.tls));
            connector.connect(host, stream).await.map_err(|source| {
                if is_alert(&source) {
                    SessionError::CertificateRefused(source)
                } else {
                    SessionError::Handshake(source)
                }
            })
        };
        let stream = timeout(patience, opening).await.map_err(|_| SessionError::HandshakeTimedOut(patience))??;
        let codec = Codec { max_incoming_size: MAX_PACKET_BYTES, max_outgoing_size: MAX_PACKET_BYTES };
        Ok(Self { framed: Framed::new(stream, codec) })
    }

    /// Sends CONNECT for a clean session and waits for CONNACK.
    ///
    /// # Errors
    /// [`SessionError::Closed`] is what a device meets on first contact; see the other variants.
    pub async fn login(self, target: &Target, patience: Duration) -> Result<Session, SessionError> {
        let mut session = Session {
            framed: self.framed,
            inbox: VecDeque::new(),
            keep_alive: target.keep_alive,
            last_packet_id: 0,
            ping_at: Instant::now() + target.keep_alive,
        };
        let mut connect = Connect::new(target.client_id.as_str());
        connect.keep_alive = u16::try_from(target.keep_alive.as_secs()).unwrap_or(u16::MAX);
        session.send(Packet::Connect(connect)).await?;
        let deadline = Instant::now() + patience;
        match session.next_packet(deadline).await?.ok_or(SessionError::TimedOut { waited_for: "CONNACK", patience })? {
            Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => Ok(session),
            Packet::ConnAck(ack) => Err(SessionError::Refused(ack.code)),
            other => Err(SessionError::Unexpected(format!("{other:?}"))),
        }
    }
}

/// An accepted MQTT session.
///
/// Pings are sent while a method waits; between calls nothing is read or sent, so that a session left alone for longer
/// than its keep-alive time is cut off.
#[derive(Debug)]
pub struct Session {
    framed: Framed<TlsStream<TcpStream>, Codec>,
    inbox: VecDeque<Message>,
    keep_alive: Duration,
    last_packet_id: u16,
    ping_at: Instant,
}

impl Session {
    /// Connects, shakes hands and logs in: one attempt.
    ///
    /// # Errors
    /// As [`Channel::open`] and [`Channel::login`].
    pub async fn open(target: &Target, patience: Duration) -> Result<Self, SessionError> {
        Channel::open(target, patience).await?.login(target, patience).await
    }

    /// Publishes at `QoS` 1 and waits for PUBACK.
    ///
    /// AWS IoT cuts off a client that publishes to a topic outside of its policy.
    ///
    /// # Errors
    /// [`SessionError::Closed`] or [`SessionError::TimedOut`].
    pub async fn publish(&mut self, message: &Message, patience: Duration) -> Result<(), SessionError> {
        let packet_id = self.fresh_packet_id();
        let mut publish = Publish::new(message.topic.as_str(), QoS::AtLeastOnce, message.payload.clone());
        publish.pkid = packet_id;
        self.send(Packet::Publish(publish)).await?;
        let acknowledges = |packet: &Packet| matches!(packet, Packet::PubAck(ack) if ack.pkid == packet_id);
        self.answer("PUBACK", patience, acknowledges).await.map(drop)
    }

    /// Subscribes to one topic filter at `QoS` 1 and waits for SUBACK.
    ///
    /// # Errors
    /// [`SessionError::SubscriptionRefused`], [`SessionError::Closed`] or [`SessionError::TimedOut`].
    pub async fn subscribe(&mut self, filter: &str, patience: Duration) -> Result<(), SessionError> {
        let packet_id = self.fresh_packet_id();
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = packet_id;
        self.send(Packet::Subscribe(subscribe)).await?;
        let acknowledges = |packet: &Packet| matches!(packet, Packet::SubAck(ack) if ack.pkid == packet_id);
        match self.answer("SUBACK", patience, acknowledges).await? {
            Packet::SubAck(ack) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
                Err(SessionError::SubscriptionRefused(filter.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The next message of any subscription, or `None` if none came in time.
    ///
    /// # Errors
    /// [`SessionError::Closed`].
    pub async fn receive(&mut self, patience: Duration) -> Result<Option<Message>, SessionError> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(message) = self.inbox.pop_front() {
                return Ok(Some(message));
            }
            match self.next_packet(deadline).await? {
                Some(packet) => self.take(packet).await?,
                None => return Ok(None),
            }
        }
    }

    /// Whether the service ends the connection within `patience`. Messages that arrive meanwhile are kept.
    ///
    /// # Errors
    /// Packets that cannot be read.
    pub async fn is_cut_off(&mut self, patience: Duration) -> Result<bool, SessionError> {
        let deadline = Instant::now() + patience;
        loop {
            match self.next_packet(deadline).await {
                Ok(None) => return Ok(false),
                Ok(Some(packet)) => self.take(packet).await?,
                Err(SessionError::Closed(_)) => return Ok(true),
                Err(other) => return Err(other),
            }
        }
    }

    /// Sends DISCONNECT, so that the service does not take the end for a lost connection.
    pub async fn disconnect(mut self) {
        // Whether it arrives is of no consequence to the one who leaves.
        let _ = self.send(Packet::Disconnect).await;
        let _ = timeout(Duration::from_secs(1), self.framed.close()).await;
    }

    /// Waits for one packet, and serves the others that come in between.
    async fn answer(
        &mut self,
        waited_for: &'static str,
        patience: Duration,
        is_it: impl Fn(&Packet) -> bool,
    ) -> Result<Packet, SessionError> {
        let deadline = Instant::now() + patience;
        loop {
            let packet = self.next_packet(deadline).await?.ok_or(SessionError::TimedOut { waited_for, patience })?;
            if is_it(&packet) {
                return Ok(packet);
            }
            self.take(packet).await?;
        }
    }

    /// Acknowledges and keeps a message. Answers to requests that were given up, and PINGRESP, are dropped.
    async fn take(&mut self, packet: Packet) -> Result<(), SessionError> {
        if let Packet::Publish(publish) = packet {
            if publish.qos == QoS::AtLeastOnce {
                self.send(Packet::PubAck(PubAck::new(publish.pkid))).await?;
            }
            self.inbox.push_back(Message { topic: publish.topic, payload: publish.payload.to_vec() });
        }
        Ok(())
    }

    async fn next_packet(&mut self, deadline: Instant) -> Result<Option<Packet>, SessionError> {
        loop {
            match timeout_at(deadline.min(self.ping_at), self.framed.next()).await {
                Ok(Some(Ok(packet))) => return Ok(Some(packet)),
                Ok(Some(Err(error))) => return Err(error.into()),
                Ok(None) => return Err(SessionError::Closed(None)),
                Err(_) if self.ping_at <= Instant::now() => self.send(Packet::PingReq).await?,
                Err(_) => return Ok(None),
            }
        }
    }

    async fn send(&mut self, packet: Packet) -> Result<(), SessionError> {
        self.ping_at = Instant::now() + self.keep_alive;
        Ok(self.framed.send(packet).await?)
    }

    /// Packet ids are not zero (MQTT 3.1.1 section 2.3.1).
    const fn fresh_packet_id(&mut self) -> u16 {
        self.last_packet_id = if self.last_packet_id == u16::MAX { 1 } else { self.last_packet_id + 1 };
        self.last_packet_id
    }
}

/// AWS IoT takes payloads of up to 128 KiB; the local cloud takes more.
const MAX_PACKET_BYTES: usize = 1 << 20;
