//! The replicas that a master has attached, and whether those that must have a write have it. No input or output here.

use crate::store::options::Durability;
use crate::store::redis::connection::Address;
use crate::store::redis::master::role::Attached;
use crate::store::redis::sentinel::Candidates;

/// The replicas that a master has attached, each once: one that came back may be listed a second time, as it was when it
/// left, and must not count for two.
#[derive(Default)]
pub struct Replicas {
    attached: Vec<Attached>,
    /// How long the stream was for which they were last waited.
    offset: u64,
}

impl Replicas {
    /// The replicas in a master's answer, after the stream up to `offset` was waited for.
    pub fn new(listed: Vec<Attached>, offset: u64) -> Replicas {
        let mut attached: Vec<Attached> = Vec::with_capacity(listed.len());
        for replica in listed {
            match attached.iter_mut().find(|known| known.address == replica.address) {
                Some(known) => known.offset = known.offset.max(replica.offset),
                None => attached.push(replica),
            }
        }
        Replicas { attached, offset }
    }

    /// How many are so far.
    pub fn count(&self, offset: u64) -> usize {
        self.attached.iter().filter(|replica| replica.offset >= offset).count()
    }

    fn has(&self, address: &Address, offset: u64) -> bool {
        self.attached.iter().any(|replica| replica.address == *address && replica.offset >= offset)
    }

    /// Whether all that could be promoted, and all of whom nobody knows it, are so far; and one at least.
    pub fn all_have(&self, offset: u64, candidates: &Candidates) -> bool {
        let must = |replica: &&Attached| !candidates.spared.contains(&replica.address);
        self.count(offset) > 0
            && candidates.needed.iter().all(|needed| self.has(needed, offset))
            && self.attached.iter().filter(must).all(|replica| replica.offset >= offset)
    }

    /// How many replicas `WAIT` has to count: as many as are wanted, but of those that are attached. For one that is not,
    /// it would wait all its time, while the sentinels may come to say that it need not have the write.
    pub fn to_count(&self, needed: Durability, candidates: Option<&Candidates>) -> usize {
        self.wanted(needed, candidates).min(self.attached.len().max(1))
    }

    /// How many have to have the write. Those who need not are counted by `WAIT`, too: as many as were in step the last
    /// time, or it would come back at once when they stand in for others, again and again.
    fn wanted(&self, needed: Durability, candidates: Option<&Candidates>) -> usize {
        let candidates = match (needed, candidates) {
            (Durability::Default | Durability::None, _) => return 0,
            (Durability::Replicas(needed), _) => return usize::from(needed),
            // Nothing will be acknowledged until the sentinels can be asked.
            (Durability::All, None) => return self.attached.len(),
            (Durability::All, Some(candidates)) => candidates,
        };
        let counts = |replica: &&Attached| {
            let is_spared = candidates.spared.contains(&replica.address);
            !candidates.needed.contains(&replica.address) && (!is_spared || replica.offset >= self.offset)
        };
        (candidates.needed.len() + self.attached.iter().filter(counts).count()).max(1)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    fn attached(replicas: &[(u16, u64)]) -> Replicas {
        let attached = replicas.iter().map(|(port, offset)| Attached { address: at(*port), offset: *offset });
        Replicas::new(attached.collect(), 10)
    }

    fn candidates(needed: &[u16], spared: &[u16]) -> Candidates {
        let all = |ports: &[u16]| ports.iter().copied().map(at).collect();
        Candidates { needed: all(needed), spared: all(spared) }
    }

    #[test]
    fn all_means_every_candidate_and_every_attached_replica_that_is_not_spared() {
        let all_have = |replicas: &[(u16, u64)], needed: &[u16], spared: &[u16]| {
            attached(replicas).all_have(10, &candidates(needed, spared))
        };
        assert!(all_have(&[(1, 10), (2, 11)], &[1, 2], &[]));
        // One lags, one is not attached, nobody is.
        assert!(!all_have(&[(1, 10), (2, 9)], &[1, 2], &[]));
        assert!(!all_have(&[(1, 10), (3, 10)], &[1, 2], &[]));
        assert!(!all_have(&[], &[], &[]));
        // One that is dead and still attached is not waited for, nor one that is unknown is passed over.
        assert!(all_have(&[(1, 10), (2, 9)], &[1], &[2]));
        assert!(!all_have(&[(1, 10), (2, 9)], &[1], &[]));
        // One that came back is as far as it is now.
        assert!(all_have(&[(1, 3), (1, 10)], &[1], &[]));
        assert!(all_have(&[(1, 10), (1, 3)], &[1], &[]));
        // The one that has it may be one that is spared.
        assert!(all_have(&[(2, 10)], &[], &[2]));
    }

    #[test]
    fn one_that_is_listed_twice_is_one() {
        assert_eq!(attached(&[(1, 10), (1, 10)]).count(10), 1);
        assert_eq!(attached(&[(1, 3), (2, 10), (1, 10)]).count(10), 2);
        assert_eq!(attached(&[(1, 10), (1, 3)]).wanted(Durability::All, Some(&candidates(&[], &[]))), 1);
        assert_eq!(attached(&[(1, 10), (1, 10)]).wanted(Durability::All, None), 1);
    }

    #[test]
    fn a_wait_that_came_back_for_others_counts_one_more_the_next_time() {
        let wanted = |replicas: &[(u16, u64)], needed: &[u16], spared: &[u16]| {
            attached(replicas).wanted(Durability::All, Some(&candidates(needed, spared)))
        };
        assert_eq!(wanted(&[], &[], &[]), 1);
        assert_eq!(wanted(&[(1, 10), (2, 10)], &[1, 2], &[]), 2);
        // Of two that are spared, the one that is dead cannot stand in for anybody.
        assert_eq!(wanted(&[(1, 9), (2, 10), (3, 4)], &[1], &[2, 3]), 2);
        assert_eq!(wanted(&[(1, 9), (2, 9)], &[], &[]), 2);
        assert_eq!(attached(&[(1, 10)]).wanted(Durability::All, None), 1);
    }

    #[test]
    fn it_is_not_waited_for_one_that_is_not_attached() {
        let to_count = |replicas: &[(u16, u64)], durability| {
            attached(replicas).to_count(durability, Some(&candidates(&[1, 2], &[])))
        };
        assert_eq!(to_count(&[(1, 9), (2, 9)], Durability::All), 2);
        assert_eq!(to_count(&[(1, 9)], Durability::All), 1);
        assert_eq!(to_count(&[(1, 9)], Durability::Replicas(3)), 1);
        // 0 would be nobody, and come back at once.
        assert_eq!(to_count(&[], Durability::All), 1);
        assert_eq!(to_count(&[], Durability::None), 0);
    }
}
