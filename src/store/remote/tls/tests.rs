//! Handshakes over real sockets with a server that has certificates of an authority made here.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::error::Status;
use crate::sync::Mutex;

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// A directory of the test's own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("larder-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    /// Puts a file in the place of another at once.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(path.with_extension("new"), text).expect("written");
        std::fs::rename(path.with_extension("new"), &path).expect("renamed");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate with its key.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    fn pair(&self, name: &str) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        Pair { certificate: params.signed_by(&key, &self.0).expect("a certificate"), key }
    }
}

/// A server that greets whoever it accepts, on a socket of the loopback.
async fn server(
    pair: &Pair,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> SocketAddr {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let builder = builder.expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).expect("a key");
    let config = builder.with_single_cert(vec![pair.certificate.der().clone()], key).expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(socket).await?;
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
                stream.write_all(shown.as_ref().map_or(b"hello", |certificate| certificate.as_ref())).await?;
                stream.shutdown().await
            });
        }
    });
    address
}

/// What the server says, and the version that was agreed on.
async fn greet(client: &Arc<ClientConfig>, address: SocketAddr) -> io::Result<(Vec<u8>, ProtocolVersion)> {
    let name = ServerName::try_from("cache.test").expect("a name");
    let socket = TcpStream::connect(address).await?;
    let talk = async {
        let mut stream = TlsConnector::from(Arc::clone(client)).connect(name, socket).await?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await?;
        Ok((said, stream.get_ref().1.protocol_version().expect("agreed")))
    };
    tokio::time::timeout(Duration::from_secs(30), talk).await.expect("an answer")
}

async fn refusal(client: &Arc<ClientConfig>, address: SocketAddr) -> String {
    greet(client, address).await.expect_err("refused").to_string()
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

fn with_root(root_ca: PathBuf) -> TlsConfig {
    TlsConfig { enabled: true, root_ca: Some(root_ca), ..TlsConfig::default() }
}

fn client(config: &TlsConfig) -> Arc<ClientConfig> {
    config.client(TlsNames::SERVER).expect("a client")
}

fn settings(text: &str) -> Settings {
    let serde_json::Value::Object(values) = serde_json::from_str(text).expect("JSON") else { panic!("an object") };
    Settings::new("stores.a", values)
}

fn taken(text: &str) -> Result<TlsConfig> {
    let mut settings = settings(text);
    let config = TlsConfig::take(&mut settings, TlsNames::SERVER)?;
    settings.finish().map(|()| config)
}

#[test]
fn what_asks_for_tls_enables_it() {
    for (text, enabled) in [
        ("{}", false),
        (r#"{"tls": true}"#, true),
        (r#"{"tls": "false"}"#, false),
        (r#"{"tls_insecure": true}"#, false),
        (r#"{"tls": false, "tls_insecure": true}"#, false),
        (r#"{"tls_root_ca": "/ca.pem"}"#, true),
        (r#"{"tls_root_ca": ""}"#, false),
        (r#"{"tls": false, "tls_root_ca": ""}"#, false),
        (r#"{"tls_server_name": "cache.test"}"#, true),
        (r#"{"tls_certificate": "/c.pem", "tls_key": "/k.pem"}"#, true),
    ] {
        assert_eq!(taken(text).map(|config| config.enabled), Ok(enabled), "{text}");
    }
    let mut settings = settings(r#"{"sentinel_tls_root_ca": "/ca.pem", "tls": false}"#);
    assert!(TlsConfig::take(&mut settings, TlsNames::SENTINEL).expect("settings").enabled);
}

#[test]
fn settings_that_contradict_each_other_are_refused_by_name() {
    for (text, expected) in [
        (
            r#"{"tls": false, "tls_root_ca": "/ca.pem"}"#,
            "stores.a.tls: it is false, but stores.a.tls_root_ca is given; leave one of them out",
        ),
        (
            r#"{"tls": false, "tls_server_name": "a"}"#,
            "stores.a.tls: it is false, but stores.a.tls_server_name is given; leave one of them out",
        ),
        (
            r#"{"tls_certificate": "/c.pem"}"#,
            "stores.a.tls_key: it is missing; stores.a.tls_certificate is given, which needs it",
        ),
        (
            r#"{"tls_key": "/k.pem"}"#,
            "stores.a.tls_certificate: it is missing; stores.a.tls_key is given, which needs it",
        ),
        (
            r#"{"tls_server_name": "no name"}"#,
            "stores.a.tls_server_name: \"no name\" is neither a host's name nor an address",
        ),
        (r#"{"tls_insecure": "maybe"}"#, "stores.a.tls_insecure: it is \"maybe\"; expected true or false"),
    ] {
        let error = taken(text).expect_err(text);
        assert_eq!((error.status(), error.to_string().as_str()), (Status::CONFIG, expected));
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_setting_and_not_shown() {
    let (directory, authority) = (Directory::new(), Authority::new());
    let garbage = directory.write("garbage.pem", "hunter2\n");
    let broken = directory.write("broken.pem", "-----BEGIN CERTIFICATE-----\nhunter2!\n-----END CERTIFICATE-----\n");
    let no_certificate = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    let no_certificate = directory.write("other.pem", no_certificate);
    let missing = directory.0.join("missing.pem");
    let (pair, other) = (authority.pair("me"), authority.pair("me"));
    let certificate = directory.write("certificate.pem", &pair.certificate.pem());
    let key = directory.write("key.pem", &pair.key.serialize_pem());
    let other_key = directory.write("other-key.pem", &other.key.serialize_pem());
    let cases = [
        (Some(&missing), None, "tls_root_ca", &missing, "cannot be read"),
        (Some(&garbage), None, "tls_root_ca", &garbage, "no certificate"),
        (Some(&broken), None, "tls_root_ca", &broken, "not well-formed PEM"),
        (Some(&no_certificate), None, "tls_root_ca", &no_certificate, "no certificate that can be read"),
        (None, Some((&missing, &key)), "tls_certificate", &missing, "cannot be read"),
        (None, Some((&no_certificate, &key)), "tls_certificate", &no_certificate, "cannot be read"),
        (None, Some((&certificate, &missing)), "tls_key", &missing, "cannot be read"),
        (None, Some((&certificate, &garbage)), "tls_key", &garbage, "no private key"),
        (None, Some((&certificate, &other_key)), "tls_key", &other_key, "another key"),
    ];
    for (root_ca, pair, setting, path, expected) in cases {
        let config = TlsConfig {
            root_ca: root_ca.cloned(),
            // A root CA that cannot be read is an error even then.
            insecure: true,
            certificate: pair.map(|pair| pair.0.clone()),
            key: pair.map(|pair| pair.1.clone()),
            section: "stores.a.".to_owned(),
            ..TlsConfig::default()
        };
        let error = config.client(TlsNames::SERVER).expect_err(expected);
        assert_eq!((error.status(), error.origin()), (Status::CONFIG, format!("stores.a.{setting}").as_str()));
        assert!(error.message().contains(expected), "{error}");
        assert!(error.message().contains(&path.display().to_string()), "{error}");
        assert!(!error.message().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_server_of_the_root_ca_is_trusted_in_both_versions() {
    block_on(async {
        let (directory, authority) = (Directory::new(), Authority::new());
        let client = client(&with_root(directory.write("ca.pem", &authority.0.pem())));
        let pair = authority.pair("cache.test");
        for (versions, agreed) in [
            (BOTH, ProtocolVersion::TLSv1_3),
            (&[&version::TLS13], ProtocolVersion::TLSv1_3),
            (&[&version::TLS12], ProtocolVersion::TLSv1_2),
        ] {
            let address = server(&pair, None, versions).await;
            // A copy, as the NATS client takes it by value.
            let copy = Arc::new((*client).clone());
            assert_eq!(greet(&copy, address).await.expect("trusted"), (b"hello".to_vec(), agreed));
        }
    });
}

#[test]
fn an_untrusted_server_and_one_of_another_name_are_refused() {
    block_on(async {
        let (directory, authority, other) = (Directory::new(), Authority::new(), Authority::new());
        let ours = with_root(directory.write("ca.pem", &authority.0.pem()));
        for versions in [&[&version::TLS13], &[&version::TLS12]] {
            let stranger = server(&other.pair("cache.test"), None, versions).await;
            assert!(refusal(&client(&ours), stranger).await.contains("invalid peer certificate"));
            let misnamed = server(&authority.pair("other.test"), None, versions).await;
            assert!(refusal(&client(&ours), misnamed).await.contains("not valid for name"));
            let renamed = TlsConfig { server_name: Some("other.test".to_owned()), ..ours.clone() };
            greet(&client(&renamed), misnamed).await.expect("the name that was asked for");
            let named = server(&authority.pair("cache.test"), None, versions).await;
            assert!(refusal(&client(&renamed), named).await.contains("not valid for name"));
        }
        // The system's authorities do not know ours.
        let stranger = server(&other.pair("cache.test"), None, BOTH).await;
        refusal(&client(&TlsConfig { enabled: true, ..TlsConfig::default() }), stranger).await;
    });
}

#[test]
fn an_insecure_client_believes_anybody_unless_it_has_a_root_ca() {
    block_on(async {
        let (directory, authority, other) = (Directory::new(), Authority::new(), Authority::new());
        let insecure = TlsConfig { enabled: true, insecure: true, ..TlsConfig::default() };
        let root_ca = Some(directory.write("ca.pem", &authority.0.pem()));
        let checked = TlsConfig { root_ca, ..insecure.clone() };
        for versions in [&[&version::TLS13], &[&version::TLS12]] {
            let address = server(&other.pair("other.test"), None, versions).await;
            greet(&client(&insecure), address).await.expect("believed");
            refusal(&client(&checked), address).await;
        }
    });
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_ours_and_the_new_one_after_a_change() {
    block_on(async {
        let (directory, authority, other) = (Directory::new(), Authority::new(), Authority::new());
        let root_ca = directory.write("ca.pem", &authority.0.pem());
        let (first, second, stranger) = (authority.pair("one"), authority.pair("two"), other.pair("three"));
        let config = TlsConfig {
            certificate: Some(directory.write("certificate.pem", &first.certificate.pem())),
            key: Some(directory.write("key.pem", &first.key.serialize_pem())),
            ..with_root(root_ca.clone())
        };
        for versions in [&[&version::TLS13], &[&version::TLS12]] {
            let address = server(&authority.pair("cache.test"), Some(&authority), versions).await;
            directory.write("certificate.pem", &first.certificate.pem());
            directory.write("key.pem", &first.key.serialize_pem());
            let mutual = client(&config);
            let shown = greet(&mutual, address).await.expect("accepted").0;
            assert_eq!(shown, first.certificate.der().as_ref());
            refusal(&client(&with_root(root_ca.clone())), address).await;

            // While only the certificate is new, the pair does not fit, and the old pair stays.
            directory.write("certificate.pem", &second.certificate.pem());
            assert_eq!(greet(&mutual, address).await.expect("the old").0, first.certificate.der().as_ref());
            directory.write("key.pem", &second.key.serialize_pem());
            assert_eq!(greet(&mutual, address).await.expect("the new").0, second.certificate.der().as_ref());

            directory.write("certificate.pem", &stranger.certificate.pem());
            directory.write("key.pem", &stranger.key.serialize_pem());
            refusal(&mutual, address).await;
        }
    });
}

#[test]
fn a_root_ca_that_changed_counts_from_the_next_handshake_on() {
    block_on(async {
        let (directory, first, second) = (Directory::new(), Authority::new(), Authority::new());
        let root_ca = directory.write("ca.pem", &first.0.pem());
        let client = client(&with_root(root_ca.clone()));
        let old = server(&first.pair("cache.test"), None, BOTH).await;
        let new = server(&second.pair("cache.test"), None, BOTH).await;
        greet(&client, old).await.expect("trusted");
        refusal(&client, new).await;

        directory.write("ca.pem", &second.0.pem());
        greet(&client, new).await.expect("trusted now");
        refusal(&client, old).await;

        directory.write("ca.pem", &format!("{}{}", first.0.pem(), second.0.pem()));
        greet(&client, new).await.expect("both");
        greet(&client, old).await.expect("both");
    });
}

#[test]
fn a_root_ca_behind_a_link_that_is_turned_is_read_again() {
    block_on(async {
        let (directory, first, second) = (Directory::new(), Authority::new(), Authority::new());
        let turn = |target: &str| {
            let link = directory.0.join("link.new");
            std::os::unix::fs::symlink(directory.0.join(target), &link).expect("a link");
            std::fs::rename(link, directory.0.join("link")).expect("turned");
        };
        directory.write("one.pem", &first.0.pem());
        directory.write("two.pem", &second.0.pem());
        turn("one.pem");
        let client = client(&with_root(directory.0.join("link")));
        let new = server(&second.pair("cache.test"), None, BOTH).await;
        refusal(&client, new).await;
        turn("two.pem");
        greet(&client, new).await.expect("trusted now");
    });
}

#[test]
fn while_a_new_root_ca_cannot_be_used_the_last_good_one_is() {
    block_on(async {
        let (directory, authority) = (Directory::new(), Authority::new());
        let root_ca = directory.write("ca.pem", &authority.0.pem());
        let client = client(&with_root(root_ca.clone()));
        let address = server(&authority.pair("cache.test"), None, BOTH).await;
        greet(&client, address).await.expect("trusted");
        directory.write("ca.pem", "garbage");
        greet(&client, address).await.expect("the last good one");
        std::fs::remove_file(&root_ca).expect("removed");
        greet(&client, address).await.expect("the last good one");
        directory.write("ca.pem", &Authority::new().0.pem());
        refusal(&client, address).await;
    });
}

#[test]
fn a_change_is_read_once_whether_it_can_be_used_or_not() {
    let directory = Directory::new();
    let path = directory.write("number", "1");
    let reads = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&reads);
    let load = move |files: &[File]| {
        *counted.lock() += 1;
        let text = String::from_utf8_lossy(&files[0].read()?).into_owned();
        text.parse::<u32>().map_err(|_| files[0].error("holds no number"))
    };
    let watched = watched::Watched::open(vec![File::new("number".to_owned(), &path)], load).expect("a number");
    for (text, value, count) in [("1", 1, 2), ("x", 1, 3), ("yy", 1, 4), ("5", 5, 5)] {
        directory.write("number", text);
        for _ in 0..3 {
            assert_eq!((*watched.current(), *reads.lock()), (value, count), "{text}");
        }
    }
}
