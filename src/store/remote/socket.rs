//! A TCP connection to one of a host's addresses.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

use super::silence::Sent;

/// How long a connection may be idle before the kernel asks whether the other side is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long an address may be silent before it is asked once more besides. The kernel asks again after a second, then after
/// two; whoever was cut off and is not any more would wait for that.
const AGAIN: Duration = Duration::from_millis(250);

/// The addresses of a host, one at least.
///
/// # Errors
///
/// What the name resolution says.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = lookup_host((bare(host), port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    }
    Ok(addresses)
}

/// Connects to one of the addresses, in any order, so that one that is dead does not stand before the others for ever.
/// Within `limit`, of which each of several has its share; what follows the connection has one too.
///
/// # Errors
///
/// What the kernel says of the last one, or that it is silent.
pub async fn connect(mut addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
    fastrand::shuffle(&mut addresses);
    let share = share(limit, addresses.len());
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in addresses {
        match tokio::time::timeout(share, dial(address)).await {
            Ok(Ok(socket)) => return prepared(socket),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::Error::new(io::ErrorKind::TimedOut, format!("{address} is silent")),
        }
    }
    Err(failure)
}

/// Connects, for as long as it takes: by an attempt that lasts, for where the other side is far away, or by one of those that
/// are begun anew meanwhile.
async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let mut lasting = pin!(TcpStream::connect(address));
    if let Ok(result) = tokio::time::timeout(AGAIN, lasting.as_mut()).await {
        return result;
    }
    loop {
        tokio::select! {
            result = lasting.as_mut() => return result,
            anew = tokio::time::timeout(AGAIN, TcpStream::connect(address)) => {
                if let Ok(result) = anew {
                    return result;
                }
            }
        }
    }
}

fn share(limit: Duration, addresses: usize) -> Duration {
    match u32::try_from(addresses) {
        Ok(0 | 1) => limit,
        Ok(several) => limit / several.saturating_add(1),
        Err(_) => Duration::ZERO,
    }
}

fn prepared(socket: TcpStream) -> io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

/// Has a connection that is about to be closed forget what the other side has not taken. The kernel would go on sending it for
/// minutes, and where a wire is whole again a write that was given up would arrive after others that were acknowledged since.
pub fn forget_unsent(socket: &TcpStream) {
    if Sent::of(socket).is_ok_and(|sent| sent.queued > 0) {
        // It fails on nothing that is a socket.
        let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
    }
}

/// A number of IPv6 without the brackets that it has in an address.
pub fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn all_addresses_fit_into_the_limit_with_time_to_spare() {
        let limit = Duration::from_secs(6);
        assert_eq!(share(limit, 1), limit);
        assert_eq!(share(limit, 2), Duration::from_secs(2));
        assert_eq!(share(limit, 5), Duration::from_secs(1));
    }

    /// An address that answers nothing: nobody takes the connections that wait, and there is room for no more.
    fn silent() -> (Vec<socket2::Socket>, SocketAddr) {
        let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        listener.listen(0).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let waiting = socket();
            waiting.set_nonblocking(true).expect("a socket");
            let _ = waiting.connect(&address);
            sockets.push(waiting);
        }
        (sockets, address.as_socket().expect("an address of IPv4"))
    }

    /// How many attempts to connect to an address of IPv4 are under way in this network, as `/proc/net/tcp` lists them.
    fn attempts_at(address: SocketAddr) -> usize {
        const SYN_SENT: &str = "02";
        let port = format!(":{:04X}", address.port());
        let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        let is_one = |fields: &[&str]| fields[2].ends_with(&port) && fields[3] == SYN_SENT;
        table.lines().skip(1).filter(|line| is_one(&line.split_whitespace().collect::<Vec<_>>())).count()
    }

    #[tokio::test]
    async fn what_the_other_side_has_not_taken_is_forgotten() {
        const MUCH: usize = 64 << 20;
        for forgets in [false, true] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let ours = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it listens");
            let (mut theirs, _) = listener.accept().await.expect("a connection");
            let bytes = vec![0; MUCH];
            let mut sent = 0;
            ours.writable().await.expect("room");
            while let Ok(count) = ours.try_write(&bytes) {
                sent += count;
            }
            assert!(Sent::of(&ours).expect("Linux").queued > 0);
            if forgets {
                forget_unsent(&ours);
            }
            drop(ours);
            let mut received = 0;
            let mut part = vec![0; 1 << 20];
            while let Ok(count @ 1..) = theirs.read(&mut part).await {
                received += count;
            }
            assert_eq!(received < sent, forgets, "{received} of {sent}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_silent_is_asked_once_more_besides() {
        let (_sockets, silent) = silent();
        let before = attempts_at(silent);
        let connecting = tokio::spawn(connect(vec![silent], Duration::from_secs(60)));
        let asked_twice = async {
            while attempts_at(silent) < before + 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), asked_twice).await.expect("it is asked again");
        connecting.abort();
    }

    #[tokio::test]
    async fn an_address_that_is_silent_stands_before_no_other() {
        let (_sockets, silent) = silent();
        let error = connect(vec![silent], Duration::from_millis(100)).await.expect_err("nobody answers");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let speaking = listener.local_addr().expect("an address");
        // In any order, and within the limit that holds for all of it.
        let limit = Duration::from_secs(3);
        for _ in 0..6 {
            let connecting = tokio::time::timeout(limit, connect(vec![silent, speaking], limit));
            let socket = connecting.await.expect("in time").expect("one answers");
            assert_eq!(socket.peer_addr().expect("connected"), speaking);
        }
    }
}
