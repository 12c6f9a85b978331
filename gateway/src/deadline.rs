//! How long a call may take.

use std::time::Duration;

use http::HeaderMap;
use resido_proto::{deadline, headers, options::v1::Access};

use crate::{catalog::Policy, config::Bounds, refusal::Refusal};

/// Returns how long a call may take: what the caller asks for, but no longer
/// than its method allows, or `bounds` where the method does not say; streams of
/// known callers may take any time.
///
/// # Errors
/// [`Refusal::DeadlineInvalid`] if the caller's timeout cannot be read,
/// [`Refusal::DeadlineExceeded`] if it is zero.
pub(crate) fn allowed(
    sent: &HeaderMap,
    policy: &Policy,
    streams: bool,
    bounds: Bounds,
) -> Result<Option<Duration>, Refusal> {
    let unsaid = match (streams, policy.access) {
        (false, _) => Some(bounds.unary),
        (true, Access::Anonymous) => Some(bounds.anonymous_stream),
        (true, _) => None,
    };
    let own = policy.timeout.or(unsaid);
    let asked = match (
        asked(sent, headers::GRPC_TIMEOUT)?,
        asked(sent, headers::REQUEST_TIMEOUT)?,
    ) {
        (Some(text), _) => Some(deadline::parse_grpc(text)),
        (None, Some(text)) => Some(deadline::parse_http(text)),
        (None, None) => None,
    };
    let asked = match asked {
        Some(None) => return Err(Refusal::DeadlineInvalid),
        Some(Some(Duration::ZERO)) => return Err(Refusal::DeadlineExceeded),
        Some(time) => time,
        None => None,
    };
    Ok(match (asked, own) {
        (Some(asked), Some(own)) => Some(asked.min(own)),
        (asked, own) => asked.or(own),
    })
}

fn asked<'a>(sent: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = sent.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refusal::DeadlineInvalid);
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| Refusal::DeadlineInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const BOUNDS: Bounds = Bounds {
        unary: Duration::from_secs(15),
        anonymous_stream: Duration::from_secs(300),
    };

    fn check(
        sent: &[(&'static str, &'static str)],
        timeout: Option<u64>,
        streams: bool,
    ) -> Result<Option<u64>, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let policy = Policy {
            access: Access::Tenant,
            roles: Vec::new(),
            permission: None,
            timeout: timeout.map(Duration::from_secs),
            reads_only: false,
            forward_authorization: false,
            allow_suspended: false,
        };
        allowed(&headers, &policy, streams, BOUNDS).map(|time| time.map(|time| time.as_secs()))
    }

    #[test]
    fn l2_the_shorter_of_both_counts() {
        for (sent, timeout, streams, expected) in [
            (&[][..], None, false, Some(15)),
            (&[], None, true, None),
            (&[], Some(60), false, Some(60)),
            (&[("grpc-timeout", "5S")], None, false, Some(5)),
            (&[("grpc-timeout", "50S")], None, false, Some(15)),
            (&[("grpc-timeout", "50S")], Some(60), false, Some(50)),
            (&[("grpc-timeout", "50S")], None, true, Some(50)),
            (&[("x-request-timeout", "2s")], None, false, Some(2)),
        ] {
            assert_eq!(check(sent, timeout, streams).unwrap(), expected, "{sent:?}");
        }
    }

    #[test]
    fn l2_what_cannot_be_read_is_refused() {
        for sent in [
            &[("grpc-timeout", "soon")][..],
            &[("grpc-timeout", "1S"), ("grpc-timeout", "2S")],
            &[("x-request-timeout", "-1s")],
        ] {
            assert!(
                matches!(check(sent, None, false), Err(Refusal::DeadlineInvalid)),
                "{sent:?}"
            );
        }
        let zero = check(&[("grpc-timeout", "0S")], None, false);
        assert!(matches!(zero, Err(Refusal::DeadlineExceeded)));
    }

    #[test]
    fn streams_of_unknown_callers_end() {
        let policy = Policy {
            access: Access::Anonymous,
            roles: Vec::new(),
            permission: None,
            timeout: None,
            reads_only: true,
            forward_authorization: false,
            allow_suspended: false,
        };
        let time = allowed(&HeaderMap::new(), &policy, true, BOUNDS).unwrap();
        assert_eq!(time, Some(BOUNDS.anonymous_stream));
    }
}
