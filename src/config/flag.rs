//! Yes and no as text, in the words of Go's `strconv.ParseBool` that the users' environment already holds.

/// What `text` says; `None` when it is neither.
pub fn parse(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_as_go_reads_them() {
        for (text, flag) in [("1", true), ("True", true), ("F", false), ("false", false)] {
            assert_eq!(parse(text), Some(flag), "{text}");
        }
        for text in ["", "yes", "tRUE", " true", "on", "2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
