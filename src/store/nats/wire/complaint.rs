//! What a server complains of: the text behind `-ERR`.

/// What a server denies by a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// To publish on a subject.
    Subject,
    /// To have an answer sent to it.
    Reply,
}

/// What a complaint denies, and on which subject.
pub fn denied(text: &str) -> Option<(Denied, &str)> {
    let rest = text.strip_prefix("Permissions Violation for Publish ")?;
    let (kind, rest) = match rest.strip_prefix("to ") {
        Some(rest) => (Denied::Subject, rest),
        None => (Denied::Reply, rest.strip_prefix("with Reply of ")?),
    };
    let quoted = rest.strip_prefix('"')?;
    Some((kind, &quoted[..quoted.find('"')?]))
}

/// Whether the server complains of a line that is longer than it takes; it hangs up after that.
pub fn is_of_long_line(text: &str) -> bool {
    text.to_ascii_lowercase().starts_with("maximum control line")
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_its_subject() {
        let subject = |text| match denied(text) {
            Some((Denied::Subject, subject)) => format!("to {subject}"),
            Some((Denied::Reply, subject)) => format!("of {subject}"),
            None => String::new(),
        };
        assert_eq!(subject("Permissions Violation for Publish to \"$KV.b.k\""), "to $KV.b.k");
        assert_eq!(subject("Permissions Violation for Publish with Reply of \"_INBOX.a.1\""), "of _INBOX.a.1");
        for text in [
            "",
            "Stale Connection",
            "Permissions Violation for Publish to \"",
            "Permissions Violation for Subscription to \"a\"",
        ] {
            assert_eq!(subject(text), "", "{text}");
        }
    }
}
