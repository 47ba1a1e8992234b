//! The edge: headers of all answers, pages of other hosts, limits, slow clients, proxies, TLS and figures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::openapi::{document, operations};
use crate::support::app::{Kind, TestApp};
use crate::support::client::{Answer, Client, Secrets};
use crate::support::wire::{Wire, request};
use crate::support::world::{File, World, filing};
use crate::support::{eventually, new_id, on_both};

on_both!(every_answer_has_the_headers_of_the_house, bodies_end_at_their_limits, figures_tell_how_it_goes);

/// How long something that takes a second may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// What every answer says to a browser.
const HEADERS: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(self), microphone=(self), geolocation=(self)"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

#[track_caller]
fn assert_headers(answer: &Answer, own: &[(&str, &str)]) {
    let mut expected = BTreeMap::from(HEADERS);
    expected.extend(own.iter().copied());
    for (name, value) in expected {
        assert_eq!(answer.header(name), value, "{name}: {}", answer.describe());
        assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name}: {}", answer.describe());
    }
    assert!(!answer.headers.contains_key("strict-transport-security"), "over plain HTTP");
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "no page of another host was named");
    assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
}

async fn every_answer_has_the_headers_of_the_house(app: &TestApp) {
    let world = World::make(app).await;
    let (nobody, admin, auditor) = (app.client(), &world.admin.client, &world.auditor.client);
    let visit = format!("/v1/visits/{}", new_id());
    let file = File::new("document", &[], "notes.txt", b"some notes".to_vec());
    let body = filing(&world.assign_one().await, "draft", &json!({}), &[&file]);
    let mut other = body.clone();
    other["answers"]["greet"] = json!({"v": true});
    let content = format!("/v1/evidence/{}/content", file.id);
    let session = admin.sign_in(&world.auditor.email, crate::support::world::PASSWORD).await;
    let answers = [
        (200, nobody.get("/livez").send().await),
        (200, nobody.get("/readyz").send().await),
        (200, nobody.get("/openapi.json").send().await),
        (200, nobody.get("/metrics").send().await),
        (200, admin.get("/v1/me").send().await),
        (204, session.delete("/v1/sessions").send().await),
        (400, admin.get("/v1/chains?limit=many").send().await),
        (401, nobody.get("/v1/me").send().await),
        (401, nobody.with_token("made-up").get("/v1/me").send().await),
        (403, auditor.get("/v1/users").send().await),
        (404, nobody.get("/nowhere").send().await),
        (404, admin.get(&visit).send().await),
        (405, nobody.delete("/livez").send().await),
        (428, auditor.put(&visit, &body).send().await),
        (201, auditor.put(&visit, &body).if_absent().send().await),
        (412, auditor.put(&visit, &other).if_match("\"9\"").send().await),
        (200, auditor.put_bytes(&content, file.bytes.clone()).send().await),
        (409, auditor.put_bytes(&content, b"other notes".to_vec()).send().await),
        (413, admin.post("/v1/chains", &json!({"name": "x".repeat(3_000_000)})).send().await),
        (414, admin.get(&format!("/v1/chains?cursor={}", "x".repeat(9000))).send().await),
        (415, admin.put_bytes(&visit, b"x".to_vec()).send().await),
        (416, auditor.get(&content).header("range", "bytes=99-").send().await),
        (422, admin.post("/v1/chains", &json!({})).send().await),
        (
            431,
            (0..4).fold(admin.get("/v1/me"), |call, n| call.header(&format!("x-{n}"), &"x".repeat(5000))).send().await,
        ),
    ];
    for (status, answer) in answers {
        let answer = answer.expect(status);
        assert_headers(&answer, &[]);
        if status >= 400 {
            let code = answer.json()["code"].as_str().expect("a code").to_owned();
            let answer = answer.problem(status, &code);
            assert_eq!(answer.header("www-authenticate").starts_with("Bearer"), status == 401, "{}", answer.describe());
        }
    }
    // Files and pages have rules of their own.
    let own = [
        ("cache-control", "private, no-cache"),
        ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
    ];
    let whole = auditor.get(&content).send().await.expect(200);
    assert_headers(&whole, &own);
    assert_headers(&auditor.get(&content).header("range", "bytes=0-3").send().await.expect(206), &own);
    let unchanged = auditor.get(&content).header("if-none-match", &whole.etag()).send().await.expect(304);
    assert_headers(&unchanged, &[]);
    let docs = nobody.get("/docs").send().await.expect(200);
    let policy = docs.header("content-security-policy").to_owned();
    assert!(!policy.contains("http") && !policy.contains('*'), "the page needs no other host: {policy}");
    assert_headers(&docs, &[("content-security-policy", &policy)]);

    // Every address names its methods when it is asked for another one.
    let document = document(app).await;
    let mut methods: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in operations(&document) {
        methods.entry(operation.path).or_default().push(operation.method);
    }
    for (path, methods) in methods {
        let other = ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|m| !methods.iter().any(|k| k == m));
        let Some(other) = other else { continue };
        let path = path.replace("{n}", "1").replace("{id}", &new_id()).replace("{visit_id}", &new_id());
        let path = path.replace("{evidence_id}", &new_id());
        let answer =
            nobody.call(other.parse().expect("a method"), &path).send().await.problem(405, "method_not_allowed");
        let mut allowed: Vec<_> = answer.header("allow").split(", ").map(str::to_owned).collect();
        let mut methods = methods;
        allowed.sort();
        methods.sort();
        assert_eq!(allowed, methods, "{path}");
        assert_headers(&answer, &[]);
    }
}

#[tokio::test]
async fn what_breaks_inside_tells_nothing() {
    let app = TestApp::start(Kind::Sqlite).await;
    let world = World::make(&app).await;
    app.execute("ALTER TABLE chains RENAME TO hidden").await.expect("a renamed table");
    let answer = world.admin.client.get("/v1/chains").problem(500, "internal").await;
    assert_headers(&answer, &[]);
    assert!(
        !answer.describe().contains("chains\"") && !answer.json().to_string().contains("table"),
        "{}",
        answer.describe()
    );
    app.stop().await;
}

async fn bodies_end_at_their_limits(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let members = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    };
    // Bodies that we read ourselves, and bodies that the framework reads.
    for path in ["/v1/standards", "/v1/chains", "/v1/branches", "/v1/users", "/v1/standards/tiny/publish"] {
        let send = |body: String| {
            let call = admin.call(reqwest::Method::POST, path).header("content-type", "application/json");
            call.bytes(body).send()
        };
        let deep = send(nested(65)).await.problem(400, "json_too_deep");
        assert!(deep.detail().contains("64"), "{}", deep.describe());
        let wide = send(members(10_001)).await.problem(400, "json_too_many_members");
        assert!(wide.detail().contains("10000"), "{}", wide.describe());
        let many = send(format!("[{}]", vec![members(1000); 51].join(","))).await;
        assert!(many.problem(400, "json_too_many_members").detail().contains("50000"));
        for allowed in [nested(64), members(10_000)] {
            let answer = send(allowed).await;
            let code = answer.json()["code"].clone();
            assert!(!code.to_string().contains("json_too"), "{}", answer.describe());
        }
    }
    // Without a content type it may be JSON, too.
    let call = admin.call(reqwest::Method::POST, "/v1/standards").bytes(nested(65));
    call.problem(400, "json_too_deep").await;
    // A body in pieces, whose size nobody announced.
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    let head = format!(
        "POST /v1/standards HTTP/1.1\r\nHost: peegel\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        admin.token()
    );
    wire.send(head.as_bytes()).await;
    for _ in 0..5 {
        wire.send(format!("e\r\n{}\r\n", "[".repeat(14)).as_bytes()).await;
    }
    wire.send(b"0\r\n\r\n").await;
    let answer = wire.answer().await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("json_too_deep"), "{answer}");

    // Who sends no token sends little, announced or not.
    let large = vec![b' '; 65_537];
    app.client()
        .call(reqwest::Method::POST, "/v1/sessions")
        .header("content-type", "application/json")
        .bytes(large.clone())
        .problem(413, "too_large")
        .await;
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(
        b"POST /v1/sessions HTTP/1.1\r\nHost: peegel\r\nConnection: close\r\nContent-Type: application/json\r\n\
          Transfer-Encoding: chunked\r\n\r\n10001\r\n",
    )
    .await;
    wire.send(&large).await;
    wire.send(b"\r\n0\r\n\r\n").await;
    let answer = wire.answer().await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too_large"), "{answer}");

    // A length in two ways is a request that can be read in two ways.
    for (first, second) in
        [("Content-Length: 4", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "content-length: 4")]
    {
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        let head = format!("POST /v1/sessions HTTP/1.1\r\nHost: peegel\r\n{first}\r\n{second}\r\n\r\n0\r\n\r\n");
        wire.send(head.as_bytes()).await;
        let answer = wire.answer().await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("ambiguous_length"), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    for broken in [
        "POST / HTTP/1.1\r\nHost: p\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: p\r\nContent-Length: +4\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: p\r\nX : y\r\n\r\n",
    ] {
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(broken.as_bytes()).await;
        let answer = wire.answer().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{broken}: {answer}");
    }
}

#[tokio::test]
async fn pages_of_named_hosts_may_call() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    for wrong in ["*", "null", "https://a.example/app"] {
        let said = app.peegel(&["serve", "--cors-origins", wrong]).await.expect(2);
        assert!(said.stderr.contains("is not an origin"), "{}", said.stderr);
    }
    app.serve(&["--cors-origins", "https://app.example.org,http://127.0.0.1:5173"]).await;
    let client = app.client();
    let preflight = async |path: &str, origin: &str, method: &str| {
        let call = client.call(reqwest::Method::OPTIONS, path).header("origin", origin);
        call.header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization,upload-offset")
            .send()
            .await
    };
    let words = |answer: &Answer, header: &str| -> Vec<String> {
        answer.header(header).split(", ").map(str::to_lowercase).collect()
    };
    for origin in ["https://app.example.org", "http://127.0.0.1:5173"] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = preflight("/v1/uploads", origin, method).await.expect(204);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert!(words(&answer, "access-control-allow-methods").contains(&method.to_lowercase()), "{method}");
            for header in [
                "authorization",
                "content-type",
                "if-match",
                "if-none-match",
                "idempotency-key",
                "peegel-membership",
                "range",
                "tus-resumable",
                "upload-length",
                "upload-offset",
                "upload-metadata",
                "upload-checksum",
                "upload-defer-length",
            ] {
                assert!(words(&answer, "access-control-allow-headers").contains(&header.to_owned()), "{header}");
            }
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));
            assert_eq!(answer.header("vary"), "Origin");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        // Failures can be read by the page, too.
        let answer = client.get("/v1/me").header("origin", origin).problem(401, "unauthenticated").await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        for header in
            ["etag", "location", "retry-after", "upload-offset", "tus-resumable", "content-range", "x-request-id"]
        {
            assert!(words(&answer, "access-control-expose-headers").contains(&header.to_owned()), "{header}");
        }
    }
    for stranger in ["https://evil.example", "null", "https://app.example.org.evil.example", "http://app.example.org"] {
        for answer in [
            preflight("/v1/me", stranger, "GET").await,
            preflight("/v1/uploads", stranger, "POST").await,
            client.get("/livez").header("origin", stranger).send().await,
        ] {
            let has_any = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
            assert!(!has_any, "{stranger}: {:?}", answer.headers);
            assert_eq!(answer.header("vary"), "Origin", "a cache must not give this to another page");
        }
    }
    // What is no preflight is for the handler, such as the discovery of tus.
    let call = client.call(reqwest::Method::OPTIONS, "/v1/me").header("origin", "https://app.example.org");
    let answer = call.send().await.problem(405, "method_not_allowed");
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.org");
    app.finish().await;
}

/// Waits until the server closes a connection; gives what it sent.
async fn closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut said)).await.expect("the server closes the connection");
    // A reset is an end, too.
    drop(ended);
    String::from_utf8_lossy(&said).into_owned()
}

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.base();
    TcpStream::connect(address.trim_start_matches("http://")).await.expect("a connection")
}

/// A figure of `/metrics`; 0 when it is not there yet.
async fn figure(client: &Client, name: &str) -> f64 {
    let page = client.get("/metrics").send().await.expect(200);
    let page = String::from_utf8(page.body).expect("text");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

#[tokio::test]
async fn slow_clients_do_not_keep_their_connections() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    app.serve(&["--head-timeout", "0.5", "--idle-timeout", "1.5", "--rate-grace", "0.6"]).await;
    let world = World::make(&app).await;
    let client = app.client();

    // Nothing at all, half a head, and a head that trickles in.
    let mut silent = connect(&app).await;
    assert_eq!(closed(&mut silent).await, "");
    let mut half = connect(&app).await;
    half.write_all(b"GET /livez HTTP/1.1\r\nHo").await.expect("it is sent");
    assert_eq!(closed(&mut half).await, "");
    let mut trickle = connect(&app).await;
    let began = Instant::now();
    for byte in b"GET /livez HTTP/1.1\r\nX-Very-Slow: yes\r\n".iter().cycle() {
        if trickle.write_all(&[*byte]).await.is_err() {
            break;
        }
        assert!(began.elapsed() < SOON, "still open");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(figure(&client, "peegel_http_connections_slow_total{reason=\"head\"}").await >= 3.0);

    // A pause between requests ends, and so does a second head that trickles in.
    let mut idle = connect(&app).await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: p\r\n\r\n").await.expect("it is sent");
    let began = Instant::now();
    assert!(closed(&mut idle).await.starts_with("HTTP/1.1 200 "));
    assert!(began.elapsed() >= Duration::from_secs(1), "a pause is allowed");
    let mut second = connect(&app).await;
    second.write_all(b"GET /livez HTTP/1.1\r\nHost: p\r\n\r\n").await.expect("it is sent");
    second.write_all(b"GET /livez").await.expect("it is sent");
    assert_eq!(closed(&mut second).await.matches("HTTP/1.1 200 ").count(), 1);

    // A body that does not come.
    let head =
        "POST /v1/sessions HTTP/1.1\r\nHost: p\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{";
    let mut body = connect(&app).await;
    body.write_all(head.as_bytes()).await.expect("it is sent");
    let answer = closed(&mut body).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_too_slow"), "{answer}");
    assert!(answer.contains("nosniff"), "{answer}");

    // A body that trickles in; one that is slow, but fast enough, arrives.
    let file = File::new("document", &[], "slow.bin", vec![7; 12_000]);
    let filed = filing(&world.assign_one().await, "draft", &json!({}), &[&file]);
    world.auditor.client.put(&format!("/v1/visits/{}", new_id()), &filed).if_absent().created().await;
    let path = format!("/v1/evidence/{}/content", file.id);
    let put = request("PUT", &path, world.auditor.client.token(), &[("Connection", "close")], &file.bytes);
    let mut slow = connect(&app).await;
    let mut sent = slow.write_all(&put[..put.len() - 11_000]).await;
    for byte in &file.bytes[..400] {
        sleep(Duration::from_millis(20)).await;
        sent = sent.and(slow.write_all(&[*byte]).await);
        if sent.is_err() {
            break;
        }
    }
    let answer = closed(&mut slow).await;
    assert!(answer.is_empty() || answer.contains("body_too_slow"), "{answer}");
    let mut steady = connect(&app).await;
    for piece in put.chunks(1000) {
        steady.write_all(piece).await.expect("it is sent");
        sleep(Duration::from_millis(150)).await;
    }
    let answer = closed(&mut steady).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    // An answer that nobody takes.
    let file = File::new("document", &[], "large.bin", vec![7; 30_000_000]);
    let filed = filing(&world.assign_one().await, "draft", &json!({}), &[&file]);
    world.auditor.client.put(&format!("/v1/visits/{}", new_id()), &filed).if_absent().created().await;
    file.upload(&world.auditor).await;
    let path = format!("/v1/evidence/{}/content", file.id);
    let mut lazy = connect(&app).await;
    lazy.write_all(&request("GET", &path, world.auditor.client.token(), &[], b"")).await.expect("it is sent");
    eventually("the connection is closed", || async {
        let answer = figure(&client, "peegel_http_connections_slow_total{reason=\"answer\"}").await;
        (answer > 0.0).then_some(())
    })
    .await;
    assert!(closed(&mut lazy).await.len() < file.bytes.len());
    app.finish().await;
}

#[tokio::test]
async fn one_address_has_a_limited_number_of_connections() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    app.serve(&["--max-connections-per-address", "5"]).await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(connect(&app).await);
    }
    let asks = async |stream: &mut TcpStream| {
        drop(stream.write_all(b"GET /livez HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n").await);
        closed(stream).await
    };
    let mut sixth = connect(&app).await;
    assert_eq!(asks(&mut sixth).await, "", "refused without an answer");
    assert!(asks(&mut open[0]).await.starts_with("HTTP/1.1 200 "), "those who were there are served");
    eventually("there is a place again", || async {
        let mut next = connect(&app).await;
        asks(&mut next).await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
    drop(open);
    app.stop().await;

    // The limit is not for those who stand for many.
    app.serve(&["--max-connections-per-address", "5", "--trusted-proxies", "127.0.0.0/8"]).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(connect(&app).await);
    }
    assert!(asks(&mut open[19]).await.starts_with("HTTP/1.1 200 "));
    app.stop().await;
    app.serve(&["--max-connections", "3"]).await;
    let _open = [connect(&app).await, connect(&app).await, connect(&app).await];
    assert_eq!(asks(&mut connect(&app).await).await, "");
    drop(_open);
    app.finish().await;
}

#[tokio::test]
async fn only_trusted_proxies_are_believed() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let hsts = async |headers: &[(&str, &str)]| {
        let call = headers.iter().fold(app.client().get("/livez"), |call, (name, value)| call.header(name, value));
        call.send().await.header("strict-transport-security").to_owned()
    };
    let https = ("x-forwarded-proto", "https");
    app.serve(&[]).await;
    assert_eq!(hsts(&[https, ("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=1.1.1.1;proto=https")]).await, "");
    // Whoever was forwarded is not on this machine, whatever they claim.
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        app.client().get("/metrics").header(header, "127.0.0.1").problem(404, "no_such_address").await;
    }
    app.client().get("/metrics").send().await.expect(200);
    app.stop().await;
    app.serve(&["--trusted-proxies", "127.0.0.1"]).await;
    assert_eq!(hsts(&[https]).await, "max-age=63072000; includeSubDomains");
    assert_eq!(hsts(&[("forwarded", "proto=https")]).await, "", "the other header is never read");
    app.stop().await;
    app.serve(&["--trusted-proxies", "10.0.0.0/8,127.0.0.0/8", "--forwarded-header", "forwarded"]).await;
    assert_eq!(hsts(&[https]).await, "");
    assert!(!hsts(&[("forwarded", "for=198.51.100.1;proto=https")]).await.is_empty());
    app.stop().await;
    let said = app.peegel(&["serve", "--trusted-proxies", "everybody"]).await.expect(2);
    assert!(said.stderr.contains("is not a network"), "{}", said.stderr);
}

/// A page of figures, with every line looked at.
fn read_figures(page: &str) -> BTreeMap<String, f64> {
    assert!(page.ends_with("# EOF\n"), "OpenMetrics says where it ends");
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let mut kinds = BTreeMap::new();
    let mut figures = BTreeMap::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("EOF"), None, None) | (Some("HELP" | "UNIT"), Some(_), Some(_)) => {}
                (Some("TYPE"), Some(name), Some(kind)) => {
                    assert!(is_name(name) && (name.starts_with("peegel_") || name.starts_with("process_")), "{line}");
                    assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let (name, labels) = sample.split_once('{').map_or((sample, ""), |(name, rest)| (name, rest));
        assert!(is_name(name), "{line}");
        assert!(labels.is_empty() || labels.ends_with('}'), "{line}");
        let known = kinds.iter().any(|(kind, _)| {
            name.strip_prefix(kind.as_str())
                .is_some_and(|rest| matches!(rest, "" | "_total" | "_bucket" | "_count" | "_sum" | "_info"))
        });
        assert!(known, "a figure without a type: {line}");
        assert!(figures.insert(sample.to_owned(), value).is_none(), "twice: {line}");
    }
    figures
}

async fn figures_tell_how_it_goes(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &crate::support::tiny::fair()).await;
    app.client().get("/v1/nowhere").problem(404, "no_such_address").await;
    app.client().call(reqwest::Method::from_bytes(b"BREW").expect("a method"), "/livez").send().await;
    let page = app.client().get("/metrics").send().await.expect(200);
    assert_eq!(page.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let page = String::from_utf8(page.body).expect("text");
    let figures = read_figures(&page);
    let of = |name: &str| *figures.get(name).unwrap_or_else(|| panic!("{name} in {page}"));
    let counted = |labels: &str| of(&format!("peegel_http_request_duration_seconds_count{{{labels}}}"));
    assert!(counted("method=\"PUT\",route=\"/v1/visits/{visit_id}\",status_class=\"2xx\"") >= 1.0);
    assert!(counted("method=\"GET\",route=\"none\",status_class=\"4xx\"") >= 1.0);
    assert!(counted("method=\"other\",route=\"/livez\",status_class=\"4xx\"") >= 1.0);
    assert!(of("peegel_upload_bytes_total") > 100.0);
    assert_eq!(of("peegel_uploads_active"), 0.0);
    assert_eq!(of("peegel_events_total{kind=\"visit.published\"}"), 1.0);
    assert_eq!((of("peegel_database_up"), of("peegel_jobs_dead")), (1.0, 0.0));
    assert!(of("peegel_jobs_oldest_age_seconds") < 60.0);
    assert!(of("process_resident_memory_bytes") > 1e6 && of("process_cpu_seconds_total") > 0.0);
    assert!(of("process_open_fds") > 5.0 && of("process_max_fds") > 100.0);
    assert_eq!(of(concat!("peegel_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}")), 1.0);
    assert!(of("peegel_http_connections") >= 1.0);
    let pools = figures.keys().filter(|name| name.starts_with("peegel_database_connections_open")).count();
    assert_eq!(pools, if app.kind() == Kind::Sqlite { 2 } else { 1 });
    // Nothing that grows with use: neither ids nor names.
    for word in [&world.chain, &world.admin.id, "alpha", "B1", "example"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
    let mut lines = 0;
    for _ in 0..30 {
        app.client().get(&format!("/v1/visits/{}", new_id())).send().await;
        app.client().get(&format!("/{}", new_id())).send().await;
        app.client().call(reqwest::Method::from_bytes(new_id().as_bytes()).expect("a method"), "/livez").send().await;
        let page = app.client().get("/metrics").send().await.expect(200);
        let now = String::from_utf8(page.body).expect("text").lines().count();
        assert!(lines == 0 || now == lines, "{now} lines after {lines}");
        lines = now;
    }
}

#[tokio::test]
async fn figures_may_have_an_address_of_their_own() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    app.serve(&["--metrics-listen", "127.0.0.1:0"]).await;
    app.client().get("/metrics").problem(404, "no_such_address").await;
    let log = app.log();
    let line = log.lines().find(|line| line.contains("listening for /metrics")).expect("a line that names the address");
    let port = line.rsplit_once("127.0.0.1:").expect("an address").1.trim_end_matches(|c: char| !c.is_ascii_digit());
    let base = format!("http://127.0.0.1:{port}");
    let figures = Client::new(std::sync::Arc::new(std::sync::RwLock::new(base)), Secrets::default());
    let page = figures.get("/metrics").header("x-forwarded-for", "198.51.100.1").send().await.expect(200);
    read_figures(std::str::from_utf8(&page.body).expect("text"));
    figures.get("/livez").problem(404, "no_such_address").await;
    figures.get("/v1/me").problem(404, "no_such_address").await;
    app.finish().await;
}

mod tls {
    use std::sync::Arc;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// Makes a certificate for `localhost` and writes it where the server looks.
    fn certificate(app: &TestApp) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(app.folder().join("cert.pem"), cert.pem()).expect("a file");
        std::fs::write(app.folder().join("key.pem"), signing_key.serialize_pem()).expect("a file");
        cert.der().clone()
    }

    async fn connect(app: &TestApp, trusted: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let base = app.base();
        let stream = TcpStream::connect(base.strip_prefix("https://").expect("TLS")).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    async fn livez(app: &TestApp, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
        let mut stream = connect(app, trusted).await?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    #[tokio::test]
    async fn a_hangup_ends_no_server_without_a_certificate() {
        let app = TestApp::start(Kind::Sqlite).await;
        for _ in 0..3 {
            app.signal("HUP").await;
            sleep(Duration::from_millis(100)).await;
            app.client().get("/livez").send().await.expect(200);
        }
        app.finish().await;
    }

    #[tokio::test]
    async fn a_certificate_can_be_used_and_changed() {
        let app = TestApp::stopped(Kind::Sqlite).await;
        let said = app.peegel(&["serve", "--tls-cert", "cert.pem"]).await.expect(2);
        assert!(said.stderr.contains("--tls-key"), "{}", said.stderr);
        let arguments = ["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--head-timeout", "1"];
        let said = app.peegel(&[&["serve"], &arguments[..]].concat()).await.expect(1);
        assert!(said.stderr.contains("cert.pem cannot be used"), "{}", said.stderr);
        let first = certificate(&app);
        app.serve(&arguments).await;
        let answer = livez(&app, &first).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=63072000; includeSubDomains"), "{answer}");

        // Who does not shake hands does not stay, and disturbs nobody.
        let mut silent = TcpStream::connect(app.base().trim_start_matches("https://")).await.expect("a connection");
        let mut plain = TcpStream::connect(app.base().trim_start_matches("https://")).await.expect("a connection");
        plain.write_all(b"GET /livez HTTP/1.1\r\nHost: p\r\n\r\n").await.expect("it is sent");
        assert!(!closed(&mut plain).await.contains("HTTP"));
        assert_eq!(closed(&mut silent).await, "");

        let second = certificate(&app);
        livez(&app, &second).await.expect_err("the new certificate is not shown yet");
        app.signal("HUP").await;
        eventually("the new certificate is shown", || async { livez(&app, &second).await.ok() }).await;
        livez(&app, &first).await.expect_err("the old certificate is gone");

        // One that cannot be used changes nothing.
        std::fs::write(app.folder().join("key.pem"), "no key").expect("a file");
        app.signal("HUP").await;
        eventually("the server says so", || async { app.log().contains("stays what it was").then_some(()) }).await;
        livez(&app, &second).await.expect("an answer");
        app.stop().await;
    }
}
