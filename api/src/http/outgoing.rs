//! Calls that leave the house for an address that somebody chose: to the public internet only, over TLS, to the very
//! address that was looked at, and nowhere else because the other side says so.
//!
//! A name is resolved once for each attempt. If any of its addresses is not public, none is called: a name that leads
//! both ways is how such a look is usually got around. The connection goes to the addresses that were looked at, never
//! through a proxy of the environment, and a redirect is an answer and no order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use url::Host;

/// How long a name may take to resolve.
const RESOLVED_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may take, with TLS.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// Addresses of a name that are looked at; more than these are none.
const MOST_ADDRESSES: usize = 32;

/// Where calls may go beside the public internet.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Whether an address that names this machine itself (`localhost`, a loopback address) may be called, also without
    /// TLS. Only for what the operator of the server has set.
    pub this_machine: bool,
    /// Networks that are not public and may be called all the same.
    pub networks: Vec<IpNet>,
}

/// Why a call is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name leads to an address that is not public. It is not repeated: it would tell of the inner network.
    #[error("the address leads into a network that is not public")]
    NotPublic,
    /// The name has no address at this moment; it may later.
    #[error("the name of the host cannot be resolved")]
    Unresolved,
    /// The machine cannot make calls at this moment.
    #[error("calls cannot be made: {0}")]
    NoClient(String),
}

impl Outgoing {
    /// Reads an address that somebody chose.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn url(&self, text: &str) -> Result<Url, &'static str> {
        let url: Url = text.parse().map_err(|_| "it is no address such as https://HOST/PATH")?;
        if url.host().is_none() {
            return Err("it names no host");
        }
        match url.scheme() {
            "https" => {}
            "http" if self.this_machine && names_this_machine(&url) => {}
            "http" if self.this_machine => return Err("without TLS (http) only this machine is called"),
            _ => return Err("it begins with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user or a password; leave them out");
        }
        if url.fragment().is_some() {
            return Err("it has a part behind #; leave it out");
        }
        Ok(url)
    }

    /// A client that reaches the host of an address and no other one. Make a new one for each attempt: where a name leads
    /// may change.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn client(&self, url: &Url) -> Result<Client, Refused> {
        let addresses = self.addresses(url).await?;
        // Whoever made the address checked it by `url`, but its form is not proved by its type.
        let needs_tls = !(self.this_machine && names_this_machine(url));
        client_of(addresses, needs_tls)
    }

    /// The addresses of a host, each of which may be called.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Refused> {
        let port = url.port_or_known_default().ok_or(Refused::Unresolved)?;
        let found: Vec<SocketAddr> = match url.host().ok_or(Refused::Unresolved)? {
            Host::Ipv4(address) => vec![(address, port).into()],
            Host::Ipv6(address) => vec![(address, port).into()],
            Host::Domain(name) => {
                let resolved = tokio::time::timeout(RESOLVED_WITHIN, tokio::net::lookup_host((name, port))).await;
                resolved.map_err(|_| Refused::Unresolved)?.map_err(|_| Refused::Unresolved)?.collect()
            }
        };
        if found.is_empty() {
            return Err(Refused::Unresolved);
        }
        let is_local = self.this_machine && names_this_machine(url);
        let may_be_called = |address: &SocketAddr| self.may_be_called(address.ip(), is_local);
        if found.len() > MOST_ADDRESSES || !found.iter().all(may_be_called) {
            return Err(Refused::NotPublic);
        }
        Ok(found)
    }

    fn may_be_called(&self, address: IpAddr, is_local: bool) -> bool {
        let plain = address.to_canonical();
        if is_local {
            return plain.is_loopback();
        }
        is_public(address) || self.networks.iter().any(|network| network.contains(&plain))
    }
}

/// Whether an address names this machine itself, not merely leads there.
pub fn names_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn client_of(addresses: Vec<SocketAddr>, needs_tls: bool) -> Result<Client, Refused> {
    Client::builder()
        .dns_resolver(Arc::new(Known(addresses)))
        .no_proxy()
        .redirect(Policy::none())
        .https_only(needs_tls)
        .referer(false)
        .connect_timeout(CONNECTED_WITHIN)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| Refused::NoClient(error.to_string()))
}

/// Gives the addresses that were looked at for whatever name; asks nobody.
struct Known(Vec<SocketAddr>);

impl Resolve for Known {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

/// Whether an address belongs to the public internet (the registries of special addresses of IANA, and somewhat less):
/// neither private, of this machine or link, for documentation, tests or many receivers, nor one that holds another
/// address and leads there (mapped, NAT64, 6to4, Teredo).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// IPv4 networks that are not public.
const SPECIAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by customers of a provider
    ([127, 0, 0, 0], 8),     // this machine
    ([169, 254, 0, 0], 16),  // this link, and what clouds tell of a machine
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocols
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // relays of 6to4, once
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // tests of speed
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // many receivers
    ([240, 0, 0, 0], 4),     // reserved, and everybody
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !SPECIAL_V4.iter().any(|(network, length)| (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0)
}

/// Networks within 2000::/3, all that is given out to the public, that are not public.
const SPECIAL_V6: [([u16; 2], u32); 4] = [
    ([0x2001, 0x0000], 23), // protocols, with Teredo and ORCHID
    ([0x2001, 0x0db8], 32), // documentation
    ([0x2002, 0x0000], 16), // 6to4: holds an IPv4 address
    ([0x3fff, 0x0000], 20), // documentation
];

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let bits = u32::from(first) << 16 | u32::from(second);
    let is_in = |[first, second]: [u16; 2], length: u32| {
        (bits ^ (u32::from(first) << 16 | u32::from(second))) >> (32 - length) == 0
    };
    first >> 13 == 1 && !SPECIAL_V6.iter().any(|(network, length)| is_in(*network, *length))
}

#[cfg(test)]
mod tests;
