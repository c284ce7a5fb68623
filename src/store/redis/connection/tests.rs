use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::pushes::Heard;
use super::testing::{LONG, connected, run};
use super::*;
use crate::store::given::{Given, Loan};

#[test]
fn a_connection_ends_with_the_last_of_its_handles() {
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        let other = connection.clone();
        drop(connection);
        assert!(!other.has_ended());
        drop(other);
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LONG, server.read_to_end(&mut rest)).await;
        read.expect("it was hung up").expect("in order");
    });
}

#[test]
fn a_server_that_is_heard_slowly_is_not_silent() {
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        // Keeps the runtime from the connection for most of the time.
        let busy = tokio::spawn(std::future::poll_fn(|context| {
            std::thread::sleep(Duration::from_millis(20));
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let speaks = tokio::spawn(async move {
            let words = b">1\r\n+a\r\n".repeat(4096);
            while server.write_all(&words).await.is_ok() {}
        });
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert!(!connection.has_ended(), "{:?}", connection.ended());
        busy.abort();
        drop(connection);
        speaks.await.expect("no panic");
    });
}

#[test]
fn what_looks_like_a_message_is_the_answer_while_one_is_waited_for() {
    const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
    run(async {
        let (connection, mut server, mut pushes) = connected().await;
        server.write_all(MESSAGE).await.expect("open");
        assert!(matches!(pushes.next().await, Some(Heard::Push(push)) if push.len() == 3));
        let asked = tokio::spawn(async move {
            connection.call(Packed::of(&[b"MGET", b"x", b"y", b"z"]), Instant::now() + LONG).await
        });
        let mut begin = [0; 4];
        server.read_exact(&mut begin).await.expect("it was asked");
        server.write_all(MESSAGE).await.expect("open");
        let answers = asked.await.expect("no panic").expect("answered");
        assert_eq!(answers.first().and_then(Value::as_array).map(<[Value]>::len), Some(3));
    });
}

#[test]
fn a_lent_word_is_not_read_any_more_once_its_caller_has_gone() {
    const WORD: usize = 16 << 10;
    const CALLERS: usize = 1000;
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        let mut words = vec![vec![b'a'; WORD]; CALLERS];
        {
            let mut calls: Vec<_> = words
                .iter()
                .map(|word| {
                    let mut packed = Packed::default();
                    packed.begin(1);
                    // SAFETY: the calls are dropped before the words are written to.
                    packed.given(Given::Lent(unsafe { Loan::new(word) }));
                    Box::pin(connection.call(packed, Instant::now() + LONG))
                })
                .collect();
            // The server reads nothing yet, so that many of them are not sent when they are given up.
            let few = Duration::from_millis(200);
            let all = futures_util::future::join_all(calls.iter_mut().map(Pin::as_mut));
            assert!(tokio::time::timeout(few, all).await.is_err(), "nobody answers");
        }
        words.iter_mut().for_each(|word| word.fill(b'b'));
        let mut read = Vec::new();
        while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_secs(1), server.read_buf(&mut read)).await {}
        let sent = read.iter().filter(|byte| **byte == b'a').count() / WORD;
        assert!((1..CALLERS).contains(&sent), "{sent} were sent");
        assert!(!read.contains(&b'b'));
    });
}

/// Words that are lent by threads which take them back at any moment, and write to them at once.
#[test]
fn a_lent_word_that_is_taken_back_while_it_is_written_is_not_read_afterwards() {
    const THREADS: usize = 4;
    const CALLS: usize = 500;
    let (connection, server, pushes) = {
        let (connection, server, pushes) = run(connected());
        (connection, server.into_std().expect("open"), pushes)
    };
    server.set_nonblocking(false).expect("a socket");
    let runtime = crate::runtime::get().expect("a runtime");
    let reader = std::thread::spawn(move || {
        let (mut server, mut read, mut room) = (server, 0_usize, vec![0; 1 << 16]);
        loop {
            match std::io::Read::read(&mut server, &mut room) {
                // What was not sent at the end is forgotten, and the connection reset.
                Ok(0) | Err(_) => return read,
                Ok(count) => {
                    assert!(!room[..count].contains(&b'b'), "it was read after it had been taken back");
                    read += room[..count].iter().filter(|byte| **byte == b'a').count();
                }
            }
        }
    });
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let connection = &connection;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread as u64);
                for _ in 0..CALLS {
                    let mut word = vec![b'a'; random.usize(4 << 10..64 << 10)];
                    let mut packed = Packed::default();
                    packed.begin(1);
                    // SAFETY: the call is dropped before the word is written to.
                    packed.given(Given::Lent(unsafe { Loan::new(&word) }));
                    let wait = Duration::from_micros(random.u64(..60));
                    runtime.enter(|| {
                        let mut call = Box::pin(connection.call(packed, Instant::now() + LONG));
                        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                        assert!(polled.is_pending(), "nobody answers");
                        let begin = std::time::Instant::now();
                        while begin.elapsed() < wait {
                            std::hint::spin_loop();
                        }
                    });
                    word.fill(b'b');
                }
            });
        }
    });
    drop((connection, pushes));
    assert!(reader.join().expect("nothing was read too late") > 0);
}

#[test]
fn a_request_that_waits_for_the_next_answer_is_sent_with_it() {
    const CALLERS: usize = 64;
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        let ask = |word: &'static [u8]| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.call(Packed::of(&[word]), Instant::now() + LONG).await })
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| ask(b"a")).collect();
        let mut words = vec![0; CALLERS * Packed::of(&[b"a"]).length()];
        server.read_exact(&mut words).await.expect("they were asked");
        // One shortly after the other, so that what is asked next may wait.
        for _ in 0..CALLERS / 2 {
            server.write_all(b"+1\r\n").await.expect("open");
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            let late = ask(b"late");
            tokio::task::yield_now().await;
            server.write_all(b"+1\r\n").await.expect("open");
            let mut word = vec![0; Packed::of(&[b"late"]).length()];
            let sent = tokio::time::timeout(LONG, server.read_exact(&mut word)).await;
            sent.expect("it was sent").expect("open");
            assert!(word.ends_with(b"late\r\n"));
            drop(late);
        }
        drop(callers);
    });
}

#[test]
fn the_answer_to_what_breaks_a_stride_is_nobodys() {
    const CALLS: usize = 130;
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        let word = vec![b'a'; 16 << 10];
        let answers = async {
            let mut commands = tokio::io::BufReader::new(&mut server);
            let (mut asked, mut broken) = (0, 0);
            while asked < CALLS {
                let mut words = Vec::new();
                // As the server's `*<words>`, and for each `$<length>` and the word.
                let count = number_after(&mut commands, b'*').await;
                for _ in 0..count {
                    let mut read = vec![0; number_after(&mut commands, b'$').await + 2];
                    commands.read_exact(&mut read).await.expect("open");
                    words.push(read);
                }
                let answer = if words[0] == b"PING\r\n" {
                    broken += 1;
                    "$1\r\n.\r\n".to_owned()
                } else {
                    asked += 1;
                    format!(":{asked}\r\n")
                };
                commands.get_mut().write_all(answer.as_bytes()).await.expect("open");
            }
            broken
        };
        let calls = async {
            let asked = (0..CALLS).map(|_| connection.call(Packed::of(&[&word]), Instant::now() + LONG));
            futures_util::future::join_all(asked).await
        };
        let (broken, answered) = tokio::join!(answers, calls);
        assert!(broken > 0);
        for (place, answers) in answered.into_iter().enumerate() {
            let number = answers.expect("answered").first().and_then(Value::as_integer);
            assert_eq!(number, Some(place as i64 + 1));
        }
    });
}

/// The number of a line that begins with `kind`.
async fn number_after(commands: &mut (impl AsyncReadExt + Unpin), kind: u8) -> usize {
    assert_eq!(commands.read_u8().await.expect("open"), kind);
    let mut number = 0;
    loop {
        match commands.read_u8().await.expect("open") {
            b'\r' => break,
            digit => number = number * 10 + usize::from(digit - b'0'),
        }
    }
    assert_eq!(commands.read_u8().await.expect("open"), b'\n');
    number
}

/// Sends a request of many bytes, of which the server reads none before its caller gives up; how many it lacks then, and
/// why the connection has ended.
async fn given_up(is_write: bool, waits_for_deadline: bool) -> (usize, Option<Reason>) {
    const LENGTH: usize = 32 << 20;
    let (connection, mut server, _pushes) = connected().await;
    let few = Duration::from_millis(200);
    let deadline = Instant::now() + if waits_for_deadline { few } else { LONG };
    {
        let mut packed = Packed::of(&[&vec![b'a'; LENGTH]]);
        let asked = async {
            match is_write {
                true => connection.ask_to_write(&mut packed, deadline).await,
                false => connection.ask(&mut packed, deadline).await,
            }
        };
        match tokio::time::timeout(if waits_for_deadline { LONG } else { few }, asked).await {
            Ok(outcome) => assert_eq!(outcome, Err(Unanswered::Late { sent: true })),
            Err(_) => assert!(!waits_for_deadline, "its deadline passed"),
        }
    }
    tokio::time::sleep(few).await;
    let (mut read, mut room) = (0, vec![0; 1 << 20]);
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_secs(5), server.read(&mut room)).await {
        read += room[..count].iter().filter(|byte| **byte == b'a').count();
        if read == LENGTH {
            break;
        }
        // A sign of life, however long it takes this machine to read all of it; nobody hears it when the connection was ended.
        let _ = server.write_all(b">1\r\n+x\r\n").await;
    }
    assert!(read <= LENGTH);
    // While there still is a server, whose end would be another reason.
    let ended = match read {
        LENGTH => connection.ended(),
        _ => tokio::time::timeout(LONG, connection.wait_for_end()).await.ok(),
    };
    drop(server);
    (LENGTH - read, ended)
}

#[test]
fn a_long_write_that_is_given_up_never_reaches_the_server_whole() {
    for waits_for_deadline in [true, false] {
        let (missing, ended) = run(given_up(true, waits_for_deadline));
        assert!(missing > 0 && ended.is_some(), "by its deadline: {waits_for_deadline}, {missing} missing");
        // Nothing of a read comes too late, and nobody else has to pay for it.
        let (missing, ended) = run(given_up(false, waits_for_deadline));
        assert!(missing == 0 && ended.is_none(), "by its deadline: {waits_for_deadline}, {missing} missing, {ended:?}");
    }
}

#[test]
fn a_long_write_that_the_server_has_ends_nothing_when_it_is_given_up() {
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        let word = vec![b'a'; 2 * LONG_WRITE];
        let deadline = Instant::now() + Duration::from_millis(1500);
        let mut packed = Packed::of(&[&word]);
        let mut read = vec![0; packed.length()];
        let reads = async { server.read_exact(&mut read).await.expect("open") };
        let (outcome, _) = tokio::join!(connection.ask_to_write(&mut packed, deadline), reads);
        assert_eq!(outcome, Err(Unanswered::Late { sent: true }));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!connection.has_ended(), "{:?}", connection.ended());
    });
}
