//! What a store keeps of a record, and what a transfer to it would lose.

use serde_json::Value;

use super::plan::Plan;

/// What a store can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeps {
    /// Records at all.
    pub records: bool,
    /// Metadata.
    pub metadata: bool,
    /// The lifespan of each record.
    pub lifespan: bool,
    /// The max-idle of each record.
    pub max_idle: bool,
}

impl Default for Keeps {
    fn default() -> Keeps {
        Keeps::ALL
    }
}

impl Keeps {
    /// Everything.
    pub const ALL: Keeps = Keeps { records: true, metadata: true, lifespan: true, max_idle: true };

    /// What a store keeps, by its description: it keeps what it does not say that it cannot.
    pub fn of(description: &Value) -> Keeps {
        let kind = description["type"].as_str().unwrap_or("");
        if kind == "fault" {
            return Keeps::of(&description["over"]);
        }
        let says = |name: &str| {
            let told = [&description[name], &description["capabilities"][name]];
            told.into_iter().find_map(Value::as_bool).unwrap_or(true)
        };
        Keeps {
            records: kind != "noop",
            metadata: says("metadata"),
            lifespan: says("lifespan"),
            max_idle: says("max_idle"),
        }
    }

    /// What a transfer of `plan` would lose here, each as a sentence; `with_metadata` is how many of its records have
    /// metadata.
    pub fn losses(&self, plan: &Plan, with_metadata: u64) -> Vec<String> {
        let mut losses = Vec::new();
        if !self.records {
            losses.push("it keeps no record at all".to_owned());
        }
        let kept = [
            (self.metadata, with_metadata, "metadata"),
            (self.lifespan, plan.with_lifespan(), "lifespan of a record's own"),
            (self.max_idle, plan.with_max_idle(), "max-idle"),
        ];
        let lost = kept.into_iter().filter(|(is_kept, count, _)| !is_kept && *count > 0);
        losses.extend(lost.map(|(_, count, what)| format!("it keeps no {what}; records that have one: {count}")));
        losses
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_store_keeps_what_it_does_not_deny() {
        let redis = Keeps::of(&json!({"type": "redis", "metadata": false, "max_idle": false}));
        assert_eq!(redis, Keeps { metadata: false, max_idle: false, ..Keeps::ALL });
        let nats =
            Keeps::of(&json!({"type": "nats-js-kv", "capabilities": {"metadata": true, "lifespan": "by readers"}}));
        assert_eq!(nats, Keeps::ALL);
        assert_eq!(Keeps::of(&json!({"type": "fault", "over": {"type": "memory"}})), Keeps::ALL);
        assert!(!Keeps::of(&json!({"type": "noop"})).records);
    }

    #[test]
    fn what_would_be_lost_is_said_with_numbers() {
        let target = Keeps { metadata: false, ..Keeps::ALL };
        assert_eq!(target.losses(&Plan::default(), 3), ["it keeps no metadata; records that have one: 3"]);
        assert!(target.losses(&Plan::default(), 0).is_empty());
    }
}
