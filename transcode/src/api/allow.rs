//! Which HTTP methods a path answers to.

use http::Method;

/// What a binding to every HTTP method stands for.
const ANY: [Method; 7] = [
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
];

/// Turns the HTTP methods of bindings into those a client may use: `HEAD` comes
/// with `GET`, and `*` stands for all.
pub(super) fn methods(bound: &[String]) -> Vec<Method> {
    let mut allow = Vec::new();
    for method in bound {
        match method.as_str() {
            "*" => allow.extend(ANY),
            "GET" => allow.extend([Method::GET, Method::HEAD]),
            other => allow.extend(Method::from_bytes(other.as_bytes())),
        }
    }
    allow.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
    allow.dedup();
    allow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b4_head_comes_with_get_and_a_star_with_all() {
        let names = |bound: &[&str]| {
            let bound: Vec<_> = bound.iter().map(|name| (*name).to_owned()).collect();
            let allow = methods(&bound).into_iter();
            allow.map(|method| method.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["POST", "GET"]), ["GET", "HEAD", "POST"]);
        assert_eq!(names(&["HEAD", "GET"]), ["GET", "HEAD"]);
        assert_eq!(names(&["REPORT"]), ["REPORT"]);
        assert_eq!(names(&["*", "GET"]).len(), 7);
        assert!(names(&[]).is_empty());
    }
}
