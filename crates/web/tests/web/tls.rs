//! TLS of the listener itself.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;

use muster_web::{Listening, Tls, serve_tcp};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::sync::watch;

use crate::server::{PASSWORD, Server, converse};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("over_tls_the_cookie_is_bound_to_the_host", over_tls_the_cookie_is_bound_to_the_host),
    ("a_certificate_that_cannot_be_used_is_named", a_certificate_that_cannot_be_used_is_named),
];

fn client(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

fn over_tls_the_cookie_is_bound_to_the_host() {
    let server = Server::start();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (server.folder.path().join("chain.pem"), server.folder.path().join("key.pem"));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::from_files(&chain, &key).unwrap();
    let config = client(made.cert.der().clone());

    let (stop, told) = watch::channel(false);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let web = server.web.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            serve_tcp(listener, web, Some(tls), told).await.unwrap();
        });
    });
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        converse(stream, &format!("localhost:{}", address.port()), method, path, headers, body)
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let entered = ask("POST", "/signin", &[form], &format!("password={}", PASSWORD.replace(' ', "+")));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-muster=") && cookie.contains("; Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert!(ask("GET", "/", &[("cookie", pair)], "").body.contains("Sign out"));
    // Whatever name the certificate stands for is fine, and makes nobody local.
    let host = ("host", "muster.example.com");
    assert_eq!(ask("GET", "/", &[host], "").status, 303);
    assert!(ask("GET", "/", &[host, ("cookie", pair)], "").body.contains("Sign out"));
    // Somebody who speaks no TLS gets no answer.
    let plain = converse(TcpStream::connect(address).unwrap(), "localhost", "GET", "/", &[], "");
    assert_ne!(plain.status, 200);
    stop.send_replace(true);
    thread.join().unwrap();
}

fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let Err(Listening::Certificate { path, .. }) = Tls::from_files(&chain, &key) else {
        panic!("no such file")
    };
    assert_eq!(path, chain);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, "nonsense").unwrap();
    let Err(Listening::Certificate { path, .. }) = Tls::from_files(&chain, &key) else { panic!("no key") };
    assert_eq!(path, key);
}
