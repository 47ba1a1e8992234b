//! Addresses that are secrets themselves, which no log may hold.

/// Where they stand: whoever has one can go on with the upload, fetch the file, or end the mails.
const BELOW: [(&str, &str); 3] = [
    ("/v1/uploads/", "/v1/uploads/{code}"),
    ("/v1/links/", "/v1/links/{token}"),
    ("/v1/unsubscribe/", "/v1/unsubscribe/{token}"),
];

/// The path of a request as it may be logged.
pub fn without_secret(path: &str) -> &str {
    if let Some((_, shown)) = BELOW.iter().find(|(start, _)| path.starts_with(start)) {
        return shown;
    }
    // A slash or a prefix too many must not give it away either.
    path.find("pgl_").map_or(path, |at| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_never_holds_the_address_of_an_upload_or_a_link() {
        assert_eq!(without_secret("/v1/uploads"), "/v1/uploads");
        assert_eq!(without_secret("/v1/uploads/pgl_up_x"), "/v1/uploads/{code}");
        assert_eq!(without_secret("/v1/uploads/%70gl_up_x/y"), "/v1/uploads/{code}");
        assert_eq!(without_secret("//v1/uploads/pgl_up_x"), "//v1/uploads/");
        assert_eq!(without_secret("/v1/uploadspgl_at_x"), "/v1/uploads");
        assert_eq!(without_secret("/v1/links/%70gl_url_x"), "/v1/links/{token}");
        assert_eq!(without_secret("//v1/links/pgl_url_x"), "//v1/links/");
        assert_eq!(without_secret("/v1/visits/1"), "/v1/visits/1");
    }
}
