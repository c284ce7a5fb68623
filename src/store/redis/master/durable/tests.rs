//! A server that the tests play themselves.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::store::redis::connection::testing::{LONG, connected, run};

/// A master whose stream is 10 long, with one replica that has all of it.
const ROLE: &str = "*3\r\n$6\r\nmaster\r\n:10\r\n*1\r\n*3\r\n$1\r\nh\r\n$1\r\n2\r\n$2\r\n10\r\n";

fn at(port: u16) -> Address {
    Address { host: "h".to_owned(), port }
}

/// Sends a write that so many replicas have to have, in so long a time.
fn send(committer: &Committer, command: &[u8], replicas: u8, limit: Duration) -> Ticket {
    committer.send(Packed::of(&[command]), Durability::Replicas(replicas), |_| true, Instant::now() + limit)
}

/// What comes of a write that one replica has to have, on the server h:1 that answers so after the write.
fn written(monitor: Option<Arc<Monitor>>, answers: String) -> Result<Answers, Unanswered> {
    run(async move {
        let (connection, mut server, _pushes) = connected().await;
        let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![connection.clone()]));
        let committer = Committer::start(Arc::downgrade(&lease), at(1), connection, monitor);
        let ticket = send(&committer, b"SET", 1, LONG);
        let mut asked = [0; 64];
        let _ = server.read(&mut asked).await.expect("it was asked");
        server.write_all(format!("+OK\r\n{answers}").as_bytes()).await.expect("open");
        ticket.wait().await.0
    })
}

#[test]
fn a_pipeline_ends_with_the_write_that_makes_it_long_and_longer_ones_are_given_longer() {
    let gathered = run(async {
        let (connection, _server, _pushes) = connected().await;
        let (sender, jobs) = mpsc::unbounded_channel();
        let value = vec![0; 400 << 10];
        let tickets: Vec<Ticket> = (0..7)
            .map(|_| {
                let (request, ticket) = Request::new(Packed::of(&[b"SET", b"k", &value]), Instant::now() + LONG);
                assert!(sender.send(Job { request, needed: Durability::All, has_written: |_| true }).is_ok());
                ticket
            })
            .collect();
        let (open, seen) = (Vec::new(), Replicas::default());
        let (lease, address, monitor, rests) = (Weak::new(), at(1), None, false);
        let mut task = Task { lease, address, connection, monitor, jobs, open, seen, rests };
        let mut gathered = Vec::new();
        for _ in 0..3 {
            gathered.push(task.gather().await.map_or(0, |jobs| jobs.len()));
        }
        drop(tickets);
        gathered
    });
    assert_eq!(gathered, [3, 3, 1]);
    assert!(patience(0) == PATIENCE && patience(512 << 20) > 100 * PATIENCE);
}

/// The last of a pipeline's questions.
const LAST: &str = "*1\r\n$4\r\nROLE\r\n";

/// Plays the server until a pipeline's last question has come; what came.
async fn pipeline_of(server: &mut TcpStream) -> String {
    let (mut text, mut part) = (String::new(), [0; 4096]);
    while text.matches(LAST).count() < 2 {
        let length = server.read(&mut part).await.expect("open");
        assert!(length > 0, "it hung up after {text:?}");
        text += &String::from_utf8_lossy(&part[..length]);
    }
    text
}

/// How many replicas a pipeline's `WAIT` counts, and for how many milliseconds.
fn asked(pipeline: &str) -> (usize, u128) {
    let words: Vec<&str> = pipeline.split("WAIT\r\n").nth(1).expect("it waits").split("\r\n").collect();
    (words[1].parse().expect("a number"), words[3].parse().expect("a number"))
}

#[test]
fn it_is_waited_no_longer_than_the_callers_do_and_never_for_ever() {
    for (limit, expected) in [
        (Duration::from_millis(50), 1..=50),
        (Duration::from_micros(900), 1..=1),
        (LONG, SLICE.as_millis()..=SLICE.as_millis()),
    ] {
        let (count, slice) = run(async move {
            let (connection, mut server, _pushes) = connected().await;
            let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![connection.clone()]));
            let committer = Committer::start(Arc::downgrade(&lease), at(1), connection, None);
            let _ticket = send(&committer, b"SET", 2, limit);
            asked(&pipeline_of(&mut server).await)
        });
        // Nothing is known yet of who is attached.
        assert!(count == 1 && expected.contains(&slice), "{count} replicas, {slice} ms within {limit:?}");
    }
}

#[test]
fn replicas_that_one_write_waits_for_in_vain_hold_no_other_up() {
    let (first, second, third) = run(async {
        let (connection, mut server, _pushes) = connected().await;
        let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![connection.clone()]));
        let committer = Committer::start(Arc::downgrade(&lease), at(1), connection, None);
        let in_vain = send(&committer, b"SET", 3, LONG);
        let first = pipeline_of(&mut server).await;
        let other = send(&committer, b"DEL", 1, LONG);
        let lagging = |port| format!("*3\r\n$1\r\nh\r\n$1\r\n{port}\r\n$1\r\n9\r\n");
        let role = format!("{}{}{}", ROLE.replace(":10\r\n*1", ":10\r\n*3"), lagging(3), lagging(4));
        let answer = format!("+OK\r\n{role}:1\r\n{role}");
        server.write_all(answer.as_bytes()).await.expect("open");
        let second = pipeline_of(&mut server).await;
        server.write_all(answer.as_bytes()).await.expect("open");
        assert!(other.wait().await.0.is_ok());
        let third = pipeline_of(&mut server).await;
        drop(in_vain);
        (first, second, third)
    });
    assert_eq!(asked(&first), (1, SLICE.as_millis()));
    assert!(second.contains("DEL") && asked(&second) == (1, SLICE.as_millis()), "{second}");
    // Nothing is new: it is asked for what is open.
    assert_eq!(asked(&third), (3, SHORT_SLICE.as_millis()));
}

#[test]
fn a_wait_that_comes_back_and_settles_nothing_is_not_asked_for_again_without_a_rest() {
    let (rounds, took) = run(async {
        let (connection, mut server, _pushes) = connected().await;
        let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![connection.clone()]));
        let committer = Committer::start(Arc::downgrade(&lease), at(1), connection, None);
        let ticket = send(&committer, b"SET", 1, LONG);
        let behind = ROLE.replace("$2\r\n10\r\n", "$1\r\n9\r\n");
        let (begun, rounds) = (Instant::now(), 20);
        for round in 0..rounds {
            pipeline_of(&mut server).await;
            let write = if round == 0 { "+OK\r\n" } else { "" };
            server.write_all(format!("{write}{ROLE}:1\r\n{behind}").as_bytes()).await.expect("open");
        }
        drop(ticket);
        (rounds, begun.elapsed())
    });
    assert!(took >= REST * (rounds - 1), "{rounds} rounds in {took:?}");
}

#[test]
fn the_server_is_left_for_a_lost_connection_only_when_a_write_was_lost_with_it() {
    let ((idle, is_left), (sent, was_left)) = run(async {
        let start = async || {
            let (connection, server, _pushes) = connected().await;
            let (other, other_server, _) = connected().await;
            let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![other]));
            let committer = Committer::start(Arc::downgrade(&lease), at(1), connection.clone(), None);
            (lease, committer, connection, server, other_server)
        };
        let (lease, committer, connection, server, _other) = start().await;
        drop(server);
        connection.wait_for_end().await;
        let (idle, given_back) = send(&committer, b"SET", 1, LONG).wait().await;
        assert_eq!(given_back, Packed::of(&[b"SET"]));
        let is_left = lease.has_ended();
        let (lease, committer, _connection, mut server, _other) = start().await;
        let ticket = send(&committer, b"SET", 1, LONG);
        pipeline_of(&mut server).await;
        drop(server);
        ((idle, is_left), (ticket.wait().await.0, lease.has_ended()))
    });
    assert!(matches!(idle, Err(Unanswered::Broken(ref broken)) if !broken.sent) && !is_left, "{idle:?}");
    assert!(matches!(sent, Err(Unanswered::Broken(ref broken)) if broken.sent) && was_left, "{sent:?}");
}

#[test]
fn the_commands_of_a_write_come_back_when_they_wrote_nothing_and_are_not_kept_otherwise() {
    run(async {
        let (connection, mut server, _pushes) = connected().await;
        let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![connection.clone()]));
        let committer = Committer::start(Arc::downgrade(&lease), at(1), connection, None);
        let wrote = |answer: &Value| *answer != Value::Nil;
        let write = |word: &[u8]| {
            let packed = Packed::of(&[b"SET", word]);
            committer.send(packed, Durability::Replicas(1), wrote, Instant::now() + LONG)
        };
        let tickets = [write(b"written"), write(b"refused"), write(b"not there")];
        let answers = [("written", "+OK"), ("refused", "-NOREPLICAS Not enough"), ("not there", "$-1")];
        let mut answered = 0;
        // They come at once, or one after the other.
        while answered < answers.len() {
            let sent = pipeline_of(&mut server).await;
            let mut text = String::new();
            for (_, answer) in answers.iter().filter(|(word, _)| sent.contains(word)) {
                text += &format!("{answer}\r\n");
                answered += 1;
            }
            server.write_all(format!("{text}{ROLE}:1\r\n{ROLE}").as_bytes()).await.expect("open");
        }
        let mut given_back = Vec::new();
        for ticket in tickets {
            let (outcome, packed) = ticket.wait().await;
            assert!(outcome.is_ok(), "{outcome:?}");
            given_back.push(packed);
        }
        let expected = [Packed::default(), Packed::of(&[b"SET", b"refused"]), Packed::of(&[b"SET", b"not there"])];
        assert_eq!(given_back, expected);
    });
}

fn reason(written: Result<Answers, Unanswered>) -> String {
    match written {
        Err(Unanswered::Broken(broken)) if broken.sent => broken.reason.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_of_any_durability_is_not_acknowledged_once_the_sentinels_name_another_master() {
    let answers = || format!("{ROLE}:1\r\n{ROLE}");
    assert!(written(None, answers()).is_ok());
    assert!(written(Some(Monitor::naming(at(1))), answers()).is_ok());
    let text = reason(written(Some(Monitor::naming(at(2))), answers()));
    assert!(text.contains("name h:2"), "{text}");
}

#[test]
fn a_right_that_is_taken_away_leaves_it_unknown_what_the_replicas_have() {
    let refused = "-NOPERM this user has no permissions\r\n";
    let text = reason(written(None, format!("{ROLE}{refused}{ROLE}")));
    assert!(text.contains("wait for its replicas (NOPERM"), "{text}");
    let text = reason(written(None, format!("{refused}:1\r\n{refused}")));
    assert!(text.contains("role (NOPERM"), "{text}");
}

#[test]
fn a_long_write_whose_caller_has_gone_never_reaches_the_server_whole() {
    const LENGTH: usize = 32 << 20;
    let (outcome, read) = run(async {
        let (connection, mut server, _pushes) = connected().await;
        let lease = Arc::new(Lease::new(at(1), String::new(), 3, vec![connection.clone()]));
        let committer = Committer::start(Arc::downgrade(&lease), at(1), connection, None);
        let ticket = send(&committer, &vec![b'a'; LENGTH], 1, Duration::from_millis(200));
        let (outcome, _) = ticket.wait().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (mut read, mut room) = (0, vec![0; 1 << 20]);
        while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_millis(500), server.read(&mut room)).await {
            read += room[..count].iter().filter(|byte| **byte == b'a').count();
        }
        (outcome, read)
    });
    assert_eq!(outcome, Err(Unanswered::Late { sent: true }));
    assert!(read < LENGTH);
}
