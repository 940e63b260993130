//! A change as an `UpdateItem` request: what [`Change`] says each part is made for, in DynamoDB's words.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use super::CLIENT_ID;
use super::listing::presence;
use crate::aws::row::{UPDATE, attribute};
use crate::aws::update::Update;
use crate::fault::Fault;
use crate::id::{ClientId, SessionId};
use crate::presence::{
    Beginning, Change, ClientKind, ConnectFailure, Connection, ConnectionChange, End, PendingChange, Subscription,
    Subscriptions, SubscriptionsChange, TOLERANCE,
};
use crate::timestamp::{seconds_after, to_text};

const OLDER: &str = "((#versionNumber < :versionNumber AND #presenceSince <= :latest) \
                     OR (#versionNumber > :versionNumber AND #presenceSince < :earliest)";
const OLDER_OF_OTHER_SESSION: &str = " OR (#versionNumber = :versionNumber AND (#presenceSince < :presenceSince \
                                      OR (#presenceSince = :presenceSince AND #session < :session)))";
/// When the row expires, for DynamoDB: a number of seconds since 1970, or a text, which DynamoDB takes for no time.
const EXPIRES_AT: &str = "expiresAt";
/// What takes the place of every such time, once it is there: so the row is not asked for before it is written.
const EXPIRY_OVERRIDE: &str = "expiryOverride";
const NEVER: &str = "never";
/// The time of [`Subscriptions::forgotten`].
const FORGOTTEN: &str = "subscriptionsForgotten";
const THIS: &str = "#session = :session AND #versionNumber = :versionNumber";

/// An update under construction, with the conditions of its parts.
struct Draft {
    conditions: Vec<String>,
    update: Update,
}

/// The request that writes a change.
pub(super) fn request(
    client: &Client,
    table: &str,
    id: &ClientId,
    change: &Change,
    retention: Duration,
) -> Result<UpdateItemFluentBuilder, Fault> {
    let update = Update::new(client, table).key(CLIENT_ID, id.as_str()).returning_row();
    let mut draft = Draft { conditions: Vec::new(), update };
    draft = match &change.connection {
        None => draft,
        Some(ConnectionChange::Begin(new, beginning)) => draft.begin(id, new, beginning),
        Some(ConnectionChange::End(new, end)) => draft.end(id, new, end),
        Some(ConnectionChange::Renew(new)) => draft.renew(id, new),
        Some(ConnectionChange::Replace(new, subscriptions)) => {
            draft.replace(id, new).set_all("subscriptions", &subscriptions.filters)?.forgotten(subscriptions)
        }
    };
    draft = match &change.subscriptions {
        None => draft,
        Some(SubscriptionsChange::Forget(session, old)) => draft.forget(session, old)?,
        Some(SubscriptionsChange::Put(session, new)) => draft.put(session, &new.filters)?,
    };
    if let Some(pending) = &change.pending {
        draft = draft.pending(pending, change.connection.is_none())?;
    }
    if let Some(failure) = &change.last_connect_failure {
        draft = draft.connect_failure(failure)?;
    }
    if let Some(at) = change.last_event_at {
        draft.update = draft.update.set("lastEventAt", to_text(at));
        draft = draft.only_if("(attribute_not_exists(#lastEventAt) OR #lastEventAt < :lastEventAt)".to_owned());
    }
    draft.update = match change.last_event_at {
        _ if change.permanent => draft.update.set(EXPIRY_OVERRIDE, NEVER).set(EXPIRES_AT, NEVER),
        Some(at) => draft.update.set_number_unless(EXPIRES_AT, EXPIRY_OVERRIDE, seconds_after(at, retention)),
        None => draft.update,
    };
    let condition = draft.conditions.join(" AND ");
    Ok(draft.update.build(Some(condition.as_str()).filter(|condition| !condition.is_empty())))
}

impl Draft {
    fn only_if(mut self, condition: String) -> Self {
        self.conditions.push(condition);
        self
    }

    fn set_all(mut self, name: &str, value: &impl Serialize) -> Result<Self, Fault> {
        self.update = self.update.set_value(name, attribute(UPDATE, value)?);
        Ok(self)
    }

    fn replace(self, id: &ClientId, new: &Connection) -> Self {
        let older = format!("{OLDER}{OLDER_OF_OTHER_SESSION})");
        self.connection(id, new)
            .only_if(format!("(attribute_not_exists(#session) OR (#session <> :session AND {older}))"))
    }

    fn renew(self, id: &ClientId, new: &Connection) -> Self {
        self.connection(id, new).only_if(format!("#session = :session AND {OLDER})"))
    }

    /// The whole of a connection that replaces another one.
    fn connection(mut self, id: &ClientId, new: &Connection) -> Self {
        let connected = new.end().is_none();
        let mut update = self
            .update
            .set("clientKind", ClientKind::of(id, new.principal.as_deref()).as_str())
            .set_value("connected", AttributeValue::Bool(connected))
            .set("presence", presence(connected, id))
            .set("presenceSince", to_text(new.at()))
            .set("session", new.session.as_str())
            .set_number("versionNumber", new.version)
            .given("earliest", to_text(new.at().saturating_sub(TOLERANCE)))
            .given("latest", to_text(new.at().saturating_add(TOLERANCE)));
        let (beginning, end) = (new.beginning(), new.end());
        for (name, value) in [
            ("connectedAt", beginning.map(|beginning| to_text(beginning.at))),
            ("disconnectReason", end.and_then(|end| Some(end.reason.as_ref()?.as_str().to_owned()))),
            ("disconnectedAt", end.map(|end| to_text(end.at))),
            ("ipAddress", beginning.and_then(|beginning| beginning.ip_address.clone())),
            ("offlineSince", end.map(|end| to_text(end.at))),
            ("principal", new.principal.clone()),
            ("thingName", new.thing_name.clone()),
        ] {
            update = match value {
                Some(value) => update.set(name, value),
                None => update.remove(name),
            };
        }
        self.update = match end.and_then(|end| end.client_initiated) {
            Some(flag) => update.set_value("clientInitiated", AttributeValue::Bool(flag)),
            None => update.remove("clientInitiated"),
        };
        self
    }

    fn begin(mut self, id: &ClientId, new: &Connection, beginning: &Beginning) -> Self {
        self.update = self
            .update
            .set("connectedAt", to_text(beginning.at))
            .set_some("ipAddress", beginning.ip_address.clone())
            .name("connected")
            .given_value("open", AttributeValue::Bool(false));
        self.known(id, new).only_if(format!("{THIS} AND #connected = :open AND attribute_not_exists(#connectedAt)"))
    }

    fn end(mut self, id: &ClientId, new: &Connection, end: &End) -> Self {
        self.update = self
            .update
            .set_value("connected", AttributeValue::Bool(false))
            .set_some("disconnectReason", end.reason.as_ref().map(|reason| reason.as_str().to_owned()))
            .set("disconnectedAt", to_text(end.at))
            .set("offlineSince", to_text(end.at))
            .set("presence", presence(false, id))
            .set("presenceSince", to_text(end.at))
            .given_value("open", AttributeValue::Bool(true));
        if let Some(flag) = end.client_initiated {
            self.update = self.update.set_value("clientInitiated", AttributeValue::Bool(flag));
        }
        self.known(id, new).only_if(format!("{THIS} AND #connected = :open"))
    }

    /// What only one of two events of a connection may have told.
    fn known(mut self, id: &ClientId, connection: &Connection) -> Self {
        self.update = self
            .update
            .name("session")
            .name("versionNumber")
            .given("session", connection.session.as_str())
            .given_number("versionNumber", connection.version);
        for (name, value) in [("principal", &connection.principal), ("thingName", &connection.thing_name)] {
            if let Some(value) = value {
                self.update = self.update.set_once(name, value);
            }
        }
        if let Some(principal) = &connection.principal {
            self.update = self.update.set("clientKind", ClientKind::of(id, Some(principal)).as_str());
        }
        self
    }

    /// The row has this session, which a change of the connection demands in the same words.
    fn of_session(mut self, session: &SessionId) -> Self {
        self.update = self.update.name("session").given("session", session.as_str());
        self.only_if("#session = :session".to_owned())
    }

    fn put<'a>(
        mut self,
        session: &SessionId,
        new: impl IntoIterator<Item = (&'a String, &'a Subscription)>,
    ) -> Result<Self, Fault> {
        self.update = self.update.name("subscriptions").name("at").name(FORGOTTEN);
        for (n, (filter, last)) in new.into_iter().enumerate() {
            let path = format!("#subscriptions.#filter{n}");
            self.update = self
                .update
                .name_as(&format!("filter{n}"), filter)
                .given(&format!("at{n}"), to_text(last.at))
                .set_path(&path, &format!("filter{n}"), attribute(UPDATE, last)?);
            let unknown = format!("(attribute_not_exists({path}) AND {})", forgotten_before(&format!("at{n}")));
            let older = format!("{unknown} OR {path}.#at < :at{n}");
            self = if last.subscribed {
                // Of two events of one millisecond the one that subscribes counts.
                self.update = self.update.name("subscribed").given_value("givenUp", AttributeValue::Bool(false));
                self.only_if(format!("({older} OR ({path}.#at = :at{n} AND {path}.#subscribed = :givenUp))"))
            } else {
                self.only_if(format!("({older})"))
            };
        }
        Ok(self.of_session(session))
    }

    /// The time of what a session that begins has forgotten already.
    fn forgotten(mut self, subscriptions: &Subscriptions) -> Self {
        self.update = match subscriptions.forgotten {
            Some(at) => self.update.set(FORGOTTEN, to_text(at)),
            None => self.update.remove(FORGOTTEN),
        };
        self
    }

    fn forget(mut self, session: &SessionId, old: &Subscriptions) -> Result<Self, Fault> {
        if let Some(at) = old.forgotten {
            self.update = self.update.set(FORGOTTEN, to_text(at));
            self = self.only_if(forgotten_before(FORGOTTEN));
        }
        for (n, (filter, last)) in old.filters.iter().enumerate() {
            self.update = self.update.name("subscriptions");
            let path = format!("#subscriptions.#filter{n}");
            self.update = self
                .update
                .name_as(&format!("filter{n}"), filter)
                .given_value(&format!("filter{n}"), attribute(UPDATE, last)?)
                .remove_path(path.clone());
            self = self.only_if(format!("{path} = :filter{n}"));
        }
        Ok(self.of_session(session))
    }

    fn pending(mut self, pending: &PendingChange, by_session: bool) -> Result<Self, Fault> {
        const NAME: &str = "pendingSubscriptions";
        if pending.before.is_empty() {
            self = self.only_if(format!("attribute_not_exists(#{NAME})"));
        } else {
            self.update = self.update.given_value("before", attribute(UPDATE, &pending.before)?);
            self = self.only_if(format!("#{NAME} = :before"));
        }
        self.update = self.update.name(NAME);
        if pending.after != pending.before {
            self.update = if pending.after.is_empty() {
                self.update.remove(NAME)
            } else {
                self.update.set_value(NAME, attribute(UPDATE, &pending.after)?)
            };
        }
        Ok(match &pending.session {
            // A change of the connection says itself which session the row must have.
            _ if !by_session => self,
            Some(session) => self.of_session(session),
            None => {
                self.update = self.update.name("session");
                self.only_if("attribute_not_exists(#session)".to_owned())
            }
        })
    }

    fn connect_failure(mut self, failure: &ConnectFailure) -> Result<Self, Fault> {
        const NAME: &str = "lastConnectFailure";
        self.update = self
            .update
            .name("at")
            .name("session")
            .given("failedAt", to_text(failure.at))
            .given("failedSession", failure.session.as_str());
        let later = format!(
            "(attribute_not_exists(#{NAME}) OR #{NAME}.#at < :failedAt \
             OR (#{NAME}.#at = :failedAt AND #{NAME}.#session < :failedSession))"
        );
        self.set_all(NAME, failure).map(|draft| draft.only_if(later))
    }
}

/// Nothing was forgotten that is as late as the time of a placeholder.
fn forgotten_before(placeholder: &str) -> String {
    format!("(attribute_not_exists(#{FORGOTTEN}) OR #{FORGOTTEN} < :{placeholder})")
}
