//! Which addresses there are: their methods for the `Allow` header of 405, and their pattern for figures.

use std::sync::Arc;

use poem::http::HeaderValue;
use serde_json::Value;

/// Addresses that are not in the document.
const PAGES: [&str; 3] = ["/openapi.json", "/docs", "/metrics"];

/// An address with the names of its parameters.
#[derive(Debug)]
pub struct Route {
    /// The address as in the document, such as `/v1/visits/{id}`.
    pub template: Arc<str>,
    /// Its methods, separated by commas.
    pub methods: HeaderValue,
    steps: Vec<String>,
}

/// Every address of the document with its methods.
#[derive(Debug)]
pub struct Allowed {
    /// By the number of steps.
    routes: Vec<Vec<Route>>,
    nowhere: Arc<str>,
}

impl Allowed {
    /// Reads the addresses of an OpenAPI document.
    pub fn of(document: &Value) -> Self {
        let mut allowed = Self { routes: Vec::new(), nowhere: "none".into() };
        for page in PAGES {
            allowed.add(page, "GET");
        }
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            let methods: Vec<_> = operations.as_object().into_iter().flatten().map(|(m, _)| m.to_uppercase()).collect();
            allowed.add(path, &methods.join(", "));
        }
        allowed
    }

    fn add(&mut self, path: &str, methods: &str) {
        let steps: Vec<_> = path.split('/').map(str::to_owned).collect();
        let Ok(methods) = HeaderValue::from_str(methods) else { return };
        if self.routes.len() <= steps.len() {
            self.routes.resize_with(steps.len() + 1, Vec::new);
        }
        self.routes[steps.len()].push(Route { template: path.into(), methods, steps });
    }

    /// The address that a path is, if there is one.
    pub fn route(&self, path: &str) -> Option<&Route> {
        let count = path.split('/').count();
        let fits = |route: &&Route| {
            route.steps.iter().zip(path.split('/')).all(|(known, step)| known.starts_with('{') || known == step)
        };
        self.routes.get(count)?.iter().find(fits)
    }

    /// What stands for a path that is no address.
    pub fn nowhere(&self) -> Arc<str> {
        self.nowhere.clone()
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
        let route = allowed.route("/v1/visits/7").unwrap();
        assert_eq!((&*route.template, route.methods.to_str().unwrap()), ("/v1/visits/{id}", "GET, PUT"));
        assert_eq!(allowed.route("/docs").unwrap().methods, "GET");
        for nowhere in ["/v1/visits", "/v1/visits/7/x", "", "/"] {
            assert!(allowed.route(nowhere).is_none(), "{nowhere}");
        }
    }
}
