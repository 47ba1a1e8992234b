//! Which methods an address takes, for the `Allow` header of 405.

use poem::http::HeaderValue;
use serde_json::Value;

/// Every address of the document with its methods.
#[derive(Debug)]
pub struct Allowed(Vec<(Vec<String>, String)>);

impl Allowed {
    /// Reads the addresses of an OpenAPI document.
    pub fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let row = |(path, operations): (&String, &Value)| {
            let methods: Vec<_> = operations.as_object().into_iter().flatten().map(|(m, _)| m.to_uppercase()).collect();
            (path.split('/').map(str::to_owned).collect(), methods.join(", "))
        };
        Self(paths.map(row).collect())
    }

    /// The methods of an address, if it is one.
    pub fn methods(&self, path: &str) -> Option<HeaderValue> {
        let steps: Vec<_> = path.split('/').collect();
        let fits = |pattern: &[String]| {
            pattern.len() == steps.len()
                && pattern.iter().zip(&steps).all(|(known, step)| known.starts_with('{') || known == step)
        };
        let (_, methods) = self.0.iter().find(|(pattern, _)| fits(pattern))?;
        HeaderValue::from_str(methods).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_with_an_id_in_it_is_found() {
        let allowed =
            Allowed::of(&json!({"paths": {"/v1/visits/{id}": {"get": {}, "put": {}}, "/v1/me": {"get": {}}}}));
        assert_eq!(allowed.methods("/v1/visits/7").unwrap(), "GET, PUT");
        assert!(allowed.methods("/v1/visits").is_none());
    }
}
