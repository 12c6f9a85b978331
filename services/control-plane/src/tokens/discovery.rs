//! What the world may know of the issuer: its keys, and where they are.

use resido_proto::google::api::HttpBody;
use serde_json::json;

use super::Issuer;
use crate::Error;

/// How long copies of the documents are good, as long as the method options say.
pub(crate) const CACHE_CONTROL: &str = "public, max-age=60";

impl Issuer {
    /// Returns the keys that verify access tokens, as a JWK set.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn jwks(&self) -> Result<HttpBody, Error> {
        let keys = serde_json::to_vec(&self.keys.load().jwks());
        keys.map(document)
            .map_err(|_| Error::Fault("the keys cannot be written as JSON"))
    }

    /// Returns what OIDC clients must know to verify tokens. There is
    /// no flow of that standard to begin here, so none is named.
    ///
    /// *Source*: `OpenID` Connect Discovery 1.0, section 3.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn openid_configuration(&self) -> Result<HttpBody, Error> {
        let configuration = json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.public_url),
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
        });
        Ok(document(configuration.to_string().into_bytes()))
    }
}

fn document(data: Vec<u8>) -> HttpBody {
    HttpBody {
        content_type: "application/json".to_owned(),
        data,
        extensions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use resido_tenancy::keys::SigningKey;

    use super::*;
    use crate::Config;

    #[test]
    fn the_keys_are_where_the_document_says() {
        let config = Config {
            issuer: "https://id.example".into(),
            public_url: "https://api.example/resido".into(),
            ..Config::default()
        };
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let issuer = Issuer::new(key.into(), &config);
        let document = issuer.openid_configuration().unwrap();
        let read: serde_json::Value = serde_json::from_slice(&document.data).unwrap();
        assert_eq!(read["issuer"], "https://id.example");
        let uri = "https://api.example/resido/.well-known/jwks.json";
        assert_eq!(read["jwks_uri"], uri);
    }

    #[test]
    fn the_published_keys_hold_no_private_half() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let jwks = Issuer::new(key.into(), &Config::default()).jwks().unwrap();
        let text = String::from_utf8(jwks.data).unwrap();
        assert!(text.contains("\"kid\""), "{text}");
        assert!(!text.contains("\"d\""), "{text}");
    }
}
