//! What one sentinel says, and what several mean together. No input or output here.

use super::candidates::{Listed, Reported};
use crate::store::redis::connection::Address;
use crate::store::redis::wire::Value;

/// The priority of a replica that has not told it, as sentinels have it.
const USUAL_PRIORITY: u64 = 100;
/// Milliseconds from which on the time since an event means that there was none: sentinels before version 7 count from
/// 1970 then, and later ones say 0.
const NEVER_MS: u64 = 1_000_000_000_000;

/// What a sentinel says of the master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Who says it: the sentinel's own id, so that one with two addresses counts once. Empty before version 6.2, which
    /// does not tell it: such a sentinel's word that a replica is down counts for nothing, because it may be one's twice.
    pub id: String,
    /// Where the master is.
    pub master: Option<Address>,
    /// The epoch of that: a later one is newer, whatever the others say.
    pub epoch: u64,
    /// How many sentinels there are, itself included.
    pub sentinels: usize,
    /// The replicas that it knows.
    pub replicas: Vec<Listed>,
}

impl View {
    /// This view, with what the same sentinel said just before of replicas that it says nothing of now. At a change of
    /// masters it forgets what they reported, asks them anew, and can choose none of them until they have answered.
    pub fn remembering(mut self, before: &View) -> View {
        let silent = self.replicas.iter_mut().filter(|replica| replica.reported == Reported::Nothing);
        for replica in silent {
            let known = before.replicas.iter().find(|known| known.address == replica.address);
            // One that was down before is silent because it is down.
            if let Some(known) = known.filter(|known| known.reported == Reported::Replica && !known.is_down) {
                *replica = Listed { is_down: replica.is_down, ..known.clone() };
            }
        }
        self
    }
}

/// A master, and the epoch in which sentinels named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The epoch: a later one is newer.
    pub epoch: u64,
    /// Where the master is.
    pub master: Address,
}

/// What views mean together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody names a master.
    Nobody,
    /// This is the master.
    Master(Named),
    /// Only masters are named that were superseded before; this is the one of the newest epoch among them.
    Superseded(Named),
}

/// The master that the views name: that of the newest epoch; of several of one epoch, that of the most sentinels.
///
/// The epoch is what the sentinels themselves agree by: a sentinel that was cut off holds an old one, and the leader of
/// a failover has the new one from the moment at which it saw the new master promoted, which is before it says so.
///
/// So `newest`, what was decided before, is not given up for an older epoch because those who know better are silent: an
/// old master that was cut off together with a sentinel would be read and written to until they are heard again, and
/// what it acknowledged would be lost. Only a majority of the `known` sentinels may go back: those that were set up anew
/// count from 0.
pub fn decide<'a>(views: impl Iterator<Item = &'a View>, newest: Option<&Named>, known: usize) -> Decision {
    let votes = votes(views);
    let most = votes.iter().max_by_key(|(named, voters)| (named.epoch, voters.len()));
    let Some((named, _)) = most else { return Decision::Nobody };
    let Some(newest) = newest.filter(|newest| newest.epoch > named.epoch) else {
        return Decision::Master(named.clone());
    };
    if let Some((named, _)) = votes.iter().find(|(_, voters)| voters.len() > known / 2) {
        return Decision::Master(named.clone());
    }
    if votes.iter().any(|(named, _)| named.master == newest.master) {
        return Decision::Master(newest.clone());
    }
    Decision::Superseded(named.clone())
}

/// Who names which master in which epoch, by the sentinels' ids.
fn votes<'a>(views: impl Iterator<Item = &'a View>) -> Vec<(Named, Vec<&'a str>)> {
    let mut votes: Vec<(Named, Vec<&str>)> = Vec::new();
    for view in views {
        let Some(master) = &view.master else { continue };
        match votes.iter_mut().find(|(named, _)| named.epoch == view.epoch && named.master == *master) {
            Some((_, voters)) if voters.contains(&view.id.as_str()) && !view.id.is_empty() => {}
            Some((_, voters)) => voters.push(&view.id),
            None => votes.push((Named { epoch: view.epoch, master: master.clone() }, vec![&view.id])),
        }
    }
    votes
}

/// The view in a sentinel's answers to `MYID`, `GET-MASTER-ADDR-BY-NAME`, `MASTER` and `REPLICAS`; `None` when it knows no
/// such master.
pub fn read(answers: &[Value]) -> Option<View> {
    let [id, address, master, replicas, ..] = answers else { return None };
    let [host, port] = address.as_array()? else { return None };
    let number = |name| master.field(name).and_then(Value::as_integer).unwrap_or(0);
    let named = Address { host: host.as_text()?.to_owned(), port: u16::try_from(port.as_integer()?).ok()? };
    let mut replicas: Vec<Listed> = replicas.as_array().unwrap_or_default().iter().filter_map(listed).collect();
    replicas.extend(replaced(master, &named));
    Some(View {
        id: id.as_text().unwrap_or_default().to_owned(),
        master: Some(named),
        epoch: u64::try_from(number("config-epoch")).unwrap_or(0),
        sentinels: usize::try_from(number("num-other-sentinels")).unwrap_or(0) + 1,
        replicas,
    })
}

/// The old master, as the sentinel will list it when the failover that it leads is over: until then it names the new master,
/// and describes the old one in its place.
fn replaced(master: &Value, named: &Address) -> Option<Listed> {
    let address = instance(master).filter(|address| address != named)?;
    let (reported, priority) = (Reported::Nothing, USUAL_PRIORITY);
    Some(Listed { address, is_down: is_down(master), reported, priority, offset: Some(0) })
}

/// Whether the sentinel that lists an instance takes it for down.
pub fn is_down(instance: &Value) -> bool {
    let flags = instance.field("flags").and_then(Value::as_text).unwrap_or_default();
    flags.split(',').any(|flag| flag == "s_down")
}

fn listed(replica: &Value) -> Option<Listed> {
    let text = |name| replica.field(name).and_then(Value::as_text);
    // Sentinels read an offset of -1 as the largest number that there is.
    let number = |name| text(name).and_then(|text| text.parse::<u64>().ok());
    Some(Listed {
        address: instance(replica)?,
        is_down: is_down(replica),
        reported: match (number("info-refresh"), text("role-reported")) {
            // The time since then, where there was no then.
            (None | Some(0) | Some(NEVER_MS..), _) => Reported::Nothing,
            (Some(_), Some("master")) => Reported::Master,
            (Some(_), _) => Reported::Replica,
        },
        priority: number("slave-priority").unwrap_or(USUAL_PRIORITY),
        offset: number("slave-repl-offset"),
    })
}

/// Where the instance is that a sentinel lists.
pub fn instance(listed: &Value) -> Option<Address> {
    let host = listed.field("ip")?.as_text()?.to_owned();
    let port = u16::try_from(listed.field("port")?.as_integer()?).ok()?;
    (!host.is_empty() && port != 0).then_some(Address { host, port })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    fn view(id: &str, master: u16, epoch: u64) -> View {
        View { id: id.to_owned(), master: Some(at(master)), epoch, sentinels: 3, replicas: Vec::new() }
    }

    #[test]
    fn the_newest_epoch_decides_and_among_equals_the_majority() {
        let decided = |views: &[View]| match decide(views.iter(), None, 3) {
            Decision::Master(named) => Some(named.master.port),
            Decision::Nobody => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(decided(&[]), None);
        assert_eq!(decided(&[View::default()]), None);
        let (old, new) = (view("a", 1, 0), view("b", 2, 1));
        assert_eq!(decided(&[old.clone(), old.clone(), new.clone()]), Some(2));
        assert_eq!(decided(&[view("a", 1, 5), view("b", 2, 5), view("c", 2, 5)]), Some(2));
        // The same sentinel by three addresses has one vote.
        let (twice, other) = (view("a", 2, 5), [view("b", 1, 5), view("c", 1, 5)]);
        assert_eq!(decided(&[twice.clone(), twice.clone(), twice, other[0].clone(), other[1].clone()]), Some(1));
    }

    #[test]
    fn who_was_superseded_leads_again_when_a_majority_of_the_known_says_so() {
        let named = |epoch, port| Named { epoch, master: at(port) };
        let decided = |views: &[View], known| decide(views.iter(), Some(&named(2, 2)), known);
        let [old, further] = ["c", "d"].map(|id| view(id, 1, 1));
        assert_eq!(decided(&[], 3), Decision::Nobody);
        assert_eq!(decided(std::slice::from_ref(&old), 3), Decision::Superseded(named(1, 1)));
        // Twice the same is one.
        assert_eq!(decided(&[old.clone(), old.clone()], 3), Decision::Superseded(named(1, 1)));
        assert_eq!(decided(&[old.clone(), further.clone()], 4), Decision::Superseded(named(1, 1)));
        assert_eq!(decided(&[old.clone(), further.clone()], 3), Decision::Master(named(1, 1)));
        // All of them were set up anew, and one of them knows less.
        let anew = [view("x", 1, 0), view("y", 1, 0), old.clone()];
        assert_eq!(decided(&anew, 3), Decision::Master(named(0, 1)));
        // Who knows the newest speaks for it, in whatever epoch.
        assert_eq!(decided(&[old.clone(), view("a", 2, 2)], 3), Decision::Master(named(2, 2)));
        assert_eq!(decided(&[old.clone(), view("x", 2, 0)], 3), Decision::Master(named(2, 2)));
        assert_eq!(decided(&[old, view("a", 3, 3)], 3), Decision::Master(named(3, 3)));
    }

    #[test]
    fn what_a_sentinel_forgets_at_a_change_of_masters_is_remembered_of_replicas_and_of_nobody_else() {
        let listed = |port, reported, offset| {
            let (is_down, priority) = (false, if offset == Some(7) { 50 } else { USUAL_PRIORITY });
            Listed { address: at(port), is_down, reported, priority, offset }
        };
        let before = View {
            replicas: vec![listed(2, Reported::Replica, Some(7)), listed(3, Reported::Master, Some(7))],
            ..view("a", 1, 1)
        };
        let silent = |port| listed(port, Reported::Nothing, Some(0));
        let after = View { replicas: vec![silent(2), silent(3), silent(1)], ..view("a", 4, 2) };
        let replicas = after.clone().remembering(&before).replicas;
        assert_eq!(replicas, [before.replicas[0].clone(), silent(3), silent(1)]);
        let down = View { replicas: vec![Listed { is_down: true, ..silent(2) }], ..after };
        assert_eq!(down.remembering(&before).replicas, [Listed { is_down: true, ..before.replicas[0].clone() }]);
        let dead = View { replicas: vec![Listed { is_down: true, ..before.replicas[0].clone() }], ..before.clone() };
        let listed_anew = View { replicas: vec![silent(2)], ..view("a", 4, 2) };
        assert_eq!(listed_anew.clone().remembering(&dead), listed_anew);
        let spoken = View { replicas: vec![listed(2, Reported::Master, Some(0))], ..view("a", 4, 2) };
        assert_eq!(spoken.clone().remembering(&before), spoken);
    }

    #[test]
    fn a_sentinels_answers_are_read() {
        let text = |text: &'static str| Value::Bulk(bytes::Bytes::from_static(text.as_bytes()));
        let map = |pairs: &[&'static str]| Value::Array(pairs.iter().map(|word| text(word)).collect());
        let answers = [
            text("me"),
            map(&["h", "1"]),
            map(&["config-epoch", "7", "num-other-sentinels", "2"]),
            Value::Array(vec![
                map(&[
                    "ip",
                    "h",
                    "port",
                    "2",
                    "flags",
                    "slave",
                    "role-reported",
                    "master",
                    "slave-repl-offset",
                    "0",
                    "info-refresh",
                    "9",
                ]),
                map(&[
                    "ip",
                    "h",
                    "port",
                    "3",
                    "flags",
                    "s_down,slave,disconnected",
                    "slave-priority",
                    "0",
                    "role-reported",
                    "slave",
                    "info-refresh",
                    "9",
                ]),
                map(&["ip", "h", "port", "4", "role-reported", "slave", "slave-repl-offset", "0", "info-refresh", "0"]),
                map(&[
                    "ip",
                    "h",
                    "port",
                    "5",
                    "role-reported",
                    "slave",
                    "slave-repl-offset",
                    "0",
                    "info-refresh",
                    "1795946439741",
                ]),
                map(&["ip", "h", "port", "0"]),
            ]),
        ];
        let old_master = Listed {
            address: at(2),
            is_down: false,
            reported: Reported::Master,
            priority: USUAL_PRIORITY,
            offset: Some(0),
        };
        let down = Listed { address: at(3), is_down: true, reported: Reported::Replica, priority: 0, offset: None };
        let silent = Listed { reported: Reported::Nothing, address: at(4), ..old_master.clone() };
        let silent_of_old = Listed { address: at(5), ..silent.clone() };
        assert_eq!(
            read(&answers),
            Some(View { replicas: vec![old_master, down, silent, silent_of_old], ..view("me", 1, 7) })
        );
        assert_eq!(read(&[text("me"), Value::Nil, Value::Nil, Value::Nil]), None);
    }

    #[test]
    fn the_leader_of_a_failover_is_taken_to_list_the_old_master_as_it_will() {
        let text = |text: &'static str| Value::Bulk(bytes::Bytes::from_static(text.as_bytes()));
        let map = |pairs: &[&'static str]| Value::Array(pairs.iter().map(|word| text(word)).collect());
        let of = |port: &'static str| {
            let master = map(&["ip", "h", "port", port, "flags", "s_down,master,failover_in_progress"]);
            read(&[text("me"), map(&["h", "1"]), master, Value::Array(Vec::new())]).expect("a view").replicas
        };
        let (reported, priority) = (Reported::Nothing, USUAL_PRIORITY);
        assert_eq!(of("2"), [Listed { address: at(2), is_down: true, reported, priority, offset: Some(0) }]);
        assert_eq!(of("1"), []);
    }
}
