//! What became of a transaction whose frame was refused.
//!
//! `MULTI`, a script that clears the way, `SET` and `EXEC` go out together. A user may lose the right to `MULTI` or `EXEC`
//! meanwhile (`ACL SETUSER`), and the commands between are executed each for itself, or not at all. Then the first
//! refusal says nothing of what was written.

use crate::store::redis::wire::Value;

/// What became of a transaction that was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It wrote all the same, though not at once.
    Written,
    /// It did not write, but what it was to replace may be gone.
    Torn,
    /// It did not write.
    Unwritten {
        /// The connection is still inside of it, and executes nothing any more.
        is_open: bool,
    },
}

/// Reads the answers to a transaction; `None` when its frame stands, so that each refusal means what it says.
pub fn judge(answers: &[Value]) -> Option<Broken> {
    let [multi, clear, set, exec] = answers else { return None };
    let is_refused = |answer: &Value| answer.as_error().is_some();
    if is_refused(multi) {
        return Some(match (clear, set) {
            (_, Value::Bulk(text)) if text.as_ref() == b"OK" => Broken::Written,
            (Value::Integer(1), Value::Error(_)) => Broken::Torn,
            _ => Broken::Unwritten { is_open: false },
        });
    }
    if is_refused(clear) || is_refused(set) {
        return None;
    }
    // A server that discards it says so by this code; older ones leave it open.
    exec.as_error().map(|text| Broken::Unwritten { is_open: !text.starts_with("EXECABORT") })
}

/// Whether its frame was refused for want of a right, and not for what may pass, such as a server's want of memory.
pub fn is_denied(answers: &[Value]) -> bool {
    let refusal = |answer: Option<&Value>| answer.and_then(Value::as_error).map(str::to_owned);
    refusal(answers.first()).is_some() || refusal(answers.last()).is_some_and(|text| text.contains("NOPERM"))
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_a_broken_transaction_wrote_is_told_by_its_own_answers() {
        let text = |text: &'static str| Value::Bulk(text.into());
        let error = |text: &'static str| Value::Error(text.into());
        let of = |answers: [Value; 4]| judge(&answers);
        let (denied, none) = (error("NOPERM 'multi'"), error("ERR EXEC without MULTI"));
        let alone = |clear, set| of([denied.clone(), clear, set, none.clone()]);
        assert_eq!(alone(Value::Integer(1), text("OK")), Some(Broken::Written));
        assert_eq!(alone(Value::Integer(1), error("OOM command not allowed")), Some(Broken::Torn));
        let unwritten = |is_open| Some(Broken::Unwritten { is_open });
        // Another one wrote between the two, or has a newer revision.
        assert_eq!(alone(Value::Integer(1), Value::Nil), unwritten(false));
        assert_eq!(alone(Value::Integer(0), Value::Nil), unwritten(false));
        assert_eq!(alone(error("NOAUTH"), error("NOAUTH")), unwritten(false));
        let queued = |set, exec| of([text("OK"), text("QUEUED"), set, exec]);
        let whole = Value::Array(vec![Value::Integer(1), text("OK")]);
        assert_eq!(queued(text("QUEUED"), whole), None);
        assert_eq!(queued(error("OOM"), error("EXECABORT Transaction discarded because of previous errors.")), None);
        assert_eq!(
            queued(text("QUEUED"), error("EXECABORT Transaction discarded because of: NOPERM")),
            unwritten(false)
        );
        assert_eq!(queued(text("QUEUED"), error("NOPERM 'exec'")), unwritten(true));
        assert_eq!(judge(&[Value::Integer(1)]), None);
        let frame = |multi, exec| is_denied(&[multi, text("QUEUED"), text("QUEUED"), exec]);
        assert!(frame(denied.clone(), none.clone()) && frame(text("OK"), error("NOPERM 'exec'")));
        assert!(!frame(text("OK"), error("EXECABORT Transaction discarded because of: OOM command not allowed")));
    }
}
