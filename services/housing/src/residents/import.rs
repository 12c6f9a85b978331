//! Residents out of a stream.
//!
//! Messages are gathered while no transaction is open, and written a batch at a
//! time: memory is bounded by one batch, however long the stream, and a slow
//! sender holds no connection. What a batch has committed stays, whatever
//! becomes of the stream afterwards.

use resido_proto::{
    error::{Failure as _, Violation},
    housing::v1::{self as proto, import_residents_response::Failure},
};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, TenantDatabase},
    server::into_status,
};
use tonic::{Status, Streaming};

use super::{model::NewResident, service::WRITE, store};
use crate::{Error, roles::EDITORS};

/// Residents of one stream at most.
const MAX_RESIDENTS: i32 = 10_000;
/// Residents of one transaction at most.
const BATCH: usize = 200;
/// Failures that are told in full at most; the others are counted.
const MAX_FAILURES: usize = 100;
/// Characters of what is said of one failure at most.
const MAX_MESSAGE: usize = 500;

/// Creates residents until the stream ends.
///
/// # Errors
/// The status that broke the stream off, or that of a failure of ours.
pub(crate) async fn import(
    ctx: &TenantContext,
    db: &TenantDatabase,
    mut stream: Streaming<proto::ImportResidentsRequest>,
) -> Result<proto::ImportResidentsResponse, Status> {
    let allowed = ctx.call().require(EDITORS, WRITE).map_err(Error::from);
    allowed.map_err(|error| into_status(&error))?;
    let mut import = Import::default();
    while let Some(message) = stream.message().await? {
        import.take(message).map_err(|error| into_status(&error))?;
        if import.batch.len() == BATCH {
            import.write(ctx, db).await.map_err(|e| into_status(&e))?;
        }
    }
    import.write(ctx, db).await.map_err(|e| into_status(&e))?;
    Ok(import.report)
}

/// An import on its way.
#[derive(Debug, Default)]
struct Import {
    /// How many have come.
    count: i32,
    /// Those that wait, and the places of each in the stream.
    batch: Vec<NewResident>,
    places: Vec<i32>,
    report: proto::ImportResidentsResponse,
}

impl Import {
    /// Takes one resident, or notes what is wrong with it.
    fn take(&mut self, message: proto::ImportResidentsRequest) -> Result<(), Error> {
        if self.count == MAX_RESIDENTS {
            let fault = "an import takes 10,000 residents at most; those before may be there";
            return Err(vec![Violation::new("resident", fault)].into());
        }
        let place = self.count;
        self.count += 1;
        let parsed = NewResident::parse(proto::CreateResidentRequest {
            resident: message.resident,
            ..Default::default()
        });
        match parsed {
            Ok(new) => {
                self.batch.push(new);
                self.places.push(place);
            }
            Err(faults) => self.fail(place, &faults.into()),
        }
        Ok(())
    }

    /// Writes those that wait.
    async fn write(&mut self, ctx: &TenantContext, db: &TenantDatabase) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let tx = db.begin(ctx, Access::Write).await?;
        let inserted = store::insert_many(&tx, &self.batch).await;
        let made = tx.finish(inserted).await?;
        let (batch, places) = (
            std::mem::take(&mut self.batch),
            std::mem::take(&mut self.places),
        );
        for (new, place) in batch.iter().zip(places) {
            if made.contains(&new.id.0) {
                self.report.created_count += 1;
            } else {
                self.fail(place, &store::EMAIL_TAKEN);
            }
        }
        Ok(())
    }

    fn fail(&mut self, index: i32, error: &Error) {
        self.report.failed_count += 1;
        if self.report.failures.len() < MAX_FAILURES {
            self.report.failures.push(Failure {
                index,
                reason: error.reason().to_owned(),
                message: message(error),
            });
        }
    }
}

/// Says in one line what is wrong.
fn message(error: &Error) -> String {
    let faults = error.violations().iter();
    let faults: Vec<_> = faults
        .map(|fault| format!("{} {}", fault.field, fault.description))
        .collect();
    if faults.is_empty() {
        return error.public_message().into_owned();
    }
    faults.join("; ").chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(given_name: &str) -> proto::ImportResidentsRequest {
        proto::ImportResidentsRequest {
            resident: Some(proto::Resident {
                given_name: given_name.into(),
                family_name: "Lovelace".into(),
                ..Default::default()
            }),
        }
    }

    #[test]
    fn what_is_wrong_with_one_keeps_none_of_the_others_out() {
        let mut import = Import::default();
        for given_name in ["Ada", "", "Augusta"] {
            import.take(message(given_name)).unwrap();
        }
        import.take(Default::default()).unwrap();
        assert_eq!(import.places, [0, 2]);
        assert_eq!(import.report.failed_count, 2);
        let [first, second] = &import.report.failures[..] else {
            panic!("{:?}", import.report);
        };
        assert_eq!((first.index, second.index), (1, 3));
        assert_eq!(first.reason, "REQUEST_INVALID");
        assert_eq!(first.message, "resident.given_name is required");
        let both = "resident.given_name is required; resident.family_name is required";
        assert_eq!(second.message, both);
    }

    #[test]
    fn a_report_has_an_end() {
        let mut import = Import::default();
        for _ in 0..MAX_RESIDENTS {
            import.take(message("")).unwrap();
        }
        assert_eq!(import.report.failures.len(), MAX_FAILURES);
        assert_eq!(import.report.failed_count, MAX_RESIDENTS);
        let error = import.take(message("Ada")).unwrap_err();
        assert_eq!(error.violations()[0].field, "resident");
    }
}
