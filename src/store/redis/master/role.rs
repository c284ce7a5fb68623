//! What a server says that it is, in its answer to `ROLE`, or to `HELLO` where its user has no right to `ROLE`.

use crate::store::redis::connection::Address;
use crate::store::redis::wire::Value;

/// A replica that a master has attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Where it is, by its own account.
    pub address: Address,
    /// How far in the master's stream of writes it says to be, by the last time it said so.
    pub offset: u64,
}

/// What a server says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A master.
    Master {
        /// How long its stream of writes is.
        offset: u64,
        /// Who is attached and gets the stream. One that is dead stays in the list until the master gives it up.
        replicas: Vec<Attached>,
    },
    /// A replica.
    Replica,
    /// A sentinel.
    Sentinel {
        /// What it calls the masters that it watches.
        masters: Vec<String>,
    },
}

impl Role {
    /// The role in an answer to `ROLE`; `None` when it is none.
    pub fn read(answer: &Value) -> Option<Role> {
        let parts = answer.as_array()?;
        match parts.first()?.as_text()? {
            "master" => Role::read_master(parts),
            "sentinel" => {
                let masters = parts.get(1).and_then(Value::as_array).unwrap_or_default();
                let masters = masters.iter().filter_map(|name| Some(name.as_text()?.to_owned()));
                Some(Role::Sentinel { masters: masters.collect() })
            }
            _ => Some(Role::Replica),
        }
    }

    /// The role in an answer to `HELLO`, which says nothing of replicas and masters; `None` when it is none.
    pub fn read_hello(answer: &Value) -> Option<Role> {
        let text = |name| answer.field(name).and_then(Value::as_text);
        if text("mode") == Some("sentinel") {
            return Some(Role::Sentinel { masters: Vec::new() });
        }
        match text("role")? {
            "master" => Some(Role::Master { offset: 0, replicas: Vec::new() }),
            _ => Some(Role::Replica),
        }
    }

    fn read_master(parts: &[Value]) -> Option<Role> {
        let number = |value: &Value| u64::try_from(value.as_integer()?).ok();
        let offset = parts.get(1).and_then(number)?;
        let replicas = parts.get(2).and_then(Value::as_array).unwrap_or_default().iter().filter_map(|replica| {
            let [host, port, offset, ..] = replica.as_array()? else { return None };
            let address = Address { host: host.as_text()?.to_owned(), port: u16::try_from(port.as_integer()?).ok()? };
            Some(Attached { address, offset: number(offset).unwrap_or(0) })
        });
        Some(Role::Master { offset, replicas: replicas.collect() })
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Value {
        Value::Bulk(bytes::Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn an_answer_tells_a_master_and_how_far_its_replicas_are_a_replica_and_a_sentinel() {
        let replica = |port, offset| Value::Array(vec![text("h"), text(port), text(offset)]);
        let listed = vec![replica("1", "7"), replica("2", "-1"), replica("none", "9")];
        let answer = Value::Array(vec![text("master"), Value::Integer(9), Value::Array(listed)]);
        let at = |port, offset| Attached { address: Address { host: "h".to_owned(), port }, offset };
        assert_eq!(Role::read(&answer), Some(Role::Master { offset: 9, replicas: vec![at(1, 7), at(2, 0)] }));
        let replica = Value::Array(vec![text("slave"), text("h"), Value::Integer(1), text("connected")]);
        assert_eq!(Role::read(&replica), Some(Role::Replica));
        let sentinel = Value::Array(vec![text("sentinel"), Value::Array(vec![text("m"), text("n")])]);
        let masters = vec!["m".to_owned(), "n".to_owned()];
        assert_eq!(Role::read(&sentinel), Some(Role::Sentinel { masters }));
        assert_eq!(Role::read(&Value::Error("NOPERM".into())), None);
        assert_eq!(Role::read(&Value::Array(vec![text("master")])), None);
    }
    #[test]
    fn a_greeting_tells_the_role_too() {
        let of = |words: &[&'static str]| Role::read_hello(&Value::Array(words.iter().copied().map(text).collect()));
        assert_eq!(of(&["mode", "standalone", "role", "master"]), Some(Role::Master { offset: 0, replicas: vec![] }));
        assert_eq!(of(&["mode", "standalone", "role", "replica"]), Some(Role::Replica));
        assert_eq!(of(&["mode", "sentinel", "modules", ""]), Some(Role::Sentinel { masters: vec![] }));
        assert_eq!(of(&["mode", "standalone"]), None);
        assert_eq!((Role::read_hello(&Value::Nil), Role::read_hello(&Value::Error("NOPERM".into()))), (None, None));
    }
}
