//! Who may log in to a NATS server, and what it lets them do.

use crate::examination::{Failure, examined, fails, fails_in_every_format, is_well, nats_config, outcomes, step, told};
use crate::servers::credentials::{Account, nkey};
use crate::servers::directory::Directory;
use crate::servers::nats::{JetStream, Login, Nats, Options};

fn server(login: Login) -> Nats {
    Nats::single(&Options { login, ..Options::default() }).expect("a server")
}

/// A server whose one user has these permissions.
fn allowing(publish: &str, subscribe: &str) -> Nats {
    let more = format!(
        "authorization {{ users: [{{ user: me, password: hush, permissions: {{ publish: [{publish}], subscribe: \
         [{subscribe}] }} }}] }}"
    );
    Nats::single(&Options { more, ..Options::default() }).expect("a server")
}

fn config(nats: &Nats, more: &str) -> String {
    nats_config(&nats.addresses()[0], more)
}

const ME: &str = "username = \"me\"\npassword = \"hush\"\n";
const REFUSED: Failure<'_> = Failure { step: "login", code: 5, detail: "refused the login", advice: "" };

#[test]
fn a_refused_login_leads_to_the_setting_that_it_came_from() {
    let directory = Directory::new().expect("a directory");
    let nats = server(Login::User("me".into(), "hush".into()));
    is_well(&config(&nats, ME), &[]);
    let wrong = "username = \"me\"\npassword = \"hushhush\"\n";
    let advice = "Check stores.n.username and stores.n.password (or stores.n.password_file)";
    fails_in_every_format(&config(&nats, wrong), &[], Failure { advice, ..REFUSED });
    let advice =
        "set stores.n.username and stores.n.password, or stores.n.token, stores.n.nkey or stores.n.credentials";
    fails(&config(&nats, ""), &[], Failure { advice, ..REFUSED });

    let nats = server(Login::Token("hush".into()));
    let expected = Failure { detail: "token: ", advice: "Check stores.n.token: ", ..REFUSED };
    fails_in_every_format(&config(&nats, "token = \"hushhush\"\n"), &[], expected);
    is_well(&config(&nats, "token = \"hush\"\n"), &[]);

    let ((public, seed), (_, stranger)) = (nkey().expect("a key"), nkey().expect("a key"));
    let nats = server(Login::Nkey(public));
    let expected = Failure { detail: "nkey: ", advice: "Check stores.n.nkey: it must be the seed", ..REFUSED };
    fails_in_every_format(&config(&nats, &format!("nkey = \"{stranger}\"\n")), &[], expected);
    fails(&config(&nats, "nkey = \"hush\"\n"), &[], expected);
    is_well(&config(&nats, &format!("nkey = \"{seed}\"\n")), &[]);

    let [account, other] = [(); 2].map(|()| Account::new().expect("an account"));
    let good = account.credentials(&directory, "good").expect("a file");
    let stranger = other.credentials(&directory, "stranger").expect("a file");
    let nats = server(Login::Credentials(account));
    let expected = Failure { detail: "credentials: ", advice: "Check stores.n.credentials: its user", ..REFUSED };
    fails_in_every_format(&config(&nats, &format!("credentials = {stranger:?}\n")), &[], expected);
    is_well(&config(&nats, &format!("credentials = {good:?}\n")), &[]);
}

#[test]
fn a_right_that_is_missing_is_told_by_the_step_that_needs_it() {
    // All but writing records.
    let nats = allowing("\"$JS.API.>\"", "\"_INBOX.>\"");
    let advice = "to publish to $KV.<bucket>.> and $JS.API.>";
    let denied = Failure { step: "write", code: 5, detail: "Publish to \"$KV.doctored.", advice };
    fails_in_every_format(&config(&nats, ME), &[], denied);
    // All but making buckets, of which there is none.
    let nats = allowing("\"$JS.API.INFO\", \"$JS.API.STREAM.INFO.>\", \"$KV.>\"", "\"_INBOX.>\"");
    let advice = "There is no such bucket, and this user may not create it";
    let denied = Failure { step: "write", code: 5, detail: "$JS.API.STREAM.CREATE.KV_doctored", advice };
    fails_in_every_format(&config(&nats, ME), &[], denied);
    // Nothing but logging in, and not even hearing answers.
    let nats = allowing("\"$JS.API.>\", \"$KV.>\"", "\"elsewhere\"");
    let denied = Failure { step: "login", code: 5, detail: "Permissions Violation", advice: "subscribe to _INBOX.>" };
    fails_in_every_format(&config(&nats, ME), &[], denied);
}

#[test]
fn a_user_with_the_rights_to_its_bucket_alone_is_well() {
    let of_bucket = "\"$JS.API.STREAM.INFO.KV_doctored\", \"$JS.API.STREAM.CREATE.KV_doctored\", \
                     \"$JS.API.STREAM.MSG.GET.KV_doctored\", \"$JS.API.DIRECT.GET.KV_doctored.>\", \
                     \"$JS.API.DIRECT.GET.KV_doctored\", \"$JS.API.CONSUMER.*.KV_doctored.>\", \
                     \"$JS.API.CONSUMER.CREATE.KV_doctored\", \"$KV.doctored.>\", \"$JS.FC.>\"";
    let nats = allowing(of_bucket, "\"_INBOX.>\"");
    is_well(&config(&nats, ME), &[]);
    // Without consumers it cannot watch, which not every service wants to.
    let nats = allowing(&of_bucket.replace("CONSUMER", "NOTHING"), "\"_INBOX.>\"");
    let (code, store) = examined(&config(&nats, ME), &[]);
    assert_eq!(
        (code, outcomes(&store, "watch"), outcomes(&store, "remove")),
        (0, words("warning"), words("ok")),
        "{store}"
    );
    let (_, detail, advice) = told(step(&store, "watch"));
    assert!(detail.contains("CONSUMER.CREATE") && advice.contains("$JS.API.>"), "{detail} {advice}");
}

fn words(word: &str) -> Vec<String> {
    vec![word.to_owned()]
}

#[test]
fn jetstream_that_is_off_is_told_for_servers_and_accounts() {
    let expected =
        Failure { step: "login", code: 4, detail: "JetStream", advice: "JetStream has to be on (nats-server -js" };
    let nats = Nats::single(&Options { jetstream: JetStream::Off, ..Options::default() }).expect("a server");
    fails_in_every_format(&config(&nats, ""), &["--timeout", "3s"], expected);
    let more = "accounts { with: { jetstream: enabled, users: [{ user: it, password: hush }] }, without: { users: \
                [{ user: me, password: hush }] } }";
    let nats = Nats::single(&Options { more: more.to_owned(), ..Options::default() }).expect("a server");
    fails_in_every_format(&config(&nats, ME), &["--timeout", "3s"], expected);
    is_well(&config(&nats, &ME.replace("\"me\"", "\"it\"")), &[]);
}
