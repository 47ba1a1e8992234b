use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn public(text: &str) -> bool {
    is_public(text.parse().unwrap_or_else(|_| panic!("{text} is an address")))
}

#[test]
fn the_public_internet_is_public() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2001:db7:ffff::1",
        "2001:db9::",
        "2003::1",
        "2606:4700:4700::1111",
        "2a00::1",
        "3ffe:ffff::1",
        "3fff:1000::",
    ] {
        assert!(public(text), "{text}");
    }
}

#[test]
fn what_is_special_is_not_public() {
    for text in [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.170",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::a9fe:a9fe",
        "100::1",
        "1fff:ffff::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:2::1",
        "2001:10::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ] {
        assert!(!public(text), "{text}");
    }
}

#[test]
fn only_tls_and_this_machine_by_its_own_name() {
    let (strict, operator) = (Outgoing::default(), Outgoing { this_machine: true, ..Outgoing::default() });
    for text in ["https://api.example", "https://api.example:8443/a?b", "https://10.0.0.1/", "https://[fd00::1]/"] {
        assert!(strict.url(text).is_ok() && operator.url(text).is_ok(), "{text}: the form is good");
    }
    for text in [
        "http://localhost:9000",
        "http://LOCALHOST",
        "http://127.0.0.1:9000",
        "http://127.9.9.9",
        "http://[::1]:9000",
        // The same address, as others write it.
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1",
    ] {
        assert!(strict.url(text).is_err(), "{text}");
        assert!(operator.url(text).is_ok(), "{text}");
    }
    for text in [
        "",
        "api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "data:text/plain,x",
        "https://",
        "http://api.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "http://localhost./",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "https://me@api.example",
        "https://me:hush@api.example",
        "https://api.example/#part",
    ] {
        assert!(strict.url(text).is_err() && operator.url(text).is_err(), "{text}");
    }
}

async fn refused(outgoing: &Outgoing, text: &str) -> Option<Refused> {
    outgoing.addresses(&text.parse().expect("an address")).await.err()
}

#[tokio::test]
async fn names_are_looked_at_by_where_they_lead() {
    let strict = Outgoing::default();
    let operator = Outgoing { this_machine: true, ..Outgoing::default() };
    let lan = Outgoing { networks: vec!["10.0.0.0/8".parse().expect("a network")], ..operator.clone() };
    for text in [
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://0/",
        "https://3232235521/",
    ] {
        assert_eq!(refused(&strict, text).await, Some(Refused::NotPublic), "{text}");
    }
    assert_eq!(refused(&strict, "https://8.8.8.8/").await, None);
    assert_eq!(refused(&strict, "https://nowhere.invalid/").await, Some(Refused::Unresolved));
    assert_eq!(refused(&operator, "http://localhost:9/").await, None);
    assert_eq!(refused(&operator, "http://127.0.0.1:9/").await, None);
    assert_eq!(refused(&operator, "https://10.0.0.1/").await, Some(Refused::NotPublic));
    assert_eq!(refused(&lan, "https://10.0.0.1/").await, None);
    assert_eq!(refused(&lan, "https://[::ffff:10.0.0.1]/").await, None, "it is the same machine");
    assert_eq!(refused(&lan, "https://192.168.0.1/").await, Some(Refused::NotPublic));
    assert_eq!(refused(&lan, "https://169.254.169.254/").await, Some(Refused::NotPublic));
}

/// Answers every request with the same, and says what was asked.
async fn server(answer: &'static str) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            drop(sender.send(String::from_utf8_lossy(&head[..length]).into_owned()));
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, asked)
}

fn plain(addresses: Vec<SocketAddr>) -> Client {
    crate::http::tls::choose_cryptography();
    client_of(addresses, false).expect("a client")
}

#[tokio::test]
async fn the_call_goes_to_the_address_that_was_looked_at() {
    let (address, mut asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    // No name server knows this name; wherever it leads now, it is not asked again.
    let url = format!("http://rebound.invalid:{}/x", address.port());
    let answer = plain(vec![address]).get(url).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), "ok");
    let head = asked.recv().await.expect("a request");
    assert!(head.contains(&format!("host: rebound.invalid:{}", address.port())), "{head}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, mut never) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
    let (address, _) = server(redirect).await;
    let answer = plain(vec![address, elsewhere]).get(format!("http://{address}/")).send().await.expect("an answer");
    assert_eq!(answer.status(), 307);
    assert!(never.try_recv().is_err());
}

#[tokio::test]
async fn without_tls_nothing_leaves_for_others() {
    let (address, mut asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    crate::http::tls::choose_cryptography();
    let client = client_of(vec![address], true).expect("a client");
    assert!(client.get(format!("http://{address}/")).send().await.is_err());
    assert!(asked.try_recv().is_err());
}
