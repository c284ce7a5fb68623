//! Which replicas a failover could choose, and so must have every write that is to survive one. No input or output here.
//!
//! The sentinel that leads a failover passes over replicas that are down, not connected, or of priority 0; of the rest it
//! takes the one with the lowest priority number, among equals the one that is furthest by what it last reported, among
//! equals the one with the lowest id (`sentinelSelectSlave`). Any sentinel may lead, and what "furthest" means to it may
//! be seconds old, so that the order by itself excuses nobody. Three things do:
//!
//! * **Down**, to a majority of *all* sentinels, not only of those that answer. Without this nothing would be
//!   acknowledged from a crash until the repair. The smaller side of a partition has no such majority.
//! * **Priority 0**, to that majority, and no sentinel says otherwise: it is never chosen.
//! * **An old master that has not been told yet, or is dead.** When sentinels change masters they list the old one as a
//!   replica at once, but let it be a master for 8 s and more before they tell it; and one that died is down to them
//!   only when it has been silent for as long again. Until then it is not attached to the new master, and waiting for it
//!   would mean to acknowledge nothing. They choose it only if there is nobody better: they forget at the change what
//!   they knew of it, pass over whoever has reported nothing since, and a master reports no offset, so that it counts as
//!   being at 0, and any replica of the same or a better priority that has reported an offset goes before it. Such a
//!   replica must be there, to a majority, and no sentinel may say otherwise. For the old master to be chosen all the
//!   same, that replica has to fail together with the new master: a second fault within the first. Of a replica that a
//!   sentinel has just forgotten counts what it had said before: it asks at once, and can choose nobody who has not answered.
//!
//! The sentinel that leads a failover names the new master from its promotion on, and for a second or so lists the old
//! master's replicas, the new master among them: that is the master itself, and no candidate. The old master it does not
//! list yet. It is taken to list it already, as it will, with nothing reported: where that sentinel is one of two that
//! are left, there would be no majority until then.
//!
//! A replica that is *being promoted* also reports to be a master while sentinels still list it as a replica, and it is
//! the very one that must have everything. It is not taken for an old master: it had reported its offset before, and
//! keeps it in their lists until they name it; besides, the sentinel that promotes it names it in the same moment in
//! which it sees it promoted.
//!
//! What remains beyond one fault: a replica that was down, comes back, and is promoted before it has caught up, while
//! every replica that has the write is gone; an old master that is told, or comes back, and is promoted by a second
//! failover before it has caught up and before the sentinels' next word of it came here. Sentinels do not list replicas with
//! `replica-announced no`: give those priority 0, or they can be promoted without having been waited for.

use std::collections::BTreeSet;

use super::view::View;
use crate::store::redis::connection::Address;

/// What a replica says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It has said nothing since it was listed.
    Nothing,
    /// That it is a replica.
    Replica,
    /// That it is a master.
    Master,
}

/// A replica as one sentinel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub address: Address,
    /// Whether the sentinel takes it for down.
    pub is_down: bool,
    /// What it says that it is.
    pub reported: Reported,
    /// Its priority: 0 is never chosen, and of the others the lowest is.
    pub priority: u64,
    /// How far in its master's stream it said to be; 0 when it has not said it yet.
    pub offset: Option<u64>,
}

/// What the sentinels say of the replicas that a failover could choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// They must be attached to the master, and have the write.
    pub needed: Vec<Address>,
    /// They need not have it, even where they are attached. Of whom nothing is said must have it if it is attached.
    pub spared: Vec<Address>,
}

impl Listed {
    fn goes_before(&self, other: &Listed) -> bool {
        let can_be_chosen = !self.is_down && self.reported == Reported::Replica && self.priority != 0;
        can_be_chosen && self.priority <= other.priority && self.offset.is_some_and(|offset| offset > 0)
    }

    /// Whether it may be an old master, and would be chosen after another replica of the same list.
    fn is_behind(&self, list: &[Listed]) -> bool {
        self.reported != Reported::Replica && self.offset == Some(0) && list.iter().any(|other| other.goes_before(self))
    }
}

/// What the sentinels say of one replica: who says what, by the sentinels' ids.
#[derive(Default)]
struct Votes<'a> {
    down: BTreeSet<&'a str>,
    never: BTreeSet<&'a str>,
    behind: BTreeSet<&'a str>,
    /// Some sentinel says that it has a priority.
    can_be_chosen: bool,
    /// Some sentinel says that it is no old master, or that nobody goes before it.
    can_be_first: bool,
}

impl<'a> Votes<'a> {
    fn of(address: &Address, views: &[&'a View]) -> Votes<'a> {
        let mut votes = Votes::default();
        for view in views {
            let Some(listed) = view.replicas.iter().find(|listed| listed.address == *address) else { continue };
            let (never, behind) = (listed.priority == 0, listed.is_behind(&view.replicas));
            votes.can_be_chosen |= !never;
            votes.can_be_first |= !behind;
            // Those that do not tell who they are may be one.
            if view.id.is_empty() {
                continue;
            }
            for (says_so, voters) in
                [(listed.is_down, &mut votes.down), (never, &mut votes.never), (behind, &mut votes.behind)]
            {
                if says_so {
                    voters.insert(&view.id);
                }
            }
        }
        votes
    }
}

/// The candidates for the succession of `master`, whom the sentinels name.
pub fn candidates<'a>(views: impl Iterator<Item = &'a View>, master: &Address) -> Candidates {
    let views: Vec<&View> = views.collect();
    let ids: BTreeSet<&str> = views.iter().map(|view| view.id.as_str()).filter(|id| !id.is_empty()).collect();
    let total = views.iter().map(|view| view.sentinels).max().unwrap_or(1).max(ids.len());
    let ours: Vec<&View> = views.into_iter().filter(|view| view.master.as_ref() == Some(master)).collect();
    let listed = ours.iter().flat_map(|view| &view.replicas).map(|replica| &replica.address);
    let others: BTreeSet<&Address> = listed.filter(|address| *address != master).collect();
    let mut candidates = Candidates::default();
    for address in others {
        let votes = Votes::of(address, &ours);
        let is_majority = |voters: &BTreeSet<&str>| voters.len() > total / 2;
        if is_majority(&votes.down) || (is_majority(&votes.never) && !votes.can_be_chosen) {
            candidates.spared.push(address.clone());
        } else if !is_majority(&votes.behind) || votes.can_be_first {
            candidates.needed.push(address.clone());
        }
    }
    candidates
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    fn up(port: u16) -> Listed {
        Listed { address: at(port), is_down: false, reported: Reported::Replica, priority: 100, offset: Some(7) }
    }

    fn down(port: u16) -> Listed {
        Listed { is_down: true, ..up(port) }
    }

    fn never(port: u16) -> Listed {
        Listed { priority: 0, ..up(port) }
    }

    fn old_master(port: u16) -> Listed {
        Listed { reported: Reported::Master, offset: Some(0), ..up(port) }
    }

    fn silent(port: u16) -> Listed {
        Listed { reported: Reported::Nothing, offset: Some(0), ..up(port) }
    }

    fn view(id: &str, replicas: &[Listed]) -> View {
        let (id, replicas) = (id.to_owned(), replicas.to_vec());
        View { id, master: Some(at(1)), epoch: 1, sentinels: 3, replicas }
    }

    /// The ports of those that are needed and those that are spared.
    fn of(views: &[View]) -> (Vec<u16>, Vec<u16>) {
        let ports = |addresses: Vec<Address>| addresses.into_iter().map(|address| address.port).collect();
        let Candidates { needed, spared } = candidates(views.iter(), &at(1));
        (ports(needed), ports(spared))
    }

    /// As [`of`], when these sentinels say the same, and the third does not answer.
    fn agreed(replicas: &[Listed]) -> (Vec<u16>, Vec<u16>) {
        of(&[view("a", replicas), view("b", replicas)])
    }

    #[test]
    fn a_replica_counts_until_a_majority_of_all_sentinels_takes_it_for_down() {
        let (well, ill) = (view("a", &[up(2), up(3)]), view("b", &[up(2), down(3)]));
        assert_eq!(of(&[well, ill.clone()]), (vec![2, 3], vec![]));
        // One of three sentinels is no majority, although nobody else answers: this is how a partition looks.
        assert_eq!(of(std::slice::from_ref(&ill)), (vec![2, 3], vec![]));
        let other = View { id: "c".to_owned(), ..ill.clone() };
        assert_eq!(of(&[ill.clone(), other.clone()]), (vec![2], vec![3]));
        // The same sentinel by two addresses is one.
        assert_eq!(of(&[ill.clone(), ill.clone()]), (vec![2, 3], vec![]));
        // Nor do its addresses make more sentinels of which two would be no majority.
        assert_eq!(of(&[ill.clone(), ill.clone(), ill.clone(), other]), (vec![2], vec![3]));
        // Those that do not tell who they are may be one.
        let nameless = View { id: String::new(), ..ill };
        assert_eq!(of(&[nameless.clone(), nameless.clone(), nameless]), (vec![2, 3], vec![]));
    }

    #[test]
    fn a_replica_of_priority_0_is_spared_when_no_sentinel_has_heard_otherwise() {
        assert_eq!(agreed(&[up(2), never(3)]), (vec![2], vec![3]));
        assert_eq!(of(&[view("a", &[up(2), never(3)])]), (vec![2, 3], vec![]));
        let both = [view("a", &[never(3)]), view("b", &[never(3)])];
        assert_eq!(of(&[both[0].clone(), both[1].clone(), view("c", &[up(3)])]), (vec![3], vec![]));
    }

    #[test]
    fn an_old_master_is_not_waited_for_while_another_replica_would_be_chosen_before_it() {
        // Neither needed nor spared: should it be attached after all, it is an old master no more.
        assert_eq!(agreed(&[up(2), old_master(3)]), (vec![2], vec![]));
        let views = [view("a", &[up(2), old_master(3)]), view("b", &[up(2), old_master(3)])];
        assert_eq!(of(&views[..1]), (vec![2, 3], vec![]));
        let third = |replicas: &[Listed]| of(&[views[0].clone(), views[1].clone(), view("c", replicas)]);
        assert_eq!(third(&[up(2), up(3)]), (vec![2, 3], vec![]));
        assert_eq!(third(&[up(2)]), (vec![2], vec![]));
        // It would be chosen when it is the only one, or the better one.
        assert_eq!(agreed(&[old_master(3)]), (vec![3], vec![]));
        assert_eq!(agreed(&[never(2), old_master(3)]), (vec![3], vec![2]));
        assert_eq!(agreed(&[down(2), old_master(3)]), (vec![3], vec![2]));
        assert_eq!(agreed(&[Listed { priority: 101, ..up(2) }, old_master(3)]), (vec![2, 3], vec![]));
        assert_eq!(agreed(&[Listed { offset: Some(0), ..up(2) }, old_master(3)]), (vec![2, 3], vec![]));
        assert_eq!(agreed(&[Listed { offset: Some(9), ..silent(2) }, old_master(3)]), (vec![2, 3], vec![]));
    }

    #[test]
    fn a_dead_old_master_is_not_waited_for_until_it_is_down() {
        assert_eq!(agreed(&[up(2), silent(3)]), (vec![2], vec![]));
        assert_eq!(agreed(&[silent(2), silent(3)]), (vec![2, 3], vec![]));
        let heard = view("c", &[up(2), Listed { offset: Some(0), ..up(3) }]);
        assert_eq!(of(&[view("a", &[up(2), silent(3)]), view("b", &[up(2), silent(3)]), heard]), (vec![2, 3], vec![]));
    }

    #[test]
    fn the_master_is_no_candidate_for_its_own_succession() {
        let leader = view("a", &[Listed { reported: Reported::Master, ..up(1) }, up(2)]);
        assert_eq!(of(&[leader.clone(), view("b", &[up(2), old_master(3)])]), (vec![2, 3], vec![]));
        let others = [view("b", &[up(2), old_master(3)]), view("c", &[up(2), old_master(3)])];
        assert_eq!(of(&[leader, others[0].clone(), others[1].clone()]), (vec![2], vec![]));
    }

    #[test]
    fn two_sentinels_are_enough_of_which_one_still_leads_the_failover() {
        // It still lists the new master, which therefore is nobody who goes before the old one.
        let promoted = Listed { reported: Reported::Master, ..up(1) };
        let leader = view("a", &[promoted.clone(), up(2), silent(3)]);
        assert_eq!(of(&[leader, view("b", &[up(2), silent(3)])]), (vec![2], vec![]));
        let alone = view("a", &[promoted, silent(3)]);
        assert_eq!(of(&[alone, view("b", &[silent(3)])]), (vec![3], vec![]));
    }

    #[test]
    fn a_replica_that_is_being_promoted_is_no_old_master() {
        let promoted = Listed { reported: Reported::Master, ..up(3) };
        assert_eq!(agreed(&[up(2), promoted]), (vec![2, 3], vec![]));
        assert_eq!(
            agreed(&[up(2), Listed { reported: Reported::Master, offset: None, ..up(3) }]),
            (vec![2, 3], vec![])
        );
    }
}
