//! What a server that speaks first when it is asked, as Redis does, says to a PING without a login.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::boundary::wait::wait;
use crate::store::reply::Reply;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// What came of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// An answer that lets whoever asks go on.
    LetsIn,
    /// An answer that wants a login first, or refuses.
    Refuses,
    /// What is no answer of Redis, or the end of the connection.
    Foreign,
    /// Nothing.
    Nothing,
}

/// Asks one of the addresses, without TLS.
pub fn ask(addresses: &[SocketAddr]) -> Spoken {
    let addresses = addresses.to_vec();
    let asked = Reply::pending(async move {
        let Ok(stream) = TcpStream::connect(addresses.as_slice()).await else { return Ok(Spoken::Foreign) };
        Ok(converse(stream).await)
    });
    wait(asked, Some(PATIENCE)).unwrap_or(Spoken::Nothing)
}

/// Asks over a stream; for as long as it takes.
pub async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Spoken {
    let mut answer = [0; 16];
    if stream.write_all(b"PING\r\n").await.is_err() || stream.flush().await.is_err() {
        return Spoken::Foreign;
    }
    match stream.read(&mut answer).await {
        Ok(count) => read(&answer[..count]),
        Err(_) => Spoken::Foreign,
    }
}

fn read(answer: &[u8]) -> Spoken {
    match answer.first() {
        Some(b'+') => Spoken::LetsIn,
        Some(b'-') => Spoken::Refuses,
        _ => Spoken::Foreign,
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_noise() {
        assert_eq!(read(b"+PONG\r\n"), Spoken::LetsIn);
        assert_eq!(read(b"-NOAUTH Authentication"), Spoken::Refuses);
        // The alert of a server that expects TLS.
        assert_eq!(read(&[21, 3, 1, 0, 2]), Spoken::Foreign);
        assert_eq!(read(b""), Spoken::Foreign);
    }
}
