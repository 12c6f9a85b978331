//! Creates that come twice and are done once.
//!
//! A caller marks a create with a key: `request_id`, or the header
//! `idempotency-key`. The key is written in the transaction of the create, so
//! that both are there or neither. The same key and request once more answer
//! with the resource as it is now, which is none if it was deleted meanwhile; the
//! same key with another request is refused. Keys are kept for a day.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use resido_proto::{error::Violation, housing::v1 as proto, validate::Checks};
use resido_tenancy::{
    context::TenantContext,
    db::{self, TenantTx, params},
};
use uuid::Uuid;

use crate::Error;

/// A key of a day ago counts as new.
const EXPIRE: &str = "
    delete from idempotency_keys
     where actor = $1 and key = $2 and create_time < now() - interval '1 day'";
/// Waits for another call that has written the key and not ended, and takes no
/// lock on what it finds: those who come late do not queue up.
const CLAIM: &str = "
    insert into idempotency_keys (actor, key, method, request_hash, resource_id)
    values ($1, $2, $3, $4, $5)
        on conflict (actor, key) do nothing";
const FIND: &str = "
    select method, request_hash, resource_id
      from idempotency_keys
     where actor = $1 and key = $2";
/// A bounded part of what is too old.
const PRUNE: &str = "
    delete from idempotency_keys
     where (actor, key) in (select actor, key
                              from idempotency_keys
                             where create_time < now() - interval '1 day'
                             order by create_time
                             limit 100
                               for update skip locked)";

/// A request that creates something.
pub(crate) trait Create: Message {
    /// Name of the method.
    const METHOD: &'static str;

    /// Returns the field with the key.
    fn request_id(&mut self) -> &mut String;
}

macro_rules! creates {
    ($($request:ident = $method:literal;)*) => {
        $(impl Create for proto::$request {
            const METHOD: &'static str = $method;

            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }
        })*
    };
}

creates! {
    CreatePropertyRequest = "CreateProperty";
    CreateUnitRequest = "CreateUnit";
    CreateResidentRequest = "CreateResident";
    CreateLeaseRequest = "CreateLease";
    UploadDocumentRequest = "UploadDocument";
    CreateWorkOrderRequest = "CreateWorkOrder";
}

/// What tells a create that comes again; nothing if its caller does not mind.
#[derive(Debug)]
pub(crate) struct Once(Option<Mark>);

#[derive(Debug)]
struct Mark {
    actor: String,
    key: String,
    method: &'static str,
    hash: Vec<u8>,
}

/// Reads a create, and what tells it when it comes again.
///
/// # Errors
/// The faults of both.
pub(crate) fn read<R: Create, N>(
    ctx: &TenantContext,
    mut request: R,
    parse: impl FnOnce(R) -> Result<N, Vec<Violation>>,
) -> Result<(Once, N), Vec<Violation>> {
    let mut checks = Checks::default();
    let sent = std::mem::take(request.request_id());
    let key = checks.take(key(sent, ctx.call().idempotency_key()));
    let mark = key.map(|key| {
        key.map(|key| Mark {
            actor: ctx.call().principal().subject.to_string(),
            key,
            method: R::METHOD,
            hash: digest(&SHA256, &request.encode_to_vec()).as_ref().to_vec(),
        })
    });
    let new = checks.take(parse(request));
    checks.finish_with(mark.map(Once).zip(new))
}

/// Returns the one key that message and header name.
fn key(sent: String, header: Option<&str>) -> Result<Option<String>, Vec<Violation>> {
    let mut checks = Checks::default();
    let key = match header {
        Some(header) if sent.is_empty() => header.to_owned(),
        Some(header) if sent != header => {
            let fault = "differs from the header `idempotency-key`";
            return Err(vec![Violation::new("request_id", fault)]);
        }
        _ => sent,
    };
    checks.text("request_id", &key, 0, 128);
    checks.finish()?;
    Ok(Some(key).filter(|key| !key.is_empty()))
}

impl Once {
    /// Claims the key for the resource that is about to be made, or returns the
    /// id of the one that was made with it before. Of several calls at once, all
    /// but one wait here for that one's end.
    ///
    /// # Errors
    /// [`Error::KeyReused`], or a failure of the database.
    pub(crate) async fn earlier(&self, tx: &TenantTx, id: Uuid) -> Result<Option<Uuid>, Error> {
        let Some(mark) = &self.0 else {
            return Ok(None);
        };
        tx.execute(EXPIRE, params![mark.actor, mark.key]).await?;
        let values = params![mark.actor, mark.key, mark.method, mark.hash, id];
        if tx.execute(CLAIM, values).await? == 1 {
            tx.execute(PRUNE, params![]).await?;
            return Ok(None);
        }
        let row = tx.query_one(FIND, params![mark.actor, mark.key]).await?;
        let method: &str = row.try_get("method").map_err(db::Error::from)?;
        let hash: &[u8] = row.try_get("request_hash").map_err(db::Error::from)?;
        if method != mark.method || hash != mark.hash {
            return Err(Error::KeyReused);
        }
        Ok(Some(row.try_get("resource_id").map_err(db::Error::from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_header_name_one_key() {
        let read = |sent: &str, header| key(sent.to_owned(), header);
        assert_eq!(read("", None), Ok(None));
        assert_eq!(read("", Some("")), Ok(None));
        for (sent, header) in [("k", None), ("", Some("k")), ("k", Some("k"))] {
            assert_eq!(read(sent, header), Ok(Some("k".to_owned())));
        }
        for (sent, header) in [
            ("k", Some("K")),
            ("k", Some("")),
            (&"k".repeat(129), None),
            (" k", None),
            ("", Some("a\tb")),
        ] {
            assert_eq!(read(sent, header).unwrap_err()[0].field, "request_id");
        }
    }
}
