//! What one sentinel says, and what several mean together. No input or output here.

use std::collections::BTreeSet;

use crate::store::redis::connection::Address;
use crate::store::redis::wire::Value;

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
    /// The replicas that it knows, and whether it takes them for down.
    pub replicas: Vec<(Address, bool)>,
}

/// The master that the views name: that of the newest epoch; of several of one epoch, that of the most sentinels.
///
/// The epoch is what the sentinels themselves agree by: a sentinel that was cut off holds an old one, and the leader of
/// a failover has the new one from the moment at which it saw the new master promoted, which is before it says so.
pub fn decide<'a>(views: impl Iterator<Item = &'a View>) -> Option<Address> {
    let mut votes: Vec<(u64, Vec<&str>, &Address)> = Vec::new();
    for view in views {
        let Some(master) = &view.master else { continue };
        match votes.iter_mut().find(|(epoch, _, address)| *epoch == view.epoch && *address == master) {
            Some((_, voters, _)) if voters.contains(&view.id.as_str()) && !view.id.is_empty() => {}
            Some((_, voters, _)) => voters.push(&view.id),
            None => votes.push((view.epoch, vec![&view.id], master)),
        }
    }
    votes.into_iter().max_by_key(|(epoch, voters, _)| (*epoch, voters.len())).map(|(_, _, address)| address.clone())
}

/// The replicas of `master` that any sentinel of the newest epoch knows, without those that a majority of *all*
/// sentinels, not only of those that answer, takes for down: those cannot be promoted. `None` when it is not the master.
pub fn replicas<'a>(views: impl Iterator<Item = &'a View>, master: &Address) -> Option<Vec<Address>> {
    let views: Vec<&View> = views.collect();
    if decide(views.iter().copied()).as_ref() != Some(master) {
        return None;
    }
    let ids: BTreeSet<&str> = views.iter().map(|view| view.id.as_str()).filter(|id| !id.is_empty()).collect();
    let total = views.iter().map(|view| view.sentinels).max().unwrap_or(1).max(ids.len());
    let mut found: Vec<(&Address, Vec<&str>)> = Vec::new();
    for view in views.iter().filter(|view| view.master.as_ref() == Some(master)) {
        for (replica, is_down) in &view.replicas {
            let place = found.iter().position(|(known, _)| *known == replica).unwrap_or_else(|| {
                found.push((replica, Vec::new()));
                found.len() - 1
            });
            if *is_down && !view.id.is_empty() && !found[place].1.contains(&view.id.as_str()) {
                found[place].1.push(&view.id);
            }
        }
    }
    let is_needed = |down: &Vec<&str>| down.len() <= total / 2;
    Some(found.into_iter().filter(|(_, down)| is_needed(down)).map(|(address, _)| address.clone()).collect())
}

/// The view in a sentinel's answers to `MYID`, `GET-MASTER-ADDR-BY-NAME`, `MASTER` and `REPLICAS`; `None` when it knows no
/// such master.
pub fn read(answers: &[Value]) -> Option<View> {
    let [id, address, master, replicas, ..] = answers else { return None };
    let [host, port] = address.as_array()? else { return None };
    let number = |name| master.field(name).and_then(Value::as_integer).unwrap_or(0);
    let replicas = replicas.as_array().unwrap_or_default().iter().filter_map(|replica| {
        let flags = replica.field("flags").and_then(Value::as_text).unwrap_or_default();
        Some((instance(replica)?, flags.split(',').any(|flag| flag == "s_down")))
    });
    Some(View {
        id: id.as_text().unwrap_or_default().to_owned(),
        master: Some(Address { host: host.as_text()?.to_owned(), port: u16::try_from(port.as_integer()?).ok()? }),
        epoch: u64::try_from(number("config-epoch")).unwrap_or(0),
        sentinels: usize::try_from(number("num-other-sentinels")).unwrap_or(0) + 1,
        replicas: replicas.collect(),
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

    fn view(id: &str, master: u16, epoch: u64, replicas: &[(u16, bool)]) -> View {
        View {
            id: id.to_owned(),
            master: Some(at(master)),
            epoch,
            sentinels: 3,
            replicas: replicas.iter().map(|(port, down)| (at(*port), *down)).collect(),
        }
    }

    #[test]
    fn the_newest_epoch_decides_and_among_equals_the_majority() {
        let decided = |views: &[View]| decide(views.iter()).map(|address| address.port);
        assert_eq!(decided(&[]), None);
        assert_eq!(decided(&[View::default()]), None);
        let (old, new) = (view("a", 1, 0, &[]), view("b", 2, 1, &[]));
        assert_eq!(decided(&[old.clone(), old.clone(), new.clone()]), Some(2));
        assert_eq!(decided(&[view("a", 1, 5, &[]), view("b", 2, 5, &[]), view("c", 2, 5, &[])]), Some(2));
        // The same sentinel by three addresses has one vote.
        let (twice, other) = (view("a", 2, 5, &[]), [view("b", 1, 5, &[]), view("c", 1, 5, &[])]);
        assert_eq!(decided(&[twice.clone(), twice.clone(), twice, other[0].clone(), other[1].clone()]), Some(1));
    }

    #[test]
    fn a_replica_counts_until_a_majority_of_all_sentinels_takes_it_for_down() {
        let needed = |views: &[View]| {
            replicas(views.iter(), &at(1)).map(|found| found.iter().map(|address| address.port).collect::<Vec<_>>())
        };
        let (up, down) = (view("a", 1, 1, &[(2, false), (3, false)]), view("b", 1, 1, &[(2, false), (3, true)]));
        assert_eq!(needed(&[up.clone(), down.clone()]), Some(vec![2, 3]));
        // One of three sentinels is no majority, although nobody else answers: this is how a partition looks.
        assert_eq!(needed(std::slice::from_ref(&down)), Some(vec![2, 3]));
        let other = View { id: "c".to_owned(), ..down.clone() };
        assert_eq!(needed(&[down.clone(), other]), Some(vec![2]));
        // The same sentinel by two addresses is one.
        assert_eq!(needed(&[down.clone(), down.clone()]), Some(vec![2, 3]));
        // Nor do its addresses make more sentinels of which two would be no majority.
        let other = View { id: "c".to_owned(), ..down.clone() };
        assert_eq!(needed(&[down.clone(), down.clone(), down.clone(), other]), Some(vec![2]));
        // Those that do not tell who they are may be one.
        let nameless = View { id: String::new(), ..down.clone() };
        assert_eq!(needed(&[nameless.clone(), nameless.clone(), nameless]), Some(vec![2, 3]));
        assert_eq!(needed(&[up, view("c", 2, 2, &[])]), None);
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
                map(&["ip", "h", "port", "2", "flags", "slave"]),
                map(&["ip", "h", "port", "3", "flags", "s_down,slave,disconnected"]),
                map(&["ip", "h", "port", "0"]),
            ]),
        ];
        assert_eq!(read(&answers), Some(View { id: "me".to_owned(), ..view("", 1, 7, &[(2, false), (3, true)]) }));
        assert_eq!(read(&[text("me"), Value::Nil, Value::Nil, Value::Nil]), None);
    }
}
