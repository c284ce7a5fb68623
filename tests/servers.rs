//! The servers that other tests stand on do what is asked of them: they let in whom they should, die, hang, come back
//! with their data, fail over, and can be cut off.

#[path = "servers/mod.rs"]
mod servers;

use std::time::Duration;

use servers::PATIENCE;
use servers::certificates::Certificates;
use servers::credentials::{Account, nkey};
use servers::directory::Directory;
use servers::namespaces::Network;
use servers::nats::{Login, Nats, Options, Tls};
use servers::redis::{self, Redis};
use servers::sentinel::Group;

type Nothing = servers::Result<()>;

/// Connects to the first node and asks JetStream for something.
fn speak(nats: &Nats, options: async_nats::ConnectOptions) -> Nothing {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let client = options.connect(&nats.addresses()[0]).await.map_err(|error| error.to_string())?;
        let jetstream = async_nats::jetstream::new(client);
        jetstream.query_account().await.map(drop).map_err(|error| error.to_string())
    })
}

fn options(login: Login, tls: Tls) -> Options {
    Options { login, tls, ..Options::default() }
}

#[test]
fn nats_lets_in_whom_it_should() -> Nothing {
    let client = async_nats::ConnectOptions::new;
    let certificates = Certificates::new()?;
    let directory = Directory::new()?;

    let nats = Nats::single(&options(Login::User("u".into(), "p\"\\ %".into()), Tls::Off))?;
    speak(&nats, client().user_and_password("u".into(), "p\"\\ %".into()))?;
    speak(&nats, client()).expect_err("no login");

    let nats = Nats::single(&options(Login::Token("t".into()), Tls::server(&certificates)))?;
    let trusting = |root_ca: &std::path::Path| client().add_root_certificates(root_ca.to_owned()).require_tls(true);
    speak(&nats, trusting(&certificates.root_ca).token("t".into()))?;
    speak(&nats, trusting(&certificates.other_root_ca).token("t".into())).expect_err("an authority of strangers");

    let (public, seed) = nkey()?;
    let nats = Nats::single(&options(Login::Nkey(public), Tls::mutual(&certificates)))?;
    let shown = |certificate: &std::path::Path, key: &std::path::Path| {
        trusting(&certificates.root_ca).add_client_certificate(certificate.into(), key.into()).nkey(seed.clone())
    };
    speak(&nats, shown(&certificates.client_certificate, &certificates.client_key))?;
    let stranger = shown(&certificates.other_client_certificate, &certificates.other_client_key);
    speak(&nats, stranger).expect_err("a stranger's certificate");

    let account = Account::new()?;
    let credentials = account.credentials(&directory, "user")?;
    let nats = Nats::single(&options(Login::Credentials(account), Tls::Off))?;
    let text = std::fs::read_to_string(credentials).map_err(|error| error.to_string())?;
    speak(&nats, client().credentials(&text).map_err(|error| error.to_string())?)?;
    speak(&nats, client()).expect_err("no credentials");
    Ok(())
}

#[test]
fn the_oldest_nats_comes_up_and_hangs_and_comes_back() -> Nothing {
    let binary = Some(servers::tools::nats_server_oldest()?);
    let mut nats = Nats::single(&Options { binary, ..Options::default() })?;
    assert!(nats.node(0).monitor("/varz")?["version"].as_str().unwrap_or_default().starts_with("2.9."));
    nats.node(0).process().pause();
    nats.node(0).monitor("/varz").expect_err("it hangs");
    nats.node(0).process().resume();
    nats.node(0).monitor("/varz")?;
    nats.node(0).process().kill();
    nats.node(0).monitor("/varz").expect_err("it is dead");
    nats.node(0).start_again()
}

#[test]
fn three_nodes_find_another_leader() -> Nothing {
    let mut nats = Nats::cluster(&Options::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let addresses = nats.addresses();
    runtime.block_on(async {
        let client = async_nats::connect(addresses).await.map_err(|error| error.to_string())?;
        let stream = async_nats::jetstream::stream::Config {
            name: "s".to_owned(),
            num_replicas: 3,
            ..async_nats::jetstream::stream::Config::default()
        };
        let jetstream = async_nats::jetstream::new(client);
        jetstream.create_stream(stream).await.map(drop).map_err(|error| error.to_string())
    })?;
    let leader = nats.leader_of("s")?;
    nats.node(leader).process().kill();
    servers::wait_for("another leader", PATIENCE, || match nats.leader_of("s")? {
        other if other == leader => Err("it is the dead one".to_owned()),
        other => Ok(other),
    })?;
    nats.node(leader).start_again()?;
    let leader = nats.leader_of("s")?;
    nats.node(leader).drain()
}

#[test]
fn sentinels_find_another_master_and_the_old_one_follows_it() -> Nothing {
    let certificates = Certificates::new()?;
    let servers = redis::Options { login: redis::Login::user("u", "p"), ..redis::Options::default() };
    let sentinels = redis::Options { login: redis::Login::password("q"), ..redis::Options::default() };
    let mut group = Group::start(&servers.with_mutual_tls(&certificates), &sentinels.with_mutual_tls(&certificates))?;
    let first = group.master()?;
    assert_eq!(first, 0);
    group.servers[first].process().kill();
    let second = servers::wait_for("another master", PATIENCE, || match group.master()? {
        0 => Err("it is the dead one".to_owned()),
        other => Ok(other),
    })?;
    group.servers[first].start_again()?;
    group.wait_until_whole()?;
    servers::wait_for("the old master's new role", PATIENCE, || match group.servers[first].role()?.as_str() {
        "slave" => Ok(()),
        role => Err(role.to_owned()),
    })?;
    assert_eq!(group.servers[second].role()?, "master");
    Ok(())
}

#[test]
fn a_server_that_was_killed_has_its_data_and_its_port() -> Nothing {
    let mut server = Redis::start(&redis::Options::default())?;
    server.ask(&["SET", "k", "v"])?;
    let address = server.address();
    server.process().kill();
    server.ask(&["GET", "k"]).expect_err("it is dead");
    server.start_again()?;
    assert_eq!((server.address(), server.ask(&["GET", "k"])?.as_str()), (address, "v"));
    server.process().stop();
    server.start_again()?;
    assert_eq!(server.ask(&["GET", "k"])?, "v");
    Ok(())
}

#[test]
fn a_host_can_be_cut_off_without_a_word() -> Nothing {
    let network = match Network::new(3) {
        Ok(network) => network,
        Err(unsupported) => {
            println!("left out: {unsupported}");
            return Ok(());
        }
    };
    let options = redis::Options { places: vec![network.place(0)], ..redis::Options::default() };
    let server = Redis::start(&options)?;
    let port = server.endpoint().port;
    let reach = |host: usize| {
        let target = format!("{}:{port}", network.place(0).address).parse().map_err(|_| "an address".to_owned())?;
        network.place(host).within(|| {
            std::net::TcpStream::connect_timeout(&target, Duration::from_secs(2)).map_err(|error| error.to_string())
        })
    };
    reach(1)?;
    reach(2)?;
    network.cut_between(0, 1)?;
    assert!(reach(1).expect_err("cut").contains("timed out"));
    reach(2)?;
    network.heal_between(0, 1)?;
    reach(1)?;
    network.cut(0)?;
    reach(1).expect_err("cut");
    reach(2).expect_err("cut");
    server.ask(&["PING"])?;
    network.heal(0)?;
    reach(1)?;
    reach(2).map(drop)
}
