//! What a document is, and the rules for its fields.

use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use resido_proto::{
    error::Violation, google::api::HttpBody, housing::v1 as proto, ids::parse_uuid,
    validate::Checks,
};
use uuid::Uuid;

use crate::leases::model::LeaseId;

/// Bytes of a document at most. With its frame it stays below 4 MiB, beyond which
/// the gRPC libraries of most languages take no message.
pub(crate) const MAX_BYTES: usize = 4_000_000;
/// What a document is if nobody says so.
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// Characters of a content type with its parameters at most.
const MAX_TYPE: usize = 255;
/// Characters of a type, and of a subtype, at most.
///
/// *Source*: RFC 6838, section 4.2.
const MAX_NAME: usize = 127;
/// What is escaped in the file name of a header.
///
/// *Source*: RFC 8187, `attr-char`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The id of a document, below its lease's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentId {
    pub(crate) lease: LeaseId,
    pub(crate) id: Uuid,
}

impl DocumentId {
    /// Reads `leases/<uuid>/documents/<uuid>`.
    pub(crate) fn parse(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        name.split_once("/documents/")
            .and_then(|(lease, document)| {
                let lease = LeaseId::parse(field, lease).ok()?;
                let id = parse_uuid(document).ok()?;
                Some(Self { lease, id })
            })
            .ok_or_else(|| {
                let fault = "must be `leases/<uuid>/documents/<uuid>`";
                vec![Violation::new(field, fault)]
            })
    }

    fn name(self) -> String {
        format!("{}/documents/{}", self.lease.name(), self.id)
    }
}

/// A document to be kept.
#[derive(Debug)]
pub(crate) struct NewDocument {
    pub(crate) id: DocumentId,
    pub(crate) display_name: String,
    pub(crate) content_type: String,
    pub(crate) content: Vec<u8>,
}

impl NewDocument {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(request: proto::UploadDocumentRequest) -> Result<Self, Vec<Violation>> {
        let body = request.content.unwrap_or_default();
        let mut checks = Checks::default();
        let lease = checks.take(LeaseId::parse("parent", &request.parent));
        checks.text("display_name", &request.display_name, 0, 200);
        let content_type = match body.content_type.trim() {
            "" => UNKNOWN_TYPE,
            given => given,
        };
        checks.require(
            is_media_type(content_type),
            "content.content_type",
            "must be a type and a subtype, such as `application/pdf`",
        );
        checks.require(
            body.data.len() <= MAX_BYTES,
            "content.data",
            "has more than 4,000,000 bytes",
        );
        let content_type = content_type.to_owned();
        let lease = checks.finish_with(lease)?;
        Ok(Self {
            id: DocumentId {
                lease,
                id: Uuid::now_v7(),
            },
            display_name: request.display_name,
            content_type,
            content: body.data,
        })
    }
}

/// Whether a text is a type, a subtype and perhaps parameters, and may stand in a
/// header.
///
/// *Source*: RFC 6838, `restricted-name`.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let plain = |b: u8| b == b' ' || b.is_ascii_graphic();
    text.len() <= MAX_TYPE
        && parameters.bytes().all(plain)
        && essence
            .trim_end_matches(' ')
            .split_once('/')
            .is_some_and(|(kind, sub)| is_restricted_name(kind) && is_restricted_name(sub))
}

fn is_restricted_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
    text.len() <= MAX_NAME
        && text.bytes().all(allowed)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// A document as stored, without its content.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) id: DocumentId,
    pub(crate) display_name: String,
    pub(crate) content_type: String,
    pub(crate) size_bytes: i64,
    pub(crate) sha256: String,
    pub(crate) created: SystemTime,
}

impl From<Document> for proto::Document {
    fn from(document: Document) -> Self {
        Self {
            name: document.id.name(),
            display_name: document.display_name,
            content_type: document.content_type,
            size_bytes: document.size_bytes,
            sha256: document.sha256,
            create_time: Some(document.created.into()),
        }
    }
}

/// The content of a document on its way to a caller.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) display_name: String,
    pub(crate) body: HttpBody,
}

impl Download {
    /// Returns the value of `content-disposition`: a browser saves the document
    /// and does not show it, for it could be a page with scripts of whoever
    /// uploaded it.
    ///
    /// *Source*: RFC 6266.
    pub(crate) fn disposition(&self) -> String {
        if self.display_name.is_empty() {
            return "attachment".to_owned();
        }
        let name = utf8_percent_encode(&self.display_name, ESCAPED);
        format!("attachment; filename*=UTF-8''{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reports_every_fault_at_once() {
        let faults = NewDocument::parse(proto::UploadDocumentRequest {
            parent: "leases/x".into(),
            content: Some(HttpBody {
                content_type: "pdf".into(),
                data: vec![0; MAX_BYTES + 1],
                ..Default::default()
            }),
            display_name: "a\nb".into(),
            ..Default::default()
        });
        let faults: Vec<_> = faults.unwrap_err().into_iter().map(|v| v.field).collect();
        let expected = [
            "parent",
            "display_name",
            "content.content_type",
            "content.data",
        ];
        assert_eq!(faults, expected);
        let parent = LeaseId(Uuid::now_v7()).name();
        let document = NewDocument::parse(proto::UploadDocumentRequest {
            parent,
            ..Default::default()
        });
        assert_eq!(document.unwrap().content_type, UNKNOWN_TYPE);
    }

    #[test]
    fn a_content_type_may_stand_in_a_header() {
        for good in [
            "application/pdf",
            "text/plain;charset=utf-8",
            "text/plain; charset=\"utf-8\"",
            "application/vnd.oasis.opendocument.text",
            "image/svg+xml",
            "X/1",
        ] {
            assert!(is_media_type(good), "{good}");
        }
        let long = format!("text/{}", "x".repeat(MAX_NAME + 1));
        for bad in [
            "",
            "/",
            "text",
            "text/",
            "/plain",
            "text/a/b",
            "text/pl ain",
            "text/plain\r\nx: y",
            "text/plain;a\nb",
            "text/pläin",
            "text/plain;ä",
            "*/*",
            "-x/y",
            "text/plain, x/y",
            &long,
        ] {
            assert!(!is_media_type(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_file_name_cannot_leave_its_place_in_the_header() {
        let disposition = |name: &str| {
            Download {
                display_name: name.into(),
                body: HttpBody::default(),
            }
            .disposition()
        };
        assert_eq!(disposition(""), "attachment");
        let plain = "attachment; filename*=UTF-8''contract.pdf";
        assert_eq!(disposition("contract.pdf"), plain);
        let strange = "attachment; filename*=UTF-8''%22%3B%20a%2F%C3%A4%27";
        assert_eq!(disposition("\"; a/ä'"), strange);
    }
}
