//! Accepting connections: how many there may be, and what each is served with.
//!
//! The framework's own server has no limits on heads, slowness or numbers, so this one takes its place. It speaks
//! HTTP/1.1 only; a proxy in front can speak the others.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, IntoResponse};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::address::Proxies;
use crate::http::connection::{Paced, Patience, Progress, Watched};
use crate::http::limits::AmbiguousLength;
use crate::http::tls::Tls;
use crate::metrics::Metrics;

/// Buffer of one connection, in bytes. Heads that do not fit into it are refused by the HTTP library.
const BUFFER_BYTES: usize = 128 * 1024;
/// Pause after a connection could not be accepted, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be; 0 means any number.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// In total.
    pub total: u32,
    /// From one IPv4 address, or one IPv6 network of 64 bits. Trusted proxies are exempt.
    pub per_address: u32,
}

/// How connections are served.
pub struct Service<E> {
    /// What answers requests.
    pub endpoint: E,
    /// TLS, if it is spoken here.
    pub tls: Option<Arc<Tls>>,
    /// How long clients may take.
    pub patience: Patience,
    /// How many there may be.
    pub crowd: Crowd,
    /// Whose connections stand for many clients.
    pub proxies: Proxies,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// Serves until `stop` ends; then accepts no more, and gives requests in flight `finish_within`.
pub async fn serve<E: Endpoint + 'static>(
    listener: TcpListener,
    service: Service<E>,
    stop: impl Future<Output = ()>,
    finish_within: Duration,
) {
    let service = Arc::new(service);
    let places = Arc::new(Places::default());
    let (stopping, killed) = (CancellationToken::new(), CancellationToken::new());
    let connections = TaskTracker::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let place = match places.take(peer.ip().to_canonical(), service.crowd, &service.proxies) {
            Ok(place) => place,
            Err(reason) => {
                service.metrics.connection_refused(reason);
                continue;
            }
        };
        let (service, stopping, killed) = (service.clone(), stopping.clone(), killed.clone());
        connections.spawn(async move {
            let _place = place;
            let _open = service.metrics.connection_open();
            let progress = Progress::new(service.patience.pace);
            tokio::select! {
                () = connect(&service, stream, peer, &progress, stopping) => {}
                slow = progress.watch(service.patience) => {
                    tracing::debug!(%peer, reason = slow.name(), "a slow connection was closed");
                    service.metrics.connection_slow(slow);
                }
                () = killed.cancelled() => {}
            }
        });
    }
    drop(listener);
    stopping.cancel();
    connections.close();
    if tokio::time::timeout(finish_within, connections.wait()).await.is_err() {
        tracing::warn!("requests still in flight are cut off");
        killed.cancel();
        connections.wait().await;
    }
}

async fn connect<E: Endpoint + 'static>(
    service: &Arc<Service<E>>,
    stream: TcpStream,
    peer: SocketAddr,
    progress: &Arc<Progress>,
    stopping: CancellationToken,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    drop(stream.set_nodelay(true));
    let Ok(local) = stream.local_addr() else { return };
    let ends = Ends { local: LocalAddr(local.into()), remote: RemoteAddr(peer.into()), is_tls: service.tls.is_some() };
    let stream = Paced::new(stream, progress.clone());
    match &service.tls {
        None => speak(service, stream, ends, progress, stopping).await,
        Some(tls) => match tls.acceptor().accept(stream).await {
            Ok(stream) => speak(service, stream, ends, progress, stopping).await,
            Err(error) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        },
    }
}

/// Both ends of a connection.
#[derive(Clone)]
struct Ends {
    local: LocalAddr,
    remote: RemoteAddr,
    is_tls: bool,
}

async fn speak<E: Endpoint + 'static, S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    service: &Arc<Service<E>>,
    stream: S,
    ends: Ends,
    progress: &Arc<Progress>,
    stopping: CancellationToken,
) {
    let answer = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        if progress.request_began() {
            request.extensions_mut().insert(AmbiguousLength);
        }
        let Ends { local, remote, is_tls } = ends.clone();
        let scheme = if is_tls { Scheme::HTTPS } else { Scheme::HTTP };
        async move {
            let answer = service.endpoint.call((request, local, remote, scheme).into()).await;
            let answer = answer.map_or_else(|error| error.into_response(), IntoResponse::into_response);
            progress.answered();
            Ok::<hyper::Response<_>, Infallible>(answer.into())
        }
    });
    let stream = TokioIo::new(Watched::new(stream, progress.clone()));
    // Slow heads are seen by the watch, which tells them from pauses. A client that has closed its side after the last
    // byte has sent a whole request, which is served like any other.
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(stream, answer);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Who is connected.
#[derive(Debug, Default)]
struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    total: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// The place of a connection, free again when dropped.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    /// Takes a place for a connection from an address, or says which limit is reached.
    fn take(self: &Arc<Self>, address: IpAddr, crowd: Crowd, proxies: &Proxies) -> Result<Place, &'static str> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if crowd.total != 0 && taken.total >= crowd.total {
            return Err("total");
        }
        let address = (crowd.per_address != 0 && !proxies.trust(address)).then(|| neighbourhood(address));
        if let Some(address) = address {
            let count = taken.by_address.entry(address).or_default();
            if *count >= crowd.per_address {
                return Err("address");
            }
            *count += 1;
        }
        taken.total += 1;
        Ok(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(count) = taken.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

/// What counts as one address: whoever has one address of an IPv6 network has all of them.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ForwardedHeader;

    #[test]
    fn places_are_counted_by_address_and_in_total() {
        let places = Arc::new(Places::default());
        let proxies = Proxies::new(vec!["10.0.0.1/32".parse().unwrap()], ForwardedHeader::default());
        let crowd = Crowd { total: 5, per_address: 2 };
        let take = |address: &str| places.take(address.parse().unwrap(), crowd, &proxies);
        let first = take("192.0.2.1").unwrap();
        let _second = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), "address");
        drop(first);
        let _third = take("192.0.2.1").unwrap();
        let _fourth = take("2001:db8::1").unwrap();
        let _fifth = take("2001:db8::2").unwrap();
        assert_eq!(take("2001:db8::ffff").unwrap_err(), "address", "one network is one address");
        let _proxy = take("10.0.0.1").unwrap();
        assert_eq!(take("2001:db8:0:1::1").unwrap_err(), "total");
        drop(_proxy);
        let proxied: Vec<_> = (0..1).map(|_| take("10.0.0.1").unwrap()).collect();
        drop(proxied);
        let any = Crowd { total: 0, per_address: 0 };
        let many: Vec<_> =
            (0..500).map(|_| places.take("192.0.2.7".parse().unwrap(), any, &proxies).unwrap()).collect();
        drop(many);
        assert_eq!(places.0.lock().unwrap().by_address.len(), 2);
    }
}
