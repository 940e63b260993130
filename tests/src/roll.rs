//! A CA with a CRL of any length, and registrations written straight into the table: what a sweep is measured with.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_iot::types::CertificateStatus;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};
use shared::aws::authorities::{PARTITION_KEY, SORT_KEY};
use shared::id::{CertificateId, Serial};
use shared::pki::Certificate;
use shared::pki::crl::RevocationReason;
use shared::profile::PROFILE_RECORD;
use shared::registration::{Candidate, RegistrationId};
use shared::testing::{NewCrl, TestAuthority, serial};
use shared::timestamp;
use tokio::task::JoinSet;

use crate::crl::bucket;
use crate::stack::{STACK, Stack, now};

/// Most rows of one `BatchWriteItem`.
const BATCH: usize = 25;
/// Batches that are written at once.
const AT_ONCE: usize = 8;

/// The CA. AWS IoT does not know it: its profile holds its certificate.
pub struct Roll {
    /// The CA.
    pub authority: TestAuthority,
    dynamodb: aws_sdk_dynamodb::Client,
    policy: String,
    stack: Stack,
}

/// What a row says of its certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It came in.
    Activated,
    /// It was put on hold.
    Held,
}

impl Roll {
    /// A new CA whose CRL is in the stack's bucket.
    ///
    /// # Errors
    /// If its profile can't be written.
    pub async fn new(stack: &Stack) -> Result<Self> {
        let now = now();
        let authority = TestAuthority::new(&format!("roll {}", now.unix_timestamp_nanos()), now);
        let dynamodb = aws_sdk_dynamodb::Client::new(&stack.config);
        let policy = format!("roll-{}", now.unix_timestamp_nanos());
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
        });
        stack.iot.create_policy().policy_name(&policy).policy_document(document.to_string()).send().await?;
        let roll = Self { authority, dynamodb, policy, stack: stack.clone() };
        let source = AttributeValue::S(roll.source());
        let request = roll.dynamodb.put_item().table_name(format!("{STACK}-authorities"));
        let request = request.item(PARTITION_KEY, AttributeValue::S(roll.authority.id().to_string()));
        let request = request.item(SORT_KEY, AttributeValue::S(PROFILE_RECORD.to_owned()));
        let request = request.item("caPem", AttributeValue::S(roll.authority.pem().to_owned()));
        let request = request.item("enrolledAt", AttributeValue::S(timestamp::to_text(now)));
        request.item("crlSources", AttributeValue::L(vec![source])).send().await?;
        Ok(roll)
    }

    /// The event that asks for this CA alone.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        json!({"caCertificateId": self.authority.id()}).to_string().into_bytes()
    }

    fn source(&self) -> String {
        format!("s3://{}/{}", bucket(), self.key())
    }

    fn key(&self) -> String {
        format!("crl/{}.crl", self.authority.id())
    }

    /// Serial number `n`, 16 octets long as those of real CAs, and not in their order.
    fn octets(n: u64) -> [u8; 16] {
        // Multiplication by an odd number permutes all of u64.
        let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let mut octets = [0x5a; 16];
        for (octet, value) in octets.iter_mut().skip(1).zip(spread) {
            *octet = value;
        }
        octets
    }

    fn serial(n: u64) -> Result<Serial> {
        Ok(format!("{:x}", u128::from_be_bytes(Self::octets(n))).parse()?)
    }

    /// Puts a CRL in place that lists these serial numbers, and those in `held` for now; gives its length in octets.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn publish(
        &self,
        number: u64,
        revoked: impl IntoIterator<Item = u64>,
        held: impl IntoIterator<Item = u64>,
    ) -> Result<usize> {
        let revoked = revoked.into_iter().map(|n| (Self::octets(n), RevocationReason::Unspecified));
        let held = held.into_iter().map(|n| (Self::octets(n), RevocationReason::CertificateHold));
        let entries = revoked.chain(held);
        let crl = self.authority.crl(&NewCrl::current(number, now()), entries);
        let length = crl.len();
        let request = self.stack.s3.put_object().bucket(bucket()).key(self.key());
        request.body(ByteStream::from(crl)).send().await?;
        Ok(length)
    }

    /// Registers certificates with these serial numbers in AWS IoT, and writes their rows; gives their ids.
    ///
    /// # Errors
    /// If AWS IoT or DynamoDB refuses one.
    pub async fn register(&self, numbers: Range<u64>, standing: Standing) -> Result<Vec<CertificateId>> {
        let status = match standing {
            Standing::Activated => CertificateStatus::Active,
            Standing::Held => CertificateStatus::Inactive,
        };
        let (mut ids, mut rows) = (Vec::new(), Vec::new());
        for n in numbers {
            let octets = Self::octets(n);
            let change = |params: &mut rcgen::CertificateParams| params.serial_number = serial(&octets);
            let issued = self.authority.issue_with(&format!("device-{n:x}"), now(), change);
            let request = self.stack.iot.register_certificate_without_ca().certificate_pem(&issued.pem);
            let answer = request.status(status.clone()).send().await?;
            ensure!(answer.certificate_id() == Some(issued.id.as_str()), "AWS IoT has another id");
            if standing == Standing::Held {
                // What is released has to have its thing and a policy.
                self.attach(&format!("device-{n:x}"), answer.certificate_arn().context("no ARN")?).await?;
            }
            let candidate = Candidate::issued(self.authority.id(), &Certificate::from_pem(&issued.pem)?);
            rows.push(self.row(&candidate.certificate_id, n, standing)?);
            ids.push(issued.id);
        }
        self.write(rows).await?;
        Ok(ids)
    }

    async fn attach(&self, thing: &str, arn: &str) -> Result<()> {
        let Stack { iot, .. } = &self.stack;
        iot.create_thing().thing_name(thing).send().await?;
        iot.attach_thing_principal().thing_name(thing).principal(arn).send().await?;
        iot.attach_policy().policy_name(&self.policy).target(arn).send().await?;
        Ok(())
    }

    /// Writes rows of certificates with these serial numbers that came in, without the certificates.
    ///
    /// # Errors
    /// If DynamoDB refuses one.
    pub async fn fill(&self, numbers: Range<u64>) -> Result<()> {
        let row = |n: u64| self.row(&format!("{n:064x}").parse()?, n, Standing::Activated);
        self.write(numbers.map(row).collect::<Result<_>>()?).await
    }

    fn row(&self, certificate: &CertificateId, n: u64, standing: Standing) -> Result<Value> {
        let (authority, serial, now) = (self.authority.id(), Self::serial(n)?, timestamp::to_text(now()));
        let held = standing == Standing::Held;
        Ok(json!({
            "activatedAt": now,
            "attempts": 1,
            "caCertificateId": authority,
            "certificateId": certificate,
            "decidedAt": now,
            "decision": if held { "held" } else { "activated" },
            "detail": "written for a test",
            "firstSeenAt": now,
            "heldAt": held.then_some(now),
            "reason": if held { "certificate_hold" } else { "checks_passed" },
            "registrationId": RegistrationId::issued(authority, &serial).as_str(),
            "serial": serial,
            "thingName": format!("device-{n:x}"),
        }))
    }

    async fn write(&self, rows: Vec<Value>) -> Result<()> {
        let mut writes = JoinSet::new();
        for batch in rows.chunks(BATCH) {
            let requests = batch.iter().map(put).collect::<Result<Vec<_>>>()?;
            let request = self.dynamodb.batch_write_item().request_items(format!("{STACK}-registrations"), requests);
            if writes.len() == AT_ONCE {
                written(writes.join_next().await)?;
            }
            writes.spawn(async move {
                let answer = request.send().await?;
                ensure!(answer.unprocessed_items().is_none_or(HashMap::is_empty), "rows were left unprocessed");
                Ok(())
            });
        }
        while let Some(done) = writes.join_next().await {
            written(Some(done))?;
        }
        Ok(())
    }
}

fn written(done: Option<Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    done.context("no write is under way")??
}

fn put(row: &Value) -> Result<WriteRequest> {
    let members = row.as_object().context("a row is an object")?;
    let attribute = |value: &Value| match value {
        Value::Number(number) => AttributeValue::N(number.to_string()),
        other => AttributeValue::S(other.as_str().unwrap_or_default().to_owned()),
    };
    let item = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect();
    let request = PutRequest::builder().set_item(Some(item)).build()?;
    Ok(WriteRequest::builder().put_request(request).build())
}
