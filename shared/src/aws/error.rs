//! From the SDK's errors to [`Fault`]s.
//!
//! The services' error codes decide, then the HTTP status: AWS IoT throttles with status 400, `AccessDenied` is not
//! among its modelled errors, and S3 asks to slow down with status 503.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::fault::{Fault, FaultKind};

const DENIED: [&str; 12] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "KMS.AccessDeniedException",
    "KmsAccessDenied",
    "UnauthorizedException",
    "UnrecognizedClientException",
];
const NOT_FOUND: [&str; 5] = [
    // Both of SQS: the header and the body of its answers call it differently.
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NoSuchKey",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
];
const THROTTLED: [&str; 10] = [
    "KMS.ThrottlingException",
    "KmsThrottled",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];
const UNAVAILABLE: [&str; 8] = [
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    // Another Region writes to the item.
    "ReplicatedWriteConflictException",
    // S3: the request came in too slowly.
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    // Two transactions met on one item: the next try meets nobody.
    "TransactionConflictException",
];

/// Classifies an SDK error of one operation.
pub fn fault<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    Fault::new(operation, kind(&error), error)
}

/// Whether an error code asks to slow down.
pub(super) fn is_throttled(code: &str) -> bool {
    THROTTLED.contains(&code)
}

fn kind<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> FaultKind {
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let status = service.raw().status();
            if DENIED.contains(&code) || matches!(status.as_u16(), 401 | 403) {
                FaultKind::Denied
            } else if is_throttled(code) || status.as_u16() == 429 {
                FaultKind::Throttled
            } else if UNAVAILABLE.contains(&code) || status.is_server_error() {
                FaultKind::Unavailable
            } else if NOT_FOUND.contains(&code) {
                FaultKind::NotFound
            } else {
                FaultKind::Invalid
            }
        }
        SdkError::ConstructionFailure(_) => FaultKind::Invalid,
        // Time-outs, lost connections, unreadable answers, and whatever the SDK adds later.
        _ => FaultKind::Unavailable,
    }
}
