//! What comes back, in one form for every protocol.

use anyhow::{Result, bail};
use http::HeaderMap;
use serde_json::Value;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The message, or why there is none.
    pub outcome: std::result::Result<Value, Refusal>,
    /// The status of HTTP.
    pub http: u16,
    /// Headers, with the trailers.
    pub headers: HeaderMap,
}

/// An error: `google.rpc.Status` as JSON, wherever it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal(pub Value);

impl Reply {
    /// Returns the message.
    ///
    /// # Errors
    /// If the call was refused.
    pub fn message(self) -> Result<Value> {
        match self.outcome {
            Ok(message) => Ok(message),
            Err(refusal) => bail!("refused: {}", refusal.0),
        }
    }

    /// Returns the error.
    ///
    /// # Errors
    /// If the call was not refused.
    pub fn refusal(self) -> Result<Refusal> {
        match self.outcome {
            Ok(message) => bail!("not refused: {message}"),
            Err(refusal) => Ok(refusal),
        }
    }
}

impl Refusal {
    /// Returns the gRPC code.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.0["code"].as_i64().unwrap_or_default()
    }

    /// Returns the reason of `details[0]`, which must be ours.
    #[must_use]
    pub fn reason(&self) -> &str {
        let first = &self.0["details"][0];
        let ours = first["domain"] == "resido"
            && first["@type"] == "type.googleapis.com/google.rpc.ErrorInfo";
        first["reason"]
            .as_str()
            .filter(|_| ours)
            .unwrap_or_default()
    }

    /// Returns a detail by the last part of its type.
    #[must_use]
    pub fn detail(&self, name: &str) -> Option<&Value> {
        let details = self.0["details"].as_array()?;
        let is = |detail: &&Value| {
            detail["@type"]
                .as_str()
                .is_some_and(|kind| kind == format!("type.googleapis.com/google.rpc.{name}"))
        };
        details.iter().find(is)
    }

    /// Returns the fields that are said to be wrong.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let found = self.detail("BadRequest");
        let violations = found.and_then(|detail| detail["fieldViolations"].as_array());
        let names = violations.into_iter().flatten();
        let mut names: Vec<_> = names
            .filter_map(|violation| violation["field"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// Returns the error without what differs from call to call.
    #[must_use]
    pub fn constant(&self) -> Value {
        let mut status = self.0.clone();
        for detail in status["details"].as_array_mut().into_iter().flatten() {
            if let Some(id) = detail.get_mut("requestId") {
                *id = "…".into();
            }
        }
        status
    }
}
