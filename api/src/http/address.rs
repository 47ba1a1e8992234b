//! Where a request comes from: the address of the connection, or what a trusted proxy says of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use poem::Request;
use poem::http::HeaderMap;
use poem::http::uri::Scheme;

use crate::config::ForwardedHeader;

/// The proxies whose word is taken, and the header in which they give it.
///
/// Only one of the two headers is read: a proxy that writes one of them passes on whatever a client put in the other.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address of whoever asks.
    pub address: IpAddr,
    /// Whether they speak TLS, to us or to the proxy.
    pub is_https: bool,
    /// Whether the connection itself comes from this machine and nobody claims to have forwarded the request.
    pub is_local: bool,
}

impl Proxies {
    /// Proxies in these networks.
    pub fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks, header }
    }

    /// Whether an address is that of a trusted proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Where a request comes from: the rightmost address that is not a trusted proxy, beginning with the connection.
    /// What stands to the left of it was written by a stranger.
    pub fn client(&self, request: &Request) -> Client {
        self.judge(peer(request), *request.scheme() == Scheme::HTTPS, request.headers())
    }

    fn judge(&self, peer: IpAddr, is_https: bool, headers: &HeaderMap) -> Client {
        let is_forwarded =
            ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name));
        let is_local = peer.is_loopback() && !is_forwarded;
        let mut client = Client { address: peer, is_https, is_local };
        if !self.trust(peer) {
            return client;
        }
        let (hops, is_https) = match self.header {
            ForwardedHeader::XForwardedFor => x_forwarded(headers),
            ForwardedHeader::Forwarded => forwarded(headers),
        };
        client.is_https = is_https;
        for hop in hops.into_iter().rev() {
            // Behind a hop that hides or garbles its own sender, nothing can be known.
            let Some(address) = hop else { break };
            client.address = address;
            if !self.trust(address) {
                break;
            }
        }
        client
    }
}

/// The address of whoever sent a request, for throttling and logs. It is never taken from a header unless a trusted
/// proxy wrote that.
pub fn client_address(request: &Request) -> IpAddr {
    request.extensions().get::<Client>().map_or_else(|| peer(request), |client| client.address)
}

/// The other end of the connection.
fn peer(request: &Request) -> IpAddr {
    let address = request.remote_addr().as_socket_addr();
    address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical())
}

type Hops = Vec<Option<IpAddr>>;

/// The entries of all lines of a header, in order.
fn entries<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    // A line that is no text hides its entries, as one unknown hop.
    let lines = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("unknown"));
    lines.flat_map(|line| split_unquoted(line, ',')).map(str::trim).filter(|entry| !entry.is_empty()).collect()
}

/// `X-Forwarded-For` and `X-Forwarded-Proto`.
fn x_forwarded(headers: &HeaderMap) -> (Hops, bool) {
    let hops = entries(headers, "x-forwarded-for").into_iter().map(node).collect();
    let is_https = entries(headers, "x-forwarded-proto").last().is_some_and(|word| word.eq_ignore_ascii_case("https"));
    (hops, is_https)
}

/// `Forwarded` (RFC 7239).
fn forwarded(headers: &HeaderMap) -> (Hops, bool) {
    let mut hops = Vec::new();
    let mut is_https = false;
    for element in entries(headers, "forwarded") {
        let mut hop = None;
        is_https = false;
        for pair in split_unquoted(element, ';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop = node(value),
                "proto" => is_https = value.trim().trim_matches('"').eq_ignore_ascii_case("https"),
                _ => {}
            }
        }
        hops.push(hop);
    }
    (hops, is_https)
}

/// An address with or without port, brackets and quotes.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Splits at a separator, except within quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted) = (0, false);
    for (at, c) in text.char_indices() {
        if c == '"' {
            is_quoted = !is_quoted;
        } else if c == separator && !is_quoted {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use poem::http::{HeaderName, HeaderValue};

    use super::*;

    fn proxies(header: ForwardedHeader) -> Proxies {
        Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], header)
    }

    fn seen(proxies: &Proxies, peer: &str, headers: &[(&'static str, &'static str)]) -> (String, bool) {
        // Unlike `collect`, this keeps lines of the same name apart.
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let client = proxies.judge(peer.parse::<IpAddr>().unwrap().to_canonical(), false, &map);
        (client.address.to_string(), client.is_https)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let proxies = proxies(ForwardedHeader::XForwardedFor);
        let spoof = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(seen(&proxies, "203.0.113.9", &spoof), ("203.0.113.9".to_owned(), false));
        assert_eq!(seen(&Proxies::default(), "127.0.0.1", &spoof), ("127.0.0.1".to_owned(), false));
    }

    #[test]
    fn the_rightmost_untrusted_address_counts() {
        let proxies = proxies(ForwardedHeader::XForwardedFor);
        let of = |list: &'static str| seen(&proxies, "10.0.0.1", &[("x-forwarded-for", list)]).0;
        assert_eq!(of("198.51.100.1"), "198.51.100.1");
        assert_eq!(of("6.6.6.6, 198.51.100.1"), "198.51.100.1", "what a client sent stands to the left");
        assert_eq!(of("6.6.6.6, 198.51.100.1, 10.3.3.3, 10.2.2.2"), "198.51.100.1");
        assert_eq!(of("198.51.100.1:4711"), "198.51.100.1");
        assert_eq!(of("[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(of("2001:db8::7"), "2001:db8::7");
        assert_eq!(of("::ffff:198.51.100.1"), "198.51.100.1");
        assert_eq!(of("10.9.9.9"), "10.9.9.9", "all trusted: the one furthest away");
        for hidden in ["unknown", "198.51.100.1, unknown", "198.51.100.1, 6.6.6.6.6", ""] {
            assert_eq!(of(hidden), "10.0.0.1", "{hidden}: nothing is known beyond the proxy");
        }
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(seen(&proxies, "::ffff:10.0.0.1", &lines).0, "198.51.100.1", "lines are one list");
        let chain = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "http, https")];
        assert_eq!(seen(&proxies, "fd00::1", &chain), ("198.51.100.1".to_owned(), true));
    }

    #[test]
    fn only_the_chosen_header_is_read() {
        let both = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=6.6.6.6;proto=https")];
        assert_eq!(seen(&proxies(ForwardedHeader::XForwardedFor), "10.0.0.1", &both).0, "198.51.100.1");
        assert_eq!(seen(&proxies(ForwardedHeader::Forwarded), "10.0.0.1", &both), ("6.6.6.6".to_owned(), true));
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let proxies = proxies(ForwardedHeader::Forwarded);
        let of = |line: &'static str| seen(&proxies, "10.0.0.1", &[("forwarded", line)]);
        assert_eq!(of("for=6.6.6.6, For=\"[2001:db8::7]:4711\";proto=https;by=10.0.0.1"), ("2001:db8::7".into(), true));
        assert_eq!(of("for=198.51.100.1;host=\"a,b;for=6.6.6.6\", for=10.4.4.4"), ("198.51.100.1".into(), false));
        assert_eq!(of("for=_hidden").0, "10.0.0.1");
        assert_eq!(of("proto=https"), ("10.0.0.1".into(), true));
    }

    #[test]
    fn local_is_who_connects_from_here_without_a_proxy() {
        let local =
            |peer: &str, headers: &HeaderMap| Proxies::default().judge(peer.parse().unwrap(), false, headers).is_local;
        let mut headers = HeaderMap::new();
        assert!(local("127.0.0.1", &headers) && local("::1", &headers));
        assert!(!local("192.0.2.1", &headers));
        headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
        assert!(!local("127.0.0.1", &headers), "a proxy on this machine");
    }
}
