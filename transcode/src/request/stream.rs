//! The request messages of a client stream, made of its body as it arrives.
//!
//! Path and query fill the first message alone. What a later message says of a
//! field that the path binds must be the same all the same: a service that goes
//! by the message must not be led past a gateway that goes by the path.

use std::sync::Arc;

use bytes::BytesMut;

use super::{
    body::refuse,
    build::{build, build_later},
    content_type::{JSON, is_json, is_lines},
    elements::{Element, Elements, Flaw, Form, Position},
};
use crate::{
    binding::{Binding, Body},
    fault::{FieldFault, Place, RequestError},
};

/// A `google.api.HttpBody` of a stream holds at most this many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The request messages of a client stream, as wire bytes.
///
/// Push the body piece by piece and take all messages after each; what is held
/// meanwhile is one unfinished message and the last piece. The bytes of a
/// `google.api.HttpBody` are cut into messages of at most 64 KiB, of which the
/// first has the content type; an empty body makes one message too. Of JSON, a
/// body without messages is a stream without messages, unless path or query say
/// something: then one message carries that.
#[derive(Debug)]
pub struct RequestStream {
    binding: Arc<Binding>,
    values: Vec<String>,
    query: Option<String>,
    source: Source,
    /// The message of a body without messages, if there is to be one.
    alone: Option<Vec<u8>>,
    /// Messages that were made.
    made: usize,
    complete: bool,
    over: bool,
}

/// What messages are made of.
#[derive(Debug)]
enum Source {
    /// No body: one that has a byte is refused.
    Nothing {
        refusal: RequestError,
        touched: bool,
    },
    /// The bytes of a content type.
    Raw {
        content_type: String,
        buffer: BytesMut,
    },
    /// Texts of JSON.
    Json(Elements),
}

impl Source {
    fn of(binding: &Binding, content_type: &str, limit: usize) -> Result<Self, RequestError> {
        let nothing = |refusal| Self::Nothing {
            refusal,
            touched: false,
        };
        let form = match content_type {
            _ if binding.raw_request() => {
                return Ok(Self::Raw {
                    content_type: content_type.to_owned(),
                    buffer: BytesMut::new(),
                });
            }
            _ if binding.body == Body::None => {
                return Ok(nothing(refuse("this method takes no body")));
            }
            "" => return Ok(nothing(RequestError::UnsupportedMediaType)),
            text if is_lines(text) => Form::Lines,
            text if is_json(text) => Form::Array,
            _ => return Err(RequestError::UnsupportedMediaType),
        };
        Ok(Self::Json(Elements::new(form, limit)))
    }
}

impl RequestStream {
    /// Begins a stream whose messages have at most `limit` bytes of JSON each.
    ///
    /// # Errors
    /// If the content type is not acceptable, or with every fault of path and
    /// query.
    pub(crate) fn new(
        binding: &Arc<Binding>,
        values: &[String],
        query: Option<&str>,
        content_type: Option<&str>,
        limit: usize,
    ) -> Result<Self, RequestError> {
        let raw = binding.raw_request();
        let source = Source::of(binding, content_type.unwrap_or_default().trim(), limit)?;
        let alone = build(binding, values, query, content_type.filter(|_| raw), b"")?;
        let said = !values.is_empty() || query.is_some_and(|query| !query.is_empty());
        Ok(Self {
            binding: Arc::clone(binding),
            values: values.to_vec(),
            query: query.map(str::to_owned),
            source,
            alone: Some(alone).filter(|_| said || raw),
            made: 0,
            complete: false,
            over: false,
        })
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.source {
            Source::Nothing { touched, .. } => *touched |= !bytes.is_empty(),
            Source::Raw { buffer, .. } => buffer.extend_from_slice(bytes),
            Source::Json(elements) => elements.push(bytes),
        }
    }

    /// Says that the body is complete.
    pub fn finish(&mut self) {
        self.complete = true;
        if let Source::Json(elements) = &mut self.source {
            elements.finish();
        }
    }

    /// Returns the next message, or none before more of the body has come; after
    /// an error there are no more.
    ///
    /// # Errors
    /// As those of [`crate::Route::request`], with the index of the message, or
    /// [`RequestError::TooLarge`].
    pub fn next_message(&mut self) -> Option<Result<Vec<u8>, RequestError>> {
        if self.over {
            return None;
        }
        let message = match self.take_message().transpose() {
            None if self.complete && self.made == 0 => self.alone.take().map(Ok),
            message => message,
        };
        self.made += usize::from(matches!(message, Some(Ok(_))));
        self.over = matches!(message, Some(Err(_)));
        message
    }

    fn take_message(&mut self) -> Result<Option<Vec<u8>>, RequestError> {
        let index = self.made;
        match &mut self.source {
            Source::Nothing { refusal, touched } if *touched => Err(refusal.clone()),
            Source::Nothing { .. } => Ok(None),
            Source::Raw { buffer, .. } if buffer.is_empty() => Ok(None),
            Source::Raw {
                content_type,
                buffer,
            } => {
                let bytes = buffer.split_to(buffer.len().min(PIECE_BYTES));
                let content_type = Some(content_type.clone()).filter(|_| index == 0);
                self.message(content_type.as_deref(), &bytes).map(Some)
            }
            Source::Json(elements) => {
                let element = elements.next().map_err(|flaw| refuse_flaw(flaw, index))?;
                let Some(Element { text, start }) = element else {
                    return Ok(None);
                };
                let message = self.message(Some(JSON), &text);
                message
                    .map(Some)
                    .map_err(|error| within(error, index, start))
            }
        }
    }

    fn message(&self, content_type: Option<&str>, body: &[u8]) -> Result<Vec<u8>, RequestError> {
        let (binding, values) = (&self.binding, &self.values);
        if self.made > 0 {
            return build_later(binding, values, content_type, body);
        }
        build(binding, values, self.query.as_deref(), content_type, body)
    }
}

/// Tells of a message's faults where in the whole body they are.
fn within(mut error: RequestError, index: usize, start: Position) -> RequestError {
    if let RequestError::Invalid(faults) = &mut error {
        for fault in faults {
            fault.element = Some(index);
            if fault.line == Some(1) {
                fault.column = fault.column.map(|column| start.column + column - 1);
            }
            fault.line = fault.line.map(|line| start.line + line - 1);
        }
    }
    error
}

fn refuse_flaw(flaw: Flaw, index: usize) -> RequestError {
    let (what, at) = match flaw {
        Flaw::TooLarge => return RequestError::TooLarge,
        Flaw::Syntax(what, at) => (what, at),
    };
    RequestError::Invalid(vec![FieldFault {
        place: Place::Body,
        field: String::new(),
        description: what.to_owned(),
        element: Some(index),
        line: Some(at.line),
        column: Some(at.column),
    }])
}
